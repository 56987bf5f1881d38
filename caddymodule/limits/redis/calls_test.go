package redis_test

import (
	"context"
	"math"
	"runtime"
	"sync"
	"sync/atomic"
	"testing"
	"time"

	"github.com/stretchr/testify/require"
	"go.uber.org/goleak"

	"github.com/tollgate-gateway/tollgate/caddymodule/limits"
	"github.com/tollgate-gateway/tollgate/caddymodule/limits/redis"
	"github.com/tollgate-gateway/tollgate/caddymodule/record"
	"github.com/tollgate-gateway/tollgate/caddymodule/services"
)

// spend sends requests of one workspace from so many goroutines, each with its own cost of costs, and gives the number
// granted.
func spend(t testing.TB, e *redis.Engine, goroutines, requests int, windows []record.Window, costs ...int64) int64 {
	var (
		granted atomic.Int64
		all     sync.WaitGroup
	)
	for g := range goroutines {
		all.Go(func() {
			for range requests {
				result, err := e.Take(context.Background(), "ws", windows, costs[g%len(costs)])
				if err != nil || result.Source == limits.FromLocal {
					t.Errorf("a local answer: %v", err)
				}
				if result.Granted {
					granted.Add(1)
				}
			}
		})
	}
	all.Wait()
	return granted.Load()
}

func TestConcurrentRequestsShareRoundTrips(t *testing.T) {
	for _, c := range []struct {
		name  string
		costs []int64
		calls float64 // a request, at most
	}{{"of one cost", []int64{1}, 0.2}, {"of three costs", []int64{1, 5, 20}, 0.4}} {
		t.Run(c.name, func(t *testing.T) {
			_, g, o := newGateways(t, 1, patient)
			require.Equal(t, int64(64*200), spend(t, g[0], 64, 200, windows(t, "10000000/1h", "20000000/1d"), c.costs...))
			a := float64(o[0].calls.Load()) / float64(o[0].requests.Load())
			t.Logf("%.3f calls a request", a)
			require.Equal(t, int64(64*200), o[0].requests.Load())
			require.Less(t, a, c.calls)
		})
	}
}

func TestConcurrentLooksShareRoundTrips(t *testing.T) {
	_, g, o := newGateways(t, 1, patient)
	w := windows(t, "100/1h", "200/1d")
	take(t, g[0], "ws", w, 5)
	var all sync.WaitGroup
	for range 64 {
		all.Go(func() {
			for range 50 {
				state, err := g[0].Peek(context.Background(), "ws", w)
				if err != nil || state.Statuses()[0].Remaining != 95 {
					t.Errorf("looked at %v: %v", remaining(state), err)
				}
			}
		})
	}
	all.Wait()
	require.Less(t, o[0].calls.Load(), int64(64*50/5))
	require.Equal(t, []int64{94, 194}, remaining(take(t, g[0], "ws", w, 1).State))
}

func TestOverTheLimitCostsRedisNothing(t *testing.T) {
	_, g, o := newGateways(t, 1, patient)
	w := windows(t, "100/1h")
	require.Equal(t, int64(100), spend(t, g[0], 64, 100, w, 1))
	before := o[0].calls.Load()
	require.Zero(t, spend(t, g[0], 64, 100, w, 1))
	require.Equal(t, before, o[0].calls.Load())
}

// TestReloadsLoseNoCount starts and changes the engine as configuration reloads do, under load.
func TestReloadsLoseNoCount(t *testing.T) {
	server, g, _ := newGateways(t, 1, patient)
	w := windows(t, "3000/1h", "100000/1d")
	var granted atomic.Int64
	var all sync.WaitGroup
	stop := make(chan struct{})
	for range 4 {
		all.Go(func() {
			for {
				select {
				case <-stop:
					return
				default:
					granted.Add(spend(t, g[0], 1, 50, w, 1))
				}
			}
		})
	}
	for i := range 300 {
		g[0].Start()
		require.NoError(t, g[0].Set(redis.Settings{Timeout: 5*time.Second + time.Duration(i), Gateways: int64(i + 1)}))
		runtime.Gosched()
	}
	services.Wait(t, "the limit to be reached", func() bool { return remaining(g[0].Last("ws", w))[0] == 0 })
	close(stop)
	all.Wait()
	require.Equal(t, int64(3000), granted.Load())
	client := server.Client()
	defer client.Close()
	info := client.Info(context.Background(), "clients")
	require.Regexp(t, `connected_clients:[1-6]\b`, info.Val(), "one connection for each workspace under way, and this one")
}

func TestNothingIsLeftRunning(t *testing.T) {
	server := services.Redis(t)
	before := goleak.IgnoreCurrent()
	backend, err := redis.ParseBackend(server.URL(), "")
	require.NoError(t, err)
	for range 20 {
		e, err := redis.New(backend, patient, redis.Options{})
		require.NoError(t, err)
		goleak.VerifyNone(t, before)
		e.Start()
		e.Start()
		spend(t, e, 8, 10, windows(t, "10000/1h"), 1)
		require.NoError(t, e.Close())
		e.Stop()
		require.Error(t, e.Close(), "it is closed")
		goleak.VerifyNone(t, before)
		result, err := e.Take(context.Background(), "ws", windows(t, "10000/1h"), 1)
		require.NoError(t, err)
		require.Equal(t, limits.FromLocal, result.Source, "a late request finds Redis away")
	}
}

func TestWorkspacesAreForgotten(t *testing.T) {
	server := services.Redis(t)
	backend, err := redis.ParseBackend(server.URL(), "")
	require.NoError(t, err)
	o := &observed{}
	e, err := redis.New(backend, redis.Settings{Timeout: patient.Timeout, MaxWorkspaces: 2}, redis.Options{SweepEvery: 10 * time.Millisecond, Observer: o})
	require.NoError(t, err)
	defer e.Close()
	e.Start()
	require.True(t, take(t, e, "short", windows(t, "5/3s"), 1).Granted, "for two seconds at least: windows end with a second")
	require.True(t, take(t, e, "long", windows(t, "5/1s", "5/1h"), 1).Granted)
	require.Equal(t, 2, e.Tracked())
	result, err := e.Take(context.Background(), "more", windows(t, "5/1s"), 1)
	require.ErrorIs(t, err, limits.ErrFull, "a full table refuses, it does not forget")
	require.InDelta(t, 2, result.RetryAfter, 1, "until the window of the first ends")
	require.NoError(t, e.Set(redis.Settings{OnOutage: redis.OutageRefuse, Timeout: patient.Timeout, MaxWorkspaces: 2}))
	_, err = e.Take(context.Background(), "more", windows(t, "5/1s"), 1)
	require.ErrorIs(t, err, limits.ErrFull, "which is no outage")
	services.Wait(t, "the sweeper", func() bool { return e.Tracked() == 1 })
	require.True(t, take(t, e, "more", windows(t, "5/1s"), 1).Granted)
	require.Equal(t, []int64{4}, remaining(e.Last("long", windows(t, "5/1h"))))
	require.Equal(t, []int64{2}, o.full, "told once")
	require.NoError(t, e.Set(redis.Settings{Timeout: patient.Timeout, MaxWorkspaces: 3}))
	require.True(t, take(t, e, "third", windows(t, "5/1s"), 1).Granted, "a raised bound applies at once")
}

func TestAllocations(t *testing.T) {
	_, g, _ := newGateways(t, 1, patient)
	over := windows(t, "1/1h")
	take(t, g[0], "over", over, 1)
	away, _ := newEngine(t, "redis://"+services.Address(services.FreePort(t)), redis.Settings{})
	open := windows(t, "1000000/1h", "1000000/1d")
	for range 10 {
		take(t, away, "ws", open, 1)
	}
	require.Zero(t, testing.AllocsPerRun(200, func() { _, _ = g[0].Take(context.Background(), "over", over, 1) }), "a remembered refusal")
	require.Zero(t, testing.AllocsPerRun(200, func() { g[0].Last("over", over) }), "the last known counts")
	_, _ = g[0].Take(context.Background(), "ws", open, 1)
	fewest := math.Inf(1) // on a busy machine the watch looks whether Redis gets a processor
	for range 20 {
		fewest = min(fewest, testing.AllocsPerRun(20, func() { _, _ = g[0].Take(context.Background(), "ws", open, 1) }))
	}
	require.LessOrEqual(t, fewest, 2.0, "a round trip: the batch, and the goroutine that sends it")
	require.Less(t, testing.AllocsPerRun(100, func() { _, _ = away.Take(context.Background(), "ws", open, 1) }), 1.0, "a local verdict")
}

func BenchmarkTake(b *testing.B) {
	for _, c := range []struct {
		name        string
		limit       string
		parallelism int
	}{{"one at a time", "1000000000/1h", 0}, {"64 of one workspace", "1000000000/1h", 64}, {"over the limit", "1/1h", 64}} {
		b.Run(c.name, func(b *testing.B) {
			_, g, o := newGateways(b, 1, patient)
			w := windows(b, c.limit)
			take(b, g[0], "ws", w, 1)
			b.ReportAllocs()
			b.ResetTimer()
			before := o[0].calls.Load()
			if c.parallelism == 0 {
				for b.Loop() {
					_, _ = g[0].Take(context.Background(), "ws", w, 1)
				}
			} else {
				b.SetParallelism(c.parallelism / runtime.GOMAXPROCS(0))
				b.RunParallel(func(pb *testing.PB) {
					for pb.Next() {
						_, _ = g[0].Take(context.Background(), "ws", w, 1)
					}
				})
			}
			b.ReportMetric(float64(o[0].calls.Load()-before)/float64(b.N), "calls/op")
		})
	}
}
