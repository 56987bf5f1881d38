package agentapi_test

import (
	"net/http"
	"strings"
	"testing"
	"time"

	"github.com/stretchr/testify/require"

	"github.com/tollgate-gateway/tollgate/examples/konektor/agentapi"
)

func TestAWorkspaceThatNobodySetUpHasDefaults(t *testing.T) {
	h := empty(t)
	h.create(fields{"firstName": "Ana", "status": "won", "adPlatform": "tiktok"})
	h.createAt(noon.AddDate(0, -1, 0), fields{"firstName": "Bruno"})
	h.ask("ws_a", "POST", "/support/tickets", fields{"subject": "Help", "message": "x"})
	got := h.get("/workspace")
	require.Equal(t, http.StatusOK, got.status, got.text)
	code := got.object()["trackingCode"]
	require.Regexp(t, `^KTR-[0-9a-f]{10}$`, code)
	require.Equal(t, map[string]any{
		"displayName": "ws_a", "timezone": "UTC", "currency": "USD", "language": "en", "dateFormat": "YYYY-MM-DD", "trackingCode": code,
		"subscription": map[string]any{"plan": "custom", "status": "active", "interval": "month", "currentPeriodEnd": "2026-12-01T00:00:00.000Z"},
		"usage":        map[string]any{"leads": 2.0, "leadsThisMonth": 1.0, "pendingConversions": 1.0, "supportTickets": 1.0},
	}, got.object())
}

func TestTheSubscriptionFollowsTheGatewaysPlan(t *testing.T) {
	h := open(t, agentapi.Options{Seed: []string{"ws_acme"}})
	stored := h.ask("ws_acme", "GET", "/workspace", nil).object()["subscription"].(map[string]any)["plan"]
	for plan, want := range map[string]any{"enterprise": "enterprise", "gold-2027": "gold-2027", "": stored, "not a plan": stored,
		strings.Repeat("p", 65): stored} {
		r, err := http.NewRequest("GET", agentapi.Base+"/workspace", nil)
		require.NoError(t, err)
		r.Header.Set("X-Tollgate-Workspace", "ws_acme")
		r.Header.Set("X-Tollgate-Plan", plan)
		require.Equal(t, want, h.send(r).object()["subscription"].(map[string]any)["plan"], plan)
	}
}

func TestThePeriodEndsWithTheMonthOfTheWorkspace(t *testing.T) {
	h := open(t, agentapi.Options{Seed: seeded})
	zone := zones(t, h)
	h.clock.now = time.Date(2026, 12, 31, 23, 30, 0, 0, time.UTC)
	for name, end := range map[string]string{"America/Sao_Paulo": "2027-01-01T03:00:00.000Z", "Europe/Berlin": "2027-01-31T23:00:00.000Z"} {
		subscription := h.ask(zone[name], "GET", "/workspace", nil).object()["subscription"].(map[string]any)
		require.Equal(t, end, subscription["currentPeriodEnd"], name)
	}
}

func TestATicketIsTaken(t *testing.T) {
	h := empty(t)
	got := h.ask("ws_a", "POST", "/support/tickets", fields{"subject": "  Imports ", "message": "How?\nThanks", "priority": "urgent"})
	require.Equal(t, http.StatusCreated, got.status, got.text)
	id := got.object()["id"]
	require.Equal(t, map[string]any{"id": id, "subject": "Imports", "priority": "urgent", "status": "open", "createdAt": "2026-11-22T12:00:00.000Z"}, got.object())
	plain := h.ask("ws_a", "POST", "/support/tickets", fields{"subject": "Imports", "message": "How?"})
	require.Equal(t, "medium", plain.object()["priority"])
	require.NotEqual(t, id, plain.object()["id"])
}

func TestAWrongTicketNamesEachField(t *testing.T) {
	h := empty(t)
	h.refused(h.ask("ws_a", "POST", "/support/tickets", fields{}), "subject", "message")
	h.refused(h.ask("ws_a", "POST", "/support/tickets", fields{"subject": " ab ", "message": " ", "priority": "asap"}), "subject", "message", "priority")
	h.refused(h.ask("ws_a", "POST", "/support/tickets", fields{"subject": strings.Repeat("ü", 181), "message": strings.Repeat("ü", 10_001)}), "subject", "message")
	require.Equal(t, 0.0, h.get("/workspace").object()["usage"].(map[string]any)["supportTickets"])
	most := h.ask("ws_a", "POST", "/support/tickets", fields{"subject": strings.Repeat("ü", 180), "message": strings.Repeat("ü", 10_000)})
	require.Equal(t, http.StatusCreated, most.status, most.text)
}
