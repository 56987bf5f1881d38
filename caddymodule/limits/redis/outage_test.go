package redis_test

import (
	"context"
	"fmt"
	"strconv"
	"sync"
	"sync/atomic"
	"testing"
	"time"

	goredis "github.com/redis/go-redis/v9"
	"github.com/stretchr/testify/require"
	"go.uber.org/goleak"

	"github.com/tollgate-gateway/tollgate/caddymodule/limits"
	"github.com/tollgate-gateway/tollgate/caddymodule/limits/redis"
	"github.com/tollgate-gateway/tollgate/caddymodule/services"
)

// load is what a gateway's callers saw.
type load struct {
	requests, waited, errors atomic.Int64
	late                     atomic.Int64 // that waited although the breaker was open when they began
	longest                  atomic.Int64
}

// pressing is from how many goroutines press sends.
const pressing = 16

// press sends requests of many workspaces from many goroutines for a while. Who needed most of the timeout has waited.
func press(t *testing.T, e *redis.Engine, timeout, d time.Duration, workspaces int) *load {
	t.Helper()
	names := make([]string, workspaces)
	for i := range names {
		names[i] = fmt.Sprint("ws_", i)
	}
	return pressOn(t, e, timeout, d, names)
}

// pressOn is press with names of workspaces.
func pressOn(t *testing.T, e *redis.Engine, timeout, d time.Duration, workspaces []string) *load {
	t.Helper()
	l := &load{}
	w := windows(t, "1000000/1h", "2000000/1d")
	var all sync.WaitGroup
	for g := range pressing {
		all.Go(func() {
			for i, end := 0, time.Now().Add(d); time.Now().Before(end); i++ {
				workspace := workspaces[(g+i)%len(workspaces)]
				away, began := e.Last(workspace, w).Local, time.Now()
				_, err := e.Take(context.Background(), workspace, w, 1)
				took := time.Since(began)
				l.requests.Add(1)
				if err != nil {
					l.errors.Add(1)
				}
				if took > timeout*3/4 {
					l.waited.Add(1)
					if away {
						l.late.Add(1)
					}
				}
				for was := l.longest.Load(); int64(took) > was && !l.longest.CompareAndSwap(was, int64(took)); was = l.longest.Load() {
				}
				<-time.After(time.Millisecond)
			}
		})
	}
	all.Wait()
	return l
}

// TestRedisAway presses a gateway in every way in which Redis can be away: nobody waits for more than one timeout and
// 50 ms (threefold, on a busy machine), few wait at all, nobody gets an error, and all is shared again after its return.
func TestRedisAway(t *testing.T) {
	const timeout = 200 * time.Millisecond
	lasting := 2 * time.Second
	if long() {
		lasting = 10 * time.Second
	}
	for _, c := range []struct {
		name        string
		away, again func(*services.RedisServer)
	}{
		{"stopped", (*services.RedisServer).Pause, (*services.RedisServer).Resume},
		{"killed, and started empty", (*services.RedisServer).Kill, (*services.RedisServer).Start},
	} {
		t.Run(c.name, func(t *testing.T) {
			server, g, o := newGateways(t, 1, redis.Settings{Timeout: timeout, Gateways: 2})
			healthy := press(t, g[0], timeout, 200*time.Millisecond, 8)
			require.Zero(t, healthy.errors.Load())
			c.away(server)
			assertFewWait(t, press(t, g[0], timeout, lasting, 8), timeout)
			require.True(t, g[0].Away())
			c.again(server)
			began := time.Now()
			services.Wait(t, "the gateway to find Redis again", func() bool {
				return take(t, g[0], "another", windows(t, "1000000/1h"), 1).Source == limits.FromRedis
			})
			t.Logf("back after %s", time.Since(began))
			require.Less(t, time.Since(began), 6*time.Second, "2 s, threefold")
			require.False(t, g[0].Away())
			require.Equal(t, []bool{true, false}, o[0].outages(), "one outage is told once, and its end")
			require.Error(t, o[0].last)
		})
	}
	t.Run("down from the start", func(t *testing.T) {
		port := services.FreePort(t)
		e, _ := newEngine(t, "redis://"+services.Address(port), redis.Settings{Timeout: timeout})
		assertFewWait(t, press(t, e, timeout, lasting, 8), timeout)
		services.RedisWith(t, goredis.Options{Addr: services.Address(port)}, "--port", strconv.Itoa(port))
		began := time.Now()
		services.Wait(t, "the gateway to find Redis", func() bool {
			return take(t, e, "another", windows(t, "1000000/1h"), 1).Source == limits.FromRedis
		})
		require.Less(t, time.Since(began), 6*time.Second, "2 s, threefold")
	})
	t.Run("a listener that never reads, all requests of one workspace", func(t *testing.T) {
		e, _ := newEngine(t, blackhole(t), redis.Settings{Timeout: timeout})
		assertFewWait(t, press(t, e, timeout, lasting, 1), timeout)
	})
	t.Run("a listener that never reads", func(t *testing.T) {
		e, _ := newEngine(t, blackhole(t), redis.Settings{Timeout: timeout})
		assertFewWait(t, press(t, e, timeout, lasting, 8), timeout)
	})
}

// assertFewWait: only those wait that began before the fifth of them had waited in vain, which is at most one in each
// goroutine (twice that on a busy machine), however long the outage lasts. Over the 10 s of the long form that is less than
// 5 + 4 a second.
func assertFewWait(t *testing.T, l *load, timeout time.Duration) {
	t.Helper()
	t.Logf("%d requests, %d waited, the longest %s", l.requests.Load(), l.waited.Load(), time.Duration(l.longest.Load()))
	require.Zero(t, l.errors.Load())
	require.LessOrEqual(t, l.waited.Load(), int64(2*pressing))
	require.Zero(t, l.late.Load(), "once it is known that Redis is away, nobody waits for it")
	require.Less(t, time.Duration(l.longest.Load()), 3*(timeout+50*time.Millisecond))
}

// TestFewCallsFailBeforeTheBreakerOpens sends one request after the other: five wait in vain, then none does. Without any
// request somebody asks every 250 ms whether Redis is back.
func TestFewCallsFailBeforeTheBreakerOpens(t *testing.T) {
	e, o := newEngine(t, blackhole(t), redis.Settings{Timeout: 20 * time.Millisecond})
	w := windows(t, "1000000/1h")
	for i := range int64(5) {
		require.False(t, e.Away())
		require.Equal(t, limits.FromLocal, take(t, e, "ws", w, 1).Source)
		require.Equal(t, i+1, o.calls.Load())
	}
	require.True(t, e.Away())
	began := time.Now()
	for time.Since(began) < 100*time.Millisecond {
		take(t, e, "ws", w, 1)
	}
	services.Wait(t, "somebody to ask whether Redis is back", func() bool { return o.calls.Load() >= 8 })
	require.LessOrEqual(t, o.calls.Load(), 5+int64(time.Since(began)/(250*time.Millisecond)))
	require.Equal(t, int64(5), o.requests.Load(), "and no request does")
}

// TestAnOutageEndsByItself: a gateway that nobody asks finds Redis again, and stops asking.
func TestAnOutageEndsByItself(t *testing.T) {
	server, g, o := newGateways(t, 1, redis.Settings{Timeout: 200 * time.Millisecond})
	w := windows(t, "1000000/1h")
	take(t, g[0], "ws", w, 1)
	running := goleak.IgnoreCurrent()
	for range 3 {
		server.Kill()
		services.Wait(t, "the breaker", func() bool { take(t, g[0], "ws", w, 1); return g[0].Away() })
		server.Start()
		services.Wait(t, "the end of the outage", func() bool { return !g[0].Away() })
		require.Equal(t, limits.FromRedis, take(t, g[0], "ws", w, 1).Source)
	}
	require.Equal(t, []bool{true, false, true, false, true, false}, o[0].outages())
	require.NoError(t, goleak.Find(running), "nobody asks any more")
}

func TestOnOutage(t *testing.T) {
	away := "redis://" + services.Address(services.FreePort(t))
	w := windows(t, "10/1h")
	for _, c := range []struct {
		outage  redis.Outage
		granted int
		err     error
	}{
		{redis.OutageLocal, 10, nil},
		{redis.OutageAllow, 100, nil},
		{redis.OutageRefuse, 0, redis.ErrAway},
	} {
		t.Run(string(c.outage), func(t *testing.T) {
			e, _ := newEngine(t, away, redis.Settings{OnOutage: c.outage})
			granted := 0
			for range 100 {
				result, err := e.Take(context.Background(), "ws", w, 1)
				require.ErrorIs(t, err, c.err)
				if err != nil {
					continue
				}
				require.Equal(t, limits.FromLocal, result.Source)
				require.True(t, result.State.Local)
				if result.Granted {
					granted++
				} else {
					require.InDelta(t, 3600, result.RetryAfter, 5)
				}
			}
			require.Equal(t, c.granted, granted)
			require.True(t, e.Last("ws", w).Local)
		})
	}
	t.Run("a changed mode applies to the next request", func(t *testing.T) {
		e, _ := newEngine(t, away, redis.Settings{OnOutage: redis.OutageRefuse})
		_, err := e.Take(context.Background(), "ws", w, 1)
		require.ErrorIs(t, err, redis.ErrAway)
		require.NoError(t, e.Set(redis.Settings{OnOutage: redis.OutageLocal, Gateways: 5}))
		require.Equal(t, []int64{1}, remaining(take(t, e, "ws", w, 1).State))
		require.Error(t, e.Set(redis.Settings{OnOutage: "open"}))
		require.Equal(t, []int64{0}, remaining(take(t, e, "ws", w, 1).State), "wrong settings change nothing")
	})
}

func TestWhatIsOverItsLimitStaysSoWhileRedisIsAway(t *testing.T) {
	for _, outage := range []redis.Outage{redis.OutageLocal, redis.OutageAllow, redis.OutageRefuse} {
		t.Run(string(outage), func(t *testing.T) {
			server, g, _ := newGateways(t, 1, redis.Settings{Timeout: time.Second, OnOutage: outage})
			w := windows(t, "10/1h")
			take(t, g[0], "ws", w, 10)
			server.Kill()
			for range 10 {
				_, _ = g[0].Take(context.Background(), "another", w, 1)
			}
			result := take(t, g[0], "ws", w, 1)
			require.False(t, result.Granted)
			require.Equal(t, limits.FromRemembered, result.Source)
			require.True(t, result.State.Local, "and the headers say that Redis is away")
		})
	}
}

func TestShareWhileAway(t *testing.T) {
	w := windows(t, "100/1h", "90/1d")
	t.Run("is what was left when last seen, divided by the gateways", func(t *testing.T) {
		server, g, _ := newGateways(t, 4, redis.Settings{Timeout: time.Second, Gateways: 4})
		for i, gateway := range g {
			for range i + 1 {
				take(t, gateway, "ws", w, 5)
			}
		}
		server.Kill()
		total := int64(50)
		for i, seen := range []int64{5, 15, 30, 50} {
			share := (90 - seen) / 4
			granted := int64(0)
			for range 200 {
				if result := take(t, g[i], "ws", w, 1); result.Granted {
					granted++
				} else {
					require.Equal(t, 1, result.State.Violated)
				}
			}
			require.Equal(t, share, granted)
			total += granted
		}
		require.LessOrEqual(t, total, int64(50+4*90/4))
	})
	t.Run("is nothing where the gateways are more than what is left", func(t *testing.T) {
		e, _ := newEngine(t, "redis://"+services.Address(services.FreePort(t)), redis.Settings{Gateways: 91})
		require.False(t, take(t, e, "ws", w, 1).Granted)
	})
	t.Run("is not granted again when Redis goes a second time within the window", func(t *testing.T) {
		server, g, _ := newGateways(t, 1, redis.Settings{Timeout: time.Second})
		local := 0
		for range 3 {
			server.Kill()
			for range 200 {
				if result := take(t, g[0], "ws", w, 1); result.Granted {
					local++
				}
			}
			server.Start()
			services.Wait(t, "the gateway to find Redis again", func() bool {
				return take(t, g[0], "another", w, 1).Source != limits.FromLocal
			})
		}
		require.Equal(t, 90, local)
	})
}

// TestNothingGrantedMeanwhileIsAddedBack: Redis counts on from where it was.
func TestNothingGrantedMeanwhileIsAddedBack(t *testing.T) {
	server, g, o := newGateways(t, 2, redis.Settings{Timeout: 100 * time.Millisecond})
	w := windows(t, "1000000000/1h")
	take(t, g[0], "ws", w, 10)
	server.Pause()
	for o[0].calls.Load() < 1+5+2 {
		require.True(t, take(t, g[0], "ws", w, 1).Granted)
	}
	server.Resume()
	var after limits.Result
	services.Wait(t, "the gateway to find Redis again", func() bool {
		after = take(t, g[0], "ws", w, 1)
		return after.Source == limits.FromRedis
	})
	// The five requests before the breaker opened had reached the stopped server, which now executes them; the probes
	// took nothing.
	left := remaining(after.State)[0]
	require.LessOrEqual(t, left, int64(1000000000-10-1))
	require.GreaterOrEqual(t, left, int64(1000000000-10-5-1))
	require.Equal(t, []int64{left - 1}, remaining(take(t, g[1], "ws", w, 1).State), "and it is shared")
}

// TestARestartedEmptyRedisIsTrustedNoLowerThanWhatWasSeen: what a gateway saw is what it brings back, for all of them.
func TestARestartedEmptyRedisIsTrustedNoLowerThanWhatWasSeen(t *testing.T) {
	server, g, _ := newGateways(t, 3, patient)
	w := windows(t, "100/1h", "500/1d")
	take(t, g[0], "ws", w, 20)
	before := take(t, g[1], "ws", w, 20).State
	take(t, g[0], "spent", w, 100)
	server.Kill()
	server.Start()

	require.Equal(t, []int64{79, 479}, remaining(take(t, g[0], "ws", w, 1).State), "what it saw itself")
	after := take(t, g[1], "ws", w, 1).State
	require.Equal(t, []int64{59, 459}, remaining(after), "the larger of Redis' count and what it saw")
	for i := range 2 {
		require.Equal(t, before.Statuses()[i].Reset, after.Statuses()[i].Reset, "in the same window")
	}
	require.Equal(t, []int64{58, 458}, remaining(take(t, g[2], "ws", w, 1).State), "shared with those that saw nothing")
	require.False(t, take(t, g[0], "spent", w, 1).Granted)
}
