package mcp_test

import (
	"encoding/json"
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
