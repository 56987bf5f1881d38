package storetest

import (
	"fmt"
	"testing"
	"time"

	"github.com/stretchr/testify/require"

	"github.com/tollgate-gateway/tollgate/caddymodule/usage"
)

// asTools is an entry of which so many came as calls of MCP tools.
func asTools(e usage.Entry, requests int64) usage.Entry {
	e.MCP = usage.Sum{Requests: requests, Cost: requests * e.Cost / e.Requests}
	return e
}

// byWay is what came in which way, by day and route, as operators and customers ask for it.
func byWay(t *testing.T, k usage.Keeper, workspace string) (rows []string) {
	t.Helper()
	report, err := usage.NewReport(workspace, time.Unix(0, 0), time.Now().Add(time.Hour), "route,way")
	require.NoError(t, err)
	all, total, err := report.Rows(t.Context(), k)
	require.NoError(t, err)
	for _, r := range all {
		total.Requests -= r.Requests
		rows = append(rows, fmt.Sprint(r.Values, r.Requests, r.Cost))
	}
	require.Zero(t, total.Requests, "a sum is all of its ways")
	return rows
}

// entriesOf are the entries that an export gives, without their cursors.
func entriesOf(t *testing.T, k usage.Keeper) (entries []usage.Entry) {
	t.Helper()
	_, err := k.Entries(t.Context(), usage.Cursor{}, func(_ usage.Cursor, e usage.Entry) error {
		entries = append(entries, e)
		return nil
	})
	require.NoError(t, err)
	return entries
}

// waysAreKept in hours, in days, and in what is exported, and make no row more.
func waysAreKept(t *testing.T, k usage.Keeper, execute func(string)) {
	h := now()
	leads, one := entry(h, "ws_a", "key_1", "/leads", "2xx", 4), entry(h, "ws_a", "key_1", "/leads/:id", "2xx", 1)
	book(t, k, "one", 1, asTools(leads, 3), one, asTools(entry(h, "ws_b", "key_2", "/leads", "2xx", 8), 8))
	book(t, k, "two", 1, leads, asTools(one, 1))
	want := []string{"[/leads http] 5 10", "[/leads mcp] 11 22", "[/leads/:id http] 1 2", "[/leads/:id mcp] 1 2"}
	require.Equal(t, want, byWay(t, k, ""))
	require.Equal(t, []string{"[/leads http] 5 10", "[/leads mcp] 3 6", "[/leads/:id http] 1 2", "[/leads/:id mcp] 1 2"}, byWay(t, k, "ws_a"))
	checksOut(t, k, nil)

	execute("UPDATE tollgate_usage_clock SET booked = booked + 1")
	require.Equal(t, []usage.Entry{asTools(entry(h, "ws_a", "key_1", "/leads", "2xx", 8), 3), asTools(entry(h, "ws_a", "key_1", "/leads/:id", "2xx", 2), 1),
		asTools(entry(h, "ws_b", "key_2", "/leads", "2xx", 8), 8)}, entriesOf(t, k))

	execute("UPDATE tollgate_usage SET booked = booked - 96, hour = hour - 96")
	require.NoError(t, k.Fold(t.Context(), usage.Keep{Hours: 48, Days: 775}))
	require.Equal(t, want, byWay(t, k, ""), "folded into days")
	book(t, k, "one", 2, asTools(entry(h-96, "ws_b", "key_2", "/leads", "2xx", 1), 1))
	execute("UPDATE tollgate_usage SET booked = booked - 96")
	require.NoError(t, k.Fold(t.Context(), usage.Keep{Hours: 48, Days: 775}))
	want[1] = "[/leads mcp] 12 24"
	require.Equal(t, want, byWay(t, k, ""), "into a day that there is")
	checksOut(t, k, nil)
}

// What a program of schema version 4 does, in its words.
const (
	schemaFourBooks = `INSERT INTO tollgate_usage (booked, hour, workspace_id, key_id, route, outcome, requests, cost)
		VALUES (%[1]d, %[2]d, 'ws_a', 'key_1', '/leads', '2xx', 2, 4), (%[1]d, %[2]d, 'ws_a', 'key_1', '/old', '2xx', 1, 2)
		ON CONFLICT (booked, hour, workspace_id, key_id, route, outcome)
		DO UPDATE SET requests = tollgate_usage.requests + excluded.requests, cost = tollgate_usage.cost + excluded.cost`
	schemaFourFolds = `INSERT INTO tollgate_usage_days (day, workspace_id, key_id, route, outcome, requests, cost)
		SELECT hour / 24, workspace_id, key_id, route, outcome, sum(requests), sum(cost) FROM tollgate_usage WHERE booked < %d
		GROUP BY hour / 24, workspace_id, key_id, route, outcome
		ON CONFLICT (workspace_id, day, key_id, route, outcome)
		DO UPDATE SET requests = tollgate_usage_days.requests + excluded.requests, cost = tollgate_usage_days.cost + excluded.cost`
)

// schemaFourBeside is an upgrade of one gateway after the other: what a program books that knows no ways is added to the same rows,
// and what it folds keeps its sums.
func schemaFourBeside(t *testing.T, k usage.Keeper, execute func(string)) {
	h := now()
	book(t, k, "one", 1, asTools(entry(h, "ws_a", "key_1", "/leads", "2xx", 4), 3))
	execute(fmt.Sprintf("UPDATE tollgate_usage SET booked = %[1]d; UPDATE tollgate_usage_clock SET booked = %[1]d", h))
	execute(fmt.Sprintf(schemaFourBooks, h, h))
	book(t, k, "one", 2, asTools(entry(h, "ws_a", "key_1", "/old", "2xx", 1), 1))
	execute(fmt.Sprintf(schemaFourBooks, h, h))
	require.Equal(t, []string{"[/leads http] 5 10", "[/leads mcp] 3 6", "[/old http] 2 4", "[/old mcp] 1 2"}, byWay(t, k, ""))
	checksOut(t, k, nil)
	execute(fmt.Sprintf(schemaFourFolds, h+1))
	execute(fmt.Sprintf("DELETE FROM tollgate_usage WHERE booked < %d", h+1))
	require.Equal(t, []string{"[/leads http] 8 16", "[/old http] 3 6"}, byWay(t, k, ""), "days that it makes lose the way and no sum")
	checksOut(t, k, nil)
}

// ledgerOfFour has hours and days of a program of schema version 4, of which this one says that they came over HTTP.
func ledgerOfFour(t *testing.T, d Databases) {
	database, h := ofVersion(t, d, 4), now()
	d.Execute(t, database, fmt.Sprintf(`INSERT INTO tollgate_usage VALUES (%[1]d, %[1]d, 'ws_acme', 'k', '/a', '2xx', 2, 10), (%[1]d, %[1]d - 1, 'ws_acme', 'k', '/a', '2xx', 1, 5),
			(%[1]d, %[1]d, 'ws_acme', '*', '*', '*', 1, 1), (%[1]d, %[1]d, 'ws_other', 'l', '', 'NOT_FOUND', 7, 0);
		INSERT INTO tollgate_usage_days VALUES (%[2]d, 'ws_acme', 'k', '/a', '2xx', 3, 300), (3, 'ws_acme', 'k', '/b', '2xx', 4, 3);
		INSERT INTO tollgate_usage_spent VALUES ('ws_acme', %[2]d, 300); UPDATE tollgate_usage_clock SET booked = %[1]d;`, h, h/24-100))
	s := d.open(t, database)
	k := s.(usage.Keeper)
	require.Equal(t, []string{"[ http] 7 0", "[* http] 1 1", "[/a http] 6 315", "[/b http] 4 3"}, byWay(t, k, ""))
	spent, err := k.Spent(t.Context(), "ws_acme", 0, h)
	require.NoError(t, err)
	require.EqualValues(t, 300, spent)
	book(t, k, "one", 1, asTools(entry(h, "ws_acme", "k", "/a", "2xx", 1), 1))
	require.Equal(t, []string{"[ http] 7 0", "[* http] 1 1", "[/a http] 6 315", "[/a mcp] 1 2", "[/b http] 4 3"}, byWay(t, k, ""))
}
