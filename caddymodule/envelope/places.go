package envelope

import (
	"encoding/json"
	"errors"
	"fmt"
	"maps"
	"slices"
	"strconv"
	"strings"
	"unicode"
)

// Places say where an API with a format of its own has what an error says. A place is a path of names with dots between
// them, from the body inwards: err.text; in a list a number is an element's. What is not found in its place is looked for as
// in any other body.
type Places struct {
	// Message is the text for people; "": as in any other body.
	Message string
	// Fields is the list of fields at fault, FieldName and FieldText what they are called and what is wrong, from an element of
	// the list on. An object in place of the list is by field. All three or none must be given.
	Fields, FieldName, FieldText string
	// Code is the backend's own code, a text or a number, which goes into details.backend_code; "": none does.
	Code string
}

// places are Places that can be looked up.
type places struct{ message, fields, name, text, code dotted }

// dotted is a path in a body.
type dotted []string

// maxPlace is how many names a place may have.
const maxPlace = 16

func (p Places) compile() (compiled places, err error) {
	for _, given := range []struct {
		word, path string
		into       *dotted
	}{
		{"message", p.Message, &compiled.message}, {"fields", p.Fields, &compiled.fields}, {"fields", p.FieldName, &compiled.name},
		{"fields", p.FieldText, &compiled.text}, {"code", p.Code, &compiled.code},
	} {
		if given.path == "" {
			continue
		}
		if *given.into, err = parsePlace(given.path); err != nil {
			return places{}, fmt.Errorf("reading %s: %w", given.word, err)
		}
	}
	if set := len(compiled.fields) > 0; set != (len(compiled.name) > 0) || set != (len(compiled.text) > 0) {
		return places{}, errors.New("reading fields: write the list, the name and the text, such as: fields err.fields name why")
	}
	return compiled, nil
}

func parsePlace(path string) (dotted, error) {
	names := strings.Split(path, ".")
	bad := slices.ContainsFunc(names, func(name string) bool {
		return name == "" || strings.ContainsFunc(name, func(r rune) bool {
			return unicode.IsSpace(r) || unicode.IsControl(r) || strings.ContainsRune(`"{}[]$/`, r)
		})
	})
	if bad || len(names) > maxPlace {
		return nil, fmt.Errorf("place %q is not valid: write up to %d names with dots between them, such as err.text", path, maxPlace)
	}
	return names, nil
}

// in is the value at a place; nil if there is none.
func (p dotted) in(value any) any {
	if len(p) == 0 {
		return nil
	}
	for _, name := range p {
		switch inner := value.(type) {
		case object:
			value = inner[name]
		case []any:
			i, err := strconv.Atoi(name)
			if err != nil || i < 0 || i >= len(inner) {
				return nil
			}
			value = inner[i]
		default:
			return nil
		}
	}
	return value
}

// read replaces what was found by what is in its place.
func (p *places) read(f *finding, value any) {
	if message := plainText(p.message.in(value)); message != "" {
		f.statements = []statement{{text: message}}
	}
	if entries := p.entries(p.fields.in(value)); len(entries) > 0 {
		f.entries = nil
		for _, e := range entries {
			f.add(e.field, e.message)
		}
	}
	switch code := p.code.in(value).(type) {
	case string, json.Number:
		f.code = code
	}
}

func (p *places) entries(value any) (entries []entry) {
	switch value := value.(type) {
	case []any:
		for _, element := range value[:min(len(value), maxEntries)] {
			if name := nameOf(p.name.in(element)); name != "" {
				entries = append(entries, entry{name, plainText(p.text.in(element))})
			}
		}
	case object:
		for _, name := range slices.Sorted(maps.Keys(value)) {
			text := plainText(value[name])
			if text == "" {
				text = plainText(p.text.in(value[name]))
			}
			entries = append(entries, entry{name, text})
		}
	}
	return entries
}

// plainText is a text, a number as it is written, or the texts of a list.
func plainText(v any) string {
	switch v := v.(type) {
	case string:
		return strings.TrimSpace(v)
	case json.Number:
		return v.String()
	case []any:
		var said []string
		for _, element := range v[:min(len(v), maxEntries)] {
			if t, ok := element.(string); ok {
				said = append(said, strings.TrimSpace(t))
			}
		}
		return together(said)
	}
	return ""
}
