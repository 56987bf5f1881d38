package policy

import (
	"context"
	"net/http"
	"net/netip"

	"github.com/tollgate-gateway/tollgate/caddymodule/record"
	"github.com/tollgate-gateway/tollgate/caddymodule/route"
)

// sampleTimeout is how long each sample may take. It bounds what policies that never end add to the time of a load.
const sampleTimeout = DefaultTimeout

// samples are requests of the usual kinds: one that nothing is held against, one from outside its key's allowlist and
// without the scope that it needs, and one of a denied plan to a route that is not known.
func samples() []*Input {
	ask := func(method, address string, scopes []record.Scope, networks ...netip.Prefix) *Input {
		return &Input{
			Facts: Facts{
				Method: method, Host: "api.example.com", Path: "/v1/samples/1", RawQuery: "a=1&b=2", ClientIP: netip.MustParseAddr(address),
				Header: http.Header{"Accept": {"*/*"}, "Content-Type": {"application/json"}, "User-Agent": {"sample/1.0"}},
			},
			Route: &route.Match{
				Route:  &route.Route{Methods: []string{method}, Pattern: "/v1/samples/:id", Scopes: []string{"samples.read"}},
				Params: []route.Param{{Name: "id", Value: "1"}},
				Scopes: []string{"samples.read"},
			},
			Identity: &record.Identity{
				Key:       &record.Key{ID: "key_sample", Name: "sample", Scopes: scopes, AllowedIPs: networks},
				Workspace: &record.Workspace{ID: "ws_sample", Plan: "pro", Metadata: map[string]any{"region": "eu"}},
			},
			Plan: &record.Plan{Name: "pro"},
		}
	}
	good := ask(http.MethodGet, "203.0.113.9", []record.Scope{"samples.*"})
	bad := ask(http.MethodPost, "2001:db8::9", nil, netip.MustParsePrefix("203.0.113.0/24"), netip.MustParsePrefix("2001:db9::/32"))
	bad.Body, bad.HasBody = map[string]any{"name": "sample", "list": []any{"a", true, nil}}, true
	lost := ask(http.MethodGet, "203.0.113.9", []record.Scope{"*"}, netip.MustParsePrefix("203.0.113.0/24"))
	lost.Route, lost.Plan = nil, &record.Plan{Name: "trial", Denied: true}
	return []*Input{good, bad, lost}
}

// warmUp decides the samples, so that no caller pays for what the first evaluation does and no later one. What the policies
// say of requests that nobody sent, failures too, means nothing, and is not remembered.
func (g *generation) warmUp(ctx context.Context) {
	for _, in := range samples() {
		_, _ = g.evaluate(ctx, in, sampleTimeout)
	}
}
