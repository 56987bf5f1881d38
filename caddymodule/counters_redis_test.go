package caddymodule_test

import (
	"fmt"
	"net"
	"strconv"
	"strings"
	"testing"

	goredis "github.com/redis/go-redis/v9"
	"github.com/stretchr/testify/require"
	"go.uber.org/goleak"

	"github.com/tollgate-gateway/tollgate/caddymodule/harness"
	"github.com/tollgate-gateway/tollgate/caddymodule/services"
)

// countersOption chooses where the gateways of limited count; empty: in memory.
var countersOption string

// countOn lets the tests of t count in a Redis of their own.
func countOn(t *testing.T, options string) *services.RedisServer {
	t.Helper()
	server := services.Redis(t)
	countersOption = fmt.Sprintf("counters redis %s {\n%s\n}\n", server.URL(), options)
	t.Cleanup(func() { countersOption = "" })
	return server
}

// TestLimitsOnRedis runs the tests of section E on Redis: what holds in memory holds there.
func TestLimitsOnRedis(t *testing.T) {
	for name, test := range map[string]func(*testing.T){
		"counts down": TestLimitCountsDown, "window ends": TestLimitWindowEnds, "retry after": TestLimitRetryAfterIsKept,
		"several windows": TestLimitSeveralWindows, "cost": TestLimitCost, "cost above own limit": TestLimitCostAboveOwnLimit,
		"concurrency": TestLimitIsExactUnderConcurrency, "reload": TestLimitSurvivesReload, "headers": TestLimitHeadersAreOurs,
		"refused requests": TestRefusalThrottle, "window edge": TestLimitWindowEdge,
	} {
		t.Run(name, func(t *testing.T) {
			countOn(t, "timeout 5s\non_outage refuse")
			test(t)
		})
	}
}

func TestRedisOutage(t *testing.T) {
	for outage, want := range map[string]harness.Case{
		"local":  {Name: "E16/local grants this gateway's share", Status: 200, Hits: 1, Limits: harness.Workspace},
		"allow":  {Name: "E16/allow", Status: 200, Hits: 1, Limits: harness.Workspace},
		"refuse": {Name: "E16/refuse", Status: 503, Code: "INTERNAL_ERROR", Limits: harness.Workspace},
	} {
		t.Run(outage, func(t *testing.T) {
			server := countOn(t, "on_outage "+outage)
			g := harness.Start(t, limited("small 1000/1m"))
			require.Equal(t, 200, g.Do(t, harness.Request{Path: "/plain", Key: one("small")}).Status)
			server.Kill()
			want.Request = harness.Request{Path: "/plain", Key: one("small")}
			want.Check = func(t *testing.T, a *harness.Answer, _ []harness.Seen) {
				if a.Status == 503 {
					require.GreaterOrEqual(t, a.Number(t, "Retry-After"), int64(1))
					require.Equal(t, int64(999), a.Number(t, "X-Ratelimit-Remaining"), "the last known count")
				}
				require.Equal(t, "local", a.Header.Get("X-Ratelimit-Mode"), "from the first answer without Redis")
			}
			g.Run(t, []harness.Case{want, want, want, want, want, want, want}) // more than the circuit breaker's five
			server.Start()
			require.Eventually(t, func() bool {
				a := g.Do(t, harness.Request{Path: "/plain", Key: one("small")})
				return a.Status == 200 && a.Header.Get("X-Ratelimit-Mode") == ""
			}, harness.WaitFor, harness.Tick, "E16: back without a restart")
			log := g.ReadFile(t, "caddy.log")
			require.Equal(t, 1, strings.Count(log, "redis is away: on_outage decides"), "one line")
			require.True(t, harness.Contains(log, "redis is away: on_outage decides", `"do":"see that redis runs`), "with what to do")
			require.NotContains(t, log, "request failed", "not one a request")
		})
	}
}

// TestRedisOptionsReachTheEngine, when the gateway starts and when it is reloaded.
func TestRedisOptionsReachTheEngine(t *testing.T) {
	server := countOn(t, "on_outage local\nexpected_gateways 4")
	setup := limited("small 100/1m", "other 100/1m")
	g := harness.Start(t, setup)
	require.Equal(t, int64(99), g.Do(t, harness.Request{Path: "/plain", Key: one("small")}).Number(t, "X-Ratelimit-Remaining"))
	server.Kill()
	require.Equal(t, int64(99/4-1), g.Do(t, harness.Request{Path: "/plain", Key: one("small")}).Number(t, "X-Ratelimit-Remaining"))
	require.NoError(t, g.Load(strings.Replace(setup.Caddyfile(), "expected_gateways 4", "expected_gateways 10", 1)))
	require.Equal(t, int64(100/10-1), g.Do(t, harness.Request{Path: "/plain", Key: one("other")}).Number(t, "X-Ratelimit-Remaining"))
	require.NoError(t, g.Load(strings.Replace(setup.Caddyfile(), "on_outage local", "on_outage refuse", 1)))
	require.Equal(t, 503, g.Do(t, harness.Request{Path: "/plain", Key: one("other")}).Status)
}

// TestAFailedReloadLeavesTheOptions of the configuration that goes on, whatever of the new one had started.
func TestAFailedReloadLeavesTheOptions(t *testing.T) {
	server := countOn(t, "on_outage local")
	setup := limited("small 100000/1m")
	g := harness.Start(t, setup)
	taken, err := net.Listen("tcp", "127.0.0.1:0")
	require.NoError(t, err)
	defer func() { _ = taken.Close() }()
	for range 10 { // apps start in no order
		require.Error(t, g.Load(strings.Replace(setup.Caddyfile(), "on_outage local", "on_outage refuse", 1)+"\nhttp://:"+
			strconv.Itoa(taken.Addr().(*net.TCPAddr).Port)+" {\n bind 127.0.0.1\n respond ok\n}\n"))
	}
	server.Kill()
	for range 8 {
		require.Equal(t, 200, g.Do(t, harness.Request{Path: "/plain", Key: one("small")}).Status)
	}
}

func TestRedisMetrics(t *testing.T) {
	server := countOn(t, "on_outage local")
	setup := limited("small 3/1m", "other 1000/1m")
	setup.Gate += "public GET /metrics\n"
	setup.Then = "metrics /metrics\nreverse_proxy $BACKEND"
	g := harness.Start(t, setup)
	value := func(name string) float64 {
		text := harness.MetricsOf(g.Do(t, harness.Request{Path: "/metrics"}).Body, name+" ")
		_, number, _ := strings.Cut(strings.TrimSpace(text), " ")
		v, err := strconv.ParseFloat(number, 64)
		require.NoError(t, err, "%s: %q", name, text)
		return v
	}
	verdicts := func(source string) float64 { return value(`tollgate_limit_verdicts_total{source="` + source + `"}`) }
	ask := func(key string) { g.Do(t, harness.Request{Path: "/plain", Key: key}) }
	for range 4 {
		ask(one("small")) // the fourth is over the limit, which Redis said in its third answer
	}
	fromRedis, remembered, calls, requests := verdicts("redis"), verdicts("remembered"), value("tollgate_redis_calls_total"), value("tollgate_redis_call_requests_total")
	require.Zero(t, value("tollgate_redis_breaker_open"))
	ask(one("small"))
	require.Equal(t, remembered+1, verdicts("remembered"))
	ask(one("other"))
	require.Equal(t, fromRedis+1, verdicts("redis"))
	require.Equal(t, calls+1, value("tollgate_redis_calls_total"))
	require.Equal(t, requests+1, value("tollgate_redis_call_requests_total"))
	require.Positive(t, value("tollgate_tracked_workspaces"))
	errors, local := value("tollgate_redis_errors_total"), verdicts("local")
	server.Kill()
	for range 5 {
		ask(one("other"))
	}
	require.Equal(t, local+5, verdicts("local"))
	require.GreaterOrEqual(t, value("tollgate_redis_errors_total"), errors+5)
	require.Equal(t, 1.0, value("tollgate_redis_breaker_open"))
	server.Start()
	require.Eventually(t, func() bool { return value("tollgate_redis_breaker_open") == 0 }, harness.WaitFor, harness.Tick)
}

func TestRedisDownAtStart(t *testing.T) {
	server := countOn(t, "")
	server.Kill()
	g := harness.Start(t, limited("small 1000/1m"))
	a := g.Do(t, harness.Request{Path: "/plain", Key: one("small")})
	require.Equal(t, 200, a.Status, "Redis down at start is no reason not to start")
	require.Equal(t, "local", a.Header.Get("X-Ratelimit-Mode"))
}

func TestRedisMistakes(t *testing.T) {
	port := services.FreePort(t)
	address := services.Address(port)
	services.RedisWith(t, goredis.Options{Addr: address, Password: "right-password"}, "--port", strconv.Itoa(port), "--requirepass", "right-password")
	for name, c := range map[string]struct{ url, want string }{
		"wrong password": {"redis://:wrong-password@" + address, "redis refuses this gateway"},
		"no password":    {"redis://" + address, "redis refuses this gateway"},
	} {
		t.Run("refuses/"+name, func(t *testing.T) {
			setup := limited("small 5/1m")
			setup.Options += "counters redis " + c.url + " {\n timeout 5s\n}\n" // a loaded machine is no outage
			g := harness.New(t)
			g.WriteFile(t, "keys.yaml", setup.Keys)
			err := g.Load(setup.Caddyfile())
			require.ErrorContains(t, err, c.want)
			require.ErrorContains(t, err, "Caddyfile:", "file and line")
			require.NotContains(t, err.Error()+g.ReadFile(t, "caddy.log"), "wrong-password")
		})
	}
}

func TestReloadsUnderLoadLoseNoCount(t *testing.T) {
	reloads := 20
	if harness.Long() {
		reloads = 300
	}
	server := countOn(t, "timeout 5s\non_outage refuse")
	before := goleak.IgnoreCurrent()
	const limit = 1_000_000_000
	setup := limited(fmt.Sprintf("small %d/1h", limit))
	g := harness.Start(t, setup)
	stop, granted := make(chan struct{}), make(chan int64)
	for range 4 {
		go func() {
			var mine int64
			for {
				select {
				case <-stop:
					granted <- mine
					return
				default:
				}
				if a, err := g.Try(harness.Request{Path: "/plain", Key: one("small")}); err == nil && a.Status == 200 {
					mine++
				}
			}
		}()
	}
	for range reloads {
		require.NoError(t, g.Load(setup.Caddyfile()))
	}
	close(stop)
	var total int64
	for range 4 {
		total += <-granted
	}
	seen := int64(len(g.Backend.Seen()))
	left := g.Do(t, harness.Request{Path: "/plain", Key: one("small")}).Number(t, "X-Ratelimit-Remaining")
	require.Positive(t, total)
	require.GreaterOrEqual(t, seen, total)
	require.GreaterOrEqual(t, limit-left-1, seen, "whatever reached the backend was counted")
	t.Logf("%d reloads, %d granted, %d counted", reloads, total, limit-left-1)

	g.Stop(t)
	g.CloseClients()
	g.Backend.Close()
	goleak.VerifyNone(t, before)
	client := server.Client()
	defer func() { _ = client.Close() }()
	services.Wait(t, "the gateway's connections to end", func() bool {
		list, err := client.ClientList(t.Context()).Result()
		return err == nil && strings.Count(list, "\n") == 1 // ours
	})
}
