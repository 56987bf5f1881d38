package mcp

import (
	"bytes"
	"cmp"
	"encoding/json"
	"fmt"
	"regexp"
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
	needed   bool // of a body, where there is one
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
	t.template = strings.Split(strings.TrimPrefix(t.Route.Pattern, "/"), "/") // whose literals are spelt as the gate asks for
	for n, part := range strings.Split(strings.TrimPrefix(o.Path, "/"), "/") {
		if strings.HasPrefix(part, "{") && strings.HasSuffix(part, "}") && n < len(t.template) {
			t.template[n] = ":" + part[1:len(part)-1]
		}
	}
	definitions := openapi.Definitions{Prefix: "#/$defs/", Modern: true, Asking: true, Most: maxSchema}
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
	together := cut(t.together(), maxDescription/2)
	b = appendText(append(b, `,"description":`...), cut(description(o), maxDescription-len(together))+together)
	b = append(append(b, `,"inputSchema":`...), input...)
	if outputs {
		if output := output(o); output != nil {
			t.promises = true
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
		name := plainArgument(p.Name)
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
	if len(a.name) > maxName {
		a.name = a.name[:maxName-7] + sum(a.in, a.original)
	}
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
		a := &argument{name: t.free(plainArgument(property.name)), in: "body", original: property.name, schema: property.value,
			needed: slices.Contains(object.required, property.name)}
		a.required = a.needed && o.Body.Required
		if err := t.addArgument(a); err != nil {
			return err
		}
	}
	return nil
}

// together says which arguments a body that may be left out needs as soon as it is sent, since the schema of the arguments cannot:
// models' APIs do not take the words of JSON Schema that would.
func (t *Tool) together() string {
	var all, needed []string
	for _, a := range t.order {
		if a.in != "body" {
			continue
		}
		if all = append(all, a.name); a.needed {
			needed = append(needed, a.name)
		}
	}
	switch {
	case t.body.required || len(needed) == 0 || len(all) == 1:
		return ""
	case len(all) > maxFields:
		all = append(all[:maxFields:maxFields], "...")
	}
	return "\n\nIf any of " + strings.Join(all, ", ") + " is given, so must be " + strings.Join(needed, ", ") + "."
}

// free is a name for an argument of the body: its own, or with a prefix where a parameter has that name.
func (t *Tool) free(name string) string {
	if t.arguments[name] != nil {
		return "body_" + name
	}
	return name
}

// plainArgument is the name of an argument in the characters that the interfaces of models take: one tool that has another, such as
// "include[]", makes them refuse the whole list.
func plainArgument(name string) string {
	var b strings.Builder
	same := true
	for _, r := range name {
		switch {
		case r >= 'a' && r <= 'z' || r >= 'A' && r <= 'Z' || r >= '0' && r <= '9' || r == '-' || r == '_' || r == '.':
			b.WriteRune(r)
			continue
		case b.Len() > 0 && !strings.HasSuffix(b.String(), "_"):
			b.WriteByte('_')
		}
		same = false
	}
	if same && name != "" {
		return name
	}
	return cmp.Or(strings.TrimRight(b.String(), "_"), "argument")
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

// withDefinitions ends a schema with those that it refers to, and those to which these do. A body whose members have become arguments
// is not among them: models would read it twice.
func withDefinitions(b []byte, definitions *openapi.Definitions) ([]byte, error) {
	all, err := definitions.All()
	if err != nil {
		return nil, err
	}
	list, err := members(all)
	if err != nil {
		return nil, err
	}
	needed := map[string]bool{}
	known := make(map[string]json.RawMessage, len(list))
	for _, m := range list {
		known[m.name] = m.value
	}
	for next := [][]byte{b}; len(next) > 0; next = next[1:] {
		for _, found := range reference.FindAllSubmatch(next[0], -1) {
			if name := string(found[1]); !needed[name] {
				needed[name] = true
				next = append(next, known[name])
			}
		}
	}
	list = slices.DeleteFunc(list, func(m member) bool { return !needed[m.name] })
	for n, m := range list {
		b = append(b, [2]string{`,"$defs":{`, ","}[min(n, 1)]...)
		b = append(append(appendText(b, m.name), ':'), m.value...)
	}
	if len(list) > 0 {
		b = append(b, '}')
	}
	return append(b, '}'), nil
}

// reference finds what a schema refers to. Quotes within a text are written otherwise.
var reference = regexp.MustCompile(`"\$ref":"#/\$defs/([A-Za-z0-9._-]+)"`)
