package openapi

import (
	"encoding/json"
	"errors"
	"strconv"
	"strings"

	"go.yaml.in/yaml/v3"
)

// ErrTooLong says that a value of a document is longer, as JSON, than it may be, or lies too deep in itself.
var ErrTooLong = errors.New("a value of the document is too long to be written")

// maxWritten is how deep values may lie in each other where they are written; aliases of YAML can make them endless.
const maxWritten = 200

// Value is a value of a document. The zero Value is none.
type Value struct {
	document *Document
	at       place
}

// IsZero reports whether there is none.
func (v Value) IsZero() bool { return v.at.node == nil }

// JSON is the value as JSON, at most so many bytes; its members keep their order. The error is ErrTooLong.
func (v Value) JSON(most int) (json.RawMessage, error) {
	if v.IsZero() {
		return json.RawMessage("null"), nil
	}
	w := writer{document: v.document, most: most}
	w.value(v.at)
	return w.b, w.err
}

// Schema is a JSON Schema of a document. The zero Schema takes any value.
type Schema struct{ Value }

// Definitions writes schemas of one document as JSON, each complete in itself but for the schemas that it refers to: those it
// collects, each once, so that a schema may refer to itself. Extensions (x-*) are left out.
//
//	d := openapi.Definitions{Prefix: "#/$defs/", Modern: true, Most: 1 << 20}
//	input, err := d.Add(operation.Body.JSON().Schema) // {"$ref":"#/$defs/Lead"}
//	defs, err := d.All()                              // {"Lead":{…}}
type Definitions struct {
	// Prefix is what stands in front of a name in a $ref, such as "#/components/schemas/".
	Prefix string
	// Modern writes schemas of OpenAPI 3.0 as those of JSON Schema 2020-12, which OpenAPI 3.1 has: nullable, exclusive limits
	// and example are written anew. Default: they stay as they are.
	Modern bool
	// Asking has required name only what is asked of requests, and Answering what is asked of answers: for those who hold values against
	// the schemas and do not heed readOnly and writeOnly. Default: it stays as it is.
	Asking, Answering bool
	// Most is how many bytes all of them together may have.
	Most int

	names   map[*yaml.Node]string
	taken   map[string]bool
	waiting []definition
	written int
}

type definition struct {
	name string
	of   Value
}

// Add writes a schema. The error is ErrTooLong: nothing more can then be written.
func (d *Definitions) Add(s Schema) (json.RawMessage, error) {
	if s.IsZero() {
		return json.RawMessage("{}"), nil
	}
	w := writer{document: s.document, definitions: d, most: d.Most - d.written}
	w.schema(s.at)
	d.written += len(w.b)
	return w.b, w.err
}

// All writes the schemas that those which were added refer to, and those to which these do, in the order in which they were met:
// an object of them by name.
func (d *Definitions) All() (json.RawMessage, error) {
	b := []byte{'{'}
	for n := 0; n < len(d.waiting); n++ {
		next := d.waiting[n]
		text, err := d.Add(Schema{next.of})
		if err != nil {
			return nil, err
		}
		if n > 0 {
			b = append(b, ',')
		}
		b = append(appendString(b, next.name), ':')
		b = append(b, text...)
	}
	return append(b, '}'), nil
}

// Len is how many there are so far.
func (d *Definitions) Len() int { return len(d.waiting) }

// name is that of a schema that is referred to.
func (d *Definitions) name(of Value, ref string) string {
	if name, known := d.names[of.at.node]; known {
		return name
	}
	if d.names == nil {
		d.names, d.taken = map[*yaml.Node]string{}, map[string]bool{}
	}
	wanted := definitionName(ref)
	name := wanted
	for n := 2; d.taken[name]; n++ {
		name = wanted + "_" + strconv.Itoa(n)
	}
	d.names[of.at.node], d.taken[name] = name, true
	d.waiting = append(d.waiting, definition{name, of})
	return name
}

// definitionName is the last word of a $ref, as far as the name of a component may hold it (OpenAPI 3.1.1, "Components Object").
func definitionName(ref string) string {
	ref = strings.TrimRight(ref, "#/")
	ref = ref[strings.LastIndexAny(ref, "/#")+1:]
	name := strings.Map(func(r rune) rune {
		if r < 0x80 && (r >= 'a' && r <= 'z' || r >= 'A' && r <= 'Z' || r >= '0' && r <= '9' || strings.ContainsRune("._-", r)) {
			return r
		}
		return '_'
	}, cut(ref, 100))
	if name == "" {
		return "Schema"
	}
	return name
}

// writer writes values of a document.
type writer struct {
	document    *Document
	definitions *Definitions
	b           []byte
	most, depth int
	together    []place // schemas that hold for the same value, the outermost first
	err         error
}

// enter reports whether there is room for another value, a level deeper; leave goes back.
func (w *writer) enter() bool {
	if w.depth++; w.depth > maxWritten || len(w.b) > w.most {
		w.err = ErrTooLong
	}
	return w.err == nil
}

func (w *writer) leave() {
	if w.depth--; len(w.b) > w.most {
		w.err = ErrTooLong
	}
}

func (w *writer) value(p place) {
	defer w.leave()
	switch {
	case !w.enter():
	case p.node.Kind == mapping:
		w.object(p, func(_ string, at place) { w.value(at) }, nil)
	case p.node.Kind == sequence:
		w.list(p, w.value)
	default:
		w.scalar(p)
	}
}

// object writes the members that are not left out.
func (w *writer) object(p place, value func(name string, at place), leftOut func(name string) bool) {
	w.b = append(w.b, '{')
	first := true
	for name, at := range p.members {
		if w.err != nil {
			return
		}
		if leftOut != nil && leftOut(name) {
			continue
		}
		if !first {
			w.b = append(w.b, ',')
		}
		first = false
		w.b = append(appendString(w.b, name), ':')
		value(name, at)
	}
	w.b = append(w.b, '}')
}

func (w *writer) list(p place, value func(place)) {
	w.b = append(w.b, '[')
	first := true
	for at := range p.elements {
		if w.err != nil {
			return
		}
		if !first {
			w.b = append(w.b, ',')
		}
		first = false
		value(at)
	}
	w.b = append(w.b, ']')
}

func (w *writer) scalar(p place) {
	value, err := p.file.reader.Value(p.node, "a value")
	if err != nil { // a number that JSON does not know, or binary
		value = p.node.Value
	}
	switch value := value.(type) {
	case string:
		w.b = appendString(w.b, value)
	default:
		text, _ := json.Marshal(value)
		w.b = append(w.b, text...)
	}
}

// appendString writes a text as JSON. What is no UTF-8 is replaced.
func appendString(b []byte, text string) []byte {
	quoted, _ := json.Marshal(text)
	return append(b, quoted...)
}
