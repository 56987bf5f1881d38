package caddymodule_test

import (
	"database/sql"
	"fmt"
	"net/http"
	"os"
	"path/filepath"
	"strings"
	"syscall"
	"testing"

	"github.com/stretchr/testify/require"

	"github.com/tollgate-gateway/tollgate/caddymodule/harness"
	"github.com/tollgate-gateway/tollgate/caddymodule/services"
)

// awayCases take the part of a row away, and give what brings it back.
var awayCases = map[string]func(t *testing.T) (a *away, mend func()){
	"PostgreSQL, for less than `stale_keys`": func(t *testing.T) (*away, func()) { return postgresAway(t, "5m") },
	"PostgreSQL, for longer":                 func(t *testing.T) (*away, func()) { return postgresAway(t, "2s") },
	"SQLite: another program writes and does not end": func(t *testing.T) (*away, func()) {
		a := startAway(t, "keys sqlite $DIR/tollgate.db")
		db, err := sql.Open("sqlite", a.Gateway.Dir+"/tollgate.db")
		require.NoError(t, err)
		db.SetMaxOpenConns(1)
		t.Cleanup(func() { _ = db.Close() })
		execute := func(statement string) {
			_, err := db.Exec(statement)
			require.NoError(t, err)
		}
		execute("BEGIN IMMEDIATE")
		return a, func() { execute("ROLLBACK") }
	},
	"SQLite: the disk is full": func(t *testing.T) (*away, func()) {
		disk := t.TempDir()
		if err := syscall.Mount("tmpfs", disk, "tmpfs", 0, "size=1m"); err != nil {
			t.Skipf("a small disk needs root: %v", err)
		}
		t.Cleanup(func() { require.NoError(t, syscall.Unmount(disk, syscall.MNT_DETACH)) })
		a := startAway(t, "keys sqlite "+disk+"/tollgate.db")
		big := filepath.Join(disk, "big")
		require.ErrorIs(t, os.WriteFile(big, make([]byte, 1<<20), 0o600), syscall.ENOSPC)
		return a, func() { require.NoError(t, os.Remove(big)) }
	},
	"SQLite: the file is gone": func(t *testing.T) (*away, func()) {
		a := startAway(t, "keys sqlite $DIR/tollgate.db")
		return a, hide(t, a.Gateway.Dir, "tollgate.db", "tollgate.db-wal", "tollgate.db-shm")
	},
	"SQLite: the file is gone, and the gateway starts": func(t *testing.T) (*away, func()) {
		a := startAway(t, "keys sqlite $DIR/tollgate.db")
		a.Stop(t)
		back := hide(t, a.Gateway.Dir, "tollgate.db", "tollgate.db-wal", "tollgate.db-shm")
		require.NoError(t, a.Load(a.text))
		return a, func() {
			a.Stop(t)
			for _, name := range []string{"tollgate.db", "tollgate.db-wal", "tollgate.db-shm"} {
				_ = os.Remove(filepath.Join(a.Gateway.Dir, name)) // the last two may be gone
			}
			back()
			require.NoError(t, a.Load(a.text))
		}
	},
	"Keys file: a mistake in it": func(t *testing.T) (*away, func()) {
		a := startAway(t, "keys file $DIR/keys.yaml")
		a.command = []string{"key", "list"}
		a.WriteFile(t, "keys.yaml", awayKeys+"      - nonsense\n")
		return a, func() { a.WriteFile(t, "keys.yaml", awayKeys) }
	},
	"Keys file: gone": func(t *testing.T) (*away, func()) {
		a := startAway(t, "keys file $DIR/keys.yaml")
		a.command = []string{"key", "list"}
		return a, hide(t, a.Gateway.Dir, "keys.yaml")
	},
	"Keys file: empty": func(t *testing.T) (*away, func()) {
		a := startAway(t, "keys file $DIR/keys.yaml")
		a.command = []string{"key", "list"}
		a.WriteFile(t, "keys.yaml", "")
		return a, func() { a.WriteFile(t, "keys.yaml", awayKeys) }
	},
	"Redis, `on_outage local`":  func(t *testing.T) (*away, func()) { return redisAway(t, "local") },
	"Redis, `on_outage allow`":  func(t *testing.T) (*away, func()) { return redisAway(t, "allow") },
	"Redis, `on_outage refuse`": func(t *testing.T) (*away, func()) { return redisAway(t, "refuse") },
	"A master of a Redis Cluster, `on_outage local`": func(t *testing.T) (*away, func()) {
		cluster := services.Cluster(t)
		a := startAway(t, "counters redis "+cluster.URL())
		require.Eventually(t, func() bool { return a.ask(a.inUse).Header.Get("X-RateLimit-Mode") == "" }, harness.WaitFor, harness.Tick)
		gone := cluster.Slot("ws_acme") * 3 / 16384
		require.NotEqual(t, gone, cluster.Slot("ws_other")*3/16384, "they are counted by two masters")
		cluster.Nodes[gone].Kill()
		return a, cluster.Nodes[gone].Start
	},
	"Redis came back empty": func(t *testing.T) (*away, func()) {
		a, start := redisAway(t, "refuse")
		require.Eventually(t, func() bool {
			return a.ask(a.inUse).Status == 503 && strings.Contains(a.ReadFile(t, "caddy.log"), "redis is away: on_outage decides")
		}, harness.WaitFor, harness.Tick)
		start()
		var back *harness.Answer
		require.Eventually(t, func() bool { back = a.ask(a.inUse); return back.Status == 200 }, harness.WaitFor, harness.Tick)
		require.Less(t, back.Number(t, "X-Ratelimit-Remaining"), int64(999_998), "what this gateway saw is not forgotten")
		return a, func() {}
	},
	"Policies that do not compile": func(t *testing.T) (*away, func()) {
		a := startAway(t, "")
		a.WriteFile(t, "policies/rule.rego", "package tollgate.authz\n\ndeny contains\n")
		return a, func() { a.WriteFile(t, "policies/rule.rego", goodRule) }
	},
	"Policies folder gone": func(t *testing.T) (*away, func()) {
		a := startAway(t, "")
		return a, hide(t, a.Gateway.Dir, "policies")
	},
	"Policies folder empty": func(t *testing.T) (*away, func()) {
		a := startAway(t, "")
		return a, hide(t, a.Gateway.Dir, "policies/rule.rego")
	},
	"A policy that fails": func(t *testing.T) (*away, func()) {
		return badRule(t, "to_number(input.request.method) > 0")
	},
	"A policy that takes longer than `policy_timeout`": func(t *testing.T) (*away, func()) {
		return badRule(t, "count([1 | some i in numbers.range(1, 100000); some j in numbers.range(1, 100000); i * j == -1]) > 0")
	},
	"OpenAPI document: a mistake in it": func(t *testing.T) (*away, func()) {
		a := startAway(t, "")
		a.WriteFile(t, "api.yaml", "openapi: 3.1.0\npaths: {described: {get: {}}}\n")
		return a, func() { a.WriteFile(t, "api.yaml", goodDocument) }
	},
	"OpenAPI document: gone": func(t *testing.T) (*away, func()) {
		a := startAway(t, "")
		return a, hide(t, a.Gateway.Dir, "api.yaml")
	},
	"Secrets folder gone": func(t *testing.T) (*away, func()) {
		a := startAway(t, "")
		return a, hide(t, a.Gateway.Dir, "secrets")
	},
	"One workspace's secret is missing": func(t *testing.T) (*away, func()) {
		a := startAway(t, "")
		a.eager = true
		return a, hide(t, a.Gateway.Dir, "secrets/ws_other/token")
	},
	"The backend takes no connection": func(t *testing.T) (*away, func()) {
		a := startAway(t, "")
		address := a.Backend.Addr
		a.Backend.Close()
		return a, func() {
			server := &http.Server{Addr: address, Handler: http.HandlerFunc(func(w http.ResponseWriter, _ *http.Request) { _, _ = w.Write([]byte("ok")) })}
			go func() { _ = server.ListenAndServe() }()
			t.Cleanup(func() { _ = server.Close() })
		}
	},
	"The backend answers late": func(t *testing.T) (*away, func()) {
		a := startAway(t, "")
		a.Backend.Answer(func(_ http.ResponseWriter, r *http.Request) { <-r.Context().Done() })
		return a, func() { a.Backend.Answer(nil) }
	},
	"More keys in use than `known_keys`": func(t *testing.T) (*away, func()) {
		return startAway(t, "keys sqlite $DIR/tollgate.db\nknown_keys 1"), func() {}
	},
	"More workspaces with a running window than `max_workspaces`": func(t *testing.T) (*away, func()) {
		a := startAway(t, "counters memory {\nmax_workspaces 1\n}")
		a.eager = true
		return a, func() { require.NoError(t, a.Load(strings.Replace(a.text, "max_workspaces 1", "max_workspaces 2", 1))) }
	},
}

func postgresAway(t *testing.T, stale string) (*away, func()) {
	server := services.Postgres(t)
	a := startAway(t, "keys postgres "+server.Database()+"\nstale_keys "+stale)
	server.Stop()
	return a, server.Start
}

// badRule adds a rule about one route that is true under a condition.
func badRule(t *testing.T, condition string) (*away, func()) {
	a := startAway(t, "policy_timeout 50ms")
	a.WriteFile(t, "policies/rule.rego", goodRule+"\ndeny contains {\"code\": \"FORBIDDEN\", \"message\": \"x\", \"details\": null} if {\n\tinput.route.pattern == \"/leads\"\n\t"+condition+"\n}\n")
	return a, func() { a.WriteFile(t, "policies/rule.rego", goodRule) }
}

func redisAway(t *testing.T, outage string) (*away, func()) {
	server := services.Redis(t)
	a := startAway(t, fmt.Sprintf("counters redis %s {\non_outage %s\n}\n", server.URL(), outage))
	require.Eventually(t, func() bool { return a.ask(a.inUse).Header.Get("X-RateLimit-Mode") == "" }, harness.WaitFor, harness.Tick)
	server.Kill()
	return a, server.Start
}

// hide moves files away, and gives what brings them back.
func hide(t *testing.T, dir string, names ...string) func() {
	t.Helper()
	move := func(from, to string) {
		for _, name := range names {
			if err := os.Rename(filepath.Join(dir, name+from), filepath.Join(dir, name+to)); err != nil {
				require.ErrorIs(t, err, os.ErrNotExist)
			}
		}
	}
	move("", ".away")
	return func() { move(".away", "") }
}

// manages holds what a cell says of commands and of keys over HTTP: "commands work", the status of the answer, the words of the error.
func (a *away) manages(t *testing.T, cell string) {
	t.Helper()
	command := a.command
	if command == nil {
		command = []string{"key", "create", "--workspace", "ws_acme", "--scope", "agent.leads.read"}
	}
	given := make(chan harness.Output)
	go func() { given <- a.give("", command...) }()
	answer := a.Do(t, harness.Request{Path: "/keys", Method: "POST", Key: a.inUse, Body: `{"name": "made", "scopes": ["agent.leads.read"]}`, Header: harness.Header("Content-Type", "application/json")})
	output := <-given
	if strings.Contains(cell, "commands work") {
		require.NoError(t, output.Err)
	}
	for _, word := range words(cell) {
		if status, reason, _ := strings.Cut(word, " "); len(status) == 3 && status[0] >= '1' && status[0] <= '5' {
			require.Equal(t, status, fmt.Sprint(answer.Status), "%s %s", reason, answer.Body)
			continue
		}
		require.Error(t, output.Err, output.Out)
		require.Contains(t, output.Notes, word)
	}
}
