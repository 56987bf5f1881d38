package gateway_test

import (
	"context"
	"encoding/json"
	"fmt"
	"path"
	"slices"
	"strings"
	"testing"
	"time"

	"github.com/stretchr/testify/require"

	"github.com/tollgate-gateway/tollgate/caddymodule/gateway"
	"github.com/tollgate-gateway/tollgate/caddymodule/harness"
)

// decisionOf waits until the request's line in the access log is there, which is written after the decision's, and gives the
// fields of that; nil where there is none.
func decisionOf(t *testing.T, g *harness.Gateway, id string) map[string]any {
	t.Helper()
	harness.AccessLine(t, g, id)
	for line := range strings.Lines(g.ReadFile(t, "caddy.log")) {
		var fields map[string]any
		if strings.Contains(line, id) && json.Unmarshal([]byte(line), &fields) == nil && fields["msg"] == "decision" {
			require.Equal(t, "info", fields["level"])
			require.Equal(t, "http.handlers.tollgate.decisions", fields["logger"])
			require.Equal(t, "127.0.0.1", fields["client_ip"])
			for _, name := range []string{"level", "ts", "logger", "msg", "request_id", "client_ip"} {
				delete(fields, name)
			}
			if file, told := fields["policy_file"].(string); told {
				fields["policy_file"] = path.Base(file)
			}
			return fields
		}
	}
	return nil
}

// told are the fields of a decision: words on the left, values on the right.
func told(pairs ...any) map[string]any {
	fields := map[string]any{}
	for i := 0; i < len(pairs); i += 2 {
		fields[pairs[i].(string)] = pairs[i+1]
	}
	return fields
}

// known are the fields of a decision about key_crm for which policy was asked.
func known(decision, method, route string, remembered bool, more ...any) map[string]any {
	return told(append(more, "decision", decision, "method", method, "route", route, "workspace", "ws_acme", "plan", "big",
		"key_id", "key_crm", "generation", 1.0, "remembered", remembered)...)
}

// decisionLogPolicy refuses in three ways, and fails in a fourth.
var decisionLogPolicy = rule(`input.request.query.q[0] == "hidden-words"`, "FORBIDDEN", "not you") +
	"\ndeny contains {\"code\": code} if code := {\"broken-words\": \"TEAPOT\"}[input.request.query.q[0]]\n" +
	"\ndeny contains {\"code\": \"NOT_FOUND\"} if input.request.body.name == \"body-words\"\n"

func TestDecisionLogSaysWhoAskedForWhatAndWhatWasDecided(t *testing.T) {
	g := decided(t, "all", decisionLogPolicy)
	asJSON := harness.Header("Content-Type", "application/json")
	refused := func(method, route, code, reason string, more ...any) map[string]any {
		return told(append(more, "decision", "refused", "method", method, "route", route, "code", code, "reason", reason)...)
	}
	caller := []any{"workspace", "ws_acme", "plan", "big", "key_id", "key_crm"}
	byPolicy := []any{"code", "FORBIDDEN", "reason", "policy", "policy_file", "team.rego", "policy_line", 3.0}
	for _, c := range []struct {
		name    string
		request harness.Request
		status  int
		want    map[string]any
	}{
		{"allowed", harness.Request{Path: "/plain?q=open-words", Key: harness.CRM}, 200, known("allowed", "GET", "/plain", false)},
		{"remembered", harness.Request{Path: "/plain?q=open-words", Key: harness.CRM}, 200, known("allowed", "GET", "/plain", true)},
		{"refused", harness.Request{Path: "/plain?q=hidden-words", Key: harness.CRM}, 403, known("refused", "GET", "/plain", false, byPolicy...)},
		{"refusal that is remembered", harness.Request{Path: "/plain?q=hidden-words", Key: harness.CRM}, 403, known("refused", "GET", "/plain", true, byPolicy...)},
		{"refused by the body", harness.Request{Method: "POST", Path: "/bodies", Key: harness.CRM, Body: `{"name": "body-words"}`, Header: asJSON}, 404,
			known("refused", "POST", "/bodies", false, "code", "NOT_FOUND", "reason", "policy", "policy_file", "team.rego", "policy_line", 9.0)},
		{"malformed decision", harness.Request{Path: "/plain?q=broken-words", Key: harness.CRM}, 500,
			known("refused", "GET", "/plain", false, "code", "INTERNAL_ERROR", "reason", "policy_failed")},
		{"missing scope", harness.Request{Path: "/files/a", Key: harness.CRM}, 403, known("refused", "GET", "/files/*", false, "code", "FORBIDDEN",
			"reason", "missing_scope", "missing_scopes", []any{"files.read"}, "policy_file", "scopes.rego", "policy_line", 10.0)},
		{"unknown route", harness.Request{Path: "/nothing", Key: harness.CRM}, 404, known("refused", "GET", "", false, "code", "NOT_FOUND", "reason", "unknown_route")},
		{"body that is too large", harness.Request{Method: "POST", Path: "/bodies", Key: harness.CRM, Body: strings.Repeat("x", 2000), Header: asJSON}, 413,
			refused("POST", "/bodies", "VALIDATION_ERROR", "body_too_large", caller...)},
		{"no key", harness.Request{Path: "/plain"}, 401, refused("GET", "/plain", "UNAUTHORIZED", "no_key")},
		{"unknown key", harness.Request{Path: "/plain", Key: harness.Unknown}, 401, refused("GET", "/plain", "UNAUTHORIZED", "unknown_key")},
		{"expired key", harness.Request{Path: "/plain", Key: harness.Expired}, 401, refused("GET", "/plain", "UNAUTHORIZED", "expired", "key_id", "key_expired")},
		{"disabled key", harness.Request{Path: "/plain", Key: harness.Disabled}, 401, refused("GET", "/plain", "UNAUTHORIZED", "disabled", "key_id", "key_disabled")},
		{"public route", harness.Request{Path: "/public"}, 200, told("decision", "public", "method", "GET", "route", "/public")},
	} {
		t.Run(c.name, func(t *testing.T) {
			a := g.Do(t, c.request)
			require.Equal(t, c.status, a.Status, a.Body)
			require.Equal(t, c.want, decisionOf(t, g, a.Header.Get("X-Request-Id")))
			require.NotContains(t, a.Body+fmt.Sprint(a.Header), "key_", "the caller is told no id")
		})
	}
	ours := tollgateLines(g.ReadFile(t, "caddy.log"))
	require.Contains(t, ours, `"msg":"decision"`)
	for _, hidden := range []string{harness.CRM, harness.Unknown, harness.Expired, harness.Disabled, "open-words", "hidden-words", "broken-words", "body-words"} {
		require.NotContains(t, ours, hidden)
	}
}

// decided is a gateway with a decision log and a policy of the team's own.
func decided(t *testing.T, which, policy string) *harness.Gateway {
	t.Helper()
	g := harness.New(t)
	g.WriteFile(t, "keys.yaml", harness.WorldKeys)
	g.WriteFile(t, "policies/team.rego", policy)
	setup := policySetup()
	if which != "" {
		setup.Gate += "decisions " + which + "\n"
	}
	require.NoError(t, g.Load(setup.Caddyfile()))
	return g
}

func tollgateLines(log string) string {
	return strings.Join(slices.DeleteFunc(strings.Split(log, "\n"), func(line string) bool { return !strings.Contains(line, "tollgate") }), "\n")
}

func TestDecisionLogTellsWhatTheSiteAsksFor(t *testing.T) {
	for which, want := range map[string][2]bool{"": {false, false}, "refusals": {false, true}, "all": {true, true}} {
		t.Run("decisions "+which, func(t *testing.T) {
			g := decided(t, which, rule("false", "FORBIDDEN", "x"))
			for i, path := range []string{"/plain", "/files/a"} {
				id := g.Do(t, harness.Request{Path: path, Key: harness.CRM}).Header.Get("X-Request-Id")
				require.Equal(t, want[i], decisionOf(t, g, id) != nil, path)
			}
		})
	}
}

// TestDecisionLogIsBounded sends more refusals in a second than the log takes. How many it takes is set so low that every
// machine sends more.
func TestDecisionLogIsBounded(t *testing.T) {
	gateway.SetDecisionLines(t, 20)
	setup := harness.World()
	setup.Gate += "decisions refusals\npublic GET /metrics\n"
	setup.Then = "metrics /metrics\nreverse_proxy $BACKEND"
	g := harness.Start(t, setup)
	// left is how many lines are told to be missing.
	left := func() (n int) {
		text := harness.MetricsOf(g.Do(t, harness.Request{Path: "/metrics"}).Body, "tollgate_decision_lines_left_out_total ")
		_, err := fmt.Sscanf(text, "tollgate_decision_lines_left_out_total %d", &n)
		require.NoError(t, err)
		return n
	}
	before, sent := left(), 0
	for ; left() == before; sent += 200 {
		require.Less(t, sent, 20_000, "none was left out")
		for range 200 {
			require.Equal(t, 401, g.Do(t, harness.Request{Path: "/plain"}).Status)
		}
	}
	require.Eventually(t, func() bool {
		return strings.Count(g.ReadFile(t, "caddy.log"), `"msg":"decision"`) == sent-(left()-before)
	}, harness.WaitFor, harness.Tick, "each line is written or counted")
	require.Eventually(t, func() bool {
		before := left()
		g.Do(t, harness.Request{Path: "/plain"})
		return left() == before
	}, harness.WaitFor, harness.Tick, "the next second has room again")
}

// TestClientThatLeavesEndsTheEvaluation has a policy that would run for a minute.
func TestClientThatLeavesEndsTheEvaluation(t *testing.T) {
	g := harness.New(t)
	g.WriteFile(t, "keys.yaml", harness.WorldKeys)
	g.WriteFile(t, "policies/team.rego", rule("count([1 | some i in numbers.range(1, 100000); some j in numbers.range(1, 100000); i * j == -1]) > 0", "FORBIDDEN", "x"))
	setup := policySetup()
	setup.Options = strings.Replace(setup.Options, "policy_timeout 2s", "policy_timeout 1m", 1)
	setup.Gate += "decisions all\n"
	require.NoError(t, g.Load(setup.Caddyfile()))
	ctx, leave := context.WithTimeout(t.Context(), 200*time.Millisecond)
	defer leave()
	_, err := g.Open(ctx, harness.Request{Path: "/plain", Key: harness.CRM})
	require.ErrorIs(t, err, context.DeadlineExceeded)
	require.Eventually(t, func() bool {
		return harness.Contains(g.ReadFile(t, "caddy.log"), `"msg":"decision"`, `"route":"/plain"`, `"decision":"refused"`, `"generation":1`)
	}, harness.WaitFor, harness.Tick, "C14: long before policy_timeout")
	require.Empty(t, g.Backend.Seen())
}
