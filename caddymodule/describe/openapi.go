package describe

import (
	"net/http"
	"slices"
	"strconv"
	"strings"

	"github.com/tollgate-gateway/tollgate/caddymodule/route"
)

// refused is what the gateway answers in place of the API, by status.
const refused = `{"description":"Refused: error.code says why, error.details which fields or scopes","content":{"application/json":{"schema":` +
	`{"type":"object","required":["success","error"],"properties":{"success":{"const":false},"error":{"type":"object","required":["code","message","details"],` +
	`"properties":{"code":{"type":"string"},"message":{"type":"string"},"details":{"type":["object","null"]}}}}}}}}`

// scheme is the one security scheme there is, and refusal the one response.
const (
	scheme      = "key"
	refusedName = "Refused"
)

// openapi writes the operations as an OpenAPI document.
func (m *model) openapi() []byte {
	o := &m.site.options
	var doc, info, server, components object
	doc.text("openapi", "3.1.1")
	info.text("title", o.Title)
	info.text("description", o.Description)
	version := "1"
	if o.Document != nil && o.Document.Version() != "" {
		version = o.Document.Version()
	}
	info.text("version", version)
	if o.Contact != "" {
		var contact object
		if strings.Contains(o.Contact, "://") {
			contact.text("url", o.Contact)
		} else {
			contact.text("email", o.Contact)
		}
		info.raw("contact", contact.end())
	}
	doc.raw("info", info.end())
	server.text("url", anywhere)
	doc.raw("servers", array(server.end()))
	if tags := m.tags(); len(tags) > 0 {
		doc.raw("tags", array(tags...))
	}
	doc.raw("paths", m.paths())
	if len(m.all) > len("{}") {
		components.raw("schemas", m.all)
	}
	if slices.ContainsFunc(m.list, func(t *told) bool { return !t.route.Public }) {
		var responses, schemes object
		responses.raw(refusedName, []byte(refused))
		components.raw("responses", responses.end())
		schemes.raw(scheme, []byte(`{"type":"http","scheme":"bearer"}`))
		components.raw("securitySchemes", schemes.end())
	}
	if len(components.b) > 0 {
		doc.raw("components", components.end())
	}
	return append(doc.end(), '\n')
}

// tags are those that the operations have, with what the document says of them.
func (m *model) tags() (list [][]byte) {
	var seen []string
	for _, t := range m.list {
		if t.described == nil {
			continue
		}
		for _, tag := range t.described.Tags {
			if slices.Contains(seen, tag) {
				continue
			}
			seen = append(seen, tag)
			var o object
			o.text("name", tag)
			o.text("description", t.described.Document().TagDescription(tag))
			list = append(list, o.end())
		}
	}
	return list
}

func (m *model) paths() []byte {
	var order []string
	byPath := map[string]*object{}
	for _, t := range m.list {
		item := byPath[t.path]
		if item == nil {
			item = new(object)
			byPath[t.path] = item
			order = append(order, t.path)
		}
		if name := strings.ToLower(t.method); slices.Contains(pathMethods, name) {
			item.raw(name, t.json())
		}
	}
	var paths object
	for _, path := range order {
		if item := byPath[path]; len(item.b) > 0 {
			paths.raw(path, item.end())
		}
	}
	return paths.end()
}

// pathMethods are those that OpenAPI 3.1 has a word for.
var pathMethods = []string{"get", "put", "post", "delete", "head", "patch"}

func (t *told) json() []byte {
	var o object
	if d := t.described; d != nil {
		if len(d.Tags) > 0 {
			o.raw("tags", texts(d.Tags))
		}
		o.text("summary", t.summary())
		o.text("description", d.Description)
	} else {
		o.text("summary", t.summary())
	}
	o.text("operationId", t.id)
	if len(t.parameters) > 0 {
		list := make([][]byte, len(t.parameters))
		for n := range t.parameters {
			list[n] = t.parameters[n].json()
		}
		o.raw("parameters", array(list...))
	}
	if t.body != nil && len(t.contents) > 0 {
		var body object
		body.text("description", t.body.Description)
		body.flag("required", t.body.Required)
		body.raw("content", jsonOf(t.contents))
		o.raw("requestBody", body.end())
	}
	o.raw("responses", t.responses())
	o.flag("deprecated", t.deprecated())
	if t.route.Public {
		o.raw("security", []byte("[]"))
	} else {
		var needs object
		needs.raw(scheme, texts(t.scopes()))
		o.raw("security", array(needs.end()))
	}
	if cost := t.route.Cost; cost > 1 {
		var own object
		own.raw("cost", strconv.AppendInt(nil, cost, 10))
		o.raw("x-tollgate", own.end())
	}
	return o.end()
}

func (p *parameter) json() []byte {
	var o object
	o.text("name", p.name)
	o.text("in", p.in)
	o.text("description", p.description)
	o.flag("required", p.required)
	o.flag("deprecated", p.deprecated)
	schema := p.schema
	if len(schema) == 0 {
		schema = []byte("{}")
	}
	if p.isJSON {
		o.raw("content", jsonOf([]content{{kind: "application/json", schema: schema, example: p.example}}))
		return o.end()
	}
	o.text("style", p.style)
	if p.explode {
		o.raw("explode", []byte("true"))
	} else {
		o.raw("explode", []byte("false"))
	}
	o.raw("schema", schema)
	if p.example != nil {
		o.raw("example", p.example)
	}
	return o.end()
}

func jsonOf(list []content) []byte {
	var o object
	for n := range list {
		c := &list[n]
		if slices.ContainsFunc(list[:n], func(other content) bool { return other.kind == c.kind }) {
			continue
		}
		var kind object
		if len(c.schema) > 0 {
			kind.raw("schema", c.schema)
		}
		if c.example != nil {
			kind.raw("example", c.example)
		}
		o.raw(c.kind, kind.end())
	}
	return o.end()
}

// responses are the answers that the document promises, and the refusals of the gateway.
func (t *told) responses() []byte {
	var o object
	whole := false
	for n := range t.answers {
		a := &t.answers[n]
		var made object
		made.raw("description", quote(a.description))
		if len(a.contents) > 0 {
			made.raw("content", jsonOf(a.contents))
		}
		o.raw(a.status, made.end())
		whole = whole || a.status == "default"
	}
	if len(t.answers) == 0 {
		o.raw(strconv.Itoa(http.StatusOK), []byte(`{"description":"The answer"}`))
	}
	if !whole && !t.route.Public {
		o.raw("default", []byte(`{"$ref":"#/components/responses/`+refusedName+`"}`))
	}
	return o.end()
}

// needs says what a key needs for an operation, in words.
func needs(o *operation) string {
	switch scopes := o.scopes(); {
	case o.route.Public:
		return "Public: no key needed."
	case len(scopes) == 0:
		return "Any valid key."
	case len(scopes) == 1:
		return "Scope: " + code(scopes[0]) + "."
	default:
		return "Scopes, all of them: " + codes(scopes) + "."
	}
}

func codes(list []string) string {
	words := make([]string, len(list))
	for n, word := range list {
		words[n] = code(word)
	}
	return strings.Join(words, ", ")
}

// farewell says that an operation is to be left; "": it is not.
func farewell(o *operation) string {
	d := o.route.Deprecation
	if d == nil {
		d = new(route.Deprecation)
	}
	text := ""
	if o.deprecated() {
		text = "Deprecated"
		if !d.Deprecated.IsZero() {
			text += " from " + d.Deprecated.UTC().Format("2006-01-02")
		}
		text += "."
	}
	if !d.Sunset.IsZero() {
		text = strings.TrimSpace(text + " It is expected to go on " + d.Sunset.UTC().Format("2006-01-02") + ".")
	}
	if d.Link != "" {
		text += " See <" + d.Link + ">."
	}
	return text
}
