package status

import (
	"fmt"
	"runtime"
	"strings"
	"sync"
	"sync/atomic"
	"testing"
	"time"

	"github.com/stretchr/testify/require"
)

var start = time.Date(2026, 11, 27, 0, 0, 0, 0, time.UTC)

func TestBusiestAndMostRefused(t *testing.T) {
	t.Parallel()
	w := NewWorkspaces(start)
	var all sync.WaitGroup
	for range 8 { // many at once
		all.Go(func() {
			for n := range 1000 {
				w.Count("ws_busy", n%10 == 0)
				w.Count("ws_refused", n%2 == 0)
				w.Count(fmt.Sprintf("ws_%d", n), false)
			}
			w.Count("ws_busy", false)
		})
	}
	all.Wait()
	busiest, refused, counted := w.Busiest(2)
	require.Equal(t, 1002, counted)
	require.Equal(t, []Workspace{{"ws_busy", 8008, 800}, {"ws_refused", 8000, 4000}}, busiest, "exact, at any concurrency")
	require.Equal(t, []Workspace{{"ws_refused", 8000, 4000}, {"ws_busy", 8008, 800}}, refused)
	many, _, _ := w.Busiest(5000)
	require.Len(t, many, 1002)
}

func TestWhatIsOlderThanAnHourIsForgotten(t *testing.T) {
	t.Parallel()
	w := NewWorkspaces(start)
	w.Count("ws_old", false)
	w.Turn(start.Add(29 * time.Minute))
	w.Turn(start.Add(30 * time.Minute))
	w.Count("ws_new", true)
	w.Count("ws_old", false)
	busiest, _, _ := w.Busiest(10)
	require.Equal(t, []Workspace{{"ws_old", 2, 0}, {"ws_new", 1, 1}}, busiest)
	require.Equal(t, start, w.Since())
	w.Turn(start.Add(time.Hour))
	busiest, refused, _ := w.Busiest(10)
	require.Equal(t, []Workspace{{"ws_new", 1, 1}, {"ws_old", 1, 0}}, busiest)
	require.Equal(t, []Workspace{{"ws_new", 1, 1}}, refused, "who was never refused is not among them")
	require.Equal(t, start.Add(30*time.Minute), w.Since())
}

func TestMoreWorkspacesThanThereIsRoomFor(t *testing.T) {
	t.Parallel()
	w := NewWorkspaces(start)
	for n := range 3 * slots {
		w.Count(fmt.Sprintf("ws_%d", n), false)
	}
	all, _, _ := w.Busiest(3 * slots)
	counted := int64(w.current.Load().others.requests.Load())
	for _, one := range all {
		counted += one.Requests
	}
	require.EqualValues(t, 3*slots, counted, "none is lost")
}

func TestAHundredThousandWorkspacesInLittleMemory(t *testing.T) {
	var before, after runtime.MemStats
	runtime.GC()
	runtime.ReadMemStats(&before)
	w := NewWorkspaces(start)
	fill := func() {
		for n := range 1_000_000 {
			w.Count(fmt.Sprintf("ws_%d", n%100_000), n%5 == 0)
		}
	}
	fill()
	w.Turn(start.Add(halfLife))
	fill()
	runtime.GC()
	runtime.ReadMemStats(&after)
	require.Less(t, after.HeapAlloc-before.HeapAlloc, uint64(20<<20))
	t.Logf("%.1f MB", float64(after.HeapAlloc-before.HeapAlloc)/(1<<20))
	began := time.Now()
	busiest, refused, counted := w.Busiest(20)
	t.Logf("answered in %v", time.Since(began))
	require.Equal(t, 100_000, counted)
	require.Len(t, busiest, 20)
	require.EqualValues(t, 20, busiest[0].Requests)
	require.Len(t, refused, 20)
	require.Zero(t, testing.AllocsPerRun(100, func() { w.Count("ws_77", true) }))
}

func TestTheLastRefusals(t *testing.T) {
	var r Refusals
	all := func(*Refusal) bool { return true }
	require.Empty(t, r.Last(10, all))
	for n := range kept + 7 {
		r.Add(&Refusal{At: int64(n), RequestID: fmt.Sprint(n)})
	}
	last := r.Last(kept+100, all)
	require.Len(t, last, kept)
	require.EqualValues(t, kept+6, last[0].At)
	require.EqualValues(t, 7, last[kept-1].At)
	require.Len(t, r.Last(3, all), 3)
	require.Equal(t, []Refusal{last[4]}, r.Last(1, func(one *Refusal) bool { return one.RequestID == last[4].RequestID }))
	require.EqualValues(t, kept+7, r.Total())
	one := &Refusal{RequestID: "r", Reason: "plan"}
	require.Zero(t, testing.AllocsPerRun(100, func() { r.Add(one) }))
}

// TestRefusalsAreReadWhileTheyAreWritten: nobody waits, and no refusal is half of one and half of another.
func TestRefusalsAreReadWhileTheyAreWritten(t *testing.T) {
	t.Parallel()
	var r Refusals
	var writers, readers sync.WaitGroup
	var ended atomic.Bool
	for w := range 4 {
		writers.Go(func() {
			for n := range 5000 {
				id := fmt.Sprintf("%d-%d", w, n)
				r.Add(&Refusal{RequestID: id, Workspace: id})
			}
		})
	}
	for range 2 {
		readers.Go(func() {
			for !ended.Load() {
				for _, one := range r.Last(kept, func(*Refusal) bool { return true }) {
					if one.RequestID != one.Workspace || one.RequestID == "" {
						t.Errorf("torn: %+v", one)
						return
					}
				}
			}
		})
	}
	writers.Wait()
	ended.Store(true)
	readers.Wait()
	require.GreaterOrEqual(t, r.Total(), uint64(20_000))
	require.NotEmpty(t, r.Last(1, func(*Refusal) bool { return true }))
}

func TestARefusalIsBounded(t *testing.T) {
	t.Parallel()
	var r Refusals
	long := strings.Repeat("x", 10_000)
	r.Add(&Refusal{MissingScopes: []string{long, "b", "c", "d", "e", "f", "g", "h", "i"}})
	kept := r.Last(1, func(*Refusal) bool { return true })[0].MissingScopes
	require.Len(t, kept, keptScopes)
	require.Less(t, len(kept[0]), keptScope+4)
	require.Equal(t, []string{"GET", "PATCH", "other", "other"}, []string{Method("GET"), Method("PATCH"), Method(long), Method("get")})
}

func TestLatency(t *testing.T) {
	var l Latency
	var s Spread
	require.Nil(t, s.Milliseconds(0.5))
	for n := range 1000 {
		l.Observe(time.Duration(n+1) * 100 * time.Microsecond) // 0.1 ms to 100 ms
	}
	s.Add(&l)
	s.Add(nil)
	require.EqualValues(t, 1000, s.Count())
	require.InEpsilon(t, 50, *s.Milliseconds(0.5), 0.15)
	require.InEpsilon(t, 99, *s.Milliseconds(0.99), 0.15)
	for _, took := range []time.Duration{-1, 0, time.Microsecond, time.Hour} {
		l.Observe(took)
	}
	previous := -1
	for took := time.Microsecond; took < 80*time.Second; took += took/50 + time.Microsecond {
		bucket := latencyBucket(took)
		require.GreaterOrEqual(t, bucket, previous, took)
		if took < 60*time.Second && took > 100*time.Microsecond {
			require.InEpsilon(t, float64(took)/1e6, latencyUpper(bucket), 0.2, took)
		}
		previous = bucket
	}
	require.Zero(t, testing.AllocsPerRun(100, func() { l.Observe(time.Millisecond) }))
}

func TestTheLastHour(t *testing.T) {
	t.Parallel()
	h := NewHour(start, []string{"FORBIDDEN"}, []string{"plan", "address", "other"})
	h.Count(OutcomeOK, "", time.Millisecond, 20*time.Millisecond)
	h.Count("FORBIDDEN", "plan", time.Millisecond, 0)
	h.Count("FORBIDDEN", "nobody knows this one", time.Millisecond, 0)
	h.Turn(start.Add(59 * time.Second))
	h.Count(OutcomeOK, "", time.Millisecond, 0)
	h.Turn(start.Add(60 * time.Second))
	h.Count(OutcomeBackend5xx, "", time.Millisecond, time.Second)
	traffic := h.Traffic(minutes)
	require.Len(t, traffic.Minutes, 2)
	require.Equal(t, map[string]int64{"ok": 2, "FORBIDDEN": 2}, traffic.Minutes[0].Outcomes)
	require.Equal(t, start.Unix()+60, traffic.Minutes[1].At)
	require.Equal(t, map[string]int64{"ok": 2, "FORBIDDEN": 2, "backend_5xx": 1}, traffic.Outcomes)
	require.Equal(t, map[string]int64{"plan": 1, "other": 1}, traffic.Reasons)
	require.InEpsilon(t, 1000, *traffic.Backend.P99, 0.15)
	require.Len(t, h.Traffic(0).Minutes, 1)

	h.Turn(start.Add(time.Hour))
	require.Equal(t, map[string]int64{"backend_5xx": 1}, h.Traffic(minutes).Outcomes, "what is older than an hour is forgotten")
	for n := range 200 {
		h.Turn(start.Add(time.Hour + time.Duration(n)*time.Minute))
	}
	require.LessOrEqual(t, len(h.past), minutes)
}

func TestRoutesOutliveAReload(t *testing.T) {
	t.Parallel()
	var r Routes
	one := r.Get("site GET /a", start)
	one.Count(false, 10*time.Millisecond)
	one.Count(true, 0)
	require.Same(t, one, r.Get("site GET /a", start))
	r.Get("site GET /b", start)
	r.Keep(map[string]bool{"site GET /a": true})
	require.Len(t, r.byName, 1)
	counts := one.Counts()
	require.EqualValues(t, 2, counts.Requests)
	require.EqualValues(t, 1, counts.Refused)
	require.InEpsilon(t, 10, *counts.Backend.P50, 0.15)
	r.Turn(start.Add(halfLife))
	r.Turn(start.Add(2 * halfLife))
	require.Nil(t, one.Counts().Backend.P50)
	require.EqualValues(t, 2, one.Counts().Requests)
}

func TestATableCountsWithoutAllocations(t *testing.T) {
	table := NewTable(start, []string{"FORBIDDEN"}, []string{"plan", "other"})
	route := table.Routes.Get("a", start)
	passed := &Request{Outcome: OutcomeOK, Workspace: "ws_acme", Route: route, Gateway: time.Millisecond, Backend: time.Millisecond}
	refused := &Request{Outcome: "FORBIDDEN", Workspace: "ws_acme", Route: route, Refusal: Refusal{Reason: "plan", Workspace: "ws_acme"}}
	table.Count(passed)
	require.Zero(t, testing.AllocsPerRun(100, func() { table.Count(passed) }))
	require.Zero(t, testing.AllocsPerRun(100, func() { table.Count(refused) }))
	require.EqualValues(t, Workspace{"ws_acme", 203, 101}, table.Workspaces.Of("ws_acme"))
	require.Zero(t, table.Workspaces.Of("ws_other").Requests)
	table.Turn(start.Add(time.Minute))
}

func BenchmarkCount(b *testing.B) {
	w := NewWorkspaces(start)
	names := make([]string, 1000)
	for i := range names {
		names[i] = fmt.Sprintf("ws_%d", i)
	}
	b.ReportAllocs()
	b.RunParallel(func(pb *testing.PB) {
		for n := 0; pb.Next(); n++ {
			w.Count(names[n%len(names)], false)
		}
	})
}

func BenchmarkBusiest(b *testing.B) {
	w := NewWorkspaces(start)
	fill := func() {
		for n := range 1_000_000 {
			w.Count(fmt.Sprintf("ws_%d", n%100_000), n%5 == 0)
		}
	}
	fill()
	w.Turn(start.Add(halfLife))
	fill()
	b.ReportAllocs()
	for b.Loop() {
		w.Busiest(20)
	}
}
