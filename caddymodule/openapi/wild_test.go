package openapi_test

import (
	"net/http"
	"strings"
	"testing"

	"github.com/stretchr/testify/require"

	"github.com/tollgate-gateway/tollgate/caddymodule/openapi"
	"github.com/tollgate-gateway/tollgate/caddymodule/route"
)

// TestOperationsThatAreReferences: their security is that of what they refer to.
func TestOperationsThatAreReferences(t *testing.T) {
	t.Parallel()
	got, err := table(write(t, `openapi: 3.0.3
components: {securitySchemes: {key: {type: http, scheme: bearer}}}
paths:
  /a: {get: {$ref: '#/x-list'}, head: {$ref: '#/x-list'}}
x-list: {security: [{key: [a.b]}]}
`), openapi.Options{})
	require.NoError(t, err)
	require.Equal(t, "GET /a a.b\n", got)
}

// TestOperationsThatARouteCannotTell: one with a query or a fragment in its path is judged as that without, if both need the same.
func TestOperationsThatARouteCannotTell(t *testing.T) {
	t.Parallel()
	text := `openapi: 3.0.3
components: {securitySchemes: {key: {type: http, scheme: bearer}}}
security: [{key: [a.b]}]
paths:
  /files/{id}: {put: {}, get: {}}
  /files/{id}#rename: {put: {}}
  /files/{id}?beta=true: {get: {}}
`
	name := write(t, text)
	got, err := table(name, openapi.Options{})
	require.NoError(t, err)
	const what = ": no route can tell its requests from those without the query or fragment, and they are judged as those\n"
	require.Equal(t, "PUT /files/:id a.b\nGET /files/:id a.b\nwarning: "+name+":6: PUT /files/{id}#rename"+what+"warning: "+name+":7: GET /files/{id}?beta=true"+what, got)

	for other, want := range map[string]string{
		"put: {}":                         "no route can say PUT /other#rename: a path has no query and no fragment; or leave the operation out: except PUT /other%23rename",
		"put: {security: [{key: [a.c]}]}": "no route can say PUT /files/{id}#more",
		"put: {security: []}":             "no route can say PUT /files/{id}#more",
		"put: {x-tollgate: {cost: 2}}":    "no route can say PUT /files/{id}#more",
		"put: {security: [{basic: []}]}":  "no route can say PUT /files/{id}#more",
	} {
		path := "/files/{id}#more"
		if strings.Contains(want, "/other") {
			path = "/other#rename"
		}
		_, err := table(write(t, text+"  "+path+": {"+other+"}\n"), openapi.Options{})
		require.ErrorContains(t, err, want, other)
	}
}

// TestServersWithoutAHost: only the path of a server is asked; one that is not known leaves its operations out where except names them.
func TestServersWithoutAHost(t *testing.T) {
	t.Parallel()
	name := write(t, `openapi: 3.0.3
paths:
  /a: {get: {servers: [{url: 'https://{agent}/v1', variables: {agent: {default: '{your agent}'}}}]}}
  /b: {get: {servers: [{url: 'https://'}]}}
  /c: {get: {servers: [{url: 'v2'}]}, put: {servers: [{url: 'v2'}]}}
`)
	_, err := table(name, openapi.Options{})
	require.ErrorContains(t, err, `:5: server "v2" begins where the document is served, which a gateway does not know: write an address, or a path from the root, such as /v1; or leave out the operations of the server by their own paths, such as: except GET /c`)
	got, err := table(name, openapi.Options{Except: []openapi.Selection{{Methods: []string{"GET", "PUT"}, Path: "/c"}}})
	require.NoError(t, err)
	require.Equal(t, "GET /v1/a any key\nGET /b any key\n", got)
}

// TestLenient: what requests cannot be held against is an error that says how to leave it unchecked, or is unchecked, and told.
func TestLenient(t *testing.T) {
	t.Parallel()
	name := write(t, `openapi: 3.1.0
paths:
  /a:
    post:
      parameters:
        - {name: filter, in: query, required: true, style: deepObject, schema: {type: object}}
        - {name: sort, in: query, schema: {type: object}}
        - {name: limit, in: query, schema: {type: integer}}
      requestBody: {content: {application/json: {schema: {type: object, additionalProperties: false,
        $dynamicRef: '#a', patternProperties: {'^(?=x)': {type: integer}}, properties: {code: {type: string, pattern: '^(?!0)', maxLength: 3, exclusiveMinimum: true}}}}}}
`)
	d, err := openapi.Load(name)
	require.NoError(t, err)
	_, _, err = d.Routes(openapi.Options{Validate: true})
	require.ErrorContains(t, err, `:6: style "deepObject" is not read: write form, simple, pipeDelimited or spaceDelimited; or leave it unchecked: 'validate lenient'`)
	_, _, err = d.Routes(openapi.Options{Lenient: true})
	require.ErrorContains(t, err, "strict_query and lenient go with validate")
	routes, warnings, err := d.Routes(openapi.Options{Validate: true, Lenient: true, StrictQuery: true})
	require.NoError(t, err)
	require.Len(t, warnings, 6)
	for n, want := range []string{`:6: style "deepObject"`, `:7: parameter "sort" is an object`, "$dynamicRef is not followed", `pattern "^(?=x)" is not of RE2`, `pattern "^(?!0)" is not of RE2`, "1 more: so it"} {
		require.Contains(t, warnings[n], want)
		require.Contains(t, warnings[n]+warnings[5], ": so it is left unchecked, which the word lenient allows")
	}
	problems, err := routes[0].Validator.Check(nil, "filter%5Ba%5D=1&limit=x", http.Header{"Content-Type": {"application/json"}}, []byte(`{"code":"0123","xy":"z"}`))
	require.NoError(t, err)
	require.Equal(t, []route.Problem{{Field: "limit", Text: "Expected integer"}, {Field: "code", Text: "Must have at most 3 characters"}}, withoutPlaces(problems))
}
