package describe

import (
	"encoding/json"
	"errors"
	"strings"

	"github.com/tollgate-gateway/tollgate/caddymodule/openapi"
)

// maxExample is the longest example of the document that is passed on, in bytes.
const maxExample = 16 << 10

// model is what a caller is told, with the schemas that it needs.
type model struct {
	site   *Site
	caller *Caller
	list   []*told
	all    json.RawMessage // the components
	schemas
}

// told is an operation with its schemas as JSON.
type told struct {
	*operation
	parameters []parameter
	body       *openapi.Body
	contents   []content
	answers    []answer
}

type parameter struct {
	name, in, description string
	required, deprecated  bool
	schema                json.RawMessage
	isJSON                bool
	style                 string
	explode               bool
	example               json.RawMessage // nil: there is none
}

type content struct {
	kind    string
	schema  json.RawMessage
	example json.RawMessage
}

type answer struct {
	status, description string
	contents            []content
}

// model reads what the document says of the caller's operations. Where its schemas are too long, they are left out, all of them.
func (s *Site) model(c *Caller) (*model, error) {
	m, err := s.modelWith(c, &openapi.Definitions{Prefix: definitions, Modern: true, Most: maxSchemas})
	if errors.Is(err, openapi.ErrTooLong) {
		return s.modelWith(c, nil)
	}
	return m, err
}

func (s *Site) modelWith(c *Caller, d *openapi.Definitions) (*model, error) {
	m := &model{site: s, caller: c}
	for _, o := range s.visible(c) {
		t := &told{operation: o}
		if err := t.read(d); err != nil {
			return nil, err
		}
		m.list = append(m.list, t)
	}
	m.byName = map[string]*node{}
	if d != nil {
		var err error
		if m.all, err = d.All(); err != nil {
			return nil, err
		}
		for _, component := range parse(m.all).members {
			m.byName[component.name] = component.value
		}
	}
	return m, nil
}

func (t *told) read(d *openapi.Definitions) error {
	named := map[string]bool{}
	if t.described != nil {
		for n := range t.described.Parameters {
			p := &t.described.Parameters[n]
			schema, err := schemaOf(d, p.Schema)
			if err != nil {
				return err
			}
			made := parameter{
				name: p.Name, in: p.In, description: p.Description, required: p.Required, deprecated: p.Deprecated, schema: schema, isJSON: p.IsJSON,
				style: p.Style, explode: p.Explode, example: exampleOf(p.Examples),
			}
			if p.In == "path" {
				made.name = t.names[p.Name]
				named[made.name] = true
			}
			t.parameters = append(t.parameters, made)
		}
		if t.body = t.described.Body; t.body != nil {
			var err error
			if t.contents, err = contentsOf(d, t.body.Content); err != nil {
				return err
			}
		}
		for n := range t.described.Answers {
			a := &t.described.Answers[n]
			contents, err := contentsOf(d, a.Content)
			if err != nil {
				return err
			}
			t.answers = append(t.answers, answer{a.Status, a.Description, contents})
		}
	}
	t.rest(named)
	return nil
}

// rest adds the parameters of the path of which the document says nothing.
func (t *told) rest(named map[string]bool) {
	var more []parameter
	for _, name := range inPath(t.path) {
		if !named[name] {
			p := parameter{name: name, in: "path", required: true, schema: json.RawMessage(`{"type":"string"}`), style: "simple"}
			if t.below() && name == lastOf(inPath(t.path)) {
				p.description = "The rest of the path; it may hold slashes"
			}
			more = append(more, p)
		}
	}
	t.parameters = append(more, t.parameters...)
}

func lastOf(list []string) string { return list[len(list)-1] }

// inPath are the names of the parameters of a path.
func inPath(path string) (list []string) {
	for rest := path; ; {
		begin := strings.IndexByte(rest, '{')
		if begin < 0 {
			return list
		}
		rest = rest[begin+1:]
		end := strings.IndexByte(rest, '}')
		if end < 0 {
			return list
		}
		list = append(list, rest[:end])
		rest = rest[end+1:]
	}
}

func contentsOf(d *openapi.Definitions, list []openapi.Content) (made []content, err error) {
	for n := range list {
		c := content{kind: list[n].Type, example: exampleOf(list[n].Examples)}
		if c.schema, err = schemaOf(d, list[n].Schema); err != nil {
			return nil, err
		}
		made = append(made, c)
	}
	return made, nil
}

func schemaOf(d *openapi.Definitions, s openapi.Schema) (json.RawMessage, error) {
	if d == nil || s.IsZero() {
		return nil, nil
	}
	return d.Add(s)
}

// exampleOf is the first example that is not too long.
func exampleOf(list []openapi.Value) json.RawMessage {
	for _, value := range list {
		if text, err := value.JSON(maxExample); err == nil {
			return text
		}
	}
	return nil
}
