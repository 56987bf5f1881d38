package main

import (
	"net/http"
	"testing"

	"github.com/stretchr/testify/require"

	"github.com/tollgate-gateway/tollgate/caddymodule/harness"
)

const origin = "https://app.example.com"

func fromBrowser(r harness.Request, pairs ...string) harness.Request {
	if r.Header == nil {
		r.Header = http.Header{}
	}
	for i := 0; i < len(pairs); i += 2 {
		r.Header.Set(pairs[i], pairs[i+1])
	}
	return r
}

// TestBrowsersMayAskFromTheConfiguredOriginOnly sends preflights, which carry no key, and requests that go well or not.
func TestBrowsersMayAskFromTheConfiguredOriginOnly(t *testing.T) {
	allowed := func(who string) func(*testing.T, *harness.Answer, []harness.Seen) {
		return func(t *testing.T, a *harness.Answer, _ []harness.Seen) {
			require.Equal(t, who, a.Header.Get("Access-Control-Allow-Origin"))
			require.Contains(t, a.Header.Values("Vary"), "Origin")
			if who != "" {
				require.Contains(t, a.Header.Get("Access-Control-Expose-Headers"), "Retry-After")
			}
		}
	}
	preflight := func(from string) harness.Request {
		return fromBrowser(harness.Request{Method: "OPTIONS", Path: "/api/v2/agent/leads/l1"}, "Origin", from,
			"Access-Control-Request-Method", "PATCH", "Access-Control-Request-Headers", "authorization,content-type")
	}
	cases := []harness.Case{
		{Name: "preflight", Request: preflight(origin), Status: 204, Limits: harness.NoLimits, Check: func(t *testing.T, a *harness.Answer, seen []harness.Seen) {
			allowed(origin)(t, a, seen)
			require.Equal(t, "GET, POST, PATCH", a.Header.Get("Access-Control-Allow-Methods"))
			require.Equal(t, "Authorization, Content-Type", a.Header.Get("Access-Control-Allow-Headers"))
		}},
		{Name: "preflight of another origin", Request: preflight("https://evil.example"), Status: 204, Limits: harness.NoLimits,
			Check: func(t *testing.T, a *harness.Answer, seen []harness.Seen) {
				allowed("")(t, a, seen)
				require.Empty(t, a.Header.Get("Access-Control-Allow-Methods"))
			}},
		{Name: "OPTIONS of no browser", Request: harness.Request{Method: "OPTIONS", Path: "/api/v2/agent/leads"}, Status: 204, Limits: harness.NoLimits},
		{Name: "success", Request: fromBrowser(get("/leads", acme), "Origin", origin), Status: 200, Hits: 1, Limits: harness.Workspace, Check: allowed(origin)},
		{Name: "no key", Request: fromBrowser(get("/leads", ""), "Origin", origin), Status: 401, Code: "UNAUTHORIZED", Limits: harness.AuthLimit, Check: allowed(origin)},
		{Name: "plan", Request: fromBrowser(get("/leads", trial), "Origin", origin), Status: 403, Code: "FORBIDDEN", Limits: harness.DeniedPlan, Check: allowed(origin)},
		{Name: "backend's refusal", Request: fromBrowser(post("/leads", acme, "{}"), "Origin", origin), Status: 400, Code: "VALIDATION_ERROR", Hits: 1, Limits: harness.Workspace, Check: allowed(origin)},
		{Name: "another origin", Request: fromBrowser(get("/leads", acme), "Origin", "https://evil.example"), Status: 200, Hits: 1, Limits: harness.Workspace, Check: allowed("")},
	}
	for name, caddyfile := range caddyfiles {
		t.Run(name, func(t *testing.T) { start(t, caddyfile).Run(t, cases) })
	}
}
