package redis_test

import (
	"context"
	"fmt"
	"io"
	"net"
	"strconv"
	"strings"
	"sync"
	"sync/atomic"
	"testing"
	"time"

	goredis "github.com/redis/go-redis/v9"
	"github.com/stretchr/testify/require"

	"github.com/tollgate-gateway/tollgate/caddymodule/limits"
	"github.com/tollgate-gateway/tollgate/caddymodule/limits/redis"
	"github.com/tollgate-gateway/tollgate/caddymodule/services"
)

// distant passes everything on to a server, each answer after a delay that may be changed, and gives its URL.
func distant(t testing.TB, server *services.RedisServer, delay *atomic.Int64) (url string) {
	t.Helper()
	l, err := net.Listen("tcp", "127.0.0.1:0")
	require.NoError(t, err)
	var passing sync.WaitGroup
	ended := make(chan struct{})
	pass := func(client net.Conn) {
		defer client.Close()
		backend, err := net.Dial("tcp", server.Address())
		if err != nil {
			return
		}
		defer backend.Close()
		passing.Go(func() { _, _ = io.Copy(backend, client); backend.Close() })
		buffer := make([]byte, 1<<16)
		for {
			n, err := backend.Read(buffer)
			if err != nil {
				return
			}
			select {
			case <-time.After(time.Duration(delay.Load())):
			case <-ended:
				return
			}
			if _, err := client.Write(buffer[:n]); err != nil {
				return
			}
		}
	}
	passing.Go(func() {
		for {
			client, err := l.Accept()
			if err != nil {
				return
			}
			passing.Go(func() { pass(client) })
		}
	})
	t.Cleanup(func() { close(ended); l.Close(); passing.Wait() })
	return "redis://" + l.Addr().String()
}

// TestASlowRedisIsExact: as long as it answers within the timeout nothing is decided without it, although a request may
// have to wait for the round trip before its own.
func TestASlowRedisIsExact(t *testing.T) {
	server := services.Redis(t)
	delay := &atomic.Int64{}
	url := distant(t, server, delay)
	a, _ := newEngine(t, url, redis.Settings{Timeout: 300 * time.Millisecond})
	b, _ := newEngine(t, url, redis.Settings{Timeout: 300 * time.Millisecond})
	gateways := []*redis.Engine{a, b}
	w := windows(t, "40/1h")
	ask := func(workspace string) (granted, local int64) {
		var g, l atomic.Int64
		var all sync.WaitGroup
		for n := range 24 {
			all.Go(func() {
				<-time.After(time.Duration(n) * 17 * time.Millisecond)
				for range 3 {
					result, err := gateways[n%2].Take(context.Background(), workspace, w, 1)
					if err != nil || result.Source == limits.FromLocal {
						l.Add(1)
					} else if result.Granted {
						g.Add(1)
					}
				}
			})
		}
		all.Wait()
		return g.Load(), l.Load()
	}
	delay.Store(int64(160 * time.Millisecond)) // two round trips are more than the timeout
	for round := range 10 {                    // new connections take several: whoever needs one is too late, and leaves it to the next
		if _, local := ask(fmt.Sprint("warm_", round)); local == 0 {
			break
		}
		services.Wait(t, "the end of the outage", func() bool { return !a.Away() && !b.Away() })
	}
	granted, local := ask("ws")
	require.Zero(t, local)
	require.Equal(t, int64(40), granted)
}

// TestANewConnectionMayTakeLonger: it takes more round trips than fit into the timeout, and Redis is not away for ever.
func TestANewConnectionMayTakeLonger(t *testing.T) {
	server := services.Redis(t)
	delay := &atomic.Int64{}
	delay.Store(int64(60 * time.Millisecond))
	e, _ := newEngine(t, distant(t, server, delay), redis.Settings{Timeout: 100 * time.Millisecond})
	w := windows(t, "1000000/1h")
	services.Wait(t, "a connection", func() bool { return take(t, e, "ws", w, 1).Source == limits.FromRedis })
	delay.Store(int64(400 * time.Millisecond)) // a stall that is an outage
	services.Wait(t, "the breaker", func() bool { take(t, e, "ws", w, 1); return e.Away() })
	delay.Store(int64(60 * time.Millisecond))
	services.Wait(t, "the end of the outage", func() bool { return take(t, e, "ws", w, 1).Source == limits.FromRedis })
}

// TestConnectionsThatWentSilentAreGivenUp: a network may forget connections without a word, while new ones work.
func TestConnectionsThatWentSilentAreGivenUp(t *testing.T) {
	server := services.Redis(t)
	delay := &atomic.Int64{}
	e, o := newEngine(t, distant(t, server, delay), redis.Settings{Timeout: 200 * time.Millisecond})
	w := windows(t, "1000000/1h")
	for range 2 {
		var all sync.WaitGroup
		for n := range 40 {
			all.Go(func() { _, _ = e.Take(context.Background(), fmt.Sprint("ws_", n), w, 1) })
		}
		all.Wait()
	}
	delay.Store(int64(time.Hour)) // for what is sent now, on every connection there is
	services.Wait(t, "the breaker", func() bool { take(t, e, "ws_1", w, 1); return e.Away() })
	delay.Store(0)
	before, began := o.calls.Load(), time.Now()
	services.Wait(t, "the end of the outage", func() bool { return take(t, e, "ws_1", w, 1).Source == limits.FromRedis })
	require.Less(t, time.Since(began), 6*time.Second, "2 s, threefold")
	for n := range 40 {
		require.Equal(t, limits.FromRedis, take(t, e, fmt.Sprint("ws_", n), w, 1).Source, "no request finds one of them")
	}
	require.LessOrEqual(t, o.calls.Load()-before, int64(40+10))
}

// TestARetryAfterALocalRefusalIsGranted, although the gateway learnt Redis' time in between.
func TestARetryAfterALocalRefusalIsGranted(t *testing.T) {
	server := services.Redis(t)
	backend, err := redis.ParseBackend(server.URL(), "")
	require.NoError(t, err)
	behind := func() time.Time { return time.Now().Add(-20 * time.Second) }
	e, err := redis.New(backend, redis.Settings{Timeout: 200 * time.Millisecond}, redis.Options{Clock: behind})
	require.NoError(t, err)
	defer e.Close()
	w := windows(t, "2/6s")
	server.Kill()
	require.True(t, take(t, e, "ws", w, 2).Granted)
	services.Wait(t, "the breaker", func() bool { take(t, e, "another", w, 0+1); return e.Away() })
	server.Start()
	services.Wait(t, "the end of the outage", func() bool { return !e.Away() })
	server.Kill()
	services.Wait(t, "the breaker", func() bool { take(t, e, "another", windows(t, "1000000/1h"), 1); return e.Away() })
	refused := take(t, e, "ws", w, 1)
	if !refused.Granted { // a busy machine may have let the window end
		require.GreaterOrEqual(t, refused.State.Statuses()[0].Reset, time.Now().Unix(), "Reset is not past")
		<-time.After(time.Duration(refused.RetryAfter) * time.Second)
		require.True(t, take(t, e, "ws", w, 1).Granted)
	}
}

// TestRequestsThatWereNeverSentAreNoRoundTrip: where all connections wait for a Redis that says nothing, those behind them
// are told when they are.
func TestRequestsThatWereNeverSentAreNoRoundTrip(t *testing.T) {
	e, o := newEngine(t, blackhole(t)+"?pool_size=2", redis.Settings{Timeout: 300 * time.Millisecond})
	w := windows(t, "1000000/1h")
	var all sync.WaitGroup
	for n := range 3 {
		all.Go(func() {
			<-time.After(time.Duration(n) * 60 * time.Millisecond) // the third comes when two are under way
			take(t, e, "ws", w, 1)
		})
	}
	all.Wait()
	require.Equal(t, int64(2), o.calls.Load())
	require.Equal(t, int64(2), o.requests.Load())
}

// TestWhatALateReplySaysIsLearnt: the gateway knows what was taken, although those who asked were told something else.
func TestWhatALateReplySaysIsLearnt(t *testing.T) {
	server := services.Redis(t)
	delay := &atomic.Int64{}
	e, o := newEngine(t, distant(t, server, delay), redis.Settings{Timeout: 200 * time.Millisecond})
	w := windows(t, "100/1h")
	require.Equal(t, []int64{99}, remaining(take(t, e, "ws", w, 1).State))
	delay.Store(int64(400 * time.Millisecond))
	require.Equal(t, limits.FromLocal, take(t, e, "ws", w, 5).Source)
	services.Wait(t, "the reply", func() bool { return remaining(e.Last("ws", w))[0] == 94 })
	require.Equal(t, int64(1), o.errors.Load(), "it was late, once")
}

// TestWhatWasGrantedMeanwhileIsChargedWhereRedisAnswersLate: it counts in all windows, for all gateways, whatever the limit
// says; and what the late reply granted is not charged twice.
func TestWhatWasGrantedMeanwhileIsChargedWhereRedisAnswersLate(t *testing.T) {
	server := services.Redis(t)
	client := server.Client()
	defer client.Close()
	delay := &atomic.Int64{}
	slow, o := newEngine(t, distant(t, server, delay), redis.Settings{Timeout: 200 * time.Millisecond})
	fast, _ := newEngine(t, server.URL(), patient)
	w := windows(t, "10/1h", "100/1d")
	used := func() string {
		return client.Get(context.Background(), "tollgate:{ws}:3600").Val() + " " + client.Get(context.Background(), "tollgate:{ws}:86400").Val()
	}
	take(t, slow, "another", w, 1) // a connection
	require.True(t, take(t, fast, "ws", w, 7).Granted)
	delay.Store(int64(400 * time.Millisecond))
	granted := take(t, slow, "ws", w, 5) // Redis has 3 left; this gateway knows nothing of that
	require.True(t, granted.Granted)
	require.Equal(t, limits.FromLocal, granted.Source)
	services.Wait(t, "the charge", func() bool { return used() == "12 12" })
	require.False(t, take(t, fast, "ws", w, 1).Granted)
	services.Wait(t, "the reply to the charge", func() bool { return remaining(slow.Last("ws", w))[1] == 88 })

	delay.Store(0)
	require.Equal(t, limits.FromRedis, take(t, slow, "other", w, 1).Source)
	delay.Store(int64(400 * time.Millisecond))
	require.Equal(t, limits.FromLocal, take(t, slow, "other", w, 1).Source)
	services.Wait(t, "the late reply", func() bool { return remaining(slow.Last("other", w))[0] == 8 })
	require.Equal(t, "2", client.Get(context.Background(), "tollgate:{other}:3600").Val(), "taken once")
	require.Empty(t, o.outages(), "Redis answered")
}

// TestARedisThatRefusesToWriteIsAway: one outage for as long as it lasts, whatever it answers to who only reads.
func TestARedisThatRefusesToWriteIsAway(t *testing.T) {
	for name, server := range map[string]func(*testing.T) *services.RedisServer{
		"a replica": func(t *testing.T) *services.RedisServer {
			host, port, err := net.SplitHostPort(services.Redis(t).Address())
			require.NoError(t, err)
			return services.Redis(t, "--replicaof", host, port)
		},
		"without memory":          func(t *testing.T) *services.RedisServer { return services.Redis(t, "--maxmemory", "1") },
		"without enough replicas": func(t *testing.T) *services.RedisServer { return services.Redis(t, "--min-replicas-to-write", "1") },
	} {
		t.Run(name, func(t *testing.T) {
			e, o := newEngine(t, server(t).URL(), redis.Settings{})
			require.Error(t, e.Ping(context.Background()))
			press(t, e, 50*time.Millisecond, time.Second, 4)
			require.True(t, e.Away())
			require.Equal(t, []bool{true}, o.outages())
		})
	}
	t.Run("a user that may not is a mistake of the configuration", func(t *testing.T) {
		port := services.FreePort(t)
		server := services.RedisWith(t, goredis.Options{Addr: services.Address(port), Username: "gateway", Password: "x"}, "--port", strconv.Itoa(port),
			"--user", "default", "off", "--user", "gateway", "on", ">x", "~tollgate:*", "-@all", "+ping", "+select", "+eval", "+evalsha", "+time", "+get", "+pttl")
		e, _ := newEngine(t, "redis://gateway:x@"+server.Address(), redis.Settings{})
		require.ErrorIs(t, e.Ping(context.Background()), redis.ErrMisconfigured)
	})
}

// TestForeignKeysHurtNobody: what lies under the name of a count and is none counts as none, and is written over.
func TestForeignKeysHurtNobody(t *testing.T) {
	ctx := context.Background()
	server, g, o := newGateways(t, 1, patient)
	client := server.Client()
	defer client.Close()
	w := windows(t, "10/1h")
	for name, put := range map[string]func(key string) error{
		"a list":            func(key string) error { return client.LPush(ctx, key, "x").Err() },
		"a text":            func(key string) error { return client.Set(ctx, key, "x", time.Hour).Err() },
		"less than nothing": func(key string) error { return client.Set(ctx, key, "-5", time.Hour).Err() },
		"a fraction":        func(key string) error { return client.Set(ctx, key, "0.5", time.Hour).Err() },
		"no number at all":  func(key string) error { return client.Set(ctx, key, "nan", time.Hour).Err() },
		"without an end":    func(key string) error { return client.Set(ctx, key, "3", 0).Err() },
	} {
		t.Run(name, func(t *testing.T) {
			workspace := "ws_" + strings.ReplaceAll(name, " ", "_")
			require.NoError(t, put("tollgate:{"+workspace+"}:3600"))
			result := take(t, g[0], workspace, w, 1)
			require.Equal(t, limits.FromRedis, result.Source)
			require.Equal(t, []int64{9}, remaining(result.State))
		})
	}
	require.Zero(t, o[0].errors.Load())
	t.Run("a count that would outlive its window", func(t *testing.T) {
		require.NoError(t, client.Set(ctx, "tollgate:{ws_long}:1", "10", time.Hour).Err())
		result := take(t, g[0], "ws_long", windows(t, "10/1s"), 1)
		require.True(t, result.Granted)
		require.Equal(t, []int64{9}, remaining(result.State))
		require.LessOrEqual(t, client.PTTL(ctx, "tollgate:{ws_long}:1").Val(), time.Second)
	})
}
