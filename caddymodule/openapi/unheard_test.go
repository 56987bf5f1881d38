package openapi_test

import (
	"strings"
	"testing"

	"github.com/stretchr/testify/require"

	"github.com/tollgate-gateway/tollgate/caddymodule/openapi"
)

// TestWhatChecksNothingIsSaid: a misspelt word would leave requests unchecked, and nobody would hear of it.
func TestWhatChecksNothingIsSaid(t *testing.T) {
	t.Parallel()
	body := func(schema string) string {
		return `{post: {requestBody: {content: {application/json: {schema: ` + schema + `}}}}}`
	}
	for name, c := range map[string]struct{ item, refused, warned string }{
		"a parameter of Swagger": {`{get: {parameters: [{name: n, in: query, type: integer}]}}`, `:3: parameter n has no "type"`, ""},
		"a misspelt schema":      {`{post: {requestBody: {content: {application/json: {shema: {}}}}}}`, `:3: a media type has no "shema"`, ""},
		"a misspelt required":    {`{post: {requestBody: {requierd: true, content: {application/json: {}}}}}`, `:3: a requestBody has no "requierd"`, ""},
		"a JSON parameter's":     {`{get: {parameters: [{name: n, in: query, content: {application/json: {scheme: {}}}}]}}`, `:3: a media type has no "scheme"`, ""},
		"required of a property": {body(`{type: object, properties: {a: {type: string, required: true}}}`),
			`:3: required of a schema is a list of names: write it beside the properties that have the name, as required: [name]`, ""},
		"exclusive as in 3.0":    {body(`{minimum: 1, exclusiveMinimum: true}`), `:3: exclusiveMinimum is a number of its own in OpenAPI 3.1: write exclusiveMinimum: 5 in place of`, ""},
		"nullable":               {body(`{type: string, nullable: true}`), "", `:3: OpenAPI 3.1 has no nullable, write type: [string, "null"]: so it checks nothing`},
		"not nullable":           {body(`{type: string, nullable: false}`), "", ""},
		"a misspelt word":        {body(`{requred: [a]}`), "", `:3: schemas have no word "requred": so it checks nothing`},
		"words that say nothing": {body(`{title: a, x-a: 1, default: 1, readOnly: true, deprecated: true, examples: [a], xml: {}}`), "", ""},
		"numbers for texts":      {body(`{type: string, enum: [a, 4.1]}`), "", `:3: "4.1" is allowed here, and the type is string: put it in quotes, or correct the type: so no request can be right with it`},
		"null for null":          {body(`{type: [string, "null"], enum: [a, null]}`), "", ""},
	} {
		t.Run(name, func(t *testing.T) {
			d, err := openapi.Load(write(t, "openapi: 3.1.0\npaths:\n  /a: "+c.item))
			require.NoError(t, err)
			_, warnings, err := d.Routes(openapi.Options{Validate: true})
			if c.refused == "" {
				require.NoError(t, err)
			} else {
				require.ErrorContains(t, err, c.refused)
				require.Equal(t, 1, strings.Count(err.Error(), "validate lenient"), err)
				_, warnings, err = d.Routes(openapi.Options{Validate: true, Lenient: true})
				require.NoError(t, err)
				c.warned = "which the word lenient allows"
			}
			all := strings.Join(warnings, "\n")
			require.Contains(t, all, c.warned)
			require.Equal(t, c.warned == "", all == "", all)
			_, warnings, err = d.Routes(openapi.Options{})
			require.NoError(t, err)
			require.Empty(t, warnings, "nothing is held against the document")
		})
	}
}
