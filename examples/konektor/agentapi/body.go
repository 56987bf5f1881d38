package agentapi

import (
	"bytes"
	"encoding/json"
	"errors"
	"io"
	"mime"
	"net/http"
	"slices"
	"strings"
	"unicode/utf8"
)

// maxBody is the largest request body in bytes. It is more than any valid one needs, so that a single field that is too
// long is answered with its name.
const maxBody = 2 << 20

// object is a JSON object whose values are not decoded yet.
type object map[string]json.RawMessage

// field is one name that a request body may hold.
type field[T any] struct {
	name     string
	nullable bool
	rule     rule
	// set puts the rule's value into the record; nil stands for null.
	set func(record *T, value any)
}

// readObject reads the body as one JSON object. Its failures name "body", or the header, or a name given twice.
func readObject(r *http.Request) (object, error) {
	if given := r.Header.Get("Content-Type"); given != "" {
		if kind, _, err := mime.ParseMediaType(given); err != nil || kind != "application/json" && !strings.HasSuffix(kind, "+json") {
			return nil, &failure{status: http.StatusUnsupportedMediaType, code: codeValidation, message: "Send JSON",
				details: problems{"Content-Type": "Must be application/json"}}
		}
	}
	body, err := io.ReadAll(r.Body)
	if tooLarge := (*http.MaxBytesError)(nil); errors.As(err, &tooLarge) {
		return nil, &failure{status: http.StatusRequestEntityTooLarge, code: codeValidation, message: "The body is too large",
			details: problems{"body": "At most 2 MiB"}}
	}
	if err != nil {
		return nil, malformed("Did not arrive whole")
	}
	return parseObject(body)
}

func malformed(problem string) error {
	return problems{"body": problem}.failure("The body is not a JSON object")
}

func parseObject(body []byte) (object, error) {
	if !utf8.Valid(body) || !json.Valid(body) {
		return nil, malformed("Must be well-formed JSON in UTF-8")
	}
	decoder := json.NewDecoder(bytes.NewReader(body))
	if start, _ := decoder.Token(); start != json.Delim('{') {
		return nil, malformed("Must be a JSON object")
	}
	found, twice := object{}, problems{}
	for decoder.More() {
		name, err := decoder.Token()
		if err != nil {
			return nil, malformed("Must be well-formed JSON")
		}
		var value json.RawMessage
		if err := decoder.Decode(&value); err != nil {
			return nil, malformed("Must be well-formed JSON")
		}
		key, _ := name.(string)
		if _, exists := found[key]; exists {
			twice.name(key, "Given more than once")
		}
		found[key] = value
	}
	return found, twice.failure("A field is given more than once")
}

// parse checks every value of the body and gives the changes that it asks for, to be applied once nothing is wrong.
func parse[T any](body object, fields []field[T], wrong problems) (changes []func(*T)) {
	known := make([]string, 0, len(fields))
	for _, field := range fields {
		known = append(known, field.name)
		raw, given := body[field.name]
		if !given {
			continue
		}
		var value any
		if string(raw) != "null" {
			var problem string
			if value, problem = field.rule(raw); problem != "" {
				wrong[field.name] = problem
				continue
			}
		} else if !field.nullable {
			wrong[field.name] = "Must not be null"
			continue
		}
		changes = append(changes, func(record *T) { field.set(record, value) })
	}
	for name := range body {
		if !slices.Contains(known, name) {
			wrong.name(name, "Unknown field; known are "+strings.Join(known, ", "))
		}
	}
	return changes
}

// nameMissing names the fields that are missing.
func nameMissing(body object, wrong problems, names ...string) {
	for _, name := range names {
		if _, given := body[name]; !given {
			wrong[name] = "Required"
		}
	}
}

// optional is a rule's value as a pointer; null becomes nil.
func optional[V any](value any) *V {
	if value == nil {
		return nil
	}
	v := value.(V)
	return &v
}
