package gateway_test

import (
	"testing"

	"github.com/stretchr/testify/require"

	"github.com/tollgate-gateway/tollgate/caddymodule/gateway"
	"github.com/tollgate-gateway/tollgate/caddymodule/harness"
)

func TestPoliciesSeeOneNameOfAHost(t *testing.T) {
	for sent, want := range map[string]string{
		"api.example.com":       "api.example.com",
		"API.Example.com:8080":  "api.example.com",
		"api.example.com.":      "api.example.com",
		"api.example.com.:8080": "api.example.com",
		"api.example.com..":     "api.example.com",
		"127.0.0.1.:80":         "127.0.0.1",
		"[::1]:80":              "::1",
		"[::1]":                 "::1",
		"[::1].":                "::1",
		".":                     "",
		"":                      "",
	} {
		require.Equal(t, want, gateway.Host(sent), sent)
	}
}

// TestAFinalDotMakesNoOtherHost asks with a dot at the end of the host's name, which policy refuses without one, and which
// Caddy's own matchers take for another name.
func TestAFinalDotMakesNoOtherHost(t *testing.T) {
	g := harness.New(t)
	g.WriteFile(t, "keys.yaml", harness.WorldKeys)
	g.WriteFile(t, "policies/team.rego", rule("input.request.host == \"closed.example.com\"", "FORBIDDEN", "closed"))
	setup := policySetup()
	setup.Then = "@inside host inside.example.com\nrespond @inside inside 200\nreverse_proxy $BACKEND"
	require.NoError(t, g.Load(setup.Caddyfile()))
	ask := func(host string) string {
		return "GET /plain HTTP/1.1\r\nHost: " + host + "\r\nAuthorization: Bearer " + harness.CRM + "\r\nConnection: close\r\n\r\n"
	}
	var cases []harness.Case
	for _, host := range []string{"closed.example.com", "closed.example.com.", "Closed.Example.com.:8080", "closed.example.com.."} {
		cases = append(cases, harness.Case{Name: "B12/policy refuses " + host, Raw: ask(host), Status: 403, Code: "FORBIDDEN", Limits: harness.Workspace})
	}
	for _, host := range []string{"inside.example.com", "inside.example.com.", "inside.example.com.:8080"} {
		cases = append(cases, harness.Case{Name: "B12/a matcher behind the gate takes " + host, Raw: ask(host), Status: 200, Limits: harness.Workspace,
			Check: func(t *testing.T, a *harness.Answer, _ []harness.Seen) { require.Equal(t, "inside", a.Body) }})
	}
	for host, want := range map[string]string{"open.example.com": "open.example.com", "open.example.com.:81": "open.example.com:81"} {
		cases = append(cases, harness.Case{Name: "B12/the backend of " + host, Raw: ask(host), Status: 200, Hits: 1, Limits: harness.Workspace,
			Check: func(t *testing.T, _ *harness.Answer, seen []harness.Seen) { require.Equal(t, want, seen[0].Host) }})
	}
	g.Run(t, cases)
}
