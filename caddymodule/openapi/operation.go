package openapi

import (
	"strings"

	"github.com/tollgate-gateway/tollgate/caddymodule/route"
)

// Bounds of what an Operation holds.
const (
	maxText     = 16 << 10 // of a description, in bytes
	maxWord     = 512      // of a summary, a name, a tag
	maxTags     = 32
	maxOf       = 500 // parameters, answers
	maxExamples = 10  // of one value
)

// Operation is what a document says of the operation that a route came of. It is immutable, and lives as long as the route: a
// document that is read anew makes routes anew. All of its texts are the document's own and may hold anything: who shows them
// sees to it that they are taken for no more than texts. They are cut where they are very long.
type Operation struct {
	// ID is its operationId; "": it has none, or one that is no single line.
	ID                   string
	Summary, Description string
	Tags                 []string
	Deprecated           bool
	// Method is in capitals. Path is that of its server and its own, with parameters as the document writes them: "/v1/leads/{lead-id}".
	Method, Path string
	// Parameters are in the document's order: its own, then those of its path. Those in cookies are left out.
	Parameters []Parameter
	// Body is what it takes as a body; nil: the document says nothing of one.
	Body *Body
	// Answers are in the document's order.
	Answers []Answer
	// Source is the file and line it stands at, for operators.
	Source string

	document *Document
}

// Document is the document it stands in.
func (o *Operation) Document() *Document { return o.document }

// Parameter is a parameter of an operation.
type Parameter struct {
	Name string
	// In is path, query or header.
	In string
	// Segment is how the pattern of the route calls it, if it is in the path: "lead_id" for "lead-id".
	Segment              string
	Required, Deprecated bool
	Description          string
	// Schema is that of its value. Where IsJSON, the value is a JSON text.
	Schema Schema
	IsJSON bool
	// Style and Explode say how a list is written. They are those that hold, whether the document writes them or not.
	Style    string
	Explode  bool
	Examples []Value
}

// Body is the body of a request.
type Body struct {
	Description string
	Required    bool
	// Content is by media type, in the document's order.
	Content []Content
}

// JSON is the content that is JSON, the first; nil: there is none.
func (b *Body) JSON() *Content {
	if b == nil {
		return nil
	}
	return firstJSON(b.Content)
}

// Answer is an answer that the document promises.
type Answer struct {
	// Status is as the document writes it: "200", "4XX" or "default".
	Status, Description string
	Content             []Content
}

// JSON is the content that is JSON, the first; nil: there is none.
func (a *Answer) JSON() *Content { return firstJSON(a.Content) }

// Content is a body of one media type.
type Content struct {
	// Type is the media type, in lower case: "application/json".
	Type     string
	Schema   Schema
	Examples []Value
}

func firstJSON(list []Content) *Content {
	for n := range list {
		if isJSONType(list[n].Type) {
			return &list[n]
		}
	}
	return nil
}

// OperationOf is what a document says of a route; nil: the route was written by hand.
func OperationOf(r *route.Route) *Operation {
	o, _ := r.Described.(*Operation)
	return o
}

// Title is that of the document's info; "": it has none.
func (d *Document) Title() string { return d.info("title", maxWord) }

// Description is that of the document's info; "": it has none.
func (d *Document) Description() string { return d.info("description", maxText) }

// Version is that of the API, in the document's info; "": it has none.
func (d *Document) Version() string { return d.info("version", maxWord) }

// OpenAPI is the version of OpenAPI that the document is written in, such as 3.1.0.
func (d *Document) OpenAPI() string { return d.version }

func (d *Document) info(word string, most int) string {
	info, _ := d.top.get("info")
	return info.short(word, most)
}

// TagDescription is what the document says of a tag; "": nothing.
func (d *Document) TagDescription(name string) string {
	tags, _ := d.top.get("tags")
	for tag := range tags.elements {
		if tag.word("name") == name {
			return tag.short("description", maxText)
		}
	}
	return ""
}

// short is a member that is text, cut where it is long; "": there is none.
func (p place) short(name string, most int) string { return cut(p.word(name), most) }

// elements gives each element of a list; none of what is no list.
func (p place) elements(yield func(place) bool) {
	if p.node == nil || p.node.Kind != sequence {
		return
	}
	for _, n := range p.node.Content {
		if !yield(p.file.place(n)) {
			return
		}
	}
}

// members gives each member of a mapping, in its order, and the first of those that have one name; none of what is no mapping.
func (p place) members(yield func(string, place) bool) {
	if p.node == nil || p.node.Kind != mapping {
		return
	}
	seen := make(map[string]bool, len(p.node.Content)/2)
	for i := 0; i+1 < len(p.node.Content); i += 2 {
		key := p.node.Content[i]
		if key.Kind != scalar || key.Value == "<<" || seen[key.Value] {
			continue
		}
		seen[key.Value] = true
		if !yield(key.Value, p.file.place(p.node.Content[i+1])) {
			return
		}
	}
}

// is reports whether a member is true.
func (p place) is(name string) bool { return p.word(name) == "true" }

// oneLine is a text that is one; "": it is none.
func oneLine(text string) string {
	if len(text) > maxWord || strings.ContainsFunc(text, func(r rune) bool { return r < ' ' || r == 0x7f || r == '\u2028' || r == '\u2029' }) {
		return ""
	}
	return text
}
