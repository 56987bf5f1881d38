package mcp

import (
	"bytes"
	"encoding/json"
	"errors"
	"net/http"
	"slices"
	"strings"

	"github.com/tollgate-gateway/tollgate/caddymodule/openapi"
)

// object is a schema of an object whose members are known.
type object struct {
	properties []member
	required   []string
	open       bool
}

type member struct {
	name  string
	value json.RawMessage
}

// asObject reads a schema of an object, if it is one and says nothing that goes beyond its members.
func asObject(schema json.RawMessage, definitions *openapi.Definitions) (object, bool) {
	for range 8 {
		var ref struct {
			Ref string `json:"$ref"`
		}
		if json.Unmarshal(schema, &ref) != nil || ref.Ref == "" {
			break
		}
		all, err := definitions.All()
		if err != nil {
			return object{}, false
		}
		var known map[string]json.RawMessage
		if json.Unmarshal(all, &known) != nil {
			return object{}, false
		}
		schema = known[strings.TrimPrefix(ref.Ref, "#/$defs/")]
	}
	o := object{open: true}
	words, err := members(schema)
	if err != nil {
		return object{}, false
	}
	isObject := false
	for _, word := range words {
		switch word.name {
		case "type":
			isObject = string(word.value) == `"object"`
		case "properties":
			if o.properties, err = members(word.value); err != nil {
				return object{}, false
			}
		case "required":
			if json.Unmarshal(word.value, &o.required) != nil {
				return object{}, false
			}
		case "additionalProperties":
			o.open = string(word.value) != "false"
		case "title", "description", "example", "examples", "default", "deprecated", "readOnly", "writeOnly", "minProperties", "maxProperties":
		default:
			return object{}, false
		}
	}
	return o, isObject
}

// members reads a JSON object in its order.
func members(text json.RawMessage) (list []member, err error) {
	decoder := json.NewDecoder(bytes.NewReader(text))
	if token, err := decoder.Token(); err != nil || token != json.Delim('{') {
		return nil, errors.New("it is not an object")
	}
	for decoder.More() {
		name, err := decoder.Token()
		if err != nil {
			return nil, err
		}
		m := member{name: name.(string)}
		if err := decoder.Decode(&m.value); err != nil {
			return nil, err
		}
		list = append(list, m)
	}
	return list, nil
}

// output is the schema of the answer; nil: the document describes none that is an object, or several.
func output(o *openapi.Operation) []byte {
	schema, definitions := answerOf(o)
	if schema == nil || !onlyAnswer(o, schema) {
		return nil
	}
	var is struct {
		Type string `json:"type"`
		Ref  string `json:"$ref"`
	}
	if json.Unmarshal(schema, &is) != nil {
		return nil
	}
	if is.Ref != "" {
		if _, flat := asObject(schema, definitions); !flat {
			return nil
		}
		schema = append([]byte(`{"type":"object",`), schema[1:]...)
	} else if is.Type != "object" {
		return nil
	}
	whole, err := withDefinitions(schema[:len(schema)-1:len(schema)-1], definitions)
	if err != nil {
		return nil
	}
	return whole
}

// answerOf is the schema of the first 2xx answer in JSON, and what it refers to; nil: there is none.
func answerOf(o *openapi.Operation) (json.RawMessage, *openapi.Definitions) {
	return written(success(o))
}

// written is the schema of answers as clients hold them against it; nil: there is none.
func written(content *openapi.Content) (json.RawMessage, *openapi.Definitions) {
	if content == nil {
		return nil, nil
	}
	definitions := &openapi.Definitions{Prefix: "#/$defs/", Modern: true, Answering: true, Most: maxSchema}
	schema, err := definitions.Add(content.Schema)
	if err != nil {
		return nil, nil
	}
	return schema, definitions
}

// onlyAnswer reports whether all answers of an operation that are no errors have one schema: a client holds each against what the tool
// promises, and a 202 or 204 that the document has beside the 200 would be an exception to it.
func onlyAnswer(o *openapi.Operation, schema json.RawMessage) bool {
	for n := range o.Answers {
		a := &o.Answers[n]
		if !strings.HasPrefix(a.Status, "2") && !strings.HasPrefix(a.Status, "3") {
			continue
		}
		if other, _ := written(a.JSON()); other == nil || !bytes.Equal(other, schema) {
			return false
		}
	}
	return o.Method != http.MethodHead // whose answer has no body
}

// success is the JSON of the first 2xx answer; nil: there is none.
func success(o *openapi.Operation) *openapi.Content {
	for n := range o.Answers {
		if a := &o.Answers[n]; strings.HasPrefix(a.Status, "2") {
			return a.JSON()
		}
	}
	return nil
}

// description is what a model reads of a tool: the operation's texts, the fields of the answer, the errors worth knowing.
func description(o *openapi.Operation) string {
	var parts []string
	for _, text := range []string{o.Summary, o.Description} {
		if text = strings.TrimSpace(text); text != "" && !slices.Contains(parts, text) {
			parts = append(parts, text)
		}
	}
	if len(parts) == 0 {
		parts = []string{o.Method + " " + o.Path}
	}
	if o.Deprecated {
		parts = append(parts, "Deprecated.")
	}
	if fields := fields(o); len(fields) > 0 {
		parts = append(parts, "Answers with: "+strings.Join(fields, ", ")+".")
	}
	var faults []string
	for _, a := range o.Answers {
		if (strings.HasPrefix(a.Status, "4") || strings.HasPrefix(a.Status, "5")) && a.Description != "" && !slices.Contains([]string{"401", "403", "429"}, a.Status) {
			line, _, _ := strings.Cut(strings.TrimSpace(a.Description), "\n")
			faults = append(faults, a.Status+" "+cut(line, 200))
		}
	}
	if len(faults) > 0 {
		parts = append(parts, "Errors: "+strings.Join(faults, "; ")+".")
	}
	return cut(strings.Join(parts, "\n\n"), maxDescription)
}

// fields are the members of the answer, and of the first object or list in it that is its only content.
func fields(o *openapi.Operation) (names []string) {
	schema, definitions := answerOf(o)
	if schema == nil {
		return nil
	}
	answer, is := asObject(schema, definitions)
	if !is {
		return nil
	}
	for _, property := range answer.properties {
		name := property.name
		inner, is := asObject(property.value, definitions)
		if !is {
			var list struct {
				Items json.RawMessage `json:"items"`
			}
			if json.Unmarshal(property.value, &list) == nil && list.Items != nil {
				inner, is = asObject(list.Items, definitions)
			}
		}
		if is && len(inner.properties) > 0 {
			var below []string
			for _, p := range inner.properties {
				below = append(below, p.name)
			}
			name += " (" + strings.Join(below[:min(len(below), maxFields)], ", ") + ")"
		}
		if names = append(names, name); len(names) == maxFields {
			break
		}
	}
	return names
}
