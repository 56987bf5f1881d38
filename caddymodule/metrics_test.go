package caddymodule_test

import (
	"fmt"
	"maps"
	"net/http"
	"os"
	"regexp"
	"slices"
	"strings"
	"testing"

	"github.com/prometheus/client_golang/prometheus/testutil/promlint"
	"github.com/stretchr/testify/require"

	"github.com/tollgate-gateway/tollgate/caddymodule/gate"
	"github.com/tollgate-gateway/tollgate/caddymodule/harness"
	"github.com/tollgate-gateway/tollgate/caddymodule/refusal"
)

// families are all metrics of a gateway that counts in Redis, with their labels.
var families = map[string][]string{
	"tollgate_requests_total":                      {"code", "plan", "route", "source"},
	"tollgate_refusals_total":                      {"reason"},
	"tollgate_step_seconds":                        {"step"},
	"tollgate_limit_verdicts_total":                {"source"},
	"tollgate_upstream_seconds":                    {"route"},
	"tollgate_backend_errors_not_understood_total": {"body", "route"},
	"tollgate_decision_lines_left_out_total":       nil,
	"tollgate_key_lookups_total":                   {"result", "store"},
	"tollgate_key_lookup_seconds":                  nil,
	"tollgate_key_cache_entries":                   nil,
	"tollgate_key_cache_hits_total":                nil,
	"tollgate_key_feed_age_seconds":                nil,
	"tollgate_key_store_failing":                   {"part"},
	"tollgate_usage_lost_total":                    nil,
	"tollgate_policy_decisions_total":              {"how"},
	"tollgate_policy_evaluation_seconds":           nil,
	"tollgate_policy_load_failures_total":          nil,
	"tollgate_policies_failing":                    nil,
	"tollgate_policies_loaded_timestamp_seconds":   nil,
	"tollgate_openapi_failing":                     nil,
	"tollgate_responses_checked_total":             {"result", "route"},
	"tollgate_mcp_calls_total":                     {"code", "route"},
	"tollgate_tracked_workspaces":                  nil,
	"tollgate_redis_calls_total":                   nil,
	"tollgate_redis_call_requests_total":           nil,
	"tollgate_redis_errors_total":                  nil,
	"tollgate_redis_seconds":                       nil,
	"tollgate_redis_breaker_open":                  nil,
}

// labelValues are all values that the labels may have beside route and plan, which the configuration names.
func labelValues() map[string][]string {
	codes := []string{"ok"}
	for _, code := range refusal.Codes() {
		codes = append(codes, string(code))
	}
	return map[string][]string{
		"code": codes, "reason": gate.Reasons(),
		"source": {"gateway", "backend", "caddy", "memory", "redis", "remembered", "local"},
		"step":   {"hygiene", "route", "authenticate", "policy", "limit"},
		"store":  {"file", "sqlite", "postgres"}, "result": {"found", "unknown", "unusable", "failed", "as_described", "broken", "undeclared_status", "too_large", "encoded", "busy", "cut"},
		"part": {"look-ups", "changes", "last uses", "usage", "keys"}, "how": {"evaluated", "remembered", "failed"}, "body": {"json", "html", "other"},
	}
}

// watched is a world that shows its metrics.
func watched() harness.Setup {
	setup := harness.World()
	setup.Options += "\n" + countersOption
	setup.Gate += "public GET /metrics\n"
	setup.Then = "metrics /metrics\nreverse_proxy $BACKEND"
	return setup
}

// everything makes a request of each kind, and gives the metrics then.
func everything(t *testing.T, g *harness.Gateway) string {
	t.Helper()
	for _, key := range []string{"", harness.CRM, harness.Unknown, harness.Expired, harness.Disabled, harness.Denied, harness.Nowhere, harness.Elsewhere, "short"} {
		for _, path := range []string{"/leads", "/leads/1?q=asked-words", "/files/path-words", "/nothing/path-words", "//", "/public"} {
			g.Do(t, harness.Request{Path: path, Key: key})
		}
	}
	for _, status := range []int{409, 500, 401} {
		g.Backend.Answer(func(w http.ResponseWriter, _ *http.Request) { w.WriteHeader(status) })
		g.Do(t, harness.Request{Path: "/leads", Key: harness.CRM})
	}
	g.Backend.Answer(func(w http.ResponseWriter, _ *http.Request) {
		w.Header().Set("Content-Type", "application/json")
		w.WriteHeader(http.StatusBadRequest)
		_, _ = w.Write([]byte(`{"retcode": 7}`))
	})
	g.Do(t, harness.Request{Path: "/leads", Key: harness.CRM})
	g.Backend.Answer(nil)
	return g.Do(t, harness.Request{Path: "/metrics"}).Body
}

// labelled is one series: its name and its labels.
var labelled = regexp.MustCompile(`^(tollgate_\w+?)(_bucket|_sum|_count)?(?:\{(.*)\})? (\S+)$`)

func TestMetricsAreCompleteAndTheirLabelsClosed(t *testing.T) {
	countOn(t, "on_outage local")
	setup := watched()
	setup.Options += "\nusage sqlite $DIR/usage.db"
	setup.Gate += "openapi $DIR/openapi.yaml {\nresponses log\npublic\n}\nmcp /mcp\n"
	g := harness.New(t)
	g.WriteFile(t, "keys.yaml", setup.Keys)
	g.WriteFile(t, "openapi.yaml", "openapi: 3.1.0\npaths: {/described: {get: {security: [], responses: {200: {}}}}, /told: {get: {operationId: told, responses: {200: {}}}}}\n")
	require.NoError(t, g.Load(setup.Caddyfile()))
	g.Do(t, harness.Request{Path: "/described"})
	callTool(t, g, harness.CRM, "told", nil)
	require.Eventually(t, func() bool {
		return strings.Contains(g.Do(t, harness.Request{Path: "/metrics"}).Body, "tollgate_responses_checked_total{")
	}, harness.WaitFor, harness.Tick)
	text := everything(t, g)
	problems, err := promlint.New(strings.NewReader(ownMetrics(text))).Lint()
	require.NoError(t, err)
	require.Empty(t, problems)

	values, seen := labelValues(), map[string]bool{}
	for line := range strings.Lines(harness.MetricsOf(text, "tollgate_")) {
		series := labelled.FindStringSubmatch(strings.TrimSpace(line))
		require.NotNil(t, series, line)
		labels, known := families[series[1]]
		require.True(t, known, "not in the table: %s", line)
		seen[series[1]] = true
		var names []string
		for _, pair := range strings.Split(series[3], ",") {
			name, value, found := strings.Cut(pair, "=")
			if !found || name == "le" {
				continue
			}
			names = append(names, name)
			if value = strings.Trim(value, `"`); name != "route" && name != "plan" {
				require.Contains(t, values[name], value, line)
			}
		}
		slices.Sort(names)
		require.Equal(t, labels, names, line)
	}
	require.Equal(t, slices.Sorted(maps.Keys(families)), slices.Sorted(maps.Keys(seen)), "each is there after one request of each kind")
	readme, err := os.ReadFile("../README.md")
	require.NoError(t, err)
	for name := range families {
		require.Contains(t, string(readme), name, "the README names it")
	}
	for _, hostile := range []string{"words", "platinum", "ws_", "key_crm", "127.0.0.1"} {
		require.NotContains(t, harness.MetricsOf(text, "tollgate_"), hostile, "no caller makes a label")
	}
}

// ownMetrics gives the lines of our metrics, those that describe them included, in their order.
func ownMetrics(text string) string {
	var own strings.Builder
	for line := range strings.Lines(text) {
		if strings.Contains(line, "tollgate_") {
			own.WriteString(line)
		}
	}
	return own.String()
}

func TestPastFiveHundredPatternsRouteIsOther(t *testing.T) {
	setup := watched()
	for n := range 600 {
		setup.Gate += fmt.Sprintf("route GET /many/%d/x\n", n)
	}
	g := harness.Start(t, setup)
	for _, n := range []int{0, 598, 599} {
		require.Equal(t, 200, g.Do(t, harness.Request{Path: fmt.Sprintf("/many/%d/x", n), Key: harness.CRM}).Status)
	}
	text := harness.MetricsOf(g.Do(t, harness.Request{Path: "/metrics"}).Body, "tollgate_")
	require.Contains(t, text, `tollgate_requests_total{code="ok",plan="big",route="/many/0/x",source="backend"} `)
	require.Contains(t, text, `tollgate_requests_total{code="ok",plan="big",route="other",source="backend"} `)
	require.Contains(t, text, `tollgate_upstream_seconds_count{route="other"} `)
	require.NotContains(t, text, "/many/599/x")
}

// TestAKeysFileThatBreaks is seen in metrics and log, and so is its mending.
func TestAKeysFileThatBreaks(t *testing.T) {
	g := harness.Start(t, watched())
	metric := func(series string) func() bool {
		return func() bool {
			return strings.Contains(g.Do(t, harness.Request{Path: "/metrics"}).Body, "\n"+series+"\n")
		}
	}
	require.Eventually(t, metric(`tollgate_key_store_failing{part="keys"} 0`), harness.WaitFor, harness.Tick)
	g.WriteFile(t, "keys.yaml", "workspaces: [")
	require.Eventually(t, metric(`tollgate_key_store_failing{part="keys"} 1`), harness.WaitFor, harness.Tick)
	require.True(t, harness.Contains(g.ReadFile(t, "caddy.log"), "key store is failing", "keys.yaml:1", `"do":"correct the keys file`))
	g.WriteFile(t, "keys.yaml", harness.WorldKeys)
	require.Eventually(t, metric(`tollgate_key_store_failing{part="keys"} 0`), harness.WaitFor, harness.Tick)
	require.True(t, harness.Contains(g.ReadFile(t, "caddy.log"), "keys file was loaded anew"))
}
