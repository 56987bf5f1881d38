package openapi_test

import (
	"net/http"
	"os"
	"path/filepath"
	"strings"
	"sync"
	"testing"

	"github.com/stretchr/testify/require"

	"github.com/tollgate-gateway/tollgate/caddymodule/openapi"
	"github.com/tollgate-gateway/tollgate/caddymodule/route"
)

// TestBrokenDocumentsAreErrors that others would have been stopped by: a nil schema, a circle, a pipe.
func TestBrokenDocumentsAreErrors(t *testing.T) {
	t.Parallel()
	for want, text := range map[string]string{
		"is not of RE2": `
components:
  parameters:
    Page: {name: page, in: query, schema: {anyOf: [{type: string, pattern: '^(?!0)'}, {type: 'null'}]}}
paths:
  /a: {get: {parameters: [{$ref: '#/components/parameters/Page'}]}}
  /b: {get: {parameters: [{$ref: '#/components/parameters/Page'}]}}`,
		"refers to itself": `
components:
  schemas:
    A: {$ref: '#/components/schemas/A'}
    T: {required: [a], properties: {a: {$ref: '#/components/schemas/A'}}}
paths:
  /a: {post: {requestBody: {content: {application/json: {schema: {$ref: '#/components/schemas/T'}}}}}}`,
		"content is not a reference": `
paths:
  /a: {post: {requestBody: {content: {$ref: '#/x-content'}}}}
x-content: {application/json: {}}`,
		"merge keys": `
x-base: &base {schema: {type: integer}}
paths:
  /a: {get: {parameters: [{<<: *base, name: n, in: query}]}}`,
		"already stands": `
paths:
  /a: {get: {parameters: [{name: n, in: query, name: m}]}}`,
		"is not a number": `
paths:
  /a: {get: {parameters: [{name: n, in: query, schema: {multipleOf: 1e-10000}}]}}`,
	} {
		d, err := openapi.Load(write(t, "\nopenapi: 3.1.0"+text))
		if err == nil {
			_, _, err = d.Routes(openapi.Options{Validate: true})
		}
		require.ErrorContains(t, err, want)
		require.Regexp(t, `:\d+: `, err.Error(), "with the line")
	}
}

// TestMoreIsNotLess: requests that are made to look as if nothing had to be checked.
func TestMoreIsNotLess(t *testing.T) {
	t.Parallel()
	name := write(t, `
openapi: 3.1.0
paths:
  /leads: {get: {parameters: [{name: limit, in: query, schema: {type: integer, minimum: 1, maximum: 100}}, {name: ids, in: query, explode: false, schema: {type: array, items: {type: integer}}}]}}
  /x/{word}: {get: {parameters: [{name: word, in: path, required: true, schema: {pattern: '^[a-z]+$'}}]}}
  /json: {post: {requestBody: {content: {application/json: {schema: {enum: [a, b], const: a}}}}}}
`)
	all := validators(t, name, openapi.Options{})
	check := func(v *openapi.Validator, params []route.Param, query string, h http.Header, body string) string {
		var bytes []byte
		if body != "" {
			bytes = []byte(body)
		}
		problems, err := v.Check(params, query, h, bytes)
		if err != nil {
			return err.Error()
		}
		var words []string
		for _, p := range problems {
			words = append(words, p.Field)
		}
		return strings.Join(words, " ")
	}
	leads, tooComplex := all["GET /leads"], route.ErrTooComplex.Error()
	require.Empty(t, check(leads, nil, "limit=100&ids=1,2,3", nil, ""))
	require.Equal(t, "limit", check(leads, nil, "limit=101", nil, ""))
	require.Equal(t, "limit", check(leads, nil, "limit=9999&limit=9999", nil, ""))
	require.Equal(t, tooComplex, check(leads, nil, "limit=9999"+strings.Repeat("&", 10_001), nil, ""))
	require.Equal(t, tooComplex, check(leads, nil, "ids="+strings.Repeat(",", 400_000), nil, ""))
	require.Equal(t, "word", check(all["GET /x/:word"], []route.Param{{Name: "word", Value: "A,B"}}, "", nil, ""))
	for kind, want := range map[string]string{
		"application/x+json": "Content-Type", "not a type": "", "text/csv": "", "application/json": "body",
	} {
		v := all["POST /json"]
		h := http.Header{"Content-Type": {kind}}
		body := ""
		if v.ReadsBody(h) {
			body = `"b"`
		}
		if kind == "not a type" {
			want = "body" // it is read as JSON
		}
		require.Equal(t, want, check(v, nil, "", h, body), kind)
	}
}

// TestWhatIsLeftOutIsUnknown: also where a less precise operation would match, but not where the site's own route does.
func TestWhatIsLeftOutIsUnknown(t *testing.T) {
	t.Parallel()
	d, err := openapi.Load(write(t, `
openapi: 3.1.0
paths:
  /leads/{id}: {get: {}, delete: {}}
  /leads/export: {get: {}, head: {}, post: {}}
  /files/{a}.{b}: {get: {}}
`))
	require.NoError(t, err)
	routes, _, err := d.Routes(openapi.Options{Except: []openapi.Selection{
		{Methods: []string{"GET"}, Path: "/leads/export"}, {Methods: []string{"HEAD"}, Path: "/leads/export"}, {Methods: []string{"GET"}, Path: "/files/:a.:b"},
	}})
	require.NoError(t, err)
	matched := func(written []*route.Route, method, path string) string {
		table, _, err := route.NewOver(written, routes)
		require.NoError(t, err)
		var m route.Match
		if found, err := table.Match(method, path, &m); !found || err != nil {
			return ""
		}
		return m.Route.Pattern
	}
	require.Equal(t, "/leads/:id", matched(nil, "GET", "/leads/7"))
	require.Equal(t, "/leads/:id", matched(nil, "DELETE", "/leads/export"), "another method is not left out")
	require.Equal(t, "/leads/export", matched(nil, "POST", "/leads/export"))
	require.Empty(t, matched(nil, "GET", "/leads/export"))
	require.Empty(t, matched(nil, "HEAD", "/leads/export"))
	own := []*route.Route{{Methods: []string{"GET"}, Pattern: "/leads/*"}}
	require.Equal(t, "/leads/*", matched(own, "GET", "/leads/export"))
	require.Equal(t, "/leads/:id", matched(own, "GET", "/leads/7"))
	own = []*route.Route{{Methods: []string{"GET"}, Pattern: "/leads/export"}}
	require.Equal(t, "/leads/export", matched(own, "GET", "/leads/export"))
}

// TestOneDocumentForManySites: sites make routes of one document at once.
func TestOneDocumentForManySites(t *testing.T) {
	t.Parallel()
	name := write(t, `
openapi: 3.1.0
paths:
  /a: {post: {requestBody: {content: {application/json: {schema: {$ref: 'more.yaml#/T'}}}}}}
`)
	require.NoError(t, os.WriteFile(filepath.Join(filepath.Dir(name), "more.yaml"), []byte("T: {properties: {a: {$ref: '#/U'}}}\nU: {type: string}\n"), 0o600))
	d, err := openapi.Load(name)
	require.NoError(t, err)
	var sites sync.WaitGroup
	for range 8 {
		sites.Go(func() {
			if _, _, err := d.Routes(openapi.Options{Validate: true}); err != nil {
				t.Error(err)
			}
		})
	}
	sites.Wait()
}
