package file

import (
	"encoding/json"
	"fmt"
	"regexp"
	"strings"

	"go.yaml.in/yaml/v3"
)

// field is a word that a mapping may hold.
type field struct {
	name     string
	required bool
	read     func(*yaml.Node) error
}

// errorf names the file and the node's line.
func (p *parser) errorf(n *yaml.Node, format string, args ...any) error {
	return fmt.Errorf("%s:%d: %w", p.name, n.Line, fmt.Errorf(format, args...))
}

var yamlLine = regexp.MustCompile(`^yaml: (?:line (\d+): )?`)

// syntax turns the YAML reader's own error into our form.
func (p *parser) syntax(err error) error {
	text := err.Error()
	line := "1"
	if m := yamlLine.FindStringSubmatch(text); m != nil {
		text = text[len(m[0]):]
		if m[1] != "" {
			line = m[1]
		}
	}
	return fmt.Errorf("%s:%s: the file is neither valid YAML nor JSON: %s", p.name, line, text)
}

// fields reads a mapping that holds the given fields and no other, each at most once.
func (p *parser) fields(node *yaml.Node, what string, fields ...field) error {
	if node.Kind != yaml.MappingNode {
		return p.errorf(node, "%s must be a mapping such as \"%s: …\"", what, fields[0].name)
	}
	seen := map[string]bool{}
	for i := 0; i < len(node.Content); i += 2 {
		name, value := node.Content[i], node.Content[i+1]
		if seen[name.Value] {
			return p.errorf(name, "%q stands here a second time: keep one", name.Value)
		}
		seen[name.Value] = true
		read := reader(fields, name)
		if read == nil {
			return p.errorf(name, "%s has no %q: known are %s", what, name.Value, names(fields))
		}
		if value.Kind == yaml.ScalarNode && value.ShortTag() == "!!null" {
			return p.errorf(name, "%q has no value: write one, or leave the word out", name.Value)
		}
		if err := read(value); err != nil {
			return err
		}
	}
	for _, f := range fields {
		if f.required && !seen[f.name] {
			return p.errorf(node, "%s needs %q", what, f.name)
		}
	}
	return nil
}

func reader(fields []field, name *yaml.Node) func(*yaml.Node) error {
	if name.Kind != yaml.ScalarNode {
		return nil
	}
	for _, f := range fields {
		if f.name == name.Value {
			return f.read
		}
	}
	return nil
}

func names(fields []field) string {
	list := make([]string, len(fields))
	for i, f := range fields {
		list[i] = f.name
	}
	return strings.Join(list, ", ")
}

// list reads each element of a sequence.
func (p *parser) list(node *yaml.Node, name string, read func(*yaml.Node) error) error {
	if node.Kind != yaml.SequenceNode {
		return p.errorf(node, "%s must be a list: write [] for none", name)
	}
	for _, element := range node.Content {
		if err := read(element); err != nil {
			return err
		}
	}
	return nil
}

// text is a scalar as it was written, whatever type YAML would see in it.
func (p *parser) text(n *yaml.Node) (string, error) {
	switch {
	case n.Kind == yaml.AliasNode:
		return "", p.errorf(n, "anchors and aliases are not read: write the value out")
	case n.Kind != yaml.ScalarNode:
		return "", p.errorf(n, "a single value is expected here, not a list or mapping")
	case n.ShortTag() == "!!binary":
		return "", p.errorf(n, "binary values are not read: write text")
	}
	return n.Value, nil
}

// parsed hands the text of a scalar to a function whose error gets the line.
func (p *parser) parsed(n *yaml.Node, use func(string) error) error {
	text, err := p.text(n)
	if err != nil {
		return err
	}
	if err := use(text); err != nil {
		return p.errorf(n, "%w", err)
	}
	return nil
}

func (p *parser) checked(to *string, check func(string) error) func(*yaml.Node) error {
	return func(n *yaml.Node) error {
		return p.parsed(n, func(s string) error {
			*to = s
			return check(s)
		})
	}
}

func (p *parser) boolean(to *bool) func(*yaml.Node) error {
	return func(n *yaml.Node) error {
		if n.Kind != yaml.ScalarNode || n.ShortTag() != "!!bool" {
			return p.errorf(n, "write true or false, without quotes")
		}
		return n.Decode(to)
	}
}

// metadata gives a mapping as the values that encoding/json would give, numbers as json.Number.
func (p *parser) metadata(node *yaml.Node) (map[string]any, error) {
	if node.Kind != yaml.MappingNode {
		return nil, p.errorf(node, "metadata must be a mapping such as {region: eu}")
	}
	values := make(map[string]any, len(node.Content)/2)
	for i := 0; i < len(node.Content); i += 2 {
		name := node.Content[i]
		if name.Kind != yaml.ScalarNode || name.ShortTag() != "!!str" {
			return nil, p.errorf(name, "a name in metadata must be text: put %q in quotes", name.Value)
		}
		if _, seen := values[name.Value]; seen {
			return nil, p.errorf(name, "%q stands here a second time: keep one", name.Value)
		}
		value, err := p.value(node.Content[i+1])
		if err != nil {
			return nil, err
		}
		values[name.Value] = value
	}
	return values, nil
}

func (p *parser) value(n *yaml.Node) (any, error) {
	switch n.Kind {
	case yaml.MappingNode:
		return p.metadata(n)
	case yaml.SequenceNode:
		values := make([]any, 0, len(n.Content))
		for _, element := range n.Content {
			value, err := p.value(element)
			if err != nil {
				return nil, err
			}
			values = append(values, value)
		}
		return values, nil
	}
	text, err := p.text(n)
	if err != nil {
		return nil, err
	}
	switch n.ShortTag() {
	case "!!null":
		return nil, nil
	case "!!bool":
		var b bool
		return b, n.Decode(&b)
	case "!!int", "!!float":
		return p.number(n)
	}
	return text, nil // strings, and dates as they were written
}

// number keeps a number as it was written where JSON can write it so, and refuses what JSON has no number for.
func (p *parser) number(n *yaml.Node) (any, error) {
	if json.Valid([]byte(n.Value)) {
		return json.Number(n.Value), nil
	}
	var number any
	if err := n.Decode(&number); err != nil {
		return nil, p.errorf(n, "%q is not a number that JSON knows: put it in quotes", n.Value)
	}
	text, err := json.Marshal(number)
	if err != nil {
		return nil, p.errorf(n, "%q is not a number that JSON knows: put it in quotes", n.Value)
	}
	return json.Number(text), nil
}

// escapes finds surrogate pairs, and escaped backslashes so that none of those is taken for the beginning of one.
var escapes = regexp.MustCompile(`\\\\|\\u[dD][89abAB][0-9a-fA-F]{2}\\u[dD][c-fC-F][0-9a-fA-F]{2}`)

// plainJSON writes out the surrogate pairs of a JSON text: the one thing that JSON has and YAML does not. Everything
// else is left as it is, so that lines stay where they are.
func plainJSON(data []byte) []byte {
	if !escapes.Match(data) || !json.Valid(data) {
		return data
	}
	return escapes.ReplaceAllFunc(data, func(escape []byte) []byte {
		var text string
		if err := json.Unmarshal([]byte(`"`+string(escape)+`"`), &text); err != nil || text == `\` {
			return escape
		}
		return []byte(text)
	})
}
