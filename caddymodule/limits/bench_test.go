package limits_test

import (
	"context"
	"net/http"
	"net/netip"
	"runtime"
	"strconv"
	"testing"
	"time"

	"github.com/stretchr/testify/require"

	"github.com/tollgate-gateway/tollgate/caddymodule/limits"
	"github.com/tollgate-gateway/tollgate/caddymodule/record"
)

var (
	minute = record.Window{Limit: record.MaxLimit, Duration: time.Minute}
	hour   = record.Window{Limit: record.MaxLimit, Duration: time.Hour}
)

func TestRequestPathAllocations(t *testing.T) {
	m := limits.NewMemory(limits.MemoryOptions{})
	one, two := []record.Window{minute}, []record.Window{minute, hour}
	spent := []record.Window{{Limit: 1, Duration: time.Minute}}
	addresses := limits.NewThrottle[netip.Addr](limits.AuthPolicy, nil)
	keys := limits.NewThrottle[string](limits.RefusalPolicy, nil)
	client, window := netip.MustParseAddr("2001:db8::1"), record.Window{Limit: 30, Duration: time.Minute}
	walker := client
	h := http.Header{}

	for _, c := range []struct {
		name string
		want float64
		f    func()
	}{
		{"a take of one window", 0, func() { _, _ = m.Take(context.Background(), "one", one, 1) }},
		{"a take of two windows", 0, func() { _, _ = m.Take(context.Background(), "two", two, 1) }},
		{"a refusal", 0, func() { _, _ = m.Take(context.Background(), "spent", spent, 1) }},
		{"the last known counts", 0, func() { m.Last("two", two) }},
		{"a refusal counted by address", 0, func() { addresses.Count(limits.AddressKey(client), window) }},
		{"refusals of ever new addresses", 0, func() { walker = walker.Next(); addresses.Count(walker, window) }},
		{"a refusal counted by key", 0, func() { keys.Count("key_crm", window) }},
		{"a look-up", 0, func() { addresses.LookUp(client, window) }},
		{"knowing a limit header", 0, func() { limits.IsLimitHeader("X-Ratelimit-Remaining") }},
		{"the headers of two windows", 2, func() { s := m.Last("two", two); values := s.Headers(); values.Set(h) }},
	} {
		t.Run(c.name, func(t *testing.T) { require.Equal(t, c.want, testing.AllocsPerRun(200, c.f)) })
	}
}

func BenchmarkMemoryTake(b *testing.B) {
	for _, c := range []struct {
		name    string
		windows []record.Window
	}{{"one window", []record.Window{minute}}, {"two windows", []record.Window{minute, hour}}} {
		b.Run(c.name, func(b *testing.B) {
			m := limits.NewMemory(limits.MemoryOptions{})
			b.ReportAllocs()
			for b.Loop() {
				_, _ = m.Take(context.Background(), "ws_acme", c.windows, 1)
			}
		})
	}
}

func BenchmarkMemoryTakeParallel(b *testing.B) {
	m := limits.NewMemory(limits.MemoryOptions{})
	windows := []record.Window{minute, hour}
	var names [1000]string
	for i := range names {
		names[i] = "ws_" + strconv.Itoa(i)
	}
	b.ReportAllocs()
	b.RunParallel(func(pb *testing.PB) {
		for i := 0; pb.Next(); i++ {
			_, _ = m.Take(context.Background(), names[i%len(names)], windows, 1)
		}
	})
}

func BenchmarkSetHeaders(b *testing.B) {
	m := limits.NewMemory(limits.MemoryOptions{})
	state := m.Last("ws_acme", []record.Window{minute, hour})
	h := http.Header{}
	b.ReportAllocs()
	for b.Loop() {
		values := state.Headers()
		values.Set(h)
	}
}

func BenchmarkIsLimitHeader(b *testing.B) {
	names := []string{"Content-Type", "Content-Length", "Date", "Server", "Vary", "Etag", "X-Request-Id", "Cache-Control", "X-Content-Type-Options", "Via"}
	b.ReportAllocs()
	for b.Loop() {
		for _, name := range names {
			if limits.IsLimitHeader(name) {
				b.Fatal(name)
			}
		}
	}
}

func BenchmarkThrottleCount(b *testing.B) {
	throttle := limits.NewThrottle[netip.Addr](limits.AuthPolicy, nil)
	address := netip.MustParseAddr("2001:db8::1")
	b.ReportAllocs()
	for b.Loop() {
		throttle.Count(limits.AddressKey(address), minute)
	}
}

// TestWhatAWorkspaceTakes in memory, with a window of which it has used some: its id, which the caller's key holds anyhow, is included.
func TestWhatAWorkspaceTakes(t *testing.T) {
	const workspaces = 100_000
	m := limits.NewMemory(limits.MemoryOptions{})
	one := []record.Window{minute}
	before := inUse()
	for n := range workspaces {
		_, err := m.Take(context.Background(), "ws_of_a_customer_"+strconv.Itoa(n), one, 1)
		require.NoError(t, err)
	}
	each := (inUse() - before) / workspaces
	t.Logf("%d bytes each", each)
	require.LessOrEqual(t, each, int64(300))
	require.Equal(t, workspaces, m.Tracked())
}

// inUse is how many bytes live objects take.
func inUse() int64 {
	runtime.GC()
	var stats runtime.MemStats
	runtime.ReadMemStats(&stats)
	return int64(stats.HeapAlloc)
}
