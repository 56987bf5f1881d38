package contract

import (
	"fmt"
	"strings"
)

// exampleUUID is the value for the format "uuid".
const exampleUUID = "7f3f0b5e-2c1d-4e8a-9b6c-0d1e2f3a4b5c"

// Valid are requests that the API must take: each operation as it stands, with each parameter and with each property of
// its body, at each value of an enumeration and at both ends of each range. Path parameters get the given values.
func (d *Document) Valid(path map[string]string) []Request {
	g := &generator{document: d, path: path}
	var all []Request
	for _, op := range d.operations {
		all = append(all, g.request(op, "plain"))
		for _, parameter := range op.Parameters {
			if parameter.In != "query" || parameter.Schema.Opaque {
				continue
			}
			for _, value := range g.values(parameter.Schema) {
				text := fmt.Sprint(value)
				all = append(all, withQuery(g.request(op, fmt.Sprintf("%s=%.40s", parameter.Name, text)), parameter.Name, text))
			}
		}
		body := op.BodySchema()
		if body == nil {
			continue
		}
		for _, name := range sortedNames(body.Properties) {
			for i, value := range g.values(body.Properties[name]) {
				r := g.request(op, fmt.Sprintf("%s %d %.40s", name, i, fmt.Sprint(value)))
				r.Body = g.body(op, map[string]any{name: value})
				all = append(all, r)
			}
		}
	}
	return all
}

// values are good ones for a schema.
func (g *generator) values(s *Schema) []any {
	var values []any
	switch {
	case s.Enum != nil:
		return s.Enum
	case s.Unique:
		values = append(values, g.unique(s), g.padded(s))
	case s.Format == "uuid":
		values = append(values, exampleUUID, strings.ToUpper(exampleUUID))
	default:
		values = append(values, s.Examples...)
		if s.MaxLength != nil && s.Pattern == "" && s.Format == "" {
			values = append(values, strings.Repeat("ü", *s.MaxLength), strings.Repeat("x", s.MinLength))
		}
		if s.Minimum != nil {
			values = append(values, int(*s.Minimum), int(*s.Maximum))
		}
	}
	if s.isNullable() {
		values = append(values, nil)
	}
	return values
}

// padded is a unique value of the greatest length.
func (g *generator) padded(s *Schema) string {
	value := g.unique(s)
	return strings.Repeat("x", *s.MaxLength-len(value)) + value
}

func (s *Schema) isNullable() bool { return s.Check(nil) == "" }
