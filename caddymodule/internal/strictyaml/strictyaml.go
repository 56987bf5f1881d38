// Package strictyaml reads YAML that people write as configuration, and JSON as a part of it: every word must be known and stand
// once, anchors are not read, and every error names the file and the line. It walks nodes and does not decode into structs,
// whose errors would name no line.
package strictyaml

import (
	"bytes"
	"encoding/json"
	"errors"
	"fmt"
	"io"
	"regexp"
	"strings"

	"go.yaml.in/yaml/v3"
)

// Reader reads the nodes of one file.
type Reader struct {
	// Name is the file's, for errors.
	Name string
}

// Document reads a text that holds one document. Empty says what to write where there is none, and second where there is
// another.
func (p *Reader) Document(data []byte, empty, second string) (*yaml.Node, error) {
	decoder := yaml.NewDecoder(bytes.NewReader(plainJSON(data)))
	var document yaml.Node
	switch err := decoder.Decode(&document); {
	case errors.Is(err, io.EOF) || err == nil && len(document.Content) == 0:
		return nil, fmt.Errorf("%s: the file is empty: %s", p.Name, empty)
	case err != nil:
		return nil, p.syntax(err)
	}
	var another yaml.Node
	switch err := decoder.Decode(&another); {
	case err == nil:
		return nil, p.Errorf(&another, "a second document begins here: %s", second)
	case !errors.Is(err, io.EOF):
		return nil, p.syntax(err)
	}
	return document.Content[0], nil
}

// Field is a word that a mapping may hold.
type Field struct {
	name     string
	required bool
	read     func(*yaml.Node) error
}

// Must is a word that has to stand there, and what reads its value.
func Must(name string, read func(*yaml.Node) error) Field { return Field{name, true, read} }

// May is a word that can stand there, and what reads its value.
func May(name string, read func(*yaml.Node) error) Field { return Field{name, false, read} }

// Errorf names the file and the node's line.
func (p *Reader) Errorf(n *yaml.Node, format string, args ...any) error {
	return fmt.Errorf("%s:%d: %w", p.Name, n.Line, fmt.Errorf(format, args...))
}

var yamlLine = regexp.MustCompile(`^yaml: (?:line (\d+): )?`)

// syntax turns the YAML reader's own error into our form.
func (p *Reader) syntax(err error) error {
	text := err.Error()
	line := "1"
	if m := yamlLine.FindStringSubmatch(text); m != nil {
		text = text[len(m[0]):]
		if m[1] != "" {
			line = m[1]
		}
	}
	return fmt.Errorf("%s:%s: the file is neither valid YAML nor JSON: %s", p.Name, line, text)
}

// Fields reads a mapping that holds the given fields and no other, each at most once.
func (p *Reader) Fields(node *yaml.Node, what string, fields ...Field) error {
	if node.Kind != yaml.MappingNode {
		return p.Errorf(node, "%s must be a mapping such as \"%s: …\"", what, fields[0].name)
	}
	seen := map[string]bool{}
	for i := 0; i < len(node.Content); i += 2 {
		name, value := node.Content[i], node.Content[i+1]
		if seen[name.Value] {
			return p.Errorf(name, "%q stands here a second time: keep one", name.Value)
		}
		seen[name.Value] = true
		read := reader(fields, name)
		if read == nil {
			return p.Errorf(name, "%s has no %q: known are %s", what, name.Value, names(fields))
		}
		if value.Kind == yaml.ScalarNode && value.ShortTag() == "!!null" {
			return p.Errorf(name, "%q has no value: write one, or leave the word out", name.Value)
		}
		if err := read(value); err != nil {
			return err
		}
	}
	for _, f := range fields {
		if f.required && !seen[f.name] {
			return p.Errorf(node, "%s needs %q", what, f.name)
		}
	}
	return nil
}

func reader(fields []Field, name *yaml.Node) func(*yaml.Node) error {
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

func names(fields []Field) string {
	list := make([]string, len(fields))
	for i, f := range fields {
		list[i] = f.name
	}
	return strings.Join(list, ", ")
}

// Each reads the values of a mapping whose names people choose, in their order, each at most once.
func (p *Reader) Each(node *yaml.Node, what string, read func(name string, key, value *yaml.Node) error) error {
	if node.Kind != yaml.MappingNode {
		return p.Errorf(node, "%s must be a mapping of names", what)
	}
	seen := map[string]int{}
	for i := 0; i < len(node.Content); i += 2 {
		key, value := node.Content[i], node.Content[i+1]
		name, err := p.Text(key)
		if err != nil {
			return err
		}
		if line, again := seen[name]; again {
			return p.Errorf(key, "%q already stands in line %d: keep one", name, line)
		}
		seen[name] = key.Line
		if err := read(name, key, value); err != nil {
			return err
		}
	}
	return nil
}

// List reads each element of a sequence.
func (p *Reader) List(node *yaml.Node, name string, read func(*yaml.Node) error) error {
	if node.Kind != yaml.SequenceNode {
		return p.Errorf(node, "%s must be a list: write [] for none", name)
	}
	for _, element := range node.Content {
		if err := read(element); err != nil {
			return err
		}
	}
	return nil
}

// Texts hands each scalar of a list to a function whose error gets the line.
func (p *Reader) Texts(node *yaml.Node, name string, use func(string) error) error {
	return p.List(node, name, func(n *yaml.Node) error { return p.Parsed(n, use) })
}

// Text is a scalar as it was written, whatever type YAML would see in it.
func (p *Reader) Text(n *yaml.Node) (string, error) {
	switch {
	case n.Kind == yaml.AliasNode:
		return "", p.Errorf(n, "anchors and aliases are not read: write the value out")
	case n.Kind != yaml.ScalarNode:
		return "", p.Errorf(n, "a single value is expected here, not a list or mapping")
	case n.ShortTag() == "!!binary":
		return "", p.Errorf(n, "binary values are not read: write text")
	}
	return n.Value, nil
}

// Parsed hands the text of a scalar to a function whose error gets the line.
func (p *Reader) Parsed(n *yaml.Node, use func(string) error) error {
	text, err := p.Text(n)
	if err != nil {
		return err
	}
	if err := use(text); err != nil {
		return p.Errorf(n, "%w", err)
	}
	return nil
}

// Checked keeps the text of a scalar that passes a check.
func (p *Reader) Checked(to *string, check func(string) error) func(*yaml.Node) error {
	return func(n *yaml.Node) error {
		return p.Parsed(n, func(s string) error {
			*to = s
			return check(s)
		})
	}
}

// Boolean reads true or false.
func (p *Reader) Boolean(to *bool) func(*yaml.Node) error {
	return func(n *yaml.Node) error {
		if n.Kind != yaml.ScalarNode || n.ShortTag() != "!!bool" {
			return p.Errorf(n, "write true or false, without quotes")
		}
		return n.Decode(to)
	}
}

// Object gives the mapping of a word as the values that encoding/json would give, numbers as json.Number.
func (p *Reader) Object(node *yaml.Node, what string) (map[string]any, error) {
	if node.Kind != yaml.MappingNode {
		return nil, p.Errorf(node, "%s must be a mapping such as {region: eu}", what)
	}
	values := make(map[string]any, len(node.Content)/2)
	for i := 0; i < len(node.Content); i += 2 {
		name := node.Content[i]
		if name.Kind != yaml.ScalarNode || name.ShortTag() != "!!str" {
			return nil, p.Errorf(name, "a name in %s must be text: put %q in quotes", what, name.Value)
		}
		if _, seen := values[name.Value]; seen {
			return nil, p.Errorf(name, "%q stands here a second time: keep one", name.Value)
		}
		value, err := p.Value(node.Content[i+1], what)
		if err != nil {
			return nil, err
		}
		values[name.Value] = value
	}
	return values, nil
}

// Value gives the node of a word as the value that encoding/json would give, numbers as json.Number.
func (p *Reader) Value(n *yaml.Node, what string) (any, error) {
	switch n.Kind {
	case yaml.MappingNode:
		return p.Object(n, what)
	case yaml.SequenceNode:
		values := make([]any, 0, len(n.Content))
		for _, element := range n.Content {
			value, err := p.Value(element, what)
			if err != nil {
				return nil, err
			}
			values = append(values, value)
		}
		return values, nil
	}
	text, err := p.Text(n)
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
func (p *Reader) number(n *yaml.Node) (any, error) {
	if json.Valid([]byte(n.Value)) {
		return json.Number(n.Value), nil
	}
	var number any
	if err := n.Decode(&number); err != nil {
		return nil, p.Errorf(n, "%q is not a number that JSON knows: put it in quotes", n.Value)
	}
	text, err := json.Marshal(number)
	if err != nil {
		return nil, p.Errorf(n, "%q is not a number that JSON knows: put it in quotes", n.Value)
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
