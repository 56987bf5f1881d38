package policy_test

import (
	"fmt"
	"net/http"
	"net/netip"
	"testing"
	"time"

	"github.com/stretchr/testify/require"

	"github.com/tollgate-gateway/tollgate/caddymodule/policy"
	"github.com/tollgate-gateway/tollgate/caddymodule/record"
	"github.com/tollgate-gateway/tollgate/caddymodule/route"
)

// request is an input that the embedded policies allow; tests change what they are about.
func request() *policy.Input {
	return &policy.Input{
		Method: "GET", Host: "api.example.com", Path: "/api/v2/agent/leads/l1", RawQuery: "from=2026-01-01",
		Header:   http.Header{"Accept": {"*/*"}, "Authorization": {"Bearer secret"}, "Cookie": {"a=b"}},
		ClientIP: netip.MustParseAddr("203.0.113.9"),
		Route: &route.Match{
			Route:  &route.Route{Methods: []string{"GET"}, Pattern: "/api/v2/agent/leads/:id", Scopes: []string{"agent.leads.read"}},
			Params: []route.Param{{Name: "id", Value: "l1"}},
			Scopes: []string{"agent.leads.read"},
		},
		Identity: &record.Identity{
			Key:       &record.Key{ID: "key_crm", Name: "crm agent", Scopes: []record.Scope{"agent.leads.*"}, AllowedIPs: networks("203.0.113.0/24")},
			Workspace: &record.Workspace{ID: "ws_acme", Plan: "pro", Metadata: map[string]any{"region": "eu"}},
		},
		Plan: &record.Plan{Name: "pro"},
	}
}

func networks(list ...string) []netip.Prefix {
	networks, err := record.ParseNetworks(list)
	if err != nil {
		panic(err)
	}
	return networks
}

func TestEmbeddedPolicies(t *testing.T) {
	engine, err := policy.New(t.Context(), policy.Options{})
	require.NoError(t, err)

	d, err := engine.Decide(t.Context(), request())
	require.NoError(t, err)
	require.Equal(t, policy.Decision{Allow: true, Generation: 1}, d)

	in := request()
	in.Route.Scopes = []string{"agent.leads.write", "a.b"}
	in.Identity.Key = &record.Key{ID: "k", Scopes: []record.Scope{"a.*"}}
	d, err = engine.Decide(t.Context(), in)
	require.NoError(t, err)
	require.Equal(t, []string{"agent.leads.write"}, d.MissingScopes)
	require.Equal(t, "FORBIDDEN", d.Code)
}

func BenchmarkSame(b *testing.B) {
	engine, err := policy.New(b.Context(), policy.Options{})
	require.NoError(b, err)
	in := request()
	b.ReportAllocs()
	for b.Loop() {
		if _, err := engine.Decide(b.Context(), in); err != nil {
			b.Fatal(err)
		}
	}
}

func BenchmarkRemembered(b *testing.B) {
	engine, err := policy.New(b.Context(), policy.Options{Timeout: time.Minute})
	require.NoError(b, err)
	const callers = 10_000
	in := request()
	identities := make([]*record.Identity, callers)
	for i := range identities {
		key := *in.Identity.Key
		key.ID = fmt.Sprint("key_", i)
		identities[i] = &record.Identity{Key: &key, Workspace: in.Identity.Workspace}
	}
	for _, identity := range identities {
		in.Identity = identity
		_, err := engine.Decide(b.Context(), in)
		require.NoError(b, err)
	}
	b.ReportAllocs()
	i := 0
	for b.Loop() {
		in.Identity = identities[i%callers]
		if d, err := engine.Decide(b.Context(), in); err != nil || !d.Remembered {
			b.Fatal(err)
		}
		i++
	}
}
