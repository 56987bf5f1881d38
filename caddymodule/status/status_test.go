package status

import (
	"fmt"
	"runtime"
	"sync"
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
	busiest, refused := w.Busiest(2)
	require.Equal(t, []Workspace{{"ws_busy", 8008, 800}, {"ws_refused", 8000, 4000}}, busiest, "exact, at any concurrency")
	require.Equal(t, []Workspace{{"ws_refused", 8000, 4000}, {"ws_busy", 8008, 800}}, refused)
	many, _ := w.Busiest(5000)
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
	busiest, _ := w.Busiest(10)
	require.Equal(t, []Workspace{{"ws_old", 2, 0}, {"ws_new", 1, 1}}, busiest)
	require.Equal(t, start, w.Since())
	w.Turn(start.Add(time.Hour))
	busiest, refused := w.Busiest(10)
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
	all, _ := w.Busiest(3 * slots)
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
	busiest, refused := w.Busiest(20)
	require.Len(t, busiest, 20)
	require.EqualValues(t, 20, busiest[0].Requests)
	require.Len(t, refused, 20)
	require.Zero(t, testing.AllocsPerRun(100, func() { w.Count("ws_77", true) }))
}

func TestTheLastRefusals(t *testing.T) {
	t.Parallel()
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
	require.Equal(t, []*Refusal{last[4]}, r.Last(1, func(one *Refusal) bool { return one.RequestID == last[4].RequestID }))
	require.EqualValues(t, kept+7, r.Total())
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
