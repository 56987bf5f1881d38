package describe

import (
	"bytes"
	"encoding/json"
	"strings"
)

// node is a JSON value whose members keep their order. The zero node is null.
type node struct {
	members  []member
	elements []*node
	value    any // of what is neither object nor array: a string, json.Number, bool or nil
	kind     byte
}

type member struct {
	name  string
	value *node
}

// parse reads JSON that this program wrote; what is none gives null.
func parse(text []byte) *node {
	d := json.NewDecoder(bytes.NewReader(text))
	d.UseNumber()
	n, err := read(d)
	if err != nil {
		return &node{}
	}
	return n
}

func read(d *json.Decoder) (*node, error) {
	token, err := d.Token()
	if err != nil {
		return nil, err
	}
	delimiter, is := token.(json.Delim)
	if !is {
		return &node{value: token}, nil
	}
	n := &node{kind: byte(delimiter)}
	for d.More() {
		var name string
		if delimiter == '{' {
			token, err := d.Token()
			if err != nil {
				return nil, err
			}
			name, _ = token.(string)
		}
		value, err := read(d)
		if err != nil {
			return nil, err
		}
		if delimiter == '{' {
			n.members = append(n.members, member{name, value})
		} else {
			n.elements = append(n.elements, value)
		}
	}
	_, err = d.Token()
	return n, err
}

// get is a member; nil: there is none.
func (n *node) get(name string) *node {
	if n == nil {
		return nil
	}
	for _, m := range n.members {
		if m.name == name {
			return m.value
		}
	}
	return nil
}

// text is a member that is a string; "": there is none.
func (n *node) text(name string) string {
	if at := n.get(name); at != nil {
		text, _ := at.value.(string)
		return text
	}
	return ""
}

// flag reports whether a member is true.
func (n *node) flag(name string) bool {
	at := n.get(name)
	return at != nil && at.value == true
}

// number is a member that is a number, as it is written.
func (n *node) number(name string) (string, bool) {
	if at := n.get(name); at != nil {
		number, is := at.value.(json.Number)
		return string(number), is
	}
	return "", false
}

// list is a member that is a list.
func (n *node) list(name string) []*node {
	if at := n.get(name); at != nil {
		return at.elements
	}
	return nil
}

// has reports whether a list holds a text.
func has(list []*node, text string) bool {
	for _, n := range list {
		if is, _ := n.value.(string); is == text {
			return true
		}
	}
	return false
}

// json is the value as JSON.
func (n *node) json() []byte {
	switch {
	case n.kind == '{':
		var o object
		for _, m := range n.members {
			o.raw(m.name, m.value.json())
		}
		return o.end()
	case n.kind == '[':
		elements := make([][]byte, len(n.elements))
		for i, e := range n.elements {
			elements[i] = e.json()
		}
		return array(elements...)
	}
	switch value := n.value.(type) {
	case string:
		return quote(value)
	case json.Number:
		return []byte(value)
	case bool:
		if value {
			return []byte("true")
		}
		return []byte("false")
	}
	return []byte("null")
}

// plain is a value as a person writes it: a text without quotes.
func (n *node) plain() string {
	if text, is := n.value.(string); is {
		return text
	}
	return string(n.json())
}

const definitions = "#/components/schemas/"

// schemas are the components that others refer to.
type schemas struct{ byName map[string]*node }

// resolve follows the $ref of a schema, if it is one. What stands beside the $ref is lost but for the description.
func (s *schemas) resolve(n *node) (at *node, description string) {
	for range 16 {
		if n == nil {
			return &node{}, description
		}
		if description == "" {
			description = n.text("description")
		}
		ref := n.text("$ref")
		if ref == "" {
			break
		}
		n = s.byName[strings.TrimPrefix(ref, definitions)]
	}
	return n, description
}
