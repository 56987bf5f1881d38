package caddymodule_test

import (
	"net/http"
	"testing"

	"github.com/stretchr/testify/require"

	"github.com/tollgate-gateway/tollgate/caddymodule/harness"
)

func TestMetricsHaveClosedLabels(t *testing.T) {
	setup := harness.World()
	setup.Gate += "public GET /metrics\n"
	setup.Then = "metrics /metrics\nreverse_proxy $BACKEND"
	g := harness.Start(t, setup)
	for _, path := range []string{"/leads", "/leads/1", "/leads/2", "/nothing", "/also/nothing"} {
		g.Do(t, harness.Request{Path: path, Key: harness.CRM})
	}
	g.Do(t, harness.Request{Path: "/leads", Key: harness.Unknown})
	g.Do(t, harness.Request{Path: "/plain", Key: harness.Nowhere})
	g.Backend.Answer(func(w http.ResponseWriter, _ *http.Request) { w.WriteHeader(http.StatusConflict) })
	g.Do(t, harness.Request{Path: "/leads", Key: harness.CRM})
	text := g.Do(t, harness.Request{Path: "/metrics"}).Body
	for _, want := range []string{
		`tollgate_requests_total{code="ok",plan="big",route="/leads/:id",source="backend"}`,
		`tollgate_requests_total{code="NOT_FOUND",plan="big",route="none",source="gateway"}`,
		`tollgate_requests_total{code="UNAUTHORIZED",plan="none",route="/leads",source="gateway"}`,
		`tollgate_requests_total{code="FORBIDDEN",plan="unknown",route="/plain",source="gateway"}`,
		`tollgate_requests_total{code="VALIDATION_ERROR",plan="big",route="/leads",source="backend"}`,
		`tollgate_refusals_total{reason="unknown_route"}`,
		`tollgate_step_seconds_count{step="policy"}`,
	} {
		require.Contains(t, text, want)
	}
	for _, hostile := range []string{"nothing", "platinum", harness.Unknown, harness.CRM, "ws_acme", "127.0.0.1"} {
		require.NotContains(t, harness.MetricsOf(text, "tollgate_"), hostile, "no caller makes a label")
	}
}

func TestAccessLogNamesTheCaller(t *testing.T) {
	g := harness.Start(t, harness.World())
	id := g.Do(t, harness.Request{Path: "/leads/77", Key: harness.CRM}).Header.Get("X-Request-Id")
	refused := g.Do(t, harness.Request{Path: "/files/a", Key: harness.CRM}).Header.Get("X-Request-Id")
	require.Equal(t, map[string]any{
		"request_id": id, "workspace": "ws_acme", "plan": "big", "key_id": "key_crm", "user_id": "key_crm",
		"route": "/leads/:id", "decision": "allowed", "code": "",
	}, harness.AccessLine(t, g, id))
	require.Equal(t, map[string]any{
		"request_id": refused, "workspace": "ws_acme", "plan": "big", "key_id": "key_crm", "user_id": "key_crm",
		"route": "/files/*", "decision": "refused", "code": "FORBIDDEN", "reason": "missing_scope", "missing_scopes": []any{"files.read"},
		"policy_file": "embedded:tollgate/authz/scopes.rego", "policy_line": 10.0,
	}, harness.AccessLine(t, g, refused))
	require.NotContains(t, g.ReadFile(t, "access.log")+g.ReadFile(t, "caddy.log"), harness.CRM, "the secret is in no log")
}

func TestPlaceholdersAreKnownAndEmptyWhenUnset(t *testing.T) {
	setup := harness.World()
	setup.Then = `reverse_proxy $BACKEND {
		header_up X-Seen "{tollgate.workspace.id}|{tollgate.workspace.plan}|{tollgate.workspace.metadata.region}|{tollgate.workspace.metadata.none}|{tollgate.key.id}|{tollgate.key.name}|{tollgate.route}|{tollgate.decision}|{tollgate.nonsense}|{http.auth.user.id}"
		header_up X-Public "{tollgate.workspace.id}|{tollgate.key.id}|{tollgate.route}|{tollgate.decision}"
	}`
	g := harness.Start(t, setup)
	g.Run(t, []harness.Case{{
		Name: "identified caller", Request: harness.Request{Path: "/leads/1", Key: harness.CRM}, Status: 200, Hits: 1, Limits: harness.Workspace,
		Check: seesOnly("X-Seen", "ws_acme|big|eu||key_crm|crm agent|/leads/:id|allowed||key_crm"),
	}, {
		Name: "public route", Request: harness.Request{Path: "/public"}, Status: 200, Hits: 1, Limits: harness.NoLimits,
		Check: seesOnly("X-Public", "||/public|public"),
	}})
}
