package openapi

import (
	"maps"
	"mime"
	"net/http"
	"net/url"
	"slices"
	"strings"

	"go.yaml.in/yaml/v3"

	"github.com/tollgate-gateway/tollgate/caddymodule/internal/jsonbody"
	"github.com/tollgate-gateway/tollgate/caddymodule/route"
)

// Validator holds the requests of one operation against its document: parameters in path, query and headers, and JSON bodies. It is
// a route.Validator, and immutable. What it costs is bounded, whatever the document and the request are.
type Validator struct {
	parameters []*parameter
	strict     bool // query parameters that the document does not name are problems
	named      []string
	unread     bool               // a query parameter is not looked at, and may have any name
	media      map[string]*schema // by media type, those that are JSON or may be; nil values: any JSON
	others     bool               // the operation takes bodies of other kinds too
	required   bool               // a body must be there
}

// ReadsBody reports whether the body of a request with that header is to be given to Check: it is JSON, or says nothing of what it is.
// The bodies of others are not looked at.
func (v *Validator) ReadsBody(h http.Header) bool {
	if len(v.media) == 0 {
		return false
	}
	if len(h["Content-Type"]) == 0 {
		return !v.others
	}
	_, found := v.schema(h)
	return found
}

// schema is what holds for a JSON body.
func (v *Validator) schema(h http.Header) (*schema, bool) {
	kind := "application/json"
	if list := h["Content-Type"]; len(list) == 1 {
		// What is no media type, or several, is taken for JSON, and then refused by who reads the body: a backend might take it so.
		if written, _, err := mime.ParseMediaType(list[0]); err == nil {
			kind = written
		}
	}
	if !isJSONType(kind) {
		return nil, false
	}
	major, _, _ := strings.Cut(kind, "/")
	for _, name := range []string{kind, major + "/*", "*/*"} {
		if s, found := v.media[name]; found {
			return s, true
		}
	}
	return nil, false
}

func isJSONType(kind string) bool {
	return kind == "application/json" || strings.HasSuffix(kind, "+json")
}

// mayBeJSON reports whether a backend might read a body as JSON: its kind is one of JSON, or is not told properly. Where only JSON may
// come, that is also what some take for JSON: its older names, no media type, and a range of them.
func (v *Validator) mayBeJSON(sent []string) bool {
	kind, _, err := mime.ParseMediaType(sent[0])
	if len(sent) > 1 || err != nil || isJSONType(kind) {
		return true
	}
	return !v.others && (kind == "text/json" || kind == "application/x-json" || !strings.Contains(kind, "/") || strings.Contains(kind, "*"))
}

// Check says what is wrong with a request, MaxProblems things at most. Params are those of its route, body what it sends: nil, where
// ReadsBody says that it is not looked at, or it has none. The error says why it could not be checked: route.ErrTooComplex, or one of
// package jsonbody.
func (v *Validator) Check(params []route.Param, rawQuery string, h http.Header, body []byte) ([]route.Problem, error) {
	r := check{steps: maxSteps}
	var query url.Values
	if len(v.named) > 0 || v.strict && !v.unread && rawQuery != "" {
		var err error
		if query, err = url.ParseQuery(rawQuery); err != nil { // more than it reads: the gate has refused all else
			return nil, route.ErrTooComplex
		}
	}
	for _, p := range v.parameters {
		p.check(&r, params, query, h)
	}
	r.at = nil
	if v.strict && !v.unread {
		unknown := make([]string, 0, len(query))
		for name := range query {
			if !slices.Contains(v.named, name) {
				unknown = append(unknown, name)
			}
		}
		slices.Sort(unknown)
		for _, name := range unknown {
			r.root = cut(name, maxName)
			r.fail("Unknown parameter")
		}
	}
	r.root = ""
	if sent := h["Content-Type"]; len(v.media) > 0 && len(sent) > 0 && !v.ReadsBody(h) && v.mayBeJSON(sent) {
		r.root = "Content-Type"
		r.fail("Must be one of: %s", strings.Join(slices.Sorted(maps.Keys(v.media)), ", "))
		r.root = ""
	}
	switch {
	case len(body) > 0:
		s, found := v.schema(h)
		if !found || s == nil {
			break
		}
		value, err := jsonbody.ParseSmall(body)
		if err != nil {
			return nil, err
		}
		r.value(s, value, nil)
	case v.required && (len(h["Content-Type"]) == 0 || v.ReadsBody(h)):
		r.fail("Required")
	}
	if r.steps < 0 {
		return nil, route.ErrTooComplex
	}
	return r.problems, nil
}

// validator reads what the document says of an operation's requests.
func (c *compiler) validator(o *operation, full string) (*Validator, error) {
	v := &Validator{}
	declared, err := c.declared(o)
	if err != nil {
		return nil, err
	}
	for _, at := range declared {
		p, err := c.parameter(at, full)
		if err != nil && p != nil {
			if err = c.skip(err); err == nil {
				v.unread = v.unread || p.in == "query"
				continue
			}
		}
		switch {
		case err != nil:
			return nil, err
		case p == nil: // a cookie, or a header that is not the document's to name
		case p.in == "query":
			v.named = append(v.named, p.name)
			fallthrough
		default:
			v.parameters = append(v.parameters, p)
		}
	}
	at, found := o.of.get("requestBody")
	if !found {
		return v, nil
	}
	if at, err = c.files.resolve(at); err != nil {
		return nil, err
	}
	if err := c.only(at, "a requestBody", bodyWords); err != nil {
		return nil, err
	}
	if required, found := at.get("required"); found {
		if v.required, err = required.flag("required of a requestBody"); err != nil {
			return nil, err
		}
	}
	content, found := at.get("content")
	if !found {
		return nil, at.errorf(`a requestBody has no "content": write the media types that it takes`)
	}
	v.media = map[string]*schema{}
	return v, content.each("content", func(kind string, key, value place) error {
		if kind == "$ref" {
			return key.errorf("content is not a reference: write the media types out")
		}
		if kind = mediaType(kind); !isJSONType(kind) && !strings.Contains(kind, "*") {
			v.others = true
			return nil
		}
		v.others = v.others || strings.Contains(kind, "*")
		return c.media(v.media, kind, key, value)
	})
}

// mediaType is a kind of content without its parameters, in small letters.
func mediaType(kind string) string {
	if plain, _, err := mime.ParseMediaType(kind); err == nil {
		kind = plain
	}
	return strings.ToLower(kind)
}

// media reads what holds for a kind of content. Where it stands there several times, with other parameters each ("application/json; v=2"),
// a body may be as any of them says: backends do not all read the parameters, and some call them otherwise.
func (c *compiler) media(of map[string]*schema, kind string, key, value place) error {
	s, err := c.schemaOfMedia(value)
	if err != nil {
		return err
	}
	if known, twice := of[kind]; twice && known != nil && s != nil {
		either := newSchema(key)
		either.any = []*schema{known, s}
		s = either
	} else if twice {
		s = nil // one of them says nothing of it
	}
	of[kind] = s
	return nil
}

// schemaOfMedia is the schema of a media type; nil: it has none.
func (c *compiler) schemaOfMedia(at place) (*schema, error) {
	at, err := c.files.resolve(at)
	if err != nil {
		return nil, err
	}
	if at.node.Kind == mapping { // what is none has no schema either
		if err := c.only(at, "a media type", mediaWords); err != nil {
			return nil, err
		}
	}
	return c.schemaOf(at)
}

// schemaOf is the schema of a parameter or a media type; nil: it has none.
func (c *compiler) schemaOf(at place) (*schema, error) {
	at, err := c.files.resolve(at)
	if err != nil {
		return nil, err
	}
	s, found := at.get("schema")
	if !found {
		return nil, nil
	}
	return c.compile(s)
}

// declared are the parameters of an operation: its own, and those of its path that it does not say anew.
func (c *compiler) declared(o *operation) (list []place, err error) {
	known := map[string]bool{}
	for _, of := range []place{o.of, o.item} {
		parameters, found := of.get("parameters")
		if !found {
			continue
		}
		own := map[string]bool{}
		err := parameters.list("parameters", func(at place) error {
			at, err := c.files.resolve(at)
			if err != nil {
				return err
			}
			key := at.word("in") + " " + at.word("name")
			if own[key] {
				return at.errorf("parameter %q stands here a second time: keep one", at.word("name"))
			}
			if own[key] = true; !known[key] {
				list = append(list, at)
			}
			return nil
		})
		if err != nil {
			return nil, err
		}
		for key := range own {
			known[key] = true
		}
	}
	return list, nil
}

// word is a member that is one word; "": there is none.
func (p place) word(name string) string {
	if at, found := p.get(name); found && at.node.Kind == yaml.ScalarNode {
		return at.node.Value
	}
	return ""
}

// Interface guards
var _ route.Validator = (*Validator)(nil)
