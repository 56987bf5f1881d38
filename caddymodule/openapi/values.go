package openapi

import (
	"encoding/json"
	"fmt"
	"maps"
	"slices"
	"strings"
)

// kinds are those that a schema takes.
func (s *schema) kinds(steps *int) kinds {
	if *steps--; *steps < 0 || s.never {
		return 0
	}
	kinds := s.types
	if s.ref != nil {
		kinds &= s.ref.kinds(steps)
	}
	for _, sub := range s.all {
		kinds &= sub.kinds(steps)
	}
	for _, forms := range [][]*schema{s.any, s.one} {
		some := anyKind
		for n, form := range forms {
			if n == 0 {
				some = 0
			}
			some |= form.kinds(steps)
		}
		kinds &= some
	}
	return kinds
}

func kindOf(v any) kinds {
	switch v := v.(type) {
	case nil:
		return kindNull
	case bool:
		return kindBoolean
	case string:
		return kindString
	case json.Number:
		if !strings.ContainsAny(string(v), ".eE") {
			return kindInteger
		}
		if d, ok := parseDecimal(string(v)); ok && d.isInteger() {
			return kindInteger
		}
		return kindNumber
	case []any:
		return kindArray
	}
	return kindObject
}

// String is the kinds in words: "string or null".
func (k kinds) String() string {
	var words []string
	for _, name := range []string{"string", "number", "integer", "boolean", "object", "array", "null"} {
		kind := kindsOf[name]
		if k&kind == kind && (name != "integer" || k&kindNumber == 0) {
			words = append(words, name)
		}
	}
	if len(words) == 0 {
		return "nothing"
	}
	return strings.Join(words, " or ")
}

func (r *check) isAllowed(s *schema, v any) bool {
	return slices.ContainsFunc(s.allowed, func(allowed any) bool { return r.spend(1) && r.equal(v, allowed) })
}

// equal compares values as JSON Schema does: numbers by what they are worth.
func (r *check) equal(a, b any) bool {
	switch a := a.(type) {
	case json.Number:
		b, is := b.(json.Number)
		if !is || a == b {
			return is
		}
		x, _ := parseDecimal(string(a))
		y, _ := parseDecimal(string(b))
		return x == y
	case []any:
		b, is := b.([]any)
		return is && r.spend(len(a)) && slices.EqualFunc(a, b, r.equal)
	case map[string]any:
		b, is := b.(map[string]any)
		return is && r.spend(len(a)) && maps.EqualFunc(a, b, r.equal)
	case string:
		b, is := b.(string)
		return is && r.spend(len(b)/64) && a == b
	case nil, bool:
		return a == b
	}
	return false
}

// allowed are the values of an enum or a const.
type allowed []any

// String tells them, as JSON writes them. It is called only where somebody is told.
func (allowed allowed) String() string {
	const most, longest = 20, 400
	var words []string
	length := 0
	for n, value := range allowed {
		text, is := value.(string)
		if !is {
			data, _ := json.Marshal(value)
			text = string(data)
		}
		text = cut(text, 100)
		if length += len(text); n == most || length > longest {
			words = append(words, fmt.Sprintf("%d others", len(allowed)-n))
			break
		}
		words = append(words, text)
	}
	if len(words) == 1 {
		return words[0]
	}
	return "one of: " + strings.Join(words, ", ")
}
