package agentapi_test

import (
	"net/http"
	"testing"
	"time"

	"github.com/stretchr/testify/require"

	"github.com/tollgate-gateway/tollgate/examples/konektor/agentapi"
)

func TestAStatusThatCountsQueuesOneConversion(t *testing.T) {
	h := empty(t)
	id := h.create(fields{"firstName": "Ana", "adPlatform": "google", "estimatedValue": 500})
	require.Empty(t, h.get("/conversions/pending").list())
	for _, status := range []string{"contacted", "qualified", "qualified", "hot", "qualified", "won"} {
		h.clock.now = h.clock.now.Add(time.Minute)
		require.Equal(t, http.StatusOK, h.ask("ws_a", "PATCH", "/leads/"+id, fields{"status": status}).status)
	}
	require.Equal(t, []any{
		map[string]any{"leadId": id, "platform": "google", "event": "QualifiedLead", "state": "pending", "value": 500.0, "attempts": 0.0, "createdAt": "2026-11-22T12:02:00.000Z"},
		map[string]any{"leadId": id, "platform": "google", "event": "Purchase", "state": "pending", "value": 500.0, "attempts": 0.0, "createdAt": "2026-11-22T12:06:00.000Z"},
	}, h.get("/conversions/pending").list())
}

func TestOnlyPlatformsThatTakeConversionsGetThem(t *testing.T) {
	h := empty(t)
	for _, platform := range []any{"meta", "google", "tiktok", "linkedin", "posthog", "other", nil} {
		h.create(fields{"firstName": "Ana", "adPlatform": platform, "status": "won", "actualValue": 3})
	}
	require.Equal(t, 3.0, h.get("/conversions/pending").body.Pagination["total"])
	platforms := h.get("/conversions/status").object()["platforms"].([]any)
	require.Len(t, platforms, 3)
	for i, name := range []string{"meta", "google", "tiktok"} {
		require.Equal(t, map[string]any{"platform": name, "pending": 1.0, "synced": 0.0, "failed": 0.0, "lastSyncedAt": nil, "lastError": nil}, platforms[i])
	}
}

func TestConversionStatusTakesAPlatform(t *testing.T) {
	h := open(t, agentapi.Options{Seed: []string{"ws_acme"}})
	all := h.ask("ws_acme", "GET", "/conversions/status?timeframe=all_time", nil).object()["platforms"].([]any)
	for _, sync := range all {
		name := sync.(map[string]any)["platform"].(string)
		one := h.ask("ws_acme", "GET", "/conversions/status?timeframe=all_time&platform="+name, nil).object()["platforms"]
		require.Equal(t, []any{sync}, one)
	}
	h.refused(h.get("/conversions/status?platform=linkedin"), "platform")
	h.refused(h.get("/conversions/pending?platform=meta"), "platform")
}

func TestConversionsHaveEveryState(t *testing.T) {
	h := open(t, agentapi.Options{Seed: []string{"ws_acme"}})
	pending, synced, failed := 0.0, 0.0, 0.0
	for _, row := range h.ask("ws_acme", "GET", "/conversions/status?timeframe=all_time", nil).object()["platforms"].([]any) {
		sync := row.(map[string]any)
		pending += sync["pending"].(float64)
		synced += sync["synced"].(float64)
		failed += sync["failed"].(float64)
		require.Equal(t, sync["synced"].(float64) > 0, sync["lastSyncedAt"] != nil)
		require.Equal(t, sync["failed"].(float64) > 0, sync["lastError"] != nil)
	}
	require.Positive(t, synced)
	require.Positive(t, failed)
	require.Equal(t, pending, h.ask("ws_acme", "GET", "/conversions/pending?timeframe=all_time", nil).body.Pagination["total"])
}

func TestPendingConversionsComeInPages(t *testing.T) {
	h := empty(t)
	for i := range 5 {
		h.createAt(noon.Add(-time.Duration(i)*time.Minute), fields{"firstName": "Ana", "adPlatform": "meta", "status": "won"})
	}
	whole := h.get("/conversions/pending").list()
	var paged []any
	for _, page := range []string{"1", "2", "3"} {
		got := h.get("/conversions/pending?limit=2&page=" + page)
		require.Equal(t, 5.0, got.body.Pagination["total"])
		require.Equal(t, 3.0, got.body.Pagination["totalPages"])
		paged = append(paged, got.list()...)
	}
	require.Equal(t, whole, paged)
}
