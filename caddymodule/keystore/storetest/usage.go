package storetest

import (
	"fmt"
	"math"
	"slices"
	"strings"
	"testing"
	"time"

	"github.com/stretchr/testify/require"

	"github.com/tollgate-gateway/tollgate/caddymodule/keystore"
	"github.com/tollgate-gateway/tollgate/caddymodule/usage"
)

// Usage is the conformance suite of a usage.Keeper. Open gives one on an empty database, and executes statements in it.
func Usage(t *testing.T, open func(t *testing.T) (k usage.Keeper, execute func(statement string))) {
	for name, test := range map[string]func(*testing.T, usage.Keeper, func(string)){
		"a batch counts once": countsOnce, "sums by each field": sumsByField, "gateways at once": bookedAtOnce,
		"a check finds what is wrong": wrongIsFound, "entries are told once, and none is missed": toldOnce, "hours become days, days go": hoursBecomeDays,
		"what a workspace spent": spentByDay, "the way that requests came": waysAreKept, "a program of schema 4 beside this one": schemaFourBeside,
	} {
		t.Run(name, func(t *testing.T) {
			k, execute := open(t)
			test(t, k, execute)
		})
	}
}

// now is the hour of the test, which is not its last minute's.
func now() int64 { return usage.HourOf(time.Now()) }

func entry(hour int64, workspace, key, route, outcome string, requests int64) usage.Entry {
	return usage.Entry{
		Cell: usage.Cell{Hour: hour, Workspace: workspace, Key: key, Route: route, Outcome: outcome},
		Sum:  usage.Sum{Requests: requests, Cost: 2 * requests},
	}
}

func book(t *testing.T, k usage.Keeper, instance string, number int64, entries ...usage.Entry) {
	t.Helper()
	require.NoError(t, k.Book(t.Context(), usage.Batch{Instance: instance, Number: number, Entries: entries}))
}

// SumsOf asks a Keeper, and adds up by cell.
func SumsOf(t testing.TB, k usage.Keeper, q usage.Query) map[usage.Cell]usage.Sum {
	t.Helper()
	if q.To == 0 {
		q.To = math.MaxInt64
	}
	sums := map[usage.Cell]usage.Sum{}
	require.NoError(t, k.Sums(t.Context(), q, func(e usage.Entry) error {
		sum := sums[e.Cell]
		sums[e.Cell] = usage.Sum{Requests: sum.Requests + e.Requests, Cost: sum.Cost + e.Cost}
		return nil
	}))
	return sums
}

func total(t *testing.T, k usage.Keeper) int64 {
	return SumsOf(t, k, usage.Query{})[usage.Cell{}].Requests
}

func countsOnce(t *testing.T, k usage.Keeper, _ func(string)) {
	e := entry(now(), "ws_a", "key_1", "/leads", "2xx", 3)
	book(t, k, "one", 1, e)
	book(t, k, "one", 1, e)
	book(t, k, "two", 1, e)
	book(t, k, "one", 2, e)
	book(t, k, "one", 1, e)
	book(t, k, "two", 7)
	book(t, k, "two", 6, e)
	require.EqualValues(t, 9, total(t, k))
	require.Len(t, SumsOf(t, k, usage.Query{By: []usage.Field{usage.ByKey}}), 1)
}

func sumsByField(t *testing.T, k usage.Keeper, _ func(string)) {
	require.Empty(t, SumsOf(t, k, usage.Query{}), "nothing was used")
	h := now()
	book(t, k, "one", 1, entry(h-1, "ws_a", "key_1", "/leads", "2xx", 1), entry(h, "ws_a", "key_1", "/leads", "2xx", 2),
		entry(h, "ws_a", "key_2", "/leads/:id", "RATE_LIMITED", 4), entry(h, "ws_b", "key_3", "", "NOT_FOUND", 8))
	all := usage.Query{By: []usage.Field{usage.ByHour, usage.ByWorkspace, usage.ByKey, usage.ByRoute, usage.ByOutcome}}
	require.Len(t, SumsOf(t, k, all), 4)
	require.Equal(t, usage.Sum{Requests: 2, Cost: 4}, SumsOf(t, k, all)[usage.Cell{Hour: h, Workspace: "ws_a", Key: "key_1", Route: "/leads", Outcome: "2xx"}])
	for _, c := range []struct {
		by   usage.Field
		cell usage.Cell
		want int64
	}{
		{usage.ByHour, usage.Cell{Hour: h}, 14}, {usage.ByWorkspace, usage.Cell{Workspace: "ws_a"}, 7}, {usage.ByKey, usage.Cell{Key: "key_1"}, 3},
		{usage.ByRoute, usage.Cell{}, 8}, {usage.ByOutcome, usage.Cell{Outcome: "RATE_LIMITED"}, 4},
	} {
		require.Equal(t, c.want, SumsOf(t, k, usage.Query{By: []usage.Field{c.by}})[c.cell].Requests)
	}
	require.EqualValues(t, 7, SumsOf(t, k, usage.Query{Workspace: "ws_a"})[usage.Cell{}].Requests)
	require.EqualValues(t, 1, SumsOf(t, k, usage.Query{To: h})[usage.Cell{}].Requests)
	require.EqualValues(t, 14, SumsOf(t, k, usage.Query{From: h})[usage.Cell{}].Requests)
}

func bookedAtOnce(t *testing.T, k usage.Keeper, _ func(string)) {
	const writers, batches = 6, 20
	done := make(chan error)
	for w := range writers {
		go func() {
			done <- func() error {
				for n := range int64(batches) {
					batch := usage.Batch{Instance: fmt.Sprint(w), Number: n + 1}
					for c := range 50 {
						batch.Entries = append(batch.Entries, entry(now(), fmt.Sprintf("ws_%02d", c), "key_1", "/leads", "2xx", 1))
					}
					err := k.Book(t.Context(), batch)
					for tries := 1; err != nil && tries < 4; tries++ { // as a Writer does: who comes to no turn in a database of one writer is told so
						err = k.Book(t.Context(), batch)
					}
					if err != nil {
						return err
					}
				}
				return nil
			}()
		}()
	}
	for range writers {
		require.NoError(t, <-done)
	}
	require.EqualValues(t, writers*batches*50, total(t, k))
}

// wrongIsFound, one thing after the other: each statement makes one finding more.
func wrongIsFound(t *testing.T, k usage.Keeper, execute func(string)) {
	book(t, k, "one", 1, entry(now(), "ws_a", "key_1", "/leads", "2xx", 1), entry(now(), "ws_b", "key_2", "/leads", "2xx", 1), entry(now()-1, "ws_b", "key_2", "", "NOT_FOUND", 1))
	book(t, k, "two", 1)
	var want []string
	for _, c := range []struct{ statement, finding string }{
		{"UPDATE tollgate_usage_clock SET booked = booked + 1", ""},
		{"INSERT INTO tollgate_usage_days VALUES (20000, 'ws_a', 'key_1', '', '2xx', 1, 0, 1, 0)", ""},
		{"UPDATE tollgate_usage SET requests = -5 WHERE workspace_id = 'ws_b'", "the hours of the ledger: rows that count no request or less than no cost: 2, the first of ws_b at "},
		{"UPDATE tollgate_usage SET booked = booked + 100 WHERE workspace_id = 'ws_a'", "the hours of the ledger: rows that were booked in an hour that has not come: 1, the first of ws_a at "},
		{"UPDATE tollgate_usage SET mcp_cost = cost + 1", "the hours of the ledger: rows that count more or less calls of MCP tools than there can be: 1, the first of ws_a at "},
		{"INSERT INTO tollgate_usage_days VALUES (20001, 'ws_c', 'key_1', '', '2xx', 1, 0, 2, 0)", "the days of the ledger: rows that count more or less calls of MCP tools than there can be: 1, the first of ws_c at 2024-10-05T00:00:00Z"},
		{"UPDATE tollgate_usage_clock SET folded = booked", "the hours of the ledger: rows that are left in hours that became days: 2, the first of ws_b at "},
		{"UPDATE tollgate_usage_days SET cost = -1 WHERE workspace_id = 'ws_a'", "the days of the ledger: rows that count no request or less than no cost: 1, the first of ws_a at 2024-10-04T00:00:00Z"},
		{"UPDATE tollgate_usage_writers SET number = 0 WHERE instance = 'two'", "the writers of the ledger: rows that have no number: 1, the first of two at "},
		{"UPDATE tollgate_usage_writers SET hour = hour + 50 WHERE instance = 'one'", "the writers of the ledger: rows that wrote in an hour that has not come: 1, the first of one at "},
	} {
		execute(c.statement)
		if c.finding != "" {
			want = append(want, c.finding)
		}
		checksOut(t, k, want)
	}
	execute("DELETE FROM tollgate_usage_clock")
	checksOut(t, k, []string{"the clock of the ledger cannot be read: gateways write nothing of what is used"})
}

// checksOut requires that a check finds what begins like this, and nothing else.
func checksOut(t *testing.T, k usage.Keeper, want []string) {
	t.Helper()
	var found []string
	_, err := k.(keystore.Keeper).Check(t.Context(), func(f keystore.Finding) {
		require.NotEmpty(t, f.Do)
		found = append(found, f.What)
	})
	require.NoError(t, err)
	require.Len(t, found, len(want), "%q", found)
	for _, text := range want {
		require.True(t, slices.ContainsFunc(found, func(f string) bool { return strings.HasPrefix(f, text) }), "%q in %q", text, found)
	}
}

// told reads all entries behind a cursor, one call after the other, each of which ends after a few.
func told(t *testing.T, k usage.Keeper, since usage.Cursor) (all []string, next usage.Cursor) {
	t.Helper()
	enough := fmt.Errorf("enough")
	for {
		few := 0
		end, err := k.Entries(t.Context(), since, func(c usage.Cursor, e usage.Entry) error {
			if few++; few > 3 {
				return enough
			}
			read, err := usage.ParseCursor(c.String())
			require.NoError(t, err)
			since = read
			all = append(all, fmt.Sprint(e.Workspace, " ", e.Key, " ", e.Route, " ", e.Outcome, " ", e.Requests))
			return nil
		})
		if err == nil {
			return all, end
		}
		require.ErrorIs(t, err, enough)
	}
}

func toldOnce(t *testing.T, k usage.Keeper, execute func(string)) {
	nextHour := func() { execute("UPDATE tollgate_usage_clock SET booked = booked + 1") }
	var entries []usage.Entry
	for n := range 10 {
		entries = append(entries, entry(now()-int64(n%2), "ws_a", fmt.Sprint("key_", n), "/Leads"[:1+n%5], "2xx", 1))
	}
	book(t, k, "one", 1, entries...)
	all, next := told(t, k, usage.Cursor{})
	require.Empty(t, all, "the hour is not over")
	book(t, k, "one", 2, entries[0])
	nextHour()
	all, next = told(t, k, next)
	require.Len(t, all, 10)
	require.Contains(t, strings.Join(all, "\n"), "ws_a key_0 / 2xx 2")
	again, _ := told(t, k, usage.Cursor{})
	require.Equal(t, all, again, "always in the same order")
	book(t, k, "one", 3, entries[0]) // what was used then, and is booked only now
	nextHour()
	all, next = told(t, k, next)
	require.Equal(t, []string{"ws_a key_0 / 2xx 1"}, all)
	all, _ = told(t, k, next)
	require.Empty(t, all)
	all, _ = told(t, k, usage.Cursor{})
	require.Len(t, all, 11)
}

func hoursBecomeDays(t *testing.T, k usage.Keeper, execute func(string)) {
	h := now()/24*24 + 1 // whatever the time, the hour before is of the same day
	book(t, k, "one", 1, entry(h, "ws_a", "key_1", "/leads", "2xx", 1), entry(h-1, "ws_a", "key_1", "/leads", "2xx", 2), entry(h, "ws_b", "key_2", "/leads", "2xx", 4))
	keep := usage.Keep{Hours: 48, Days: 10}
	require.NoError(t, k.Fold(t.Context(), keep))
	require.Len(t, SumsOf(t, k, usage.Query{By: []usage.Field{usage.ByHour}}), 2, "nothing is old")
	_, cursor := told(t, k, usage.Cursor{})
	execute(fmt.Sprintf("UPDATE tollgate_usage SET booked = booked - 96, hour = %d + hour %% 2", (h-96)/24*24)) // both of one day, at midnight too
	book(t, k, "one", 2, entry(h, "ws_a", "key_1", "/leads", "2xx", 8))
	for range 2 {
		require.NoError(t, k.Fold(t.Context(), keep))
		require.EqualValues(t, 15, total(t, k))
		byHour := SumsOf(t, k, usage.Query{By: []usage.Field{usage.ByHour}})
		require.Equal(t, map[usage.Cell]usage.Sum{{Hour: h}: {Requests: 8, Cost: 16}, {Hour: (h - 96) / 24 * 24}: {Requests: 7, Cost: 14}}, byHour)
	}
	_, next := told(t, k, cursor)
	require.Equal(t, cursor, next, "this cursor is younger than what was folded")
	_, err := k.Entries(t.Context(), usage.Cursor{Hour: h - 100, Rows: 1}, nil)
	require.ErrorContains(t, err, "were folded into days")
	execute("UPDATE tollgate_usage_days SET day = day - 10")
	require.NoError(t, k.Fold(t.Context(), keep))
	require.EqualValues(t, 8, total(t, k))
	book(t, k, "one", 2, entry(h, "ws_a", "key_1", "/leads", "2xx", 8))
	require.EqualValues(t, 8, total(t, k), "its number is still known")
}

func spentByDay(t *testing.T, k usage.Keeper, execute func(string)) {
	day := now() / 24
	spent := func(workspace string, from, to int64) int64 {
		cost, err := k.Spent(t.Context(), workspace, from, to)
		require.NoError(t, err)
		return cost
	}
	require.Zero(t, spent("ws_a", day-40, day+1))
	batch := []usage.Entry{entry(day*24, "ws_a", "key_1", "/leads", "2xx", 1), entry(day*24+23, "ws_a", "key_2", "/leads", "2xx", 2),
		entry(day*24-1, "ws_a", "key_1", "/", "5xx", 4), entry(day*24, "ws_b", "key_3", "/leads", "2xx", 8)}
	book(t, k, "one", 1, batch...)
	book(t, k, "one", 1, batch...)
	require.EqualValues(t, 6, spent("ws_a", day, day+1), "in cost, and once")
	require.EqualValues(t, 8, spent("ws_a", day-1, day))
	require.EqualValues(t, 14, spent("ws_a", day-40, day+1))
	require.EqualValues(t, 16, spent("ws_b", day-40, day+1))
	require.Zero(t, spent("ws_c", day-40, day+1))
	execute(fmt.Sprintf("UPDATE tollgate_usage_spent SET day = %d WHERE day = %d", day-60, day-1))
	require.NoError(t, k.Fold(t.Context(), usage.DefaultKeep))
	require.EqualValues(t, 14, spent("ws_a", day-60, day+1), "a month back is kept")
	execute(fmt.Sprintf("UPDATE tollgate_usage_spent SET day = %d WHERE day = %d", day-100, day-60))
	require.NoError(t, k.Fold(t.Context(), usage.DefaultKeep))
	require.EqualValues(t, 6, spent("ws_a", day-200, day+1))
}

// MillionUses fills the ledger with a million entries and asks for sums. Series is a query for the numbers from 1 to 1,000,000, n.
func MillionUses(t *testing.T, k usage.Keeper, execute func(string), series string) {
	if !Long() {
		t.Skip("a long test: set TOLLGATE_TEST_LONG=1")
	}
	require.Zero(t, total(t, k))
	h := now()
	execute(fmt.Sprintf(`INSERT INTO tollgate_usage (booked, hour, workspace_id, key_id, route, outcome, requests, cost)
		SELECT %[1]d - n %% 700, %[1]d - n %% 700, 'ws_' || (n / 700 %% 100), 'key_' || (n / 700 %% 300), '/route/' || (n / 700 / 300), '2xx', 1, 2 FROM (%s) numbers`, h, series))
	for _, c := range []struct{ workspace, by string }{{"", "workspace"}, {"", "day"}, {"", "day,key,route,code"}, {"ws_7", "day"}} {
		began := time.Now()
		report, err := usage.NewReport(c.workspace, time.Now().Add(-60*24*time.Hour), time.Now().Add(time.Hour), c.by)
		require.NoError(t, err)
		rows, sum, err := report.Rows(t.Context(), k)
		require.NoError(t, err)
		t.Logf("%s by %s: %d rows, %d requests in %v", c.workspace, c.by, len(rows), sum.Requests, time.Since(began))
		if c.workspace == "" {
			require.EqualValues(t, 1_000_000, sum.Requests)
		}
	}
	began, entries := time.Now(), 0
	_, err := k.Entries(t.Context(), usage.Cursor{}, func(usage.Cursor, usage.Entry) error { entries++; return nil })
	require.NoError(t, err)
	t.Logf("%d entries exported in %v", entries, time.Since(began))
	began = time.Now()
	require.NoError(t, k.Fold(t.Context(), usage.Keep{Hours: 48, Days: 700}))
	t.Logf("folded in %v", time.Since(began))
	require.EqualValues(t, 1_000_000, total(t, k))
}
