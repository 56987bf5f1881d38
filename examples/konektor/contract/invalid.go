package contract

import (
	"fmt"
	"net/http"
	"net/url"
	"strconv"
	"strings"
)

// megabyte is far longer than any field may be.
const megabyte = 1 << 20

// bad is a value that breaks a schema.
type bad struct {
	why   string
	value any
}

// Invalid are requests that the API must refuse, each for one reason that it must name.
func (d *Document) Invalid(path map[string]string) []Request {
	g := &generator{document: d, path: path}
	var all []Request
	for _, op := range d.operations {
		for _, parameter := range op.Parameters {
			all = append(all, g.badParameter(op, parameter)...)
		}
		if hasQuery(op) {
			all = append(all, wrong(withQuery(g.request(op, "unknown parameter"), "nonsense", "1"), "nonsense"))
		}
		if op.Body != nil {
			all = append(all, g.badProperties(op)...)
			all = append(all, g.badBodies(op)...)
		}
	}
	return all
}

func wrong(r Request, name string) Request {
	r.Wrong, r.Status = name, http.StatusBadRequest
	return r
}

func hasQuery(op *Operation) bool {
	for _, parameter := range op.Parameters {
		if parameter.In == "query" {
			return true
		}
	}
	return false
}

func (g *generator) badParameter(op *Operation, parameter *Parameter) []Request {
	var all []Request
	for _, bad := range badTexts(parameter.Schema) {
		text := fmt.Sprint(bad.value)
		if parameter.In == "path" {
			if text == "" {
				continue // another path
			}
			moved := &generator{document: g.document, path: map[string]string{parameter.Name: text}}
			all = append(all, wrong(moved.request(op, parameter.Name+" "+bad.why), parameter.Name))
			continue
		}
		all = append(all, wrong(withQuery(g.request(op, parameter.Name+" "+bad.why), parameter.Name, text), parameter.Name))
	}
	if parameter.In == "query" {
		all = append(all, wrong(withQuery(g.request(op, parameter.Name+" twice"), parameter.Name, "1", "1"), parameter.Name))
		latin := g.request(op, parameter.Name+" not UTF-8")
		latin.Target += "?" + url.QueryEscape(parameter.Name) + "=%E9"
		all = append(all, wrong(latin, parameter.Name))
	}
	return all
}

// badTexts are texts that break a schema, for parameters.
func badTexts(s *Schema) []bad {
	all := []bad{{"empty", ""}}
	if s.Minimum != nil {
		return append(all, bad{"text", "abc"}, bad{"fraction", "1.5"}, bad{"too small", strconv.Itoa(int(*s.Minimum) - 1)},
			bad{"too large", strconv.Itoa(int(*s.Maximum) + 1)}, bad{"huge", strings.Repeat("9", 40)})
	}
	return append(all, badStrings(s, 8<<10)...)
}

// badStrings are strings that break a schema, the longest of the given length.
func badStrings(s *Schema, longest int) []bad {
	var all []bad
	if s.Enum != nil {
		first, _ := s.Enum[0].(string)
		all = append(all, bad{"unknown value", "nonsense"}, bad{"other case", strings.ToUpper(first)}, bad{"injection", first + "' OR '1'='1"})
	}
	if s.MinLength > 1 {
		all = append(all, bad{"too short", strings.Repeat("1", s.MinLength-1)})
	}
	if s.MaxLength != nil {
		all = append(all, bad{"one too long", strings.Repeat("1", *s.MaxLength+1)})
	}
	if s.Format != "" || s.Pattern != "" {
		all = append(all, bad{"not of its form", "'; DROP TABLE leads; --"}, bad{"half of its form", "1=" + exampleUUID[:8]})
	}
	if s.Opaque {
		all = append(all, bad{"made up", "AAAA"}, bad{"not of its form", "'; DROP TABLE leads; --"})
	}
	return append(all, bad{"very long", strings.Repeat("1", longest)})
}

func (g *generator) badProperties(op *Operation) []Request {
	schema := op.BodySchema()
	var all []Request
	add := func(name, why string, value any) {
		r := wrong(g.request(op, name+" "+why), name)
		r.Body = g.body(op, map[string]any{name: value})
		all = append(all, r)
	}
	for _, name := range sortedNames(schema.Properties) {
		property := schema.Properties[name]
		values := []bad{{"boolean", true}, {"array", []any{"x"}}, {"object", map[string]any{"$ne": 1}}}
		if property.Minimum != nil {
			values = append(values, bad{"text", "12"}, bad{"too small", *property.Minimum - 1}, bad{"too large", *property.Maximum + 1})
		} else {
			values = append(append(values, bad{"number", 7}), badStrings(property, megabyte)...)
		}
		if property.isInteger() {
			values = append(values, bad{"fraction", 1.5})
		}
		if !property.isNullable() {
			values = append(values, bad{"null", nil})
		}
		if property.MinLength > 0 {
			values = append(values, bad{"empty", ""})
		}
		for _, bad := range values {
			add(name, bad.why, bad.value)
		}
	}
	for _, name := range schema.Required {
		add(name, "missing", unset)
	}
	add("nonsense", "unknown", "x")
	return all
}

func (s *Schema) isInteger() bool { return s.Minimum != nil && s.Check(0.5+*s.Minimum) != "" }

func (g *generator) badBodies(op *Operation) []Request {
	good := string(g.body(op, nil))
	twice := sortedNames(op.BodySchema().Properties)[0]
	bodies := []struct{ why, body, name string }{
		{"empty", "", "body"}, {"null", "null", "body"}, {"text", `"x"`, "body"}, {"array", "[" + good + "]", "body"},
		{"cut off", good[:len(good)-1], "body"}, {"two values", good + good, "body"}, {"single quotes", "{'a': 1}", "body"},
		{"not UTF-8", "{\"x\xff\": 1}", "body"}, {"too deep", strings.Repeat(`{"a":`, 20_000), "body"},
		{"number out of range", `{"score": 1e999}`, ""}, {"name twice", fmt.Sprintf(`{%q: null, %[1]q: null, %s`, twice, good[1:]), twice},
	}
	schema := op.BodySchema()
	if schema.MinProperties > 0 {
		bodies = append(bodies, struct{ why, body, name string }{"nothing in it", "{}", "body"})
	}
	for _, one := range schema.AnyOf {
		name := one.Required[0]
		bodies = append(bodies, struct{ why, body, name string }{"no " + name, `{"firstName": "Ana"}`, name})
	}
	var all []Request
	for _, bad := range bodies {
		if bad.name == "" {
			if bad.name = "score"; schema.Properties["score"] == nil {
				continue
			}
		}
		r := wrong(g.request(op, "body "+bad.why), bad.name)
		r.Body = []byte(bad.body)
		all = append(all, r)
	}
	form := wrong(g.request(op, "body of another type"), "Content-Type")
	form.ContentType, form.Status = "application/x-www-form-urlencoded", http.StatusUnsupportedMediaType
	return append(all, form)
}
