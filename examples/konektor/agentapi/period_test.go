package agentapi_test

import (
	"net/url"
	"testing"
	"time"

	"github.com/stretchr/testify/require"

	"github.com/tollgate-gateway/tollgate/examples/konektor/agentapi"
)

// zones are seeded workspaces by their time zone.
func zones(t *testing.T, h *harness) map[string]string {
	t.Helper()
	found := map[string]string{}
	for _, workspace := range seeded {
		found[h.ask(workspace, "GET", "/workspace", nil).object()["timezone"].(string)] = workspace
	}
	require.Contains(t, found, "America/Sao_Paulo")
	require.Contains(t, found, "Europe/Berlin")
	return found
}

// seeded are workspaces whose settings differ.
var seeded = []string{"ws_acme", "ws_globex"}

func TestTimeframesBeginAtMidnightOfTheWorkspace(t *testing.T) {
	h := open(t, agentapi.Options{Seed: seeded})
	zone := zones(t, h)
	// A Sunday, half past eleven in the evening in UTC: in Berlin Monday has begun.
	h.clock.now = time.Date(2026, 11, 22, 23, 30, 0, 0, time.UTC)
	for _, c := range []struct{ zone, timeframe, from string }{
		{"America/Sao_Paulo", "today", "2026-11-22T03:00:00.000Z"},
		{"Europe/Berlin", "today", "2026-11-22T23:00:00.000Z"},
		{"America/Sao_Paulo", "last_7_days", "2026-11-16T03:00:00.000Z"},
		{"Europe/Berlin", "last_7_days", "2026-11-16T23:00:00.000Z"},
		{"Europe/Berlin", "last_30_days", "2026-10-24T22:00:00.000Z"}, // summer time ended in between
		{"Europe/Berlin", "", "2026-10-24T22:00:00.000Z"},
		{"America/Sao_Paulo", "current_week", "2026-11-16T03:00:00.000Z"},
		{"Europe/Berlin", "current_week", "2026-11-22T23:00:00.000Z"},
		{"America/Sao_Paulo", "current_month", "2026-11-01T03:00:00.000Z"},
		{"Europe/Berlin", "current_month", "2026-10-31T23:00:00.000Z"},
	} {
		target := "/analytics/funnel"
		want := c.timeframe
		if c.timeframe == "" {
			want = "last_30_days"
		} else {
			target += "?timeframe=" + c.timeframe
		}
		period := h.ask(zone[c.zone], "GET", target, nil).object()["period"]
		require.Equal(t, map[string]any{"timeframe": want, "from": c.from, "to": "2026-11-22T23:30:00.000Z"}, period, "%s %s", c.zone, c.timeframe)
	}
	period := h.get("/analytics/funnel?timeframe=all_time").object()["period"]
	require.Equal(t, map[string]any{"timeframe": "all_time", "from": nil, "to": "2026-11-22T23:30:00.000Z"}, period)
}

func TestFromAndToOverrideTheTimeframe(t *testing.T) {
	h := open(t, agentapi.Options{Seed: seeded})
	berlin := zones(t, h)["Europe/Berlin"]
	for query, want := range map[string]map[string]any{
		"from=2026-01-31":                         {"from": "2026-01-30T23:00:00.000Z", "to": "2026-11-22T12:00:00.000Z"},
		"to=2026-01-31":                           {"from": nil, "to": "2026-01-31T22:59:59.999Z"},
		"from=2026-01-31&to=2026-01-31":           {"from": "2026-01-30T23:00:00.000Z", "to": "2026-01-31T22:59:59.999Z"},
		"from=2026-03-29&to=2026-03-29":           {"from": "2026-03-28T23:00:00.000Z", "to": "2026-03-29T21:59:59.999Z"}, // 23 hours
		"from=2026-01-31T00:00:00Z":               {"from": "2026-01-31T00:00:00.000Z", "to": "2026-11-22T12:00:00.000Z"},
		"to=2026-01-31T00:00:00.25%2B05:30":       {"from": nil, "to": "2026-01-30T18:30:00.250Z"},
		"timeframe=today&from=2026-01-31":         {"from": "2026-01-30T23:00:00.000Z", "to": "2026-11-22T12:00:00.000Z"},
		"timeframe=all_time&to=2026-01-31":        {"from": nil, "to": "2026-01-31T22:59:59.999Z"},
		"from=2026-01-30T23:00:00Z&to=2026-01-31": {"from": "2026-01-30T23:00:00.000Z", "to": "2026-01-31T22:59:59.999Z"},
	} {
		want["timeframe"] = "custom"
		require.Equal(t, want, h.ask(berlin, "GET", "/analytics/summary?"+query, nil).object()["period"], query)
	}
}

func TestImpossiblePeriodsAreRefusedByName(t *testing.T) {
	h := open(t, agentapi.Options{Seed: seeded})
	berlin := zones(t, h)["Europe/Berlin"]
	for _, path := range []string{"/analytics/summary", "/analytics/funnel", "/analytics/campaigns", "/conversions/status", "/conversions/pending"} {
		for _, c := range []struct {
			from, to string
			wrong    []string
		}{
			{"2026-02-01", "2026-01-31", []string{"from", "to"}},
			{"2026-01-31T23:00:00Z", "2026-01-31", []string{"from", "to"}}, // February in Berlin
			{"2026-01-31T10:00:00Z", "2026-01-31T11:59:59+02:00", []string{"from", "to"}},
			{"2026-02-29", "", []string{"from"}},
			{"", "2026-1-1", []string{"to"}},
			{"yesterday", "today", []string{"from", "to"}},
		} {
			query := url.Values{}
			if c.from != "" {
				query.Set("from", c.from)
			}
			if c.to != "" {
				query.Set("to", c.to)
			}
			h.refused(h.ask(berlin, "GET", path+"?"+query.Encode(), nil), c.wrong...)
		}
		h.refused(h.get(path+"?timeframe=last_year&from=2026-01-01"), "timeframe")
	}
}

func TestAPeriodHoldsBothItsEnds(t *testing.T) {
	h := empty(t) // in UTC
	for _, at := range []string{"2026-01-30T23:59:59.999Z", "2026-01-31T00:00:00Z", "2026-01-31T23:59:59.999Z", "2026-02-01T00:00:00Z"} {
		created, err := time.Parse(time.RFC3339, at)
		require.NoError(t, err)
		h.createAt(created, fields{"firstName": "Ana", "status": "won", "adPlatform": "meta"})
	}
	for query, n := range map[string]float64{"from=2026-01-31&to=2026-01-31": 2, "from=2026-01-31": 3, "to=2026-01-31": 3,
		"to=2026-01-31T00:00:00Z": 2, "from=2026-02-01T00:00:00Z": 1, "timeframe=all_time": 4, "timeframe=today": 0} {
		require.Equal(t, n, h.get("/analytics/summary?" + query).object()["total"], query)
		require.Equal(t, n, h.get("/conversions/pending?" + query).body.Pagination["total"], query)
		status := h.get("/conversions/status?platform=meta&" + query).object()["platforms"].([]any)[0].(map[string]any)
		require.Equal(t, n, status["pending"], query)
	}
}
