package usage

import (
	"fmt"
	"maps"
	"sync"
	"testing"
	"time"

	"github.com/stretchr/testify/require"
)

var noon = time.Date(2026, 12, 1, 12, 30, 0, 0, time.UTC)

func used(workspace, key, route, outcome string, cost int64) *Use {
	return &Use{At: noon, Workspace: workspace, Key: key, Route: route, Outcome: outcome, Cost: cost}
}

func total(entries []Entry) (sum Sum) {
	for _, e := range entries {
		sum.Requests += e.Requests
		sum.Cost += e.Cost
	}
	return sum
}

func TestALedgerAddsUpByCell(t *testing.T) {
	l := NewLedger(0)
	for range 3 {
		l.Add(used("ws_a", "key_1", "/leads", "2xx", 5))
	}
	l.Add(&Use{At: noon, Workspace: "ws_a", Key: "key_1", Route: "/leads", Outcome: "2xx", Cost: 5, MCP: true})
	l.Add(used("ws_a", "key_1", "/leads", "RATE_LIMITED", 0))
	l.Add(used("ws_a", "key_1", "/leads/:id", "2xx", 1))
	l.Add(&Use{At: noon.Add(time.Hour), Workspace: "ws_a", Key: "key_1", Route: "/leads", Outcome: "2xx", Cost: 5})
	hour := noon.Unix() / 3600
	require.ElementsMatch(t, []Entry{
		{Cell{hour, "ws_a", "key_1", "/leads", "2xx"}, Sum{4, 20}, Sum{1, 5}},
		{Cell{hour, "ws_a", "key_1", "/leads", "RATE_LIMITED"}, Sum{1, 0}, Sum{}},
		{Cell{hour, "ws_a", "key_1", "/leads/:id", "2xx"}, Sum{1, 1}, Sum{}},
		{Cell{hour + 1, "ws_a", "key_1", "/leads", "2xx"}, Sum{1, 5}, Sum{}},
	}, l.Take())
	require.Empty(t, l.Take(), "taken once")
}

func TestAnHourBeginsAtItsFirstSecond(t *testing.T) {
	for text, hour := range map[string]int64{
		"1970-01-01T00:00:00Z": 0, "1970-01-01T00:59:59.999Z": 0, "1970-01-01T01:00:00Z": 1, "1969-12-31T23:59:59Z": -1, "1969-12-31T23:00:00Z": -1,
		"1970-01-01T02:30:00+02:00": 0,
	} {
		at, err := time.Parse(time.RFC3339Nano, text)
		require.NoError(t, err)
		require.Equal(t, hour, HourOf(at), text)
	}
}

func TestAFullLedgerBecomesCoarserBeforeItDrops(t *testing.T) {
	cells := map[Cell]*amount{}
	const bound = 60
	for n := range 1000 {
		e := Entry{Cell: Cell{Workspace: "ws_a", Key: fmt.Sprint("key_", n%7), Route: fmt.Sprint("/", n), Outcome: "2xx"}, Sum: Sum{1, 2}}
		if n%10 == 0 {
			e.MCP = e.Sum
		}
		require.True(t, book(cells, bound, &e))
	}
	require.LessOrEqual(t, len(cells), bound)
	require.Equal(t, Sum{30, 60}, sumOf(cells, func(c Cell) bool { return c.Route != Merged }), "half of it is for the finest")
	require.Equal(t, Sum{970, 1940}, sumOf(cells, func(c Cell) bool { return c.Route == Merged && c.Key != Merged }))

	mcp := Sum{}
	for _, a := range cells {
		mcp.add(a.mcp)
	}
	require.Equal(t, Sum{100, 200}, mcp, "the way is kept, however coarse it becomes")
	dropped := 0
	for n := range 1000 {
		if !book(cells, bound, &Entry{Cell: Cell{Workspace: fmt.Sprint("ws_", n), Key: fmt.Sprint("key_", n), Outcome: "2xx"}, Sum: Sum{1, 0}}) {
			dropped++
		}
	}
	require.LessOrEqual(t, len(cells), bound)
	require.Positive(t, dropped)
	require.Equal(t, int64(2000-dropped), sumOf(cells, func(Cell) bool { return true }).Requests, "what is not dropped is counted")
	require.True(t, book(cells, bound, &Entry{Cell: Cell{Workspace: "ws_a", Key: "key_1", Route: "/", Outcome: "2xx"}, Sum: Sum{1, 0}}), "who is in it still counts")
}

func sumOf(cells map[Cell]*amount, which func(Cell) bool) (sum Sum) {
	for c, a := range cells {
		if which(c) {
			sum.add(a.all)
		}
	}
	return sum
}

func TestNothingIsLostBetweenAddAndTake(t *testing.T) {
	l := NewLedger(0)
	var adding sync.WaitGroup
	for g := range 8 {
		adding.Go(func() {
			for n := range 10_000 {
				l.Add(used("ws_a", fmt.Sprint("key_", n%5), "/leads", "2xx", int64(g%2)))
			}
		})
	}
	done := make(chan struct{})
	go func() { adding.Wait(); close(done) }()
	var sum Sum
	for taking := true; taking; {
		select {
		case <-done:
			taking = false
		default:
		}
		taken := total(l.Take())
		sum.Requests += taken.Requests
		sum.Cost += taken.Cost
	}
	require.Equal(t, Sum{80_000, 40_000}, sum)
	require.Zero(t, l.Dropped())
}

func TestAnEntryTellsItsWays(t *testing.T) {
	for name, c := range map[string]struct {
		entry Entry
		want  map[string]Sum
	}{
		"over HTTP":       {Entry{Sum: Sum{3, 15}}, map[string]Sum{WayHTTP: {3, 15}}},
		"as tools":        {Entry{Sum: Sum{3, 15}, MCP: Sum{3, 15}}, map[string]Sum{WayMCP: {3, 15}}},
		"both":            {Entry{Sum: Sum{3, 15}, MCP: Sum{1, 5}}, map[string]Sum{WayHTTP: {2, 10}, WayMCP: {1, 5}}},
		"refused as tool": {Entry{Sum: Sum{3, 0}, MCP: Sum{2, 0}}, map[string]Sum{WayHTTP: {1, 0}, WayMCP: {2, 0}}},
	} {
		t.Run(name, func(t *testing.T) { require.Equal(t, c.want, maps.Collect(c.entry.Ways)) })
	}
	both := Entry{Sum: Sum{3, 15}, MCP: Sum{1, 5}}
	for range both.Ways { // who has enough is given no more
		break
	}
}

func TestAddAllocatesNothingForAKnownCell(t *testing.T) {
	l, u := NewLedger(0), used("ws_a", "key_1", "/leads", "2xx", 1)
	for _, u.MCP = range []bool{false, true} {
		l.Add(u)
		require.Zero(t, testing.AllocsPerRun(100, func() { l.Add(u) }))
	}
}

func BenchmarkAdd(b *testing.B) {
	b.ReportAllocs()
	l := NewLedger(0)
	uses := make([]*Use, 100)
	for n := range uses {
		uses[n] = used(fmt.Sprint("ws_", n), fmt.Sprint("key_", n), "/api/v2/agent/leads/:id", "2xx", 1)
	}
	b.RunParallel(func(pb *testing.PB) {
		for n := 0; pb.Next(); n++ {
			l.Add(uses[n%len(uses)])
		}
	})
}
