// Package jsonbody reads a request body that policies are to judge: strictly, so that no backend can read anything else
// in the same bytes than the policies did (RFC 8259, sections 4, 6 and 8).
package jsonbody

import (
	"bytes"
	"encoding/json"
	"errors"
	"strconv"
	"strings"
	"unicode/utf16"
	"unicode/utf8"
)

// MaxDepth is how deep arrays and objects may lie in each other.
const MaxDepth = 64

// maxNumber is the longest number, in characters.
const maxNumber = 100

// The reasons why a body is refused. They hold nothing of the body and may be shown to the caller.
var (
	ErrUTF8      = errors.New("the body is not UTF-8")
	ErrSyntax    = errors.New("the body is not one JSON value")
	ErrDepth     = errors.New("the body has more than 64 arrays and objects within each other")
	ErrDuplicate = errors.New("an object in the body has the same name twice")
	ErrSurrogate = errors.New("a string in the body escapes half of a character")
	ErrNumber    = errors.New("a number in the body is beyond IEEE doubles, or longer than 100 characters")
)

// Parse reads one JSON value: objects as map[string]any, arrays as []any, numbers as json.Number with every digit that
// was sent. The error is one of those above.
func Parse(data []byte) (any, error) {
	switch {
	case !utf8.Valid(data):
		return nil, ErrUTF8
	case !json.Valid(data):
		return nil, ErrSyntax
	case tooDeep(data):
		return nil, ErrDepth
	case hasLoneSurrogate(data):
		return nil, ErrSurrogate
	}
	decoder := json.NewDecoder(bytes.NewReader(data))
	decoder.UseNumber()
	return value(decoder)
}

// value reads the value that comes next. The syntax is known to be good, and the depth bounded.
func value(decoder *json.Decoder) (any, error) {
	token, err := decoder.Token()
	if err != nil {
		return nil, ErrSyntax
	}
	switch token := token.(type) {
	case json.Number:
		if err := checkNumber(string(token)); err != nil {
			return nil, err
		}
	case json.Delim:
		if token == '[' {
			return array(decoder)
		}
		return object(decoder)
	}
	return token, nil
}

func array(decoder *json.Decoder) (any, error) {
	elements := []any{}
	for decoder.More() {
		element, err := value(decoder)
		if err != nil {
			return nil, err
		}
		elements = append(elements, element)
	}
	_, err := decoder.Token()
	return elements, err
}

func object(decoder *json.Decoder) (any, error) {
	fields := map[string]any{}
	for decoder.More() {
		token, err := decoder.Token()
		if err != nil {
			return nil, ErrSyntax
		}
		name := token.(string)
		if _, twice := fields[name]; twice {
			return nil, ErrDuplicate
		}
		if fields[name], err = value(decoder); err != nil {
			return nil, err
		}
	}
	_, err := decoder.Token()
	return fields, err
}

// tooDeep counts brackets outside of strings, in valid JSON.
func tooDeep(data []byte) bool {
	depth, inString := 0, false
	for i := 0; i < len(data); i++ {
		switch c := data[i]; {
		case c == '\\':
			i++ // a backslash stands in strings only; what it escapes is no end
		case c == '"':
			inString = !inString
		case inString:
		case c == '[' || c == '{':
			if depth++; depth > MaxDepth {
				return true
			}
		case c == ']' || c == '}':
			depth--
		}
	}
	return false
}

// hasLoneSurrogate finds \ud800 to \udfff that are no pair, in valid JSON. Go reads them as U+FFFD, others as they please.
func hasLoneSurrogate(data []byte) bool {
	for i := 0; i < len(data); i++ {
		if data[i] != '\\' {
			continue
		}
		i++
		if data[i] != 'u' {
			continue
		}
		unit := escaped(data[i-1:])
		i += len("uXXXX") - 1
		if !utf16.IsSurrogate(unit) {
			continue
		}
		if utf16.DecodeRune(unit, escaped(data[i+1:])) == utf8.RuneError {
			return true
		}
		i += len(`\uXXXX`)
	}
	return false
}

// escaped is the code unit of a \uXXXX that data begins with, or -1.
func escaped(data []byte) rune {
	if len(data) < len(`\uXXXX`) || data[0] != '\\' || data[1] != 'u' {
		return -1
	}
	unit, err := strconv.ParseUint(string(data[2:6]), 16, 16)
	if err != nil {
		return -1
	}
	return rune(unit)
}

// checkNumber refuses what readers differ about and what costs policies more than its length to compute with: 1e999999999.
func checkNumber(number string) error {
	if len(number) > maxNumber {
		return ErrNumber
	}
	float, err := strconv.ParseFloat(number, 64)
	mantissa, _, _ := strings.Cut(strings.ToLower(number), "e")
	if err != nil || float == 0 && strings.ContainsAny(mantissa, "123456789") {
		return ErrNumber
	}
	return nil
}
