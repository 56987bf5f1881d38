// Package strictjson reads JSON that two readers could understand differently, and refuses it: a name that stands twice in one
// object, of which some take the first and some the last (RFC 8259, section 4), and nesting that some give up at (section 9).
// What reads a request's body, a data file of policies or a backend's envelope strictly reads it here.
package strictjson

import (
	"bytes"
	"encoding/json"
	"errors"
	"fmt"
	"io"
)

// The ways in which a text is not strict JSON. Syntax has the decoder's own error behind it.
var (
	ErrSyntax    = errors.New("it is not one JSON value")
	ErrDepth     = errors.New("it has too many arrays and objects within each other")
	ErrDuplicate = errors.New("an object has the same name twice")
)

// Error is what is wrong with a text, and where. Its text holds nothing of what was read but for the decoder's own words.
type Error struct {
	// Offset is how far the reader came, in bytes.
	Offset int64
	// Name is the name that stands twice, and Depth how deep its object lies: 1 is the outermost value.
	Name  string
	Depth int
	Err   error
}

func (e *Error) Error() string { return e.Err.Error() }

// Unwrap gives one of the errors above, or what Number said.
func (e *Error) Unwrap() error { return e.Err }

// Reader reads one JSON value.
type Reader struct {
	// MaxDepth is how deep arrays and objects may lie in each other.
	MaxDepth int
	// UniqueTo is how deep the objects lie whose names must differ; in those below the last of two equal names counts.
	// 0: names differ everywhere.
	UniqueTo int
	// Number checks each number as it is written. Nil: all are taken.
	Number func(text string) error
}

// Read gives the value: objects as map[string]any, arrays as []any, numbers as json.Number with every digit that was sent.
// The error is an *Error.
func (r Reader) Read(text []byte) (any, error) {
	decoder := json.NewDecoder(bytes.NewReader(text))
	decoder.UseNumber()
	value, err := r.value(decoder, 0)
	if err == nil {
		if _, err = decoder.Token(); errors.Is(err, io.EOF) {
			return value, nil
		}
		err = fmt.Errorf("%w: something follows the value", ErrSyntax)
	}
	wrong := &Error{Offset: decoder.InputOffset(), Err: err}
	if earlier, ok := errors.AsType[*Error](err); ok {
		wrong.Name, wrong.Depth, wrong.Err = earlier.Name, earlier.Depth, earlier.Err
	}
	if syntax, ok := errors.AsType[*json.SyntaxError](err); ok {
		wrong.Offset = syntax.Offset
	} else if errors.Is(err, io.EOF) || errors.Is(err, io.ErrUnexpectedEOF) {
		wrong.Offset, wrong.Err = int64(len(text)), fmt.Errorf("%w: %w", ErrSyntax, io.ErrUnexpectedEOF)
	}
	wrong.Offset = min(wrong.Offset, int64(len(text)))
	return nil, wrong
}

// value reads the value that comes next.
func (r Reader) value(decoder *json.Decoder, depth int) (any, error) {
	token, err := decoder.Token()
	if err != nil {
		return nil, fmt.Errorf("%w: %w", ErrSyntax, err)
	}
	switch token := token.(type) {
	case json.Number:
		if r.Number == nil {
			return token, nil
		}
		return token, r.Number(string(token))
	case json.Delim:
		if depth == r.MaxDepth {
			return nil, ErrDepth
		}
		if token == '[' {
			return r.array(decoder, depth+1)
		}
		return r.object(decoder, depth+1)
	}
	return token, nil
}

func (r Reader) array(decoder *json.Decoder, depth int) (any, error) {
	elements := []any{}
	for decoder.More() {
		element, err := r.value(decoder, depth)
		if err != nil {
			return nil, err
		}
		elements = append(elements, element)
	}
	return elements, end(decoder)
}

func (r Reader) object(decoder *json.Decoder, depth int) (any, error) {
	members := map[string]any{}
	for decoder.More() {
		token, err := decoder.Token()
		if err != nil {
			return nil, fmt.Errorf("%w: %w", ErrSyntax, err)
		}
		name, _ := token.(string) // the decoder takes nothing else for a name
		if _, twice := members[name]; twice && (r.UniqueTo == 0 || depth <= r.UniqueTo) {
			return nil, &Error{Name: name, Depth: depth, Err: ErrDuplicate}
		}
		if members[name], err = r.value(decoder, depth); err != nil {
			return nil, err
		}
	}
	return members, end(decoder)
}

// end reads the bracket that closes an array or an object.
func end(decoder *json.Decoder) error {
	if _, err := decoder.Token(); err != nil {
		return fmt.Errorf("%w: %w", ErrSyntax, err)
	}
	return nil
}

// Deeper reports whether arrays and objects of a text lie deeper in each other than that. It reads no values: what it lets
// through may be read by a decoder that sets no bound of its own.
func Deeper(text []byte, than int) bool {
	depth, quoted := 0, false
	for i := 0; i < len(text); i++ {
		switch c := text[i]; {
		case quoted && c == '\\':
			i++
		case c == '"':
			quoted = !quoted
		case quoted:
		case c == '[' || c == '{':
			if depth++; depth > than {
				return true
			}
		case c == ']' || c == '}':
			depth--
		}
	}
	return false
}
