package caddymodule_test

import (
	"fmt"
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
					return
				}
				require.Equal(t, "local", a.Header.Get("X-Ratelimit-Mode"))
			}
			g.Run(t, []harness.Case{want, want, want, want, want, want, want}) // more than the circuit breaker's five
			server.Start()
			require.Eventually(t, func() bool {
				a := g.Do(t, harness.Request{Path: "/plain", Key: one("small")})
				return a.Status == 200 && a.Header.Get("X-Ratelimit-Mode") == ""
			}, waitFor, tick, "E16: back without a restart")
			log := g.ReadFile(t, "caddy.log")
			require.Equal(t, 1, strings.Count(log, "redis is away: on_outage decides"), "one line")
			require.NotContains(t, log, "request failed", "not one a request")
		})
	}
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
	if long() {
		reloads = 300
	}
	server := countOn(t, "timeout 5s\non_outage refuse")
	before := goleak.IgnoreCurrent()
	const limit = 100_000
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
