package policy

import (
	"encoding/json"
	"strings"
	"testing"

	"github.com/stretchr/testify/require"
)

// TestLargeRequestsAreNotEvaluatedTwice: the sender of a refused request would choose how much it costs to tell where the rule
// stands. What only one rule can say is known at no cost.
func TestLargeRequestsAreNotEvaluatedTwice(t *testing.T) {
	e := engine(t, map[string]string{
		"a.rego": refusal(`input.request.body.list[0] == 1`),
		"b.rego": refusal(`input.request.body.list[0] == 1`),
	})
	place := func(in *Input) string {
		d, err := e.Decide(t.Context(), in)
		require.NoError(t, err)
		require.False(t, d.Allow)
		return d.File
	}
	body := func(n int) func(*Input) {
		return func(in *Input) {
			list := make([]any, n)
			for i := range list {
				list[i] = json.Number("1")
			}
			in.Body, in.HasBody = map[string]any{"list": list}, true
		}
	}
	require.Contains(t, place(request().with(body(200))), "a.rego")
	require.Empty(t, place(request().with(body(300))))
	require.Empty(t, place(request().with(body(200)).with(query("q="+strings.Repeat("x", 3000)))))
	malformed := engine(t, map[string]string{"a.rego": authz(`deny contains object.union({"code": "FORBIDDEN"}, {"status": input.request.body.list[0]})`)})
	_, err := malformed.Decide(t.Context(), request().with(body(200)))
	require.ErrorContains(t, err, "a.rego:3: ")
	_, err = malformed.Decide(t.Context(), request().with(body(300)))
	require.ErrorIs(t, err, ErrMalformed)
	require.NotContains(t, err.Error(), "a.rego:3")
	require.Equal(t, "embedded:tollgate/authz/scopes.rego", place(request().with(body(1)).with(func(in *Input) { in.Route.Scopes = []string{"other"}; in.Body = nil })))
}
