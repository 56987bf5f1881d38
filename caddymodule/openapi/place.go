package openapi

import (
	"go.yaml.in/yaml/v3"
)

// place is a value of a document, and where it stands. The zero place is none.
type place struct {
	file *file
	node *yaml.Node
}

// place is a node of the file. An alias is what it stands for.
func (f *file) place(n *yaml.Node) place {
	for n.Kind == yaml.AliasNode {
		n = n.Alias
	}
	return place{f, n}
}

// errorf says what is wrong with a value, and begins with its file and line.
func (p place) errorf(format string, args ...any) error {
	return p.file.reader.Errorf(p.node, format, args...)
}

// get is the member of that name.
func (p place) get(name string) (place, bool) {
	if p.node == nil || p.node.Kind != yaml.MappingNode {
		return place{}, false
	}
	for i := 0; i < len(p.node.Content); i += 2 {
		if key := p.node.Content[i]; key.Value == name && key.Kind == yaml.ScalarNode {
			return p.file.place(p.node.Content[i+1]), true
		}
	}
	return place{}, false
}

// each calls read for each member, which must stand once. Key is where its name stands.
func (p place) each(what string, read func(name string, key, value place) error) error {
	return p.file.reader.Each(p.node, what, func(name string, key, value *yaml.Node) error {
		if name == "<<" {
			return p.file.place(key).errorf("merge keys (<<) are not read: write the members out")
		}
		return read(name, place{p.file, key}, p.file.place(value))
	})
}

// list calls read for each element.
func (p place) list(what string, read func(place) error) error {
	return p.file.reader.List(p.node, what, func(n *yaml.Node) error { return read(p.file.place(n)) })
}

// text is a scalar as it was written.
func (p place) text() (string, error) { return p.file.reader.Text(p.node) }

// flag reads true or false, the value of a word.
func (p place) flag(word string) (on bool, err error) {
	if err := p.file.reader.Boolean(&on)(p.node); err != nil {
		return false, p.errorf("%s must be true or false, without quotes", word)
	}
	return on, nil
}
