package openapi_test

import (
	"testing"

	"github.com/stretchr/testify/require"

	"github.com/tollgate-gateway/tollgate/caddymodule/openapi"
)

// TestReadOnlyIsNotAskedFor, wherever the property and the word required stand; where no value could be right otherwise, it is.
func TestReadOnlyIsNotAskedFor(t *testing.T) {
	t.Parallel()
	name := write(t, `
openapi: 3.1.0
components:
  schemas:
    Base: {type: object, properties: {id: {type: string, readOnly: true}, name: {type: string}}}
    ID: {type: string, readOnly: true}
paths:
  /beside: {post: {requestBody: {content: {application/json: {schema: {allOf: [{$ref: '#/components/schemas/Base'}, {required: [id, name]}]}}}}}}
  /around: {post: {requestBody: {content: {application/json: {schema: {required: [id, name], allOf: [{$ref: '#/components/schemas/Base'}]}}}}}}
  /referred: {post: {requestBody: {content: {application/json: {schema: {required: [id, name], properties: {id: {allOf: [{$ref: '#/components/schemas/ID'}]}}}}}}}}
  /inside: {post: {requestBody: {content: {application/json: {schema: {items: {$ref: '#/components/schemas/Base', required: [id, name]}}}}}}}
  /other: {post: {requestBody: {content: {application/json: {schema: {allOf: [{$ref: '#/components/schemas/Base'}], properties: {to: {required: [id]}}}}}}}}
  /forms: {post: {requestBody: {content: {application/json: {schema: {allOf: [{$ref: '#/components/schemas/Base'}], not: {required: [id]}}}}}}}
`)
	all := validators(t, name, openapi.Options{})
	for _, c := range []struct{ path, body, want string }{
		{"/beside", `{"name": "a"}`, ""}, {"/beside", `{}`, "name: Required"}, {"/around", `{}`, "name: Required"},
		{"/referred", `{}`, "name: Required"}, {"/inside", `[{}]`, "0.name: Required"},
		{"/other", `{"to": {}}`, "to.id: Required"},                                       // another object's id
		{"/forms", `{}`, ""}, {"/forms", `{"id": "a"}`, "body: Not allowed in this form"}, // id is not to be there at all
	} {
		require.Equal(t, c.want, said(all["POST "+c.path], c.body), c.path)
	}
}
