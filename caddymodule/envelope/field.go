package envelope

import (
	"encoding/json"
	"net/url"
	"strings"

	"github.com/tollgate-gateway/tollgate/caddymodule/internal/inside"
)

// object is a JSON object.
type object = map[string]any

// fieldShapes are the ways in which an entry names the field it is about, the most exact first.
var fieldShapes = []struct {
	member string
	read   func(any) string
}{
	{"pointer", pointer},                 // RFC 9457, section 3.1: "#/profile/color"
	{"source", source},                   // JSON:API: {"pointer": "/data/attributes/firstName"}
	{"loc", location},                    // FastAPI: ["body", "firstName"]
	{"path", pathOf},                     // Zod, Joi: ["items", 0, "name"]; GraphQL
	{"instancePath", pointer},            // Ajv
	{"param", dotted}, {"field", dotted}, // Stripe, express-validator, Spring
	{"property", dotted}, // class-validator
}

// fieldOf is the dotted name of the field that an entry is about; "": it names none.
func fieldOf(entry object) string {
	for _, shape := range fieldShapes {
		if value, ok := entry[shape.member]; ok {
			if name := cleanField(shape.read(value)); name != "" {
				return name
			}
		}
	}
	return ""
}

// pointer reads a JSON pointer, also as a URI fragment (RFC 6901, sections 3 and 6).
func pointer(v any) string {
	s, _ := v.(string)
	if fragment, ok := strings.CutPrefix(s, "#"); ok {
		s = fragment
		if decoded, err := url.PathUnescape(fragment); err == nil {
			s = decoded
		}
	}
	rest, ok := strings.CutPrefix(s, "/")
	if !ok {
		return dotted(s)
	}
	segments := strings.Split(rest, "/")
	for i := range segments {
		segments[i] = strings.ReplaceAll(strings.ReplaceAll(segments[i], "~1", "/"), "~0", "~")
	}
	return strings.Join(segments, ".")
}

// source reads JSON:API's source object. What comes before a resource's own members is not the caller's affair.
func source(v any) string {
	o, _ := v.(object)
	if s, ok := o["pointer"].(string); ok {
		name := pointer(s)
		for _, prefix := range []string{"data.attributes.", "data.relationships.", "data."} {
			if rest, found := strings.CutPrefix(name, prefix); found {
				return rest
			}
		}
		return name
	}
	if s, ok := o["parameter"].(string); ok {
		return s
	}
	s, _ := o["header"].(string)
	return s
}

// location reads FastAPI's loc, whose first element says which part of the request is meant.
func location(v any) string {
	list, ok := v.([]any)
	if !ok {
		return dotted(v)
	}
	if len(list) > 1 {
		switch list[0] {
		case "body", "query", "path", "header", "cookie":
			list = list[1:]
		}
	}
	return pathOf(list)
}

// pathOf joins the elements of a path.
func pathOf(v any) string {
	list, ok := v.([]any)
	if !ok {
		return pointer(v)
	}
	names := make([]string, 0, len(list))
	for _, element := range list {
		switch element := element.(type) {
		case string:
			names = append(names, element)
		case json.Number:
			names = append(names, element.String())
		}
	}
	return strings.Join(names, ".")
}

// dotted reads a name that is dotted already, or ASP.NET's "$.name".
func dotted(v any) string {
	s, _ := v.(string)
	return strings.TrimPrefix(s, "$.")
}

// cleanField is a name that may stand in details; "" for what is none.
func cleanField(name string) string {
	if len(name) > maxField || strings.ContainsAny(name, "<>") || inside.TellsInName(name) {
		return ""
	}
	return oneLine(name, maxField)
}
