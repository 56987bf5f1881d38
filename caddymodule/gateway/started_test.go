package gateway_test

import (
	"encoding/json"
	"net"
	"os"
	"path/filepath"
	"strings"
	"testing"

	"github.com/stretchr/testify/require"

	"github.com/tollgate-gateway/tollgate/caddymodule/harness"
	"github.com/tollgate-gateway/tollgate/caddymodule/keystore"
	"github.com/tollgate-gateway/tollgate/caddymodule/keystore/sqlite"
	"github.com/tollgate-gateway/tollgate/caddymodule/record"
	"github.com/tollgate-gateway/tollgate/caddymodule/services"
)

// started is what the gateway says once of what has started; nil: nothing yet.
func started(t *testing.T, g *harness.Gateway) (line map[string]any) {
	t.Helper()
	for text := range strings.Lines(g.ReadFile(t, "caddy.log")) {
		if strings.Contains(text, `"tollgate has started"`) {
			require.NoError(t, json.Unmarshal([]byte(text), &line))
		}
	}
	return line
}

func requireStarted(t *testing.T, g *harness.Gateway, want map[string]any) {
	t.Helper()
	require.Eventually(t, func() bool { return started(t, g) != nil }, harness.WaitFor, harness.Tick)
	line := started(t, g)
	require.NotEmpty(t, line["version"])
	for name, value := range want {
		require.Equal(t, value, line[name], name)
	}
}

// TestTheStartIsOneLine: what has started, where its keys are and how many, what counts, and how many policies.
func TestTheStartIsOneLine(t *testing.T) {
	t.Run("file", func(t *testing.T) {
		setup := harness.World()
		setup.Options += "\npolicies $DIR/own"
		g := harness.New(t)
		g.WriteFile(t, "keys.yaml", setup.Keys)
		g.WriteFile(t, "own/a.rego", "package tollgate.authz\n\nimport rego.v1\n\ndeny contains {\"code\": \"FORBIDDEN\"} if input.request.method == \"TRACE\"\n")
		require.NoError(t, g.Load(setup.Caddyfile()))
		requireStarted(t, g, map[string]any{"level": "info", "store": "file", "place": g.Dir + "/keys.yaml", "keys": 11.0, "counters": "memory", "policies": 1.0})
		said := harness.Warnings(t, g.Dir+"/caddy.log")
		require.Contains(t, strings.Join(said, "\n"), `"a plan in use is not configured: its workspaces are denied","plan":"platinum","write":"plan platinum <limit>/<duration>, or denied platinum"`)
		require.Equal(t, 1, strings.Count(strings.Join(said, "\n"), "a plan in use"), "each is told once")
	})
	t.Run("SQLite", func(t *testing.T) {
		g, _ := managedSQLite(t)
		requireStarted(t, g, map[string]any{"store": "sqlite", "place": g.Dir + "/tollgate.db", "keys": 16.0, "counters": "memory", "policies": 0.0})
		require.Empty(t, harness.Warnings(t, g.Dir+"/caddy.log"))
	})
	t.Run("SQLite, made anew", func(t *testing.T) {
		g := harness.New(t)
		require.NoError(t, g.Load(managed("keys sqlite $DIR/new.db").Caddyfile()))
		requireStarted(t, g, map[string]any{"keys": 0.0})
		said := harness.Warnings(t, g.Dir+"/caddy.log")
		require.Len(t, said, 1, said)
		require.Contains(t, said[0], "the key store does not exist: run makes an empty one, in which no key is known")
	})
	t.Run("PostgreSQL, made anew", func(t *testing.T) {
		server := services.Postgres(t)
		t.Setenv(dsn, server.Database())
		g := harness.New(t)
		require.NoError(t, g.Load(onPostgres("").Caddyfile()))
		requireStarted(t, g, map[string]any{"store": "postgres", "keys": 0.0})
		require.NotContains(t, g.ReadFile(t, "caddy.log"), services.PostgresPassword)
		require.Eventually(t, func() bool {
			return strings.Contains(g.ReadFile(t, "caddy.log"), "the key store did not exist: an empty one was made")
		}, harness.WaitFor, harness.Tick)
	})
}

// TestTheStartDoesNotWaitForTheCount: a store that never answers holds up nothing.
func TestTheStartDoesNotWaitForTheCount(t *testing.T) {
	silent, err := net.Listen("tcp", "127.0.0.1:0") // takes connections, and says nothing
	require.NoError(t, err)
	t.Cleanup(func() { _ = silent.Close() })
	t.Setenv(dsn, "postgres://ann:secret@"+silent.Addr().String()+"/keys?sslmode=disable")
	g := harness.New(t)
	require.NoError(t, g.Load(onPostgres("").Caddyfile()))
	require.Nil(t, started(t, g))
	require.Equal(t, 200, g.Do(t, harness.Request{Path: "/public"}).Status)
}

// TestAStoreThatIsNoneIsNotLoaded, neither by validate nor by run; nothing of the file is shown.
func TestAStoreThatIsNoneIsNotLoaded(t *testing.T) {
	dir := t.TempDir()
	path := filepath.Join(dir, "keys.yaml")
	require.NoError(t, os.WriteFile(path, []byte("workspaces: [] # hunter2\n"), 0o600))
	_, err := harness.Validate(t, option("keys sqlite keys.yaml")+gate("route GET /a"), filepath.Join(dir, "Caddyfile"))
	require.ErrorContains(t, err, filepath.Join(dir, "Caddyfile")+":3: key store "+path+" is not a SQLite database: name another file; a file of keys that people edit is: keys file keys.yaml")
	require.NotContains(t, err.Error(), "hunter2")
	t.Run("reload", func(t *testing.T) {
		g, _ := managedSQLite(t)
		g.WriteFile(t, "text.db", "hunter2")
		require.ErrorContains(t, g.Load(managed("keys sqlite $DIR/text.db").Caddyfile()), "is not a SQLite database")
		require.NoError(t, g.Load(managed("keys sqlite $DIR/tollgate.db").Caddyfile()), "one that is in use is")
		require.Equal(t, 200, g.Do(t, harness.Request{Path: "/leads", Key: secretOf("key_owner")}).Status)
	})
}

// TestPlansInUseAreSaidByValidate: of a SQLite database that nobody has open, and of a keys file.
func TestPlansInUseAreSaidByValidate(t *testing.T) {
	dir := t.TempDir()
	store := sqlite.New(filepath.Join(dir, "tollgate.db"), sqlite.Options{Create: true})
	act := keystore.Act{By: "test", Action: "test"}
	for id, plan := range map[string]string{"ws_1": "gold", "ws_2": "pro", "ws_3": "trial", "ws_4": "gold"} {
		require.NoError(t, store.CreateWorkspace(t.Context(), act, &record.Workspace{ID: id, Plan: plan}))
	}
	require.NoError(t, store.Close())
	require.NoError(t, os.WriteFile(filepath.Join(dir, "keys.yaml"), []byte("workspaces: [{id: ws, plan: gold}]\n"), 0o600))
	for _, keys := range []string{"keys sqlite tollgate.db", "keys file keys.yaml"} {
		t.Run(keys, func(t *testing.T) {
			said, err := harness.Validate(t, option(keys)+gate("route GET /a"), filepath.Join(dir, "Caddyfile"))
			require.NoError(t, err)
			require.Equal(t, []string{`"a plan in use is not configured: its workspaces are denied","plan":"gold","write":"plan gold <limit>/<duration>, or denied gold"`}, said)
			said, err = harness.Validate(t, option(keys+"\n\t\tdenied gold")+gate("route GET /a"), filepath.Join(dir, "Caddyfile"))
			require.NoError(t, err)
			require.Empty(t, said)
		})
	}
}
