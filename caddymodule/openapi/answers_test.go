package openapi_test

import (
	"testing"

	"github.com/stretchr/testify/require"

	"github.com/tollgate-gateway/tollgate/caddymodule/openapi"
	"github.com/tollgate-gateway/tollgate/caddymodule/route"
)

const answering = `openapi: 3.1.0
paths:
  /leads:
    get:
      responses:
        '200':
          content:
            application/json; charset=utf-8: {schema: {$ref: '#/components/schemas/Lead'}}
            text/csv: {schema: {type: integer}}
        '204': {description: nothing}
        4XX: {$ref: '#/components/responses/Problem'}
        x-internal: {}
components:
  responses: {Problem: {content: {application/problem+json: {}}}}
  schemas:
    Lead:
      type: object
      required: [id, password, name]
      additionalProperties: {type: integer}
      properties:
        id: {type: string, readOnly: true}
        password: {type: string, writeOnly: true}
        name: {type: string, pattern: '^(?!0)', enum: [Ada, Grace]}
        tags: {type: array, items: {type: string}}
`

// TestAnswers: what only answers have is asked of them, and what only requests have is not; a name that the document does not have is
// never told.
func TestAnswers(t *testing.T) {
	t.Parallel()
	d, err := openapi.Load(write(t, answering))
	require.NoError(t, err)
	routes, warnings, err := d.Routes(openapi.Options{Responses: "log"})
	require.NoError(t, err)
	require.Len(t, warnings, 1)
	require.Contains(t, warnings[0], `pattern "^(?!0)" is not of RE2`)
	require.Contains(t, warnings[0], ": so answers are not held against it")
	a := routes[0].Answers
	for name, c := range map[string]struct {
		status int
		kind   string
		body   string
		reads  bool
		want   []route.Problem
		err    error
	}{
		"as described":            {200, "application/json", `{"id": "1", "name": "Ada", "x": 1}`, true, nil, nil},
		"without read-only":       {200, "application/json", `{"name": "Ada"}`, true, []route.Problem{{Field: "id", Text: "Required"}}, nil},
		"all at once":             {200, "application/json; charset=UTF-8", `{"id": 1, "name": "secret", "tags": ["a", 2], "ada@example.com": "secret"}`, true, []route.Problem{{Field: "id", Text: "Expected string"}, {Field: "name", Text: "Must be one of: Ada, Grace"}, {Field: "tags.1", Text: "Expected string"}, {Field: "*", Text: "Expected integer"}}, nil},
		"not JSON":                {200, "application/json", `{"id": `, true, []route.Problem{{Field: "body", Text: "the body is not one JSON value"}}, nil},
		"a name twice":            {200, "application/json", `{"id": "1", "id": "2"}`, true, []route.Problem{{Field: "body", Text: "an object in the body has the same name twice"}}, nil},
		"another kind":            {200, "text/html", "", false, []route.Problem{{Field: "Content-Type", Text: "Must be one of: application/json, text/csv"}}, nil},
		"a kind that is not read": {200, "text/csv", "", false, nil, nil},
		"without content":         {204, "text/html", "", false, nil, nil},
		"a range of statuses":     {404, "application/problem+json", "", false, nil, nil},
		"undeclared":              {500, "application/json", "", false, nil, route.ErrUndeclared},
	} {
		t.Run(name, func(t *testing.T) {
			require.Equal(t, c.reads, a.Reads(c.status, c.kind))
			var body []byte
			if c.body != "" {
				body = []byte(c.body)
			}
			problems, err := a.Check(c.status, c.kind, body)
			require.Equal(t, c.err, err)
			require.Equal(t, c.want, withoutPlaces(problems))
		})
	}
	routes, _, err = d.Routes(openapi.Options{})
	require.NoError(t, err)
	require.Nil(t, routes[0].Answers, "nobody asked")
}

// TestAnswersThatAreRefused: with the line.
func TestAnswersThatAreRefused(t *testing.T) {
	t.Parallel()
	for responses, want := range map[string]string{
		"{20: {}}":   `:3: "20" is not a status: write one such as 200, 4XX or default`,
		"{'2X': {}}": `:3: "2X" is not a status`,
		"{ok: {}}":   `:3: "ok" is not a status`,
		"{default: {content: {application/json: {schema: {type: text}}}}}":                                                                 `:3: type "text" is not one of`,
		"{default: {content: {application/json: {schema: {$ref: '#/paths/~1x/get/responses/default/content/application~1json/schema'}}}}}": "refers to itself for the same value",
	} {
		d, err := openapi.Load(write(t, "openapi: 3.1.0\npaths:\n  /x: {get: {responses: "+responses+"}}\n"))
		require.NoError(t, err)
		_, _, err = d.Routes(openapi.Options{Responses: "log"})
		require.ErrorContains(t, err, want)
		_, _, err = d.Routes(openapi.Options{})
		require.NoError(t, err)
	}
}
