package caddymodule_test

import (
	"encoding/json"
	"fmt"
	"net/http"
	"os"
	"path/filepath"
	"strings"
	"sync"
	"sync/atomic"
	"testing"
	"time"

	"github.com/dunglas/httpsfv"
	"github.com/stretchr/testify/require"

	"github.com/tollgate-gateway/tollgate/caddymodule/harness"
)

// quotaWorld is a gateway whose keys lie in a database: a workspace with a quota by its plan, and one with its own.
type quotaWorld struct {
	*harness.Desk
	setup     harness.Setup
	plan, own string // secrets
}

func newQuotaWorld(t *testing.T, block string) *quotaWorld {
	w := &quotaWorld{Desk: harness.NewDesk(t, harness.DeskCaddyfile)}
	w.Must(t, "workspace", "create", "ws_plan", "--plan", "pro")
	w.Must(t, "workspace", "create", "ws_own", "--plan", "pro", "--quota", "4/month", "--limit", "1000/1h")
	_, w.plan = w.Created(t, "--workspace", "ws_plan", "--scope", "agent.*")
	_, w.own = w.Created(t, "--workspace", "ws_own", "--scope", "agent.*")
	w.setup = harness.Setup{
		Options: "keys sqlite " + filepath.Join(w.Dir, "tollgate.db") + "\n" + countersOption + "plan pro 1000000/1s {\n" + block + "\n}\n",
		Gate:    "route GET /leads agent.leads.read\nroute GET /costly agent.leads.read {\ncost 3\n}\nwhoami /me\npublic GET /metrics\n",
		Then:    "metrics /metrics\nreverse_proxy $BACKEND",
	}
	return w
}

// periodEnds is when the calendar month ends.
func periodEnds() time.Time {
	now := time.Now().UTC()
	return time.Date(now.Year(), now.Month()+1, 1, 0, 0, 0, 0, time.UTC)
}

func TestQuota(t *testing.T) {
	t.Run("in memory", testQuota)
	t.Run("on Redis", func(t *testing.T) {
		server := countOn(t, "timeout 5s\non_outage refuse")
		testQuota(t)
		client := server.Client()
		defer client.Close()
		require.NotZero(t, client.Exists(t.Context(), "tollgate:{ws_plan}:month").Val())
	})
}

func testQuota(t *testing.T) {
	w := newQuotaWorld(t, "quota 10/month\nquota 1000/day\nwarn 75%")
	g := harness.Start(t, w.setup)
	require.Contains(t, w.Must(t, "workspace", "show", "ws_own"), "4/month")
	for n, path := range []string{"/leads", "/costly", "/costly", "/leads"} { // 8 of 10
		a := g.Do(t, harness.Request{Path: path, Key: w.plan})
		require.Equal(t, 200, a.Status, n)
	}
	a := g.Do(t, harness.Request{Path: "/costly", Key: w.plan})
	require.Equal(t, 429, a.Status)
	ends := periodEnds()
	require.JSONEq(t, fmt.Sprintf(`{"success":false,"error":{"code":"RATE_LIMITED","message":"The workspace's quota is used up.","details":{
		"quota":{"period":"month","limit":10,"ends":"%s"},"retry_after_seconds":%s}}}`, ends.Format(time.RFC3339), a.Header.Get("Retry-After")), a.Body)
	require.InDelta(t, time.Until(ends).Seconds(), float64(a.Number(t, "Retry-After")), 30)
	require.Equal(t, []string{"10", "2", fmt.Sprint(ends.Unix())}, []string{a.Header.Get("X-Ratelimit-Limit"), a.Header.Get("X-Ratelimit-Remaining"), a.Header.Get("X-Ratelimit-Reset")})
	require.Equal(t, 200, g.Do(t, harness.Request{Path: "/leads", Key: w.plan}).Status, "a smaller one fits")

	policies, err := httpsfv.UnmarshalList(a.Header["Ratelimit-Policy"])
	require.NoError(t, err)
	var names []string
	for _, item := range policies {
		names = append(names, item.(httpsfv.Item).Value.(string))
	}
	require.Equal(t, []string{"1s", "month", "day"}, names)
	month := policies[1].(httpsfv.Item)
	seconds, _ := month.Params.Get("w")
	require.Contains(t, []int64{28 * 86400, 29 * 86400, 30 * 86400, 31 * 86400}, seconds)

	var me struct {
		Data struct {
			Windows []struct {
				Name      string
				Remaining int64
				Warned    bool
			}
		}
	}
	require.NoError(t, json.Unmarshal([]byte(g.Do(t, harness.Request{Path: "/me", Key: w.plan}).Body), &me))
	require.Equal(t, "month 1 true", fmt.Sprint(me.Data.Windows[1].Name, " ", me.Data.Windows[1].Remaining, " ", me.Data.Windows[1].Warned))
	require.False(t, me.Data.Windows[2].Warned)
	require.Regexp(t, `"} [1-9]`, harness.MetricsOf(g.Do(t, harness.Request{Path: "/metrics"}).Body, `tollgate_quota_warnings_total{period="month",plan="pro"`))
	require.Equal(t, 1, strings.Count(g.ReadFile(t, "caddy.log"), "a workspace has used most of its quota"), "once, at the eighth")
	require.Contains(t, g.ReadFile(t, "caddy.log"), `"workspace":"ws_plan","plan":"pro","quota":"10/month","used":8,"warn":"75%"`)

	for n := range 6 {
		a = g.Do(t, harness.Request{Path: "/leads", Key: w.own})
		require.Equal(t, map[bool]int{true: 200, false: 429}[n < 4], a.Status, "its own quota stands instead of both of the plan's")
	}
	require.NoError(t, g.Load(strings.ReplaceAll(w.setup.Caddyfile(), "quota 10/month", "quota 12/month")))
	a = g.Do(t, harness.Request{Path: "/leads", Key: w.plan})
	require.Equal(t, 200, a.Status, "a raised quota holds at once")
	g.Stop(t)

	if countersOption != "" {
		return
	}
	g = harness.Start(t, w.setup) // with 10 again, all of it used
	a = g.Do(t, harness.Request{Path: "/leads", Key: w.plan})
	require.Equal(t, 429, a.Status, "the count came back from the ledger")
	require.Equal(t, 429, g.Do(t, harness.Request{Path: "/leads", Key: w.own}).Status)
}

// TestAQuotaSurvivesAnEmptyRedis while requests come in.
func TestAQuotaSurvivesAnEmptyRedis(t *testing.T) {
	server := countOn(t, "timeout 5s")
	w := newQuotaWorld(t, "quota 300/month")
	g := harness.Start(t, w.setup)
	client := server.Client()
	defer client.Close()
	var granted atomic.Int64
	for range 4 {
		var all sync.WaitGroup
		for range 8 {
			all.Go(func() {
				for range 12 {
					if a := g.Do(t, harness.Request{Path: "/leads", Key: w.plan}); a.Status == 200 {
						granted.Add(1)
					}
				}
			})
		}
		all.Wait()
		require.NoError(t, client.FlushAll(t.Context()).Err())
	}
	require.EqualValues(t, 300, granted.Load())
	g.Stop(t)
	require.NoError(t, client.FlushAll(t.Context()).Err())
	g = harness.Start(t, w.setup)
	require.Equal(t, 429, g.Do(t, harness.Request{Path: "/leads", Key: w.plan}).Status)
}

func TestOverAllowLetsThrough(t *testing.T) {
	w := newQuotaWorld(t, "quota 2/day\nover allow\nwarn 50%")
	g := harness.Start(t, w.setup)
	for n := range 5 {
		a := g.Do(t, harness.Request{Path: "/leads", Key: w.plan})
		require.Equal(t, 200, a.Status)
		require.Regexp(t, fmt.Sprintf(`"day";r=%d;t=\d+`, max(0, 1-n)), a.Header["Ratelimit"][1])
	}
	require.Equal(t, 200, g.Do(t, harness.Request{Path: "/costly", Key: w.plan}).Status, "although its cost is above the quota")
	require.Equal(t, 1, strings.Count(g.ReadFile(t, "caddy.log"), "a workspace has used most of its quota"))
}

// TestAKeysOwnLimit holds one key to its windows, and leaves another of the workspace what the workspace has.
func TestAKeysOwnLimit(t *testing.T) {
	for _, counters := range []string{"memory", "redis"} {
		t.Run(counters, func(t *testing.T) {
			if counters == "redis" {
				countOn(t, "timeout 5s")
			}
			d := harness.NewDesk(t, harness.DeskCaddyfile)
			d.Must(t, "workspace", "create", "ws_a", "--plan", "enterprise")
			id, held := d.Created(t, "--workspace", "ws_a", "--scope", "agent.*", "--limit", "5/1h")
			_, free := d.Created(t, "--workspace", "ws_a", "--scope", "agent.*")
			g := harness.Start(t, harness.Setup{Options: "keys sqlite " + filepath.Join(d.Dir, "tollgate.db") + "\n" + countersOption, Gate: "route GET /leads agent.leads.read"})
			codes := map[int]int{}
			var last *harness.Answer
			for range 30 {
				last = g.Do(t, harness.Request{Path: "/leads", Key: held})
				codes[last.Status]++
			}
			require.Equal(t, map[int]int{200: 5, 429: 25}, codes)
			require.Contains(t, last.Body, "The key's own rate limit is used up.")
			require.Contains(t, last.Header["Ratelimit-Policy"], `"key-1h";q=5;w=3600`)
			require.Equal(t, "5", last.Header.Get("X-Ratelimit-Limit"), "the violated one")
			a := g.Do(t, harness.Request{Path: "/leads", Key: free})
			require.Equal(t, "594", a.Header.Get("X-Ratelimit-Remaining"), "what the held key was granted, and no more")
			require.NotContains(t, strings.Join(a.Header["Ratelimit-Policy"], ""), "key-")
			d.Must(t, "key", "set", id, "--limit", "8/1h")
			require.Eventually(t, func() bool { return g.Do(t, harness.Request{Path: "/leads", Key: held}).Status == http.StatusOK }, harness.WaitFor, harness.Tick)
		})
	}
}

// TestQuotaOptionsThatAreWrong are errors with file and line.
func TestQuotaOptionsThatAreWrong(t *testing.T) {
	for block, want := range map[string]string{
		"quota 0/month": "must be from 1", "quota 100": "has no '/'", "quota 100/30d": "is a window", "quota 100/year": "write day or month",
		"quota 100/month\nquota 5/month": "have the same period", "quota": "such as quota 100000/month", "quota 1/day 2/month": "such as quota 100000/month",
		"warn 80": "write 1% to 99%", "warn 0%": "write 1% to 99%", "warn 100%": "write 1% to 99%", "warn -5%": "write 1% to 99%", "warn %": "write 1% to 99%",
		"warn 5%\nwarn 6%": "'warn' is given twice", "over": "such as over allow", "over refuse": "write over allow", "over allow\nover allow": "given twice",
		"concurrent 0": "from 1 to", "concurrent -1": "from 1 to", "concurrent many": "from 1 to", "quotas 1/day": "unknown option 'quotas'", "limit 5/1m": "unknown option 'limit'",
	} {
		_, err := harness.Adapt("{\n\ttollgate {\n\t\tplan pro 200/1m {\n"+block+"\n\t\t}\n\t}\n}\n", "Caddyfile")
		require.ErrorContains(t, err, want, block)
		require.ErrorContains(t, err, "Caddyfile:", block)
	}
	for window, want := range map[string]string{"200/month": "a limit per calendar month is a quota", "5/day": "a limit per calendar day is a quota"} {
		_, err := harness.Adapt("{\n\ttollgate {\n\t\tplan pro "+window+"\n\t}\n}\n", "Caddyfile")
		require.ErrorContains(t, err, want)
	}
	dir := t.TempDir()
	require.NoError(t, os.WriteFile(filepath.Join(dir, "own.yaml"), []byte("workspaces: [{id: ws_a, plan: pro}, {id: ws_b, plan: pro, quotas: [5/day]}]\n"), 0o600))
	for options, want := range map[string]string{
		"keys file own.yaml": "workspace ws_b of file",
		"keys file keys.yaml\nplan pro 200/1m {\nquota 5/month\n}":              "plan pro has a quota, and no usage is kept",
		"keys sqlite $DIR/k.db\nusage off\nplan pro 200/1m {\nquota 5/month\n}": "plan pro has a quota, and no usage is kept",
		"counters memory {\non_outage open\n}":                                  "write local, allow or refuse",
		"counters memory {\non_outage local\non_outage local\n}":                "'on_outage' is given twice",
	} {
		require.NoError(t, os.WriteFile(filepath.Join(dir, "keys.yaml"), []byte("workspaces: []\n"), 0o600))
		_, err := harness.Validate(t, "{\n\tadmin off\n\ttollgate {\n"+strings.ReplaceAll(options, "$DIR", dir)+"\n\t}\n}\n:0 {\n\ttollgate {\n\t\troute GET /a\n\t}\n}\n", filepath.Join(dir, "Caddyfile"))
		require.ErrorContains(t, err, want, options)
	}
}
