package envelope

import (
	"encoding/json"
	"net/url"
	"regexp"
	"strings"

	"github.com/tollgate-gateway/tollgate/caddymodule/internal/inside"
)

// object is a JSON object.
type object = map[string]any

// nameOf is the dotted name of a field in any of the forms in which an entry writes it; "": it is none.
//
//	firstName, items[0].sku        as it is
//	$.items.sku, .items.sku        JSON path, Ajv
//	/items/0/sku, #/items/0/sku    JSON pointer, also as a URI fragment (RFC 6901, sections 3 and 6)
//	["items", 0, "sku"]            a path; its elements may be objects that name theirs
//	{"pointer": "/data/attributes/sku"}, {"parameter": "sku"}   the source of JSON:API
func nameOf(v any) string {
	switch v := v.(type) {
	case string:
		return nameIn(v)
	case []any:
		return pathOf(v)
	case object:
		if s, ok := memberOf(v, "pointer").(string); ok {
			return withoutResource(nameIn(s))
		}
		s, _ := memberOf(v, "parameter", "header", "fieldpath").(string)
		return nameIn(s)
	}
	return ""
}

// memberOf is the first of the members with these names, in the form of normal; nil if there is none.
func memberOf(o object, names ...string) any {
	for _, want := range names {
		for name, value := range o {
			if normal(name) == want {
				return value
			}
		}
	}
	return nil
}

func nameIn(s string) string {
	if s = strings.TrimSpace(s); s == "$" {
		return "" // the whole body
	}
	if fragment, ok := strings.CutPrefix(s, "#/"); ok {
		s = "/" + fragment
		if decoded, err := url.PathUnescape(s); err == nil {
			s = decoded
		}
	}
	rest, ok := strings.CutPrefix(s, "/")
	if !ok {
		return strings.TrimPrefix(strings.TrimPrefix(s, "$."), ".")
	}
	segments := strings.Split(rest, "/")
	for i := range segments {
		segments[i] = strings.ReplaceAll(strings.ReplaceAll(segments[i], "~1", "/"), "~0", "~")
	}
	return strings.Join(segments, ".")
}

// withoutResource takes off what stands before a resource's own members in JSON:API: it is not the caller's affair.
func withoutResource(name string) string {
	for _, prefix := range []string{"data.attributes.", "data.relationships.", "data."} {
		if rest, found := strings.CutPrefix(name, prefix); found {
			return rest
		}
	}
	return name
}

// requestParts are the parts of a request in which fields stand. They are no fields themselves.
var requestParts = map[string]bool{
	"body": true, "query": true, "querystring": true, "path": true, "params": true, "header": true, "headers": true, "cookie": true, "cookies": true,
	"json": true, "form": true, "files": true, "payload": true, "request": true, "url": true, "parameter": true, "parameters": true,
}

// pathOf joins the elements of a path. A first one that says which part of the request is meant goes, if more follow
// (FastAPI's loc: ["body", "firstName"]).
func pathOf(list []any) string {
	if len(list) > 1 {
		if first, ok := list[0].(string); ok && requestParts[first] {
			list = list[1:]
		}
	}
	names := make([]string, 0, len(list))
	for _, element := range list {
		switch element := element.(type) {
		case string:
			names = append(names, element)
		case json.Number:
			names = append(names, element.String())
		case object:
			switch name := memberOf(element, "key", "name", "field", "property", "index").(type) {
			case string:
				names = append(names, name)
			case json.Number:
				names = append(names, name.String())
			}
		}
	}
	return strings.Join(names, ".")
}

// errorName tells the names of errors, and the codes, that stand where others name a field.
var errorName = regexp.MustCompile(`^(error|err|\$?([A-Z]\w*)?(Error|Exception|Failure|Fault|Issue)|[A-Z0-9]+_[A-Z0-9_]+|(error|err|errors|validation)[._-].*|[A-Z]\w*Request)$`)

// mayName reports whether a text under a name that may be a field's (name, key, in, location, …) is one.
func mayName(s string) bool {
	return s != "" && !requestParts[strings.ToLower(s)] && !isStatusText(s) && !errorName.MatchString(s) && !strings.Contains(s, "://")
}

// join appends a name to a dotted one. One that is too long already is no field's: it must not grow with every level.
func join(prefix, name string) string {
	if prefix == "" {
		return name
	}
	if len(prefix) > maxField {
		return prefix
	}
	return prefix + "." + name
}

// cleanField is a name that may stand in details; "" for what is none.
func cleanField(name string) string {
	if len(name) > maxField || strings.ContainsAny(name, "<>") || inside.TellsInName(name) {
		return ""
	}
	return oneLine(name, maxField)
}

// named are the fields that an error or one of its entries names. The first way in which it names one stands; a weak one only
// in an entry that says something.
func (w *walk) named(members []member, s subject, says bool) []string {
	if !s.entry && !says {
		return nil
	}
	var first member
	for _, m := range members {
		if m.word.may(field|fields|maybe) && (first.name == "" || before(m, first)) && m.names(s.entry && says, members) {
			first = m
		}
	}
	if first.name != "" {
		return first.fields()
	}
	if !says {
		return nil
	}
	for _, m := range members {
		if o, ok := m.value.(object); ok && m.word.may(nearby) {
			if name := nameOf(o); name != "" {
				return []string{name}
			}
			for _, inner := range w.members(o) {
				if inner.word.may(field|fields) && inner.names(false, nil) {
					return inner.fields()
				}
			}
			if input, ok := memberOf(o, "inputpath").(object); ok {
				if name := nameOf(input); name != "" {
					return []string{name}
				}
			}
		}
	}
	return nil
}

// before reports whether one way of naming a field stands before another: strong ones before weak ones, then by the table.
func before(a, b member) bool {
	if strong := a.word.may(field | fields); strong != b.word.may(field|fields) {
		return strong
	}
	return a.word.rank < b.word.rank
}

// names reports whether a member names fields.
func (m member) names(weak bool, beside []member) bool {
	if m.word.may(field | fields) {
		if s, ok := m.value.(string); ok && m.word.may(list) && strings.Contains(s, " ") {
			return false
		}
		return len(m.fields()) > 0
	}
	switch value := m.value.(type) {
	case string:
		if strings.Contains(value, " ") && listsFaults(beside) {
			return false // what is wrong as a whole, with a list of it
		}
		return weak && mayName(value) && !(normal(m.name) == "path" && isResponsePath(beside)) && len(m.fields()) > 0
	case []any:
		return normal(m.name) == "path" && !isResponsePath(beside) && len(m.fields()) > 0
	}
	return false
}

// isResponsePath reports whether a path is that of GraphQL, which leads through the answer and not through the request.
func isResponsePath(beside []member) bool {
	for _, m := range beside {
		if name := normal(m.name); name == "locations" || name == "extensions" {
			return true
		}
	}
	return false
}

// fields are the names that a member gives.
func (m member) fields() (names []string) {
	values := []any{m.value}
	if several, ok := m.value.([]any); ok && (m.word.may(fields) || m.word.may(field) && len(several) == 1) {
		if values = several; !isTexts(several) {
			return nil
		}
	}
	for _, value := range values {
		if name := nameOf(value); name != "" && len(names) < maxDetails {
			names = append(names, name)
		}
	}
	return names
}
