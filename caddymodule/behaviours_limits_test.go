package caddymodule_test

import (
	"fmt"
	"net/http"
	"strings"
	"sync"
	"testing"
	"time"

	"github.com/stretchr/testify/require"

	"github.com/tollgate-gateway/tollgate/caddymodule/harness"
)

// limited is a gateway whose plans are small. Every plan has a workspace ws_<plan> with two keys, <plan>-secret-one-0123
// and <plan>-secret-two-0123.
func limited(plans ...string) harness.Setup {
	setup := harness.Setup{Gate: harness.WorldRoutes + "route POST /costly {\n cost 3\n}\n", Options: "auth_throttle 5/1m\nrefusal_throttle 4/1m\n" + countersOption}
	var keys strings.Builder
	keys.WriteString("workspaces:\n")
	for _, plan := range plans {
		name, _, _ := strings.Cut(plan, " ")
		setup.Options += "plan " + plan + "\n"
		fmt.Fprintf(&keys, "  - id: ws_%[1]s\n    plan: %[1]s\n    keys:\n", name)
		for _, which := range []string{"one", "two"} {
			fmt.Fprintf(&keys, "      - {id: key_%[1]s_%[2]s, name: %[2]s, sha256: $SHA(%[1]s-secret-%[2]s-0123), scopes: [agent.leads.read]}\n", name, which)
		}
	}
	setup.Keys = keys.String()
	return setup
}

func one(plan string) string { return plan + "-secret-one-0123" }
func two(plan string) string { return plan + "-secret-two-0123" }

func TestLimitCountsDown(t *testing.T) {
	g := harness.Start(t, limited("small 3/1m", "other 3/1m"))
	for left := int64(2); left >= 0; left-- {
		a := g.Do(t, harness.Request{Path: "/plain", Key: one("small")})
		require.Equal(t, 200, a.Status, "E01")
		a.CheckLimits(t, harness.Workspace)
		require.Equal(t, int64(3), a.Number(t, "X-Ratelimit-Limit"), "E02")
		require.Equal(t, left, a.Number(t, "X-Ratelimit-Remaining"), "E02")
		require.InDelta(t, time.Now().Unix()+60, a.Number(t, "X-Ratelimit-Reset"), 20, "E02")
		require.Equal(t, []string{`"1m";q=3;w=60`}, a.Header.Values("Ratelimit-Policy"))
		require.Contains(t, a.Header.Get("Ratelimit"), fmt.Sprintf(`"1m";r=%d;t=`, left))
	}
	over := func(key string) harness.Case {
		return harness.Case{
			Name: "E01, E03, E07/" + key, Request: harness.Request{Path: "/plain", Key: key},
			Status: 429, Code: "RATE_LIMITED", Limits: harness.Workspace,
			Check: func(t *testing.T, a *harness.Answer, _ []harness.Seen) {
				wait := a.Number(t, "Retry-After")
				require.True(t, wait >= 1 && wait <= 60, "E03: %d", wait)
				require.JSONEq(t, fmt.Sprintf(`{"retry_after_seconds":%d}`, wait), string(a.Envelope(t).Error.Details))
				require.Zero(t, a.Number(t, "X-Ratelimit-Remaining"))
				require.NotZero(t, a.Number(t, "X-Ratelimit-Reset"), "E03")
			},
		}
	}
	g.Run(t, []harness.Case{
		over(one("small")),
		over(two("small")),
		{Name: "E08/another workspace is not affected", Request: harness.Request{Path: "/plain", Key: one("other")}, Status: 200, Hits: 1, Limits: harness.Workspace},
		{
			Name: "E17/the rest shares the workspace's counter", Request: harness.Request{Path: "/leads?x=2", Key: one("small")},
			Status: 429, Code: "RATE_LIMITED", Limits: harness.Workspace,
		},
		{
			Name:    "E18/another forwarded address is the same counter",
			Request: harness.Request{Path: "/plain", Key: one("small"), Header: harness.Header("X-Forwarded-For", "198.51.100.9")},
			Status:  429, Code: "RATE_LIMITED", Limits: harness.Workspace,
		},
	})
}

func TestLimitWindowEnds(t *testing.T) {
	g := harness.Start(t, limited("brief 2/1s 1000/1h"))
	var reset int64
	for range 2 {
		reset = g.Do(t, harness.Request{Path: "/plain", Key: one("brief")}).Number(t, "X-Ratelimit-Reset")
	}
	require.Eventually(t, func() bool {
		a := g.Do(t, harness.Request{Path: "/plain", Key: one("brief")})
		return a.Status == 200 && a.Number(t, "X-Ratelimit-Reset") > reset && a.Number(t, "X-Ratelimit-Remaining") == 1
	}, harness.WaitFor, harness.Tick, "E05: a new window, a new count")
}

func TestLimitWindowEdge(t *testing.T) {
	for name, c := range map[string]struct {
		plan string
		most int
	}{
		"E12/at most twice the limit over an edge": {"edge 4/3s", 8},
		"E12/a second window bounds it":            {"bounded 4/3s 6/1h", 6},
	} {
		t.Run(name, func(t *testing.T) {
			g := harness.Start(t, limited(c.plan))
			name, _, _ := strings.Cut(c.plan, " ")
			granted := 0
			for round := range 2 { // the end of one window, the beginning of the next
				var a *harness.Answer
				for a = g.Do(t, harness.Request{Path: "/plain", Key: one(name)}); a.Status == 200; a = g.Do(t, harness.Request{Path: "/plain", Key: one(name)}) {
					granted++
				}
				if wait := time.Duration(a.Number(t, "Retry-After")) * time.Second; round == 0 && wait < time.Minute {
					<-time.After(wait)
				}
			}
			require.Equal(t, c.most, granted)
		})
	}
}

func TestLimitRetryAfterIsKept(t *testing.T) {
	g := harness.Start(t, limited("brief 1/2s"))
	g.Do(t, harness.Request{Path: "/plain", Key: one("brief")})
	a := g.Do(t, harness.Request{Path: "/plain", Key: one("brief")})
	require.Equal(t, 429, a.Status)
	wait := time.NewTimer(time.Duration(a.Number(t, "Retry-After")) * time.Second)
	<-wait.C
	require.Equal(t, 200, g.Do(t, harness.Request{Path: "/plain", Key: one("brief")}).Status, "E03: a retry then is granted")
}

func TestLimitResetFalls(t *testing.T) {
	g := harness.Start(t, limited("small 100000/1m"))
	left := func() (seconds, reset int64) {
		a := g.Do(t, harness.Request{Path: "/plain", Key: one("small")})
		_, text, found := strings.Cut(a.Header.Get("Ratelimit"), ";t=")
		require.True(t, found)
		_, err := fmt.Sscan(text, &seconds)
		require.NoError(t, err)
		return seconds, a.Number(t, "X-Ratelimit-Reset")
	}
	first, end := left()
	require.Eventually(t, func() bool {
		seconds, reset := left()
		return reset == end && seconds < first
	}, harness.WaitFor, harness.Tick, "E04: the window's end stays, the time to it falls")
}

func TestLimitSeveralWindows(t *testing.T) {
	g := harness.Start(t, limited("both 10/1m 4/1h"))
	for range 4 {
		require.Equal(t, 200, g.Do(t, harness.Request{Path: "/plain", Key: one("both")}).Status)
	}
	g.Run(t, []harness.Case{{
		Name: "E06/the used-up window is named, and none is charged", Request: harness.Request{Path: "/plain", Key: one("both")},
		Status: 429, Code: "RATE_LIMITED", Limits: harness.Workspace,
		Check: func(t *testing.T, a *harness.Answer, _ []harness.Seen) {
			require.Equal(t, int64(4), a.Number(t, "X-Ratelimit-Limit"), "the violated window's")
			require.Equal(t, []string{`"1m";q=10;w=60`, `"1h";q=4;w=3600`}, a.Header.Values("Ratelimit-Policy"))
			require.Contains(t, a.Header.Values("Ratelimit")[0], `"1m";r=6;`, "E06: the refused call was not charged")
			require.Greater(t, a.Number(t, "Retry-After"), int64(60))
		},
	}})
}

func TestLimitCost(t *testing.T) {
	g := harness.Start(t, limited("small 5/1m"))
	g.Run(t, []harness.Case{
		{Name: "cost is taken whole", Request: harness.Request{Method: "POST", Path: "/costly", Key: one("small")}, Status: 200, Hits: 1, Limits: harness.Workspace,
			Check: func(t *testing.T, a *harness.Answer, _ []harness.Seen) {
				require.Equal(t, int64(2), a.Number(t, "X-Ratelimit-Remaining"))
			}},
		{Name: "or not at all", Request: harness.Request{Method: "POST", Path: "/costly", Key: one("small")}, Status: 429, Code: "RATE_LIMITED", Limits: harness.Workspace,
			Check: func(t *testing.T, a *harness.Answer, _ []harness.Seen) {
				require.Equal(t, int64(2), a.Number(t, "X-Ratelimit-Remaining"))
			}},
		{Name: "what fits is granted", Request: harness.Request{Path: "/plain", Key: one("small")}, Status: 200, Hits: 1, Limits: harness.Workspace},
	})
}

func TestLimitCostAboveOwnLimit(t *testing.T) {
	setup := limited("small 5/1m")
	setup.Keys = strings.Replace(setup.Keys, "plan: small\n", "plan: small\n    limits: [2/1m]\n", 1)
	g := harness.Start(t, setup)
	g.Run(t, []harness.Case{{
		Name: "cost above the workspace's own limit", Request: harness.Request{Method: "POST", Path: "/costly", Key: one("small")},
		Status: 403, Code: "FORBIDDEN", Limits: harness.Workspace,
		Check: func(t *testing.T, a *harness.Answer, _ []harness.Seen) {
			require.JSONEq(t, `{"cost":3,"limit":2}`, string(a.Envelope(t).Error.Details))
		},
	}})
}

func TestLimitIsExactUnderConcurrency(t *testing.T) {
	const workspaces, clients, limit = 10, 200, 40
	var plans []string
	for i := range workspaces {
		plans = append(plans, fmt.Sprintf("p%d %d/1h", i, limit))
	}
	g := harness.Start(t, limited(plans...))
	remaining := make([]map[int64]int, workspaces)
	for i := range remaining {
		remaining[i] = map[int64]int{}
	}
	var (
		mu sync.Mutex
		wg sync.WaitGroup
	)
	for client := range clients {
		wg.Go(func() {
			proto := []harness.Proto{harness.H1, harness.H2C}[client%2]
			for i := range workspaces {
				w := (client + i) % workspaces
				a, err := g.Try(harness.Request{Path: "/plain", Key: one(fmt.Sprintf("p%d", w)), Proto: proto})
				mu.Lock()
				switch {
				case err != nil:
					t.Errorf("E11, E21: %v", err)
				case a.Status == 200:
					remaining[w][a.Number(t, "X-Ratelimit-Remaining")]++
				case a.Status != 429:
					t.Errorf("E11: status %d", a.Status)
				}
				mu.Unlock()
			}
		})
	}
	wg.Wait()
	for w, seen := range remaining {
		require.Len(t, seen, limit, "E11, E21: workspace %d gets exactly its limit", w)
		for value, times := range seen {
			require.Equal(t, 1, times, "E11: Remaining %d of workspace %d", value, w)
		}
	}
	require.Len(t, g.Backend.Seen(), workspaces*limit)
}

func TestLimitSurvivesReload(t *testing.T) {
	setup := limited("small 5/1m")
	g := harness.Start(t, setup)
	for range 3 {
		g.Do(t, harness.Request{Path: "/plain", Key: one("small")})
	}
	reload := func(plan string) {
		setup.Options = countersOption + "plan " + plan
		require.NoError(t, g.Load(setup.Caddyfile()))
	}
	reload("small 10/1m")
	require.Equal(t, int64(6), g.Do(t, harness.Request{Path: "/plain", Key: one("small")}).Number(t, "X-Ratelimit-Remaining"), "E13: 10 - 3 - 1")
	reload("small 2/1m")
	a := g.Do(t, harness.Request{Path: "/plain", Key: one("small")})
	require.Equal(t, 429, a.Status, "E13: a lower limit is obeyed at once")
	require.Zero(t, a.Number(t, "X-Ratelimit-Remaining"), "E02: never negative")
}

func TestLimitHeadersAreOurs(t *testing.T) {
	g := harness.Start(t, limited("small 100/1m"))
	for _, status := range []int{200, 404, 429, 500} {
		g.Backend.Answer(func(w http.ResponseWriter, _ *http.Request) {
			w.Header().Set("Trailer", "X-Ratelimit-Limit, X-Fine")
			for _, name := range []string{"X-RateLimit-Limit", "x_ratelimit_remaining", "RateLimit", "RateLimit-Policy", "X-Request-Id", "X-RateLimit-Mode"} {
				w.Header()[name] = []string{"7", "8"}
			}
			w.WriteHeader(http.StatusEarlyHints)
			w.WriteHeader(status)
			w.Header().Set("X-Fine", "fine")
			w.Header().Set(http.TrailerPrefix+"X-Ratelimit-Reset", "9")
		})
		g.Run(t, []harness.Case{{
			Name: fmt.Sprintf("E20/backend answers %d", status), Request: harness.Request{Path: "/plain", Key: one("small")},
			Status: status, Hits: 1, Limits: harness.Workspace,
			Check: func(t *testing.T, a *harness.Answer, _ []harness.Seen) {
				require.Equal(t, int64(100), a.Number(t, "X-Ratelimit-Limit"))
				require.Len(t, a.Header.Values("X-Request-Id"), 1)
				require.NotContains(t, a.Header, "x_ratelimit_remaining")
				require.NotContains(t, a.Header, "X-Ratelimit-Mode")
				for name := range a.Trailer {
					require.Equal(t, "X-Fine", name, "trailers")
				}
			},
		}})
	}
}

func TestAuthThrottle(t *testing.T) {
	g := harness.Start(t, limited("small 100/1m"))
	for left := int64(4); left >= 0; left-- {
		a := g.Do(t, harness.Request{Path: "/plain", Key: harness.Unknown})
		require.Equal(t, 401, a.Status)
		require.Equal(t, left, a.Number(t, "X-Ratelimit-Remaining"), "the throttle's own count")
	}
	g.Run(t, []harness.Case{
		{Name: "E10/past it 401s are 429", Request: harness.Request{Path: "/plain", Key: harness.Unknown}, Status: 429, Code: "RATE_LIMITED", Limits: harness.AuthLimit,
			Check: func(t *testing.T, a *harness.Answer, _ []harness.Seen) {
				require.GreaterOrEqual(t, a.Number(t, "Retry-After"), int64(1))
			}},
		{Name: "E17/malformed targets are 429 as well", Raw: "GET //a HTTP/1.1\r\nHost: x\r\nConnection: close\r\n\r\n", Status: 429, Code: "RATE_LIMITED", Limits: harness.AuthLimit},
		{Name: "E10/a key never seen before passes, behind the same address", Request: harness.Request{Path: "/plain", Key: one("small")}, Status: 200, Hits: 1, Limits: harness.Workspace},
		{Name: "E10/and a known one", Request: harness.Request{Path: "/plain", Key: one("small")}, Status: 200, Hits: 1, Limits: harness.Workspace},
	})
}

func TestRefusalThrottle(t *testing.T) {
	g := harness.Start(t, limited("small 100/1m"))
	for range 2 {
		require.Equal(t, 403, g.Do(t, harness.Request{Path: "/files/a", Key: one("small")}).Status)
		require.Equal(t, 404, g.Do(t, harness.Request{Path: "/nothing", Key: one("small")}).Status)
	}
	g.Run(t, []harness.Case{
		{Name: "E10/past it the key is 429", Request: harness.Request{Path: "/plain", Key: one("small")}, Status: 429, Code: "RATE_LIMITED", Limits: harness.RefusalLimit},
		{Name: "E10/the workspace's other key is not", Request: harness.Request{Path: "/plain", Key: two("small")}, Status: 200, Hits: 1, Limits: harness.Workspace},
	})
}

func TestThrottlesCountNoBackendErrors(t *testing.T) {
	g := harness.Start(t, limited("small 100/1m"))
	g.Backend.Answer(func(w http.ResponseWriter, _ *http.Request) { w.WriteHeader(http.StatusNotFound) })
	for range 8 {
		require.Equal(t, 404, g.Do(t, harness.Request{Path: "/plain", Key: one("small")}).Status, "backend statuses never count")
	}
}

func TestAuthThrottleCountsIPv6ByPrefix(t *testing.T) {
	setup := limited("small 100/1m")
	setup.Servers = "trusted_proxies static 127.0.0.1"
	g := harness.Start(t, setup)
	for i := range 5 {
		a := g.Do(t, harness.Request{Path: "/plain", Header: harness.Header("X-Forwarded-For", fmt.Sprintf("2001:db8::%x", i+1))})
		require.Equal(t, 401, a.Status)
	}
	g.Run(t, []harness.Case{
		{Name: "E19/same /64", Request: harness.Request{Path: "/plain", Header: harness.Header("X-Forwarded-For", "2001:db8::ffff")}, Status: 429, Code: "RATE_LIMITED", Limits: harness.AuthLimit},
		{Name: "E19/other /64", Request: harness.Request{Path: "/plain", Header: harness.Header("X-Forwarded-For", "2001:db8:0:1::1")}, Status: 401, Code: "UNAUTHORIZED", Limits: harness.AuthLimit},
	})
}
