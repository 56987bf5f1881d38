package policies_test

import (
	"encoding/json"
	"strings"
	"testing"

	"github.com/stretchr/testify/require"

	"github.com/tollgate-gateway/tollgate/caddymodule/policy"
	"github.com/tollgate-gateway/tollgate/caddymodule/record"
	"github.com/tollgate-gateway/tollgate/caddymodule/route"
)

// ask judges a query of a key with these scopes.
func (g gateway) ask(body string, scopes ...record.Scope) policy.Decision {
	g.t.Helper()
	in := &policy.Input{Facts: policy.Facts{Method: "POST", Host: "api.example.com", Path: "/rest/query/json"},
		Plan:     &record.Plan{Name: "pro"},
		Route:    &route.Match{Route: &route.Route{Methods: []string{"POST"}, Pattern: "/rest/query/json"}, Scopes: []string{"konecty.query"}},
		Identity: &record.Identity{Key: &record.Key{ID: "k", Scopes: scopes}, Workspace: &record.Workspace{ID: "ws_acme"}},
		HasBody:  true,
	}
	decoder := json.NewDecoder(strings.NewReader(body))
	decoder.UseNumber()
	require.NoError(g.t, decoder.Decode(&in.Body), body)
	decision, err := g.engine.Decide(g.t.Context(), in)
	require.NoError(g.t, err, body[:min(len(body), 200)])
	return decision
}

// longQuery is one of the longest that are judged.
func longQuery() string {
	condition := `{"term": "name.first", "operator": "equals", "value": "x"}`
	return `{"document": "Contact", "filter": {"match": "or", "conditions": [` + strings.Repeat(condition+",", 140) + condition + `]}}`
}

func TestNoQueryIsTooMuchForTheTime(t *testing.T) {
	g := newGateway(t)
	require.True(t, g.ask(longQuery(), "konecty.*").Allow)
	long := `{"document": "Contact", "x": [` + strings.Repeat("1,", 30_000) + `1]}`
	n := testing.AllocsPerRun(1, func() { require.False(t, g.ask(long, "konecty.*").Allow) })
	t.Logf("%.1f allocations for each element of what is too long", n/30_000)
	require.Less(t, n/30_000, 30.0)
}

func BenchmarkQuery(b *testing.B) {
	g := newGateway(b)
	for name, body := range map[string]string{
		"usual":   `{"document": "Contact", "filter": {"match": "and", "conditions": [{"term": "code", "operator": "equals", "value": 16503}]}, "fields": "_id,code,name", "limit": 5}`,
		"longest": longQuery(),
	} {
		b.Run(name, func(b *testing.B) {
			b.ReportAllocs()
			for b.Loop() {
				require.True(b, g.ask(body, "konecty.*").Allow)
			}
		})
	}
}
