package gateway_test

import (
	"context"
	"encoding/json"
	"slices"
	"strings"
	"testing"
	"time"

	"github.com/stretchr/testify/require"

	"github.com/tollgate-gateway/tollgate/caddymodule/harness"
)

// decisionOf waits until the request's line in Caddy's log is there and gives the decision's fields; nil where the
// request was logged and no decision was.
func decisionOf(t *testing.T, g *harness.Gateway, id string) map[string]any {
	t.Helper()
	harness.AccessLine(t, g, id) // written after the decision
	for line := range strings.Lines(g.ReadFile(t, "caddy.log")) {
		var fields map[string]any
		if strings.Contains(line, id) && json.Unmarshal([]byte(line), &fields) == nil && fields["msg"] == "decision" {
			for _, name := range []string{"level", "ts", "logger", "msg", "request_id"} {
				delete(fields, name)
			}
			return fields
		}
	}
	return nil
}

func TestDecisionLogSaysWhoAskedForWhatAndWhatWasDecided(t *testing.T) {
	g := withPolicy(t, rule(`input.request.query.q[0] == "hidden-words"`, "FORBIDDEN", "not you")+
		"\ndeny contains {\"code\": code} if code := {\"broken-words\": \"TEAPOT\"}[input.request.query.q[0]]\n"+
		"\ndeny contains {\"code\": \"NOT_FOUND\"} if input.request.body.name == \"body-words\"\n")
	line := func(method, route string, allow bool, code string, remembered bool) map[string]any {
		return map[string]any{
			"workspace": "ws_acme", "key_id": "key_crm", "method": method, "route": route,
			"allow": allow, "code": code, "generation": 1.0, "remembered": remembered,
		}
	}
	asJSON := harness.Header("Content-Type", "application/json")
	for _, c := range []struct {
		name    string
		request harness.Request
		status  int
		want    map[string]any
	}{
		{"allowed", harness.Request{Path: "/plain?q=open-words", Key: harness.CRM}, 200, line("GET", "/plain", true, "", false)},
		{"remembered", harness.Request{Path: "/plain?q=open-words", Key: harness.CRM}, 200, line("GET", "/plain", true, "", true)},
		{"refused", harness.Request{Path: "/plain?q=hidden-words", Key: harness.CRM}, 403, line("GET", "/plain", false, "FORBIDDEN", false)},
		{"refusal that is remembered", harness.Request{Path: "/plain?q=hidden-words", Key: harness.CRM}, 403, line("GET", "/plain", false, "FORBIDDEN", true)},
		{"refused by the body", harness.Request{Method: "POST", Path: "/bodies", Key: harness.CRM, Body: `{"name": "body-words"}`, Header: asJSON}, 404, line("POST", "/bodies", false, "NOT_FOUND", false)},
		{"malformed decision", harness.Request{Path: "/plain?q=broken-words", Key: harness.CRM}, 500, line("GET", "/plain", false, "INTERNAL_ERROR", false)},
		{"unknown route", harness.Request{Path: "/nothing", Key: harness.CRM}, 404, line("GET", "", true, "", false)},
		{"body that is too large", harness.Request{Method: "POST", Path: "/bodies", Key: harness.CRM, Body: strings.Repeat("x", 2000), Header: asJSON}, 413, nil},
		{"body that is malformed", harness.Request{Method: "POST", Path: "/bodies", Key: harness.CRM, Body: "{", Header: asJSON}, 400, nil},
		{"no key", harness.Request{Path: "/plain"}, 401, nil},
		{"public route", harness.Request{Path: "/public"}, 200, nil},
	} {
		t.Run(c.name, func(t *testing.T) {
			a := g.Do(t, c.request)
			require.Equal(t, c.status, a.Status, a.Body)
			require.Equal(t, c.want, decisionOf(t, g, a.Header.Get("X-Request-Id")))
		})
	}
	log := g.ReadFile(t, "caddy.log")
	ours := strings.Join(slices.DeleteFunc(strings.Split(log, "\n"), func(line string) bool { return !strings.Contains(line, "tollgate") }), "\n")
	require.Contains(t, ours, `"msg":"decision"`)
	for _, hidden := range []string{harness.CRM, "open-words", "hidden-words", "broken-words", "body-words"} {
		require.NotContains(t, ours, hidden)
	}
}

// TestClientThatLeavesEndsTheEvaluation has a policy that would run for a minute.
func TestClientThatLeavesEndsTheEvaluation(t *testing.T) {
	g := harness.New(t)
	g.WriteFile(t, "keys.yaml", harness.WorldKeys)
	g.WriteFile(t, "policies/team.rego", rule("count([1 | some i in numbers.range(1, 100000); some j in numbers.range(1, 100000); i * j == -1]) > 0", "FORBIDDEN", "x"))
	setup := policySetup()
	setup.Options = strings.Replace(setup.Options, "policy_timeout 2s", "policy_timeout 1m", 1)
	require.NoError(t, g.Load(setup.Caddyfile()))
	ctx, leave := context.WithTimeout(t.Context(), 200*time.Millisecond)
	defer leave()
	_, err := g.Open(ctx, harness.Request{Path: "/plain", Key: harness.CRM})
	require.ErrorIs(t, err, context.DeadlineExceeded)
	require.Eventually(t, func() bool {
		return harness.Contains(g.ReadFile(t, "caddy.log"), `"msg":"decision"`, `"route":"/plain"`, `"code":"INTERNAL_ERROR"`, `"generation":1`)
	}, harness.WaitFor, harness.Tick, "C14: long before policy_timeout")
	require.Empty(t, g.Backend.Seen())
}
