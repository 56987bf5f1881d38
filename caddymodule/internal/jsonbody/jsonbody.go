// Package jsonbody reads a request body that policies are to judge: strictly, so that no backend can read anything else
// in the same bytes than the policies did (RFC 8259, sections 4, 6 and 8).
package jsonbody

import (
	"encoding/json"
	"errors"
	"strconv"
	"strings"
	"unicode/utf16"
	"unicode/utf8"

	"github.com/tollgate-gateway/tollgate/caddymodule/internal/strictjson"
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
// was sent. The error is one of those above; a duplicate's has a *strictjson.Error behind it.
func Parse(data []byte) (any, error) {
	switch {
	case !utf8.Valid(data):
		return nil, ErrUTF8
	case !json.Valid(data):
		return nil, ErrSyntax
	case hasLoneSurrogate(data):
		return nil, ErrSurrogate
	}
	value, err := strictjson.Reader{MaxDepth: MaxDepth, Number: checkNumber}.Read(data)
	switch {
	case errors.Is(err, strictjson.ErrDuplicate):
		return nil, &duplicate{err}
	case errors.Is(err, strictjson.ErrDepth):
		return nil, ErrDepth
	case errors.Is(err, ErrNumber):
		return nil, ErrNumber
	case err != nil:
		return nil, ErrSyntax
	}
	return value, nil
}

// maxValues is how many values ParseSmall reads.
const maxValues = 16_000

// ErrValues refuses a body for ParseSmall.
var ErrValues = errors.New("the body has more than 16000 values")

// ParseSmall is Parse for who takes at most 16,000 values: those of a megabyte may take thirty in memory.
func ParseSmall(data []byte) (any, error) {
	values, quoted := 0, false
	for i := 0; i < len(data); i++ {
		switch c := data[i]; {
		case c == '\\' && quoted:
			i++
		case c == '"':
			quoted = !quoted
		case !quoted && (c == ',' || c == '[' || c == '{'):
			if values++; values > maxValues {
				return nil, ErrValues
			}
		}
	}
	return Parse(data)
}

// duplicate is ErrDuplicate, with the strict reader's error behind it, which knows the name.
type duplicate struct{ error }

func (d *duplicate) Error() string        { return ErrDuplicate.Error() }
func (d *duplicate) Is(target error) bool { return target == ErrDuplicate }
func (d *duplicate) Unwrap() error        { return d.error }

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
