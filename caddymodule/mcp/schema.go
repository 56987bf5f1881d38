package mcp

import (
	"bytes"
	"encoding/json"
	"errors"
	"fmt"
	"slices"
	"strings"

	"github.com/tollgate-gateway/tollgate/caddymodule/openapi"
)

// Bounds of what a tool says of itself, in bytes.
const (
	maxSchema      = 256 << 10
	maxDescription = 4 << 10
	maxFields      = 40
)

// argument is one of a tool's arguments, and where it goes.
type argument struct {
	name     string
	in       string // path, query, header or body
	original string // as the document calls it
	required bool
	style    string
	explode  bool
	isJSON   bool
	schema   json.RawMessage
}

// body is what a tool sends as a body.
type body struct {
	kind     string // the media type; "": it sends none
	required bool
	flat     bool // its members are arguments of their own
	open     bool // members that the document does not name may be sent
}

// describe reads an operation: its arguments, and the tool as it is listed, but for the name.
func (t *Tool) describe(o *openapi.Operation, outputs bool) error {
	t.arguments = map[string]*argument{}
	for part := range strings.SplitSeq(strings.TrimPrefix(o.Path, "/"), "/") {
		if strings.HasPrefix(part, "{") && strings.HasSuffix(part, "}") {
			part = ":" + part[1:len(part)-1]
		}
		t.template = append(t.template, part)
	}
	definitions := openapi.Definitions{Prefix: "#/$defs/", Modern: true, Most: maxSchema}
	if err := t.parameters(o, &definitions); err != nil {
		return err
	}
	if err := t.takeBody(o, &definitions); err != nil {
		return err
	}
	for _, part := range t.template {
		if name, is := strings.CutPrefix(part, ":"); is && !slices.ContainsFunc(t.order, func(a *argument) bool { return a.in == "path" && a.original == name }) {
			return fmt.Errorf("the document does not describe the parameter %q of its path", name)
		}
	}
	input, err := t.input(&definitions)
	if err != nil {
		return err
	}
	b := []byte{}
	if o.Summary != "" {
		b = appendText(append(b, `,"title":`...), cut(o.Summary, 200))
	}
	b = appendText(append(b, `,"description":`...), description(o))
	b = append(append(b, `,"inputSchema":`...), input...)
	if outputs {
		if output := output(o); output != nil {
			b = append(append(b, `,"outputSchema":`...), output...)
		}
	}
	b = append(append(b, `,"annotations":`...), annotations(o.Method)...)
	t.listed = append(b, '}')
	return nil
}

// parameters makes an argument of each parameter.
func (t *Tool) parameters(o *openapi.Operation, definitions *openapi.Definitions) error {
	for n := range o.Parameters {
		p := &o.Parameters[n]
		if p.In == "header" && ownHeader(p.Name) {
			continue // it is not the caller's to set
		}
		schema, err := definitions.Add(p.Schema)
		if err != nil {
			return err
		}
		name := p.Name
		if p.In == "header" {
			name = "header_" + name
		}
		if t.arguments[name] != nil {
			name = p.In + "_" + name
		}
		a := &argument{
			name: name, in: p.In, original: p.Name, required: p.Required, style: p.Style, explode: p.Explode, isJSON: p.IsJSON,
			schema: described(schema, p.Description, p.IsJSON),
		}
		if err := t.addArgument(a); err != nil {
			return err
		}
	}
	return nil
}

func (t *Tool) addArgument(a *argument) error {
	if t.arguments[a.name] != nil {
		return fmt.Errorf("two of its arguments are called %q", a.name)
	}
	t.arguments[a.name] = a
	t.order = append(t.order, a)
	return nil
}

// described is a schema with the description of what it stands for, where it has none. Of a value that is sent as a JSON text
// no more is said than that.
func described(schema json.RawMessage, description string, isJSON bool) json.RawMessage {
	if description == "" || !bytes.HasPrefix(schema, []byte("{")) || bytes.Contains(schema, []byte(`"description":`)) || bytes.Contains(schema, []byte(`"$ref":`)) {
		return schema
	}
	b := appendText([]byte(`{"description":`), cut(description, maxDescription))
	if len(schema) > 2 {
		b = append(b, ',')
	}
	return append(b, schema[1:]...)
}

// takeBody makes arguments of a body: one of each member of an object, and otherwise one of the whole.
func (t *Tool) takeBody(o *openapi.Operation, definitions *openapi.Definitions) error {
	if o.Body == nil || len(o.Body.Content) == 0 {
		return nil
	}
	content := o.Body.JSON()
	if content == nil {
		content = &o.Body.Content[0]
		if strings.HasPrefix(content.Type, "multipart/") || strings.Contains(content.Type, "*") {
			return fmt.Errorf("a body of type %s cannot be made of arguments", content.Type)
		}
		t.body = body{kind: content.Type, required: o.Body.Required}
		return t.addArgument(&argument{name: t.free("body"), in: "body", required: o.Body.Required,
			schema: described(json.RawMessage(`{"type":"string"}`), o.Body.Description, false)})
	}
	schema, err := definitions.Add(content.Schema)
	if err != nil {
		return err
	}
	t.body = body{kind: content.Type, required: o.Body.Required}
	object, flat := asObject(schema, definitions)
	if !flat {
		return t.addArgument(&argument{name: t.free("body"), in: "body", required: o.Body.Required, isJSON: true,
			schema: described(schema, o.Body.Description, true)})
	}
	t.body.flat, t.body.open = true, object.open
	for _, property := range object.properties {
		a := &argument{name: t.free(property.name), in: "body", original: property.name, schema: property.value,
			required: o.Body.Required && slices.Contains(object.required, property.name)}
		if err := t.addArgument(a); err != nil {
			return err
		}
	}
	return nil
}

// free is a name for an argument of the body: its own, or with a prefix where a parameter has that name.
func (t *Tool) free(name string) string {
	if t.arguments[name] != nil {
		return "body_" + name
	}
	return name
}

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

// input is the schema of all arguments.
func (t *Tool) input(definitions *openapi.Definitions) ([]byte, error) {
	b := []byte(`{"type":"object","properties":{`)
	var required []string
	for n, a := range t.order {
		if n > 0 {
			b = append(b, ',')
		}
		b = append(appendText(b, a.name), ':')
		b = append(b, a.schema...)
		if a.required {
			required = append(required, a.name)
		}
	}
	b = append(b, '}')
	if len(required) > 0 {
		text, _ := json.Marshal(required) // strings can always be written
		b = append(append(b, `,"required":`...), text...)
	}
	if !t.body.flat || !t.body.open {
		b = append(b, `,"additionalProperties":false`...)
	}
	return withDefinitions(b, definitions)
}

// withDefinitions ends a schema with those that it refers to.
func withDefinitions(b []byte, definitions *openapi.Definitions) ([]byte, error) {
	all, err := definitions.All()
	if err != nil {
		return nil, err
	}
	if len(all) > len("{}") {
		b = append(append(b, `,"$defs":`...), all...)
	}
	return append(b, '}'), nil
}

// output is the schema of the answer; nil: the document describes none that is an object.
func output(o *openapi.Operation) []byte {
	content := success(o)
	if content == nil {
		return nil
	}
	definitions := openapi.Definitions{Prefix: "#/$defs/", Modern: true, Most: maxSchema}
	schema, err := definitions.Add(content.Schema)
	if err != nil {
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
		if _, flat := asObject(schema, &definitions); !flat {
			return nil
		}
		schema = append([]byte(`{"type":"object",`), schema[1:]...)
	} else if is.Type != "object" {
		return nil
	}
	whole, err := withDefinitions(schema[:len(schema)-1:len(schema)-1], &definitions)
	if err != nil {
		return nil
	}
	return whole
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
	content := success(o)
	if content == nil {
		return nil
	}
	definitions := openapi.Definitions{Prefix: "#/$defs/", Modern: true, Most: maxSchema}
	schema, err := definitions.Add(content.Schema)
	if err != nil {
		return nil
	}
	answer, is := asObject(schema, &definitions)
	if !is {
		return nil
	}
	for _, property := range answer.properties {
		name := property.name
		inner, is := asObject(property.value, &definitions)
		if !is {
			var list struct {
				Items json.RawMessage `json:"items"`
			}
			if json.Unmarshal(property.value, &list) == nil && list.Items != nil {
				inner, is = asObject(list.Items, &definitions)
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
