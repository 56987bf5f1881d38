package mcp_test

import (
	"encoding/json"
	"strings"
	"testing"

	"github.com/stretchr/testify/require"

	"github.com/tollgate-gateway/tollgate/caddymodule/mcp"
)

// TestOutputs promises of an answer only what holds for each that the document has: clients throw away one that is not as promised,
// though the call was made.
func TestOutputs(t *testing.T) {
	t.Parallel()
	const (
		object = `content: {application/json: {schema: {type: object, properties: {a: {type: string}}}}}`
		other  = `content: {application/json: {schema: {type: object, required: [job], properties: {job: {type: string}}}}}`
	)
	for name, c := range map[string]struct {
		method, answers string
		promised        bool
	}{
		"one":                        {"post", `"200": {description: a, ` + object + `}`, true},
		"one for several":            {"post", `"200": {description: a, ` + object + `}, "201": {description: b, ` + object + `}`, true},
		"errors beside it":           {"post", `"200": {description: a, ` + object + `}, "404": {description: b}, default: {description: c, ` + other + `}`, true},
		"two":                        {"post", `"200": {description: a, ` + object + `}, "202": {description: b, ` + other + `}`, false},
		"nothing beside it":          {"put", `"200": {description: a, ` + object + `}, "204": {description: b}`, false},
		"a file beside it":           {"post", `"200": {description: a, ` + object + `}, "206": {description: b, content: {text/csv: {schema: {type: string}}}}`, false},
		"a redirection beside it":    {"get", `"200": {description: a, ` + object + `}, "303": {description: b}`, false},
		"an answer without its body": {"head", `"200": {description: a, ` + object + `}`, false},
	} {
		t.Run(name, func(t *testing.T) {
			t.Parallel()
			s, _, err := serve(t, head+"\n  /a: {"+c.method+": {operationId: a, responses: {"+c.answers+"}}}\n", mcp.Options{Outputs: true})
			require.NoError(t, err)
			reply := ask(s, &site{}, `{"jsonrpc":"2.0","id":1,"method":"tools/list"}`)
			var said struct {
				Result struct {
					Tools []struct{ OutputSchema json.RawMessage }
				}
			}
			require.NoError(t, json.Unmarshal(reply.Body, &said))
			require.Len(t, said.Result.Tools, 1)
			require.Equal(t, c.promised, said.Result.Tools[0].OutputSchema != nil, "%s", said.Result.Tools[0].OutputSchema)
		})
	}
}

// TestOptionalBodies: the arguments of a body that may be left out are not required, and those that it needs are told in words.
func TestOptionalBodies(t *testing.T) {
	t.Parallel()
	const schema = `content: {application/json: {schema: {type: object, required: [name, id], properties: {id: {type: string, readOnly: true}, name: {type: string}, note: {type: string}}}}}`
	for name, c := range map[string]struct{ body, more, says string }{
		"may be left out": {schema, `"annotations"`, "If any of id, body_name, note is given, so must be body_name."},
		"is required":     {"required: true, " + schema, `"required":["body_name"]`, ""},
		"needs nothing":   {strings.Replace(schema, "required: [name, id], ", "", 1), `"annotations"`, ""},
	} {
		t.Run(name, func(t *testing.T) {
			t.Parallel()
			s, _, err := serve(t, head+"\n  /a: {post: {operationId: a, description: "+strings.Repeat("d", 8<<10)+", parameters: [{name: name, in: query, schema: {type: string}}], requestBody: {"+c.body+"}, responses: {\"200\": {description: ok}}}}\n", mcp.Options{})
			require.NoError(t, err)
			reply := ask(s, &site{}, `{"jsonrpc":"2.0","id":1,"method":"tools/list"}`)
			require.Contains(t, string(reply.Body), c.more)
			var said struct {
				Result struct {
					Tools []struct{ Description string }
				}
			}
			require.NoError(t, json.Unmarshal(reply.Body, &said))
			text := said.Result.Tools[0].Description
			require.LessOrEqual(t, len(text), 4<<10)
			if c.says == "" {
				require.NotContains(t, text, "so must be")
				return
			}
			require.True(t, strings.HasSuffix(text, "\n\n"+c.says), text)
		})
	}
}
