package agentapi_test

import (
	"net/http"
	"net/http/httptest"
	"strings"
	"testing"

	"github.com/stretchr/testify/require"

	"github.com/tollgate-gateway/tollgate/examples/konektor/agentapi"
)

// readings are all that one can read of a workspace.
var readings = []string{"/leads", "/leads?search=ana", "/leads?search=ana@example.com", "/leads?search=5550100", "/leads?status=won",
	"/analytics/summary?timeframe=all_time", "/analytics/funnel?timeframe=all_time", "/analytics/campaigns?timeframe=all_time",
	"/conversions/status?timeframe=all_time", "/conversions/pending?timeframe=all_time"}

func TestAWorkspaceSeesItsOwnDataOnly(t *testing.T) {
	h := open(t, agentapi.Options{Seed: []string{"ws_acme"}})
	var before []string
	for _, target := range readings {
		before = append(before, h.ask("ws_b", "GET", target, nil).text)
	}
	require.Empty(t, h.ask("ws_b", "GET", "/analytics/campaigns?timeframe=all_time", nil).object()["campaigns"])
	require.Equal(t, 0.0, h.ask("ws_b", "GET", "/analytics/summary?timeframe=all_time", nil).object()["total"])
	id := h.create(fields{"firstName": "Ana", "email": "ana@example.com", "phone": "5550100", "uniqueCode": "CRM-9", "externalRef": "hub-9",
		"status": "won", "adPlatform": "meta", "actualValue": 10})
	h.ask("ws_a", "POST", "/support/tickets", fields{"subject": "Help", "message": "Ana asks"})
	for i, target := range readings {
		require.Equal(t, before[i], h.ask("ws_b", "GET", target, nil).text, target)
		require.NotEqual(t, before[i], h.get(target).text, "%s does not show ws_a its data either", target)
	}
	for _, reference := range []string{id, "CRM-9"} {
		require.Equal(t, http.StatusNotFound, h.ask("ws_b", "GET", "/leads/"+reference, nil).status)
		require.Equal(t, http.StatusNotFound, h.ask("ws_b", "PATCH", "/leads/"+reference, fields{"score": 1}).status)
	}
	usage := h.ask("ws_b", "GET", "/workspace", nil).object()["usage"]
	require.Equal(t, map[string]any{"leads": 0.0, "leadsThisMonth": 0.0, "pendingConversions": 0.0, "supportTickets": 0.0}, usage)
}

func TestWithoutAnIdentityNothingIsAnswered(t *testing.T) {
	h := open(t, agentapi.Options{Seed: []string{"ws_acme"}})
	for name, workspaces := range map[string][]string{
		"none": nil, "an empty one": {""}, "two": {"ws_acme", "ws_acme"}, "a list": {"ws_acme, ws_b"}, "one with a space": {" ws_acme"},
		"one too long": {strings.Repeat("w", 65)}, "a path": {"../ws_acme"}, "a quote": {"ws_acme'--"},
	} {
		t.Run(name, func(t *testing.T) {
			h.t = t
			for _, route := range agentapi.Routes() {
				if route.Scope == "" {
					continue
				}
				r := httptest.NewRequest(route.Method, agentapi.Base+strings.ReplaceAll(route.Path, "{id}", "CRM-1024"), strings.NewReader(`{"firstName":"Ana"}`))
				r.Header["X-Tollgate-Workspace"] = workspaces
				got := h.send(r)
				require.Equal(t, http.StatusUnauthorized, got.status)
				require.Equal(t, "UNAUTHORIZED", got.body.Error.Code)
				require.Nil(t, got.body.Data)
			}
		})
	}
	require.Equal(t, 120.0, h.ask("ws_acme", "GET", "/workspace", nil).object()["usage"].(map[string]any)["leads"])
}

func TestTheWorkspaceComesFromTheHeaderOnly(t *testing.T) {
	h := empty(t)
	h.create(fields{"firstName": "Ana"})
	h.refused(h.ask("ws_b", "GET", "/leads?workspace=ws_a", nil), "workspace")
	h.refused(h.ask("ws_b", "POST", "/leads", fields{"firstName": "Eva", "workspace": "ws_a"}), "workspace")
	require.Equal(t, []string{"Ana"}, h.get("/leads").names())
}

func TestWorkspacesThatDifferInCaseOnlyAreTwo(t *testing.T) {
	h := empty(t)
	h.create(fields{"firstName": "Ana", "uniqueCode": "CRM-1"})
	require.Empty(t, h.ask("WS_A", "GET", "/leads", nil).list())
}
