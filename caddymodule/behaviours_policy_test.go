package caddymodule_test

import (
	"testing"

	"github.com/stretchr/testify/require"

	"github.com/tollgate-gateway/tollgate/caddymodule/harness"
)

// decided is a row of section C with a good key: a status, and no hit unless it is 200.
func decided(name, method, path, key string, status int, code string) harness.Case {
	c := harness.Case{
		Name: name, Request: harness.Request{Method: method, Path: path, Key: key},
		Status: status, Code: code, Limits: harness.Workspace,
	}
	switch status {
	case 200:
		c.Hits = 1
	case 400:
		c.Limits = harness.AuthLimit
	}
	return c
}

// malformedTarget is a row whose target goes over the wire as it stands.
func malformedTarget(name, target string) harness.Case {
	return harness.Case{
		Name:   name,
		Raw:    "GET " + target + " HTTP/1.1\r\nHost: x\r\nAuthorization: Bearer " + harness.Wildcard + "\r\nConnection: close\r\n\r\n",
		Status: 400, Code: "VALIDATION_ERROR", Limits: harness.AuthLimit,
	}
}

func TestScopesDecide(t *testing.T) {
	g := harness.Start(t, harness.World())
	g.Run(t, []harness.Case{
		decided("C01/method without its scope", "POST", "/leads", harness.Reader, 403, "FORBIDDEN"),
		decided("C01/method with its scope", "POST", "/leads", harness.CRM, 200, ""),
		decided("C02/path without its scope", "GET", "/files/a", harness.CRM, 403, "FORBIDDEN"),
		decided("C23/several scopes, only some held", "GET", "/both", harness.Reader, 403, "FORBIDDEN"),
		decided("C23/several scopes, all held", "GET", "/both", harness.CRM, 200, ""),
		decided("C24/wildcard covers", "GET", "/leads/1", harness.Wildcard, 200, ""),
		decided("C24/wildcard covers at any depth", "GET", "/deep", harness.Wildcard, 200, ""),
		decided("C24/wildcard does not cover its own stem", "GET", "/agent", harness.Wildcard, 403, "FORBIDDEN"),
		decided("C25/key without any scope", "GET", "/leads", harness.Unscoped, 403, "FORBIDDEN"),
		decided("C25/key without any scope where none is needed", "GET", "/plain", harness.Unscoped, 200, ""),
		decided("HEAD counts as GET", "HEAD", "/leads", harness.CRM, 200, ""),
		{
			Name: "missing scopes are told twice", Request: harness.Request{Method: "POST", Path: "/leads", Key: harness.Reader},
			Status: 403, Code: "FORBIDDEN", Limits: harness.Workspace,
			Check: func(t *testing.T, a *harness.Answer, _ []harness.Seen) {
				require.Equal(t, `Bearer error="insufficient_scope", scope="agent.leads.write"`, a.Header.Get("WWW-Authenticate"))
				require.JSONEq(t, `{"missing_scopes":["agent.leads.write"]}`, string(a.Envelope(t).Error.Details))
			},
		},
	})
}

func TestTargetsAreRefusedNotRepaired(t *testing.T) {
	g := harness.Start(t, harness.World())
	var cases []harness.Case
	for _, target := range []string{
		"//a/b", "/%2Fa%2Fb", "/a//b", "/./a/b", "/x/../a/b", "/a;x=1/b", "/health/..%3B/x", "/%61/b", "/\xc3\xa9", "/a|b", "/a\\b", "/a%5Cb",
		"/a%00b", "/a%0Ab", "/leads/.", "/leads/..", "/leads/%2e%2e", "/leads/%2E", "/leads/%65xport",
	} {
		cases = append(cases, malformedTarget("C04/"+target, target))
	}
	cases = append(cases,
		malformedTarget("C04/absolute form", "http://x/leads"),
		malformedTarget("C04/semicolon in the query", "/leads?a=1;b=2"),
		malformedTarget("C04/bad percent-encoding in the query", "/leads?a=%zz"),
		decided("C04b/letter case is no way around a route", "GET", "/leads/EXPORT", harness.Wildcard, 404, "NOT_FOUND"),
		decided("C04b/final slash is no way around a route", "GET", "/leads/export/", harness.Wildcard, 404, "NOT_FOUND"),
		decided("C05/over-encoded dots are an ordinary literal", "GET", "/leads/%252e%252e", harness.Wildcard, 200, ""),
		decided("C05/over-encoded dots without a route", "GET", "/%252e%252e", harness.Wildcard, 404, "NOT_FOUND"),
		decided("C07/prefix ends at a slash", "GET", "/v1/keys", harness.Wildcard, 404, "NOT_FOUND"),
		decided("C07/prefix ends at a slash, hyphen", "GET", "/v1/key-admin", harness.Wildcard, 404, "NOT_FOUND"),
		decided("C08/final slash is another path", "GET", "/plain/", harness.Wildcard, 404, "NOT_FOUND"),
		decided("C08/wildcard needs a character", "GET", "/files/", harness.Wildcard, 404, "NOT_FOUND"),
		decided("C09/letter case", "GET", "/V1/Key", harness.Wildcard, 404, "NOT_FOUND"),
		decided("C04c/scope parameter", "POST", "/rest/data/Contact", harness.Wildcard, 200, ""),
		decided("C04c/scope parameter with a dot", "POST", "/rest/data/Contact.x", harness.Wildcard, 403, "FORBIDDEN"),
		decided("C04c/scope parameter that is a wildcard", "POST", "/rest/data/*", harness.Wildcard, 403, "FORBIDDEN"),
		decided("C04c/scope parameter with a space", "POST", "/rest/data/a%20b", harness.Wildcard, 403, "FORBIDDEN"),
	)
	g.Run(t, cases)
	// net/http itself refuses these before any handler: no envelope, and no hit.
	for _, target := range []string{"/%", "/%2", "/%zz", "%2Fa%2Fb"} {
		g.Run(t, []harness.Case{{
			Name: "C06/" + target, Raw: "GET " + target + " HTTP/1.1\r\nHost: x\r\nConnection: close\r\n\r\n", Status: 400, Limits: harness.NoLimits,
		}})
	}
}

func TestPublicQueriesAreTheBackends(t *testing.T) {
	g := harness.Start(t, harness.World())
	g.Run(t, []harness.Case{{
		Name: "public route takes a query as it comes", Request: harness.Request{Path: "/public?a=1;b=%zz"},
		Status: 200, Hits: 1, Limits: harness.NoLimits,
		Check: func(t *testing.T, _ *harness.Answer, seen []harness.Seen) {
			require.Equal(t, "/public?a=1;b=%zz", seen[0].Target)
		},
	}, {
		Name: "public route takes no malformed path", Raw: "GET /open/../leads HTTP/1.1\r\nHost: x\r\nConnection: close\r\n\r\n",
		Status: 400, Code: "VALIDATION_ERROR", Limits: harness.AuthLimit,
	}})
}

func TestUnknownRoutes(t *testing.T) {
	g := harness.Start(t, harness.World())
	g.Run(t, []harness.Case{
		decided("F01/no route, good key", "GET", "/nothing", harness.CRM, 404, "NOT_FOUND"),
		decided("F01/method without a route", "DELETE", "/leads", harness.CRM, 404, "NOT_FOUND"),
		{Name: "F01/no route, no key", Request: harness.Request{Path: "/nothing"}, Status: 401, Code: "UNAUTHORIZED", Limits: harness.AuthLimit},
		{ // net/http answers it before any handler.
			Name: "F01/OPTIONS * reaches nobody", Raw: "OPTIONS * HTTP/1.1\r\nHost: x\r\nConnection: close\r\n\r\n",
			Status: 200, Limits: harness.NoLimits,
		},
		decided("a key outside its allowlist maps nothing", "GET", "/nothing", harness.Elsewhere, 403, "FORBIDDEN"),
		{
			Name: "E09/plan that nobody configured is denied", Request: harness.Request{Path: "/plain", Key: harness.Nowhere},
			Status: 403, Code: "FORBIDDEN", Limits: harness.DeniedPlan,
		},
		{
			Name: "denied plan, own limits do not lift it", Request: harness.Request{Path: "/plain", Key: harness.Denied},
			Status: 403, Code: "FORBIDDEN", Limits: harness.DeniedPlan,
			Check: func(t *testing.T, a *harness.Answer, seen []harness.Seen) {
				saysDetails(`{"reason":"plan","plan":"trial"}`)(t, a, seen)
				require.Zero(t, a.Number(t, "X-Ratelimit-Limit"))
				require.Zero(t, a.Number(t, "X-Ratelimit-Remaining"))
			},
		},
	})
	require.Eventually(t, func() bool {
		return harness.Contains(g.ReadFile(t, "caddy.log"), "plan is not configured", "platinum")
	}, harness.WaitFor, harness.Tick, "E09: and logged")
}

// saysDetails looks at what an agent can act on.
func saysDetails(want string) func(*testing.T, *harness.Answer, []harness.Seen) {
	return func(t *testing.T, a *harness.Answer, _ []harness.Seen) {
		require.JSONEq(t, want, string(a.Envelope(t).Error.Details))
	}
}
