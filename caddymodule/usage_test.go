package caddymodule_test

import (
	"database/sql"
	"fmt"
	"net/http"
	"net/url"
	"os"
	"path/filepath"
	"strings"
	"sync"
	"testing"
	"time"

	"github.com/stretchr/testify/require"

	"github.com/tollgate-gateway/tollgate/caddymodule/harness"
	"github.com/tollgate-gateway/tollgate/caddymodule/keystore"
	"github.com/tollgate-gateway/tollgate/caddymodule/keystore/postgres"
	"github.com/tollgate-gateway/tollgate/caddymodule/keystore/sqlite"
	"github.com/tollgate-gateway/tollgate/caddymodule/record"
	"github.com/tollgate-gateway/tollgate/caddymodule/services"
	"github.com/tollgate-gateway/tollgate/caddymodule/usage"
)

// used is what a database says was used until now, by some fields.
func used(t *testing.T, path, by string) (rows [][]string, total usage.Sum) {
	t.Helper()
	store := sqlite.New(path, sqlite.Options{})
	defer func() { require.NoError(t, store.Close()) }()
	report, err := usage.NewReport("", time.Now().Add(-24*time.Hour), time.Now().Add(time.Hour), by)
	require.NoError(t, err)
	all, total, err := report.Rows(t.Context(), store)
	require.NoError(t, err)
	for _, row := range all {
		rows = append(rows, append(row.Values, fmt.Sprint(row.Requests), fmt.Sprint(row.Cost)))
	}
	return rows, total
}

// TestTheLedgerSaysWhatWasUsed: each request of somebody known once, with its route, its outcome and its cost, over a reload and to
// the end of the process.
func TestTheLedgerSaysWhatWasUsed(t *testing.T) {
	setup := limited("big 100000/1m", "small 3/1m", "medium 5/1m")
	setup.Keys += harness.WorldKeys[len("\nworkspaces:\n"):]
	setup.Options += "\nusage sqlite $DIR/usage.db"
	setup.Gate = "route GET /leads agent.leads.read {\ncost 3\n}\nroute GET /fails\nwhoami /me\npublic GET /open\n"
	g := harness.Start(t, setup)
	g.Backend.Answer(func(w http.ResponseWriter, r *http.Request) {
		if r.URL.Path == "/fails" {
			w.WriteHeader(http.StatusServiceUnavailable)
		}
	})
	ask := func(path, key string, want int) {
		t.Helper()
		require.Equal(t, want, g.Do(t, harness.Request{Path: path, Key: key}).Status)
	}
	ask("/leads", harness.CRM, 200)
	ask("/leads", harness.CRM, 200)
	ask("/fails", harness.CRM, 503)
	ask("/me", harness.CRM, 200)
	ask("/nowhere", harness.CRM, 404)
	ask("/leads", harness.Unscoped, 403)
	ask("/leads", harness.Unknown, 401)
	ask("/leads", "", 401)
	ask("/open", "", 200)
	require.NoError(t, g.Load(setup.Caddyfile()))
	ask("/leads", one("small"), 200)
	ask("/leads", one("small"), 429)
	g.Stop(t)

	rows, total := used(t, filepath.Join(g.Dir, "usage.db"), "workspace,key,route,code")
	require.Equal(t, usage.Sum{Requests: 8, Cost: 10}, total)
	got := map[string]string{}
	for _, r := range rows {
		got[r[0]+" "+r[2]+" "+r[3]] = r[4] + " " + r[5]
	}
	require.Equal(t, map[string]string{
		"ws_acme /leads 2xx": "2 6", "ws_acme /fails 5xx": "1 1", "ws_acme /me 2xx": "1 0", "ws_acme  NOT_FOUND": "1 0",
		"ws_acme /leads FORBIDDEN": "1 0", "ws_small /leads 2xx": "1 3", "ws_small /leads RATE_LIMITED": "1 0",
	}, got)
}

// TestTheLedgerIsExactUnderLoad: with reloads in between, in the database of the keys.
func TestTheLedgerIsExactUnderLoad(t *testing.T) {
	d := harness.NewDesk(t, harness.DeskCaddyfile)
	d.Must(t, "workspace", "create", "ws_acme", "--plan", "enterprise", "--limit", "1000000/1m")
	_, secret := d.Created(t, "--workspace", "ws_acme", "--scope", "agent.*")
	path := filepath.Join(d.Dir, "tollgate.db")
	setup := harness.Setup{Options: "keys sqlite " + path, Gate: "route GET /leads agent.leads.read\nroute GET /leads/:id agent.leads.read {\ncost 2\n}"}
	g := harness.Start(t, setup)
	var all sync.WaitGroup
	for n := range 8 {
		all.Go(func() {
			for range 100 {
				if a := g.Do(t, harness.Request{Path: []string{"/leads", "/leads/7"}[n%2], Key: secret}); a.Status != 200 {
					t.Errorf("answered %d %s", a.Status, a.Body)
				}
			}
		})
	}
	for range 3 {
		require.NoError(t, g.Load(setup.Caddyfile()))
	}
	all.Wait()
	g.Stop(t)
	rows, total := used(t, path, "route")
	require.Equal(t, usage.Sum{Requests: 800, Cost: 1200}, total)
	require.Equal(t, [][]string{{"/leads", "400", "400"}, {"/leads/:id", "400", "800"}}, rows)
	require.Contains(t, d.Must(t, "usage", "ws_acme", "--by", "route"), "/leads/:id  400       800")
	require.Contains(t, d.Must(t, "usage", "--csv"), "workspace,requests,cost\nws_acme,800,1200\n")
	require.Contains(t, d.Must(t, "usage", "--json"), `"total":{"requests":800,"cost":1200}`)
	require.Empty(t, d.Must(t, "usage", "export"), "the hour is not over")
}

// TestWhereNothingIsKept: with usage off, and beside a keys file, requests go on, nothing is written, and the command says so.
func TestWhereNothingIsKept(t *testing.T) {
	d := harness.NewDesk(t, harness.DeskCaddyfile)
	d.Must(t, "workspace", "create", "ws_acme", "--plan", "enterprise")
	_, secret := d.Created(t, "--workspace", "ws_acme", "--scope", "agent.*")
	path := filepath.Join(d.Dir, "tollgate.db")
	off := harness.Setup{Options: "usage off\nkeys sqlite " + path, Gate: "route GET /leads agent.leads.read"}
	g := harness.Start(t, off)
	require.Equal(t, 200, g.Do(t, harness.Request{Path: "/leads", Key: secret}).Status)
	g.Stop(t)
	_, total := used(t, path, "workspace")
	require.Zero(t, total)
	d.Write(t, "off.Caddyfile", "{\n\ttollgate {\n\t\tkeys sqlite tollgate.db\n\t\tusage off\n\t}\n}\n")
	require.ErrorContains(t, d.Run("", "usage", "--config", "off.Caddyfile").Err, "usage is off in the configuration: nothing is kept of what workspaces use")

	world := harness.World()
	g.WriteFile(t, "keys.yaml", world.Keys)
	require.NoError(t, g.Load(world.Caddyfile()))
	require.Equal(t, 200, g.Do(t, harness.Request{Path: "/leads", Key: harness.CRM}).Status)
	d.Write(t, "keys.yaml", "workspaces: []\n")
	d.Write(t, "file.Caddyfile", "{\n\ttollgate {\n\t\tkeys file keys.yaml\n\t}\n}\n")
	require.ErrorContains(t, d.Run("", "usage", "--config", "file.Caddyfile").Err, "keeps no usage: write usage sqlite <path> into the global options")
}

// TestTheLedgerWhoseAnswersAreLost is booked in another store than that of the keys, which commits while the gateway hears nothing of
// it, several times in a row: log and metrics say so, and each request counts once.
func TestTheLedgerWhoseAnswersAreLost(t *testing.T) {
	if !harness.Long() {
		t.Skip("a long test: set TOLLGATE_TEST_LONG=1")
	}
	address, err := url.Parse(services.Postgres(t).Database())
	require.NoError(t, err)
	direct := address.String()
	thief := services.NewThief(t, services.FreePort(t), address.Host)
	address.Host = thief.Addr().String()
	setup := watched()
	setup.Options += "\nusage postgres " + address.String()
	store, err := postgres.New(direct)
	require.NoError(t, err)
	defer func() { require.NoError(t, store.Close()) }()
	require.NoError(t, store.CreateWorkspace(t.Context(), keystore.Act{By: "test", Action: "create"}, &record.Workspace{ID: "ws_1", Plan: "pro"}))
	g := harness.Start(t, setup)
	metric := func(series string) func() bool {
		return func() bool {
			return strings.Contains(g.Do(t, harness.Request{Path: "/metrics"}).Body, "\n"+series+"\n")
		}
	}
	var answered int64
	ask := func() {
		require.Equal(t, 200, g.Do(t, harness.Request{Path: "/leads", Key: harness.CRM}).Status)
		answered++
	}
	thief.Steal(func(answer string) bool { return strings.Contains(answer, "COMMIT\x00") })
	for thief.Stolen() < 3 {
		ask()
		<-time.After(harness.Tick)
	}
	require.True(t, metric(`tollgate_key_store_failing{part="usage"} 1`)())
	require.True(t, harness.Contains(g.ReadFile(t, "caddy.log"), "key store is failing", `"what":"usage"`, "writing what was used", `"do":"see that the store can be written`))
	thief.Steal(nil)
	require.Eventually(t, metric(`tollgate_key_store_failing{part="usage"} 0`), harness.WaitFor, harness.Tick)
	require.True(t, metric("tollgate_usage_lost_total 0")())
	ask()
	g.Stop(t)
	report, err := usage.NewReport("", time.Now().Add(-24*time.Hour), time.Now().Add(time.Hour), "workspace")
	require.NoError(t, err)
	_, total, err := report.Rows(t.Context(), store)
	require.NoError(t, err)
	require.Equal(t, answered, total.Requests)
}

// TestUsageAsCloudEvents is what the golden file says, which the SDK of CloudEvents takes (in .ci/tools).
func TestUsageAsCloudEvents(t *testing.T) {
	golden, err := os.ReadFile("testdata/usage.cloudevents.jsonl")
	require.NoError(t, err)
	d := harness.NewDesk(t, harness.DeskCaddyfile)
	d.Must(t, "workspace", "create", "ws_acme", "--plan", "pro")
	path := filepath.Join(d.Dir, "tollgate.db")
	store := sqlite.New(path, sqlite.Options{})
	batch := usage.Batch{Instance: "one", Number: 1}
	for n, cell := range []usage.Cell{
		{Hour: 490_000, Workspace: "ws_acme", Key: "key_1", Route: "/leads/:id", Outcome: "2xx"},
		{Hour: 490_000, Workspace: "ws_acme", Key: "key_1", Outcome: "NOT_FOUND"},
		{Hour: 490_001, Workspace: "ws_acme", Key: "*", Route: "*", Outcome: "*"},
		{Hour: 490_001, Workspace: "W.s-1", Key: "key_2", Route: `/\"<é>/*`, Outcome: "5xx"},
	} {
		batch.Entries = append(batch.Entries, usage.Entry{Cell: cell, Sum: usage.Sum{Requests: int64(n + 1), Cost: int64(10 * n)}, MCP: usage.Sum{Requests: int64(n / 3), Cost: int64(5 * (n / 3))}})
	}
	require.NoError(t, store.Book(t.Context(), batch))
	require.NoError(t, store.Close())
	db, err := sql.Open("sqlite", path)
	require.NoError(t, err)
	_, err = db.Exec("UPDATE tollgate_usage SET booked = 490002")
	require.NoError(t, err)
	require.NoError(t, db.Close())
	require.Equal(t, string(golden), d.Must(t, "usage", "export", "--format", "cloudevents", "--source", "https://gateway.example.com/usage"))
	for _, source := range []string{"a b", "http://[", "%zz"} {
		require.ErrorContains(t, d.Run("", "usage", "export", "--format", "cloudevents", "--source", source).Err, "is not a URI: write one that names this installation")
	}
}

// TestStoreCheckLooksIntoAStoreOfUsage that is not the keys'.
func TestStoreCheckLooksIntoAStoreOfUsage(t *testing.T) {
	d := harness.NewDesk(t, "{\n\ttollgate {\n\t\tkeys sqlite tollgate.db\n\t\tusage sqlite usage.db\n\t}\n}\n")
	d.Must(t, "workspace", "create", "ws_acme", "--plan", "pro")
	path := filepath.Join(d.Dir, "usage.db")
	store := sqlite.New(path, sqlite.Options{Create: true})
	require.NoError(t, store.Book(t.Context(), usage.Batch{Instance: "one", Number: 1}))
	require.NoError(t, store.Close())
	require.Contains(t, d.Must(t, "store", "check"), "nothing is wrong with it")
	db, err := sql.Open("sqlite", path)
	require.NoError(t, err)
	_, err = db.Exec("UPDATE tollgate_usage_writers SET number = -1")
	require.NoError(t, err)
	require.NoError(t, db.Close())
	out := d.Run("", "store", "check")
	require.ErrorContains(t, out.Err, "the store has 1 finding")
	require.Contains(t, strings.Join(strings.Fields(out.Out), " "), "usage.db: the writers of the ledger: rows that have no number: 1, the first of one at ")
}
