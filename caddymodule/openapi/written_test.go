package openapi_test

import (
	"net/http"
	"testing"

	"github.com/stretchr/testify/require"

	"github.com/tollgate-gateway/tollgate/caddymodule/openapi"
)

// TestParametersAsOthersWriteThem are valid by OpenAPI, and were refused or not looked at.
func TestParametersAsOthersWriteThem(t *testing.T) {
	t.Parallel()
	name := write(t, `
openapi: 3.0.3
paths:
  /q:
    get:
      parameters:
        - {name: flag, in: query, allowEmptyValue: true, schema: {type: boolean}}
        - {name: ids, in: query, allowEmptyValue: true, schema: {type: array, items: {type: integer}}}
        - {name: filter, in: query, content: {"application/json; charset=utf-8": {schema: {type: object}}}}
        - {name: host, in: header, required: true, schema: {type: string}}
`)
	v := validators(t, name, openapi.Options{})["GET /q"]
	for query, want := range map[string]string{
		"flag": "", "flag=": "", "flag=yes": "flag: Expected boolean", "flag=&flag=": "flag: Is given more than once", "ids": "", "ids=a": "ids.0: Expected integer",
		"filter=5": "filter: Expected object", "filter=%7B%7D": "",
	} {
		problems, err := v.Check(nil, query, http.Header{}, nil)
		require.NoError(t, err)
		got := ""
		for _, p := range problems {
			got += p.Field + ": " + p.Text
		}
		require.Equal(t, want, got, query)
	}
}

// TestOneKindTwice: of a kind of JSON that stands there with several parameters, no schema hides the others.
func TestOneKindTwice(t *testing.T) {
	t.Parallel()
	all := validators(t, write(t, `
openapi: 3.1.0
paths:
  /versions: {post: {requestBody: {content: {application/json; v=1: {schema: {type: string}}, application/json; v=2: {schema: {type: integer}}, application/json; v=3: {schema: {type: boolean}}}}}}
  /any: {post: {requestBody: {content: {application/json; v=1: {schema: {type: string}}, application/json: {}}}}}
`), openapi.Options{})
	for body, want := range map[string]string{`"a"`: "", `1`: "", `true`: "", `[]`: "body: Expected string or integer or boolean"} {
		require.Equal(t, want, said(all["POST /versions"], body), body)
	}
	require.Empty(t, said(all["POST /any"], `[]`))
}
