package contract

import (
	"bytes"
	"context"
	"encoding/json"
	"maps"
	"net/http"
	"net/url"
	"slices"
	"strconv"
	"strings"
)

// Request is one request to try, and what must come of it.
type Request struct {
	Operation *Operation
	// Name says what is special about it: unique within the operation, fit for t.Run.
	Name string
	// Target is path and query, as they are sent.
	Target      string
	ContentType string
	// Body is nil for none.
	Body []byte
	// Wrong is the name that the refusal's details must hold; empty for valid requests.
	Wrong string
	// Status of the refusal; 0 for valid requests, whose status is one of the operation's.
	Status int
}

// HTTP makes the request for a server, such as http://127.0.0.1:8080.
func (r Request) HTTP(ctx context.Context, server string) (*http.Request, error) {
	request, err := http.NewRequestWithContext(ctx, r.Operation.Method, server+r.Target, bytes.NewReader(r.Body))
	if err == nil && r.ContentType != "" {
		request.Header.Set("Content-Type", r.ContentType)
	}
	return request, err
}

// generator makes the requests of a document. Its count keeps unique values unique.
type generator struct {
	document *Document
	// path are values for path parameters, by name.
	path  map[string]string
	count int
}

// request is the plain valid one: path parameters as given, no query, the example as its body.
func (g *generator) request(op *Operation, name string) Request {
	target := op.Path
	for parameter, value := range g.path {
		target = strings.ReplaceAll(target, "{"+parameter+"}", url.PathEscape(value))
	}
	r := Request{Operation: op, Name: name, Target: g.document.Base() + target}
	if op.Body != nil {
		r.ContentType = jsonType
		r.Body = g.body(op, nil)
	}
	return r
}

// body is the example with some values set; a value that is unset takes the property away.
func (g *generator) body(op *Operation, set map[string]any) []byte {
	content := op.Body.Content[jsonType]
	body := maps.Clone(content.Example)
	for name := range body {
		if content.Schema.Properties[name].Unique {
			body[name] = g.unique(content.Schema.Properties[name])
		}
	}
	for name, value := range set {
		body[name] = value
		if value == unset {
			delete(body, name)
		}
	}
	// Maps, texts, numbers and nulls: this cannot fail.
	text, _ := json.Marshal(body)
	return text
}

type unsetType struct{}

var unset any = unsetType{}

func (g *generator) unique(s *Schema) string {
	g.count++
	example, _ := s.Examples[0].(string)
	return example + "-" + strconv.Itoa(g.count)
}

func withQuery(r Request, name string, values ...string) Request {
	r.Target += "?" + url.Values{name: values}.Encode()
	return r
}

func sortedNames(properties map[string]*Schema) []string { return slices.Sorted(maps.Keys(properties)) }
