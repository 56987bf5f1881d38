package agentapi_test

import (
	"testing"

	"github.com/stretchr/testify/require"

	"github.com/tollgate-gateway/tollgate/examples/konektor/agentapi"
)

// pipeline makes leads whose totals are easy to tell.
func pipeline(h *harness) {
	for _, lead := range []fields{
		{"firstName": "A", "status": "new", "priority": "low", "source": "ads", "adPlatform": "meta", "score": 10, "estimatedValue": 100},
		{"firstName": "B", "status": "qualified", "priority": "high", "source": "ads", "adPlatform": "meta", "score": 20, "estimatedValue": 50.25},
		{"firstName": "C", "status": "won", "source": "ads", "adPlatform": "google", "score": 60, "estimatedValue": 900, "actualValue": 800},
		{"firstName": "D", "status": "won", "score": 10, "estimatedValue": 200},
		{"firstName": "E", "status": "lost", "score": 0, "estimatedValue": 5000},
	} {
		h.create(lead)
	}
}

func TestSummaryAddsUp(t *testing.T) {
	h := empty(t)
	pipeline(h)
	got := h.get("/analytics/summary").object()
	for name, want := range (fields{"total": 5.0, "open": 2.0, "won": 2.0, "lost": 1.0, "winRate": 0.6667, "averageScore": 20.0,
		"pipelineValue": 150.25, "revenue": 1000.0, "currency": "USD"}) {
		require.Equal(t, want, got[name], name)
	}
	require.Equal(t, 2.0, got["byStatus"].(map[string]any)["won"])
	require.Equal(t, 3.0, got["byPriority"].(map[string]any)["medium"])
	require.Equal(t, map[string]any{"none": 2.0, "meta": 2.0, "google": 1.0, "tiktok": 0.0, "linkedin": 0.0, "posthog": 0.0, "other": 0.0}, got["byAdPlatform"])
	require.Equal(t, 3.0, got["bySource"].(map[string]any)["ads"])
}

func TestAnalyticsOfNothingAreZero(t *testing.T) {
	h := empty(t)
	summary := h.get("/analytics/summary").object()
	for _, name := range []string{"total", "open", "winRate", "averageScore", "pipelineValue", "revenue"} {
		require.Equal(t, 0.0, summary[name], name)
	}
	require.Empty(t, h.get("/analytics/campaigns").object()["campaigns"])
	for _, stage := range h.get("/analytics/funnel").object()["stages"].([]any) {
		require.Equal(t, 0.0, stage.(map[string]any)["rate"])
	}
}

func TestFunnelCountsThoseWhoCameFurther(t *testing.T) {
	h := empty(t)
	pipeline(h)
	got := h.get("/analytics/funnel").object()
	require.Equal(t, 1.0, got["lost"])
	stages := got["stages"].([]any)
	require.Len(t, stages, 10)
	for i, want := range map[int]map[string]any{
		0: {"status": "pageview", "count": 0.0, "reached": 4.0, "rate": 1.0},
		1: {"status": "new", "count": 1.0, "reached": 4.0, "rate": 1.0},
		2: {"status": "contacted", "count": 0.0, "reached": 3.0, "rate": 0.75},
		4: {"status": "qualified", "count": 1.0, "reached": 3.0, "rate": 1.0},
		5: {"status": "hot", "count": 0.0, "reached": 2.0, "rate": 0.6667},
		9: {"status": "won", "count": 2.0, "reached": 2.0, "rate": 1.0},
	} {
		require.Equal(t, want, stages[i])
	}
}

func TestCampaignsOfLeadsWithoutSpendAreByPlatform(t *testing.T) {
	h := empty(t)
	pipeline(h)
	got := h.get("/analytics/campaigns").object()["campaigns"].([]any)
	require.Equal(t, []any{
		map[string]any{"campaign": nil, "adPlatform": "google", "leads": 1.0, "qualified": 1.0, "won": 1.0, "revenue": 800.0,
			"spend": 0.0, "impressions": 0.0, "clicks": 0.0, "costPerLead": nil, "returnOnAdSpend": nil},
		map[string]any{"campaign": nil, "adPlatform": "meta", "leads": 2.0, "qualified": 1.0, "won": 0.0, "revenue": 0.0,
			"spend": 0.0, "impressions": 0.0, "clicks": 0.0, "costPerLead": nil, "returnOnAdSpend": nil},
	}, got)
}

func TestCampaignsOfASeededWorkspaceAgreeWithItsLeads(t *testing.T) {
	h := open(t, agentapi.Options{Seed: []string{"ws_acme"}})
	leads, spend := 0.0, 0.0
	for _, row := range h.ask("ws_acme", "GET", "/analytics/campaigns?timeframe=all_time", nil).object()["campaigns"].([]any) {
		row := row.(map[string]any)
		leads += row["leads"].(float64)
		spend += row["spend"].(float64)
		if row["leads"].(float64) > 0 {
			require.InDelta(t, row["spend"].(float64)/row["leads"].(float64), row["costPerLead"], 0.01)
		}
	}
	none := h.ask("ws_acme", "GET", "/analytics/summary?timeframe=all_time", nil).object()["byAdPlatform"].(map[string]any)["none"].(float64)
	require.Equal(t, 120.0, leads+none)
	month := h.ask("ws_acme", "GET", "/analytics/campaigns", nil).object()["campaigns"].([]any)
	require.NotEmpty(t, month)
	require.Less(t, month[0].(map[string]any)["spend"].(float64), spend)
}

func TestAnalyticsAndConversionsNeverShowAPerson(t *testing.T) {
	h := open(t, agentapi.Options{Seed: []string{"ws_acme"}})
	var shown string
	for _, target := range readings {
		if target[:6] != "/leads" {
			shown += h.ask("ws_acme", "GET", target, nil).text
		}
	}
	shown += h.ask("ws_acme", "GET", "/workspace", nil).text
	checked := 0
	for _, page := range []string{"1", "2"} {
		for _, lead := range h.ask("ws_acme", "GET", "/leads?limit=100&page="+page, nil).list() {
			for _, name := range []string{"lastName", "email", "phone", "notes"} {
				if text, given := lead.(map[string]any)[name].(string); given {
					checked++
					require.NotContains(t, shown, text)
				}
			}
		}
	}
	require.Greater(t, checked, 200)
}

func TestHugeValuesStayFinite(t *testing.T) {
	h := empty(t)
	for range 3 {
		h.create(fields{"firstName": "A", "status": "won", "estimatedValue": 1e12, "actualValue": 1e12, "adPlatform": "meta"})
	}
	require.Equal(t, 3e12, h.get("/analytics/summary").object()["revenue"])
	h.refused(h.ask("ws_a", "POST", "/leads", `{"firstName":"A","estimatedValue":1e999,"actualValue":1000000000001}`), "estimatedValue", "actualValue")
}
