package openapi

import (
	"encoding/json"
	"net/http"
	"net/url"
	"slices"
	"strings"

	"github.com/tollgate-gateway/tollgate/caddymodule/internal/jsonbody"
	"github.com/tollgate-gateway/tollgate/caddymodule/route"
)

// parameter is one in the path, the query or a header.
type parameter struct {
	name, in  string
	place     int    // in the path: which of the template's
	header    string // as net/http spells it
	required  bool
	schema    *schema
	kinds     kinds
	elements  kinds  // of a list
	separator string // between the elements of a list; "": it stands once for each
	isJSON    bool   // it is a JSON text
	mayBeVoid bool   // allowEmptyValue: without a value it is there, and nothing is asked of it
}

// separators are what stands between the elements of a list, by style; where explode says that the parameter stands once for each,
// nothing does.
var separators = map[string]string{"form": ",", "simple": ",", "pipeDelimited": "|", "spaceDelimited": " "}

// parameter reads one; nil: it is not looked at. What is unreadable it gives beside the error.
func (c *compiler) parameter(at place, full string) (*parameter, error) {
	p := &parameter{name: at.word("name"), in: at.word("in")}
	switch {
	case p.name == "":
		return nil, at.errorf(`a parameter has no "name"`)
	case p.in == "cookie":
		return nil, nil
	case p.in == "path":
		names := parameters.FindAllStringSubmatch(full, -1)
		p.place = slices.IndexFunc(names, func(m []string) bool { return m[1] == p.name })
		if p.place < 0 {
			return nil, at.errorf("parameter %q is in the path, and the template %s does not have it", p.name, full)
		}
	case p.in == "header":
		p.header = http.CanonicalHeaderKey(p.name)
		if slices.Contains([]string{"Accept", "Content-Type", "Authorization"}, p.header) {
			return nil, nil // OpenAPI 3.1.1, "Parameter Object"
		}
		if p.header == "Host" {
			return nil, nil // every request has one, and net/http keeps it apart from the others
		}
	case p.in != "query":
		return nil, at.errorf("parameter %q is in %q: write path, query, header or cookie", p.name, p.in)
	}
	if err := at.each("a parameter", func(string, place, place) error { return nil }); err != nil {
		return nil, err
	}
	if err := c.only(at, "parameter "+p.name, parameterWords); err != nil {
		return nil, err
	}
	if required, found := at.get("required"); found {
		var err error
		if p.required, err = required.flag("required of parameter " + p.name); err != nil {
			return nil, err
		}
	}
	if void, found := at.get("allowEmptyValue"); found && p.in == "query" {
		var err error
		if p.mayBeVoid, err = void.flag("allowEmptyValue of parameter " + p.name); err != nil {
			return nil, err
		}
	}
	if err := c.form(p, at); err != nil {
		return p, err
	}
	if p.schema == nil {
		p.kinds = anyKind
		return p, nil
	}
	steps := maxSteps
	p.kinds = p.schema.kinds(&steps)
	p.elements = elements(p.schema, &steps)
	if p.kinds&^kindNull == kindObject && !p.isJSON {
		return p, unreadable{at.errorf("parameter %q is an object, and only lists and single values are read: give it content of application/json, or a schema for each part", p.name)}
	}
	return p, nil
}

// form reads the schema of a parameter, and how its value is written.
func (c *compiler) form(p *parameter, at place) (err error) {
	content, found := at.get("content")
	if found {
		return content.each("content", func(kind string, _, value place) error {
			if p.isJSON = isJSONType(mediaType(kind)); p.isJSON {
				p.schema, err = c.schemaOfMedia(value)
			}
			return err
		})
	}
	style := "simple"
	if p.in == "query" {
		style = "form"
	}
	if written, found := at.get("style"); found {
		style = written.node.Value
	}
	explode := style == "form"
	if written, found := at.get("explode"); found {
		if explode, err = written.flag("explode of parameter " + p.name); err != nil {
			return err
		}
	}
	separator, known := separators[style]
	if !known {
		written, _ := at.get("style")
		return unreadable{written.errorf("style %q is not read: write form, simple, pipeDelimited or spaceDelimited", style)}
	}
	if p.separator = separator; explode && p.in == "query" {
		p.separator = ""
	}
	p.schema, err = c.schemaOf(at)
	return err
}

// elements are the kinds that the elements of a list may have.
func elements(s *schema, steps *int) kinds {
	if *steps--; *steps < 0 {
		return anyKind
	}
	if s.items != nil {
		return s.items.kinds(steps)
	}
	for _, sub := range slices.Concat([]*schema{s.ref}, s.all, s.any, s.one) {
		if sub != nil {
			if of := elements(sub, steps); of != anyKind {
				return of
			}
		}
	}
	return anyKind
}

// check holds the parameter of a request against the document.
func (p *parameter) check(r *check, params []route.Param, query url.Values, h http.Header) {
	var values []string
	switch p.in {
	case "path":
		if p.place < len(params) {
			values = []string{params[p.place].Value}
		}
	case "query":
		values = query[p.name]
	case "header":
		if values = h[p.header]; len(values) > 1 {
			values = []string{strings.Join(values, ",")}
		}
	}
	r.root, r.path, r.at = p.name, r.path[:0], p.schema
	switch {
	case len(values) == 0:
		if p.required {
			r.fail("Required")
		}
		return
	case p.schema == nil, p.mayBeVoid && len(values) == 1 && values[0] == "":
		return
	case p.isJSON:
		value, err := jsonbody.ParseSmall([]byte(values[0]))
		if err != nil || len(values) > 1 {
			r.fail("Is not one JSON value")
			return
		}
		r.value(p.schema, value, nil)
		return
	}
	// What may be anything is a single value: a pattern and a range hold for it, however often a comma stands in it.
	isList := p.kinds&kindArray != 0 && (p.kinds&^(kindArray|kindNull|kindObject) == 0 || p.elements != anyKind) && (len(values) > 1 || p.kinds&^(kindArray|kindNull) == 0 || p.separator != "" && strings.Contains(values[0], p.separator))
	if !isList {
		if len(values) > 1 {
			r.fail("Is given more than once")
			return
		}
		p.one(r, values[0])
		return
	}
	joined := strings.Join(values, p.separator)
	elements := len(values)
	if p.separator != "" {
		elements = 1 + strings.Count(joined, p.separator)
	}
	if !r.spend(elementSteps * elements) {
		return
	}
	if p.separator != "" {
		values = strings.Split(joined, p.separator)
	}
	list := make([]any, len(values))
	for n, text := range values {
		list[n] = worth(text, p.elements)
	}
	r.value(p.schema, list, nil)
}

// elementSteps is what it costs to read an element of a list, which may be a number.
const elementSteps = 8

// one checks a single value: what it may be worth, or else the text itself.
func (p *parameter) one(r *check, text string) {
	value := worth(text, p.kinds)
	if _, is := value.(string); !is && p.kinds&kindString != 0 && !r.silently(p.schema, value, nil) {
		value = text
	}
	r.value(p.schema, value, nil)
}

// worth reads a text as a number or a boolean, where such a value may stand there.
func worth(text string, may kinds) any {
	switch {
	case may&(kindInteger|kindNumber) != 0 && isNumber(text):
		return json.Number(text)
	case may&kindBoolean != 0 && (text == "true" || text == "false"):
		return text == "true"
	}
	return text
}

// isNumber reports whether a text is a number as JSON writes it, of a size that readers agree about.
func isNumber(text string) bool {
	if text == "" || len(text) > 100 || text[0] != '-' && (text[0] < '0' || text[0] > '9') {
		return false
	}
	_, err := jsonbody.Parse([]byte(text))
	return err == nil
}
