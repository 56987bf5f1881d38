package sqlite_test

import (
	"database/sql"
	"os"
	"os/exec"
	"path/filepath"
	"testing"

	"github.com/stretchr/testify/require"

	"github.com/tollgate-gateway/tollgate/caddymodule/keystore"
	"github.com/tollgate-gateway/tollgate/caddymodule/keystore/sqlite"
	"github.com/tollgate-gateway/tollgate/caddymodule/keystore/storetest"
	"github.com/tollgate-gateway/tollgate/caddymodule/record"
)

// damages are what may happen to a store. Some operations do not come near the damage: those that must are named.
var damages = map[string]struct {
	statement string
	touches   []string
}{
	"no workspaces":      {"ALTER TABLE tollgate_workspaces RENAME TO w", []string{"look-up", "workspaces", "create workspace", "create key"}},
	"no keys":            {"ALTER TABLE tollgate_keys RENAME TO k", []string{"look-up", "key", "keys", "history of", "update key"}},
	"no secrets":         {"DROP TABLE tollgate_secrets", []string{"look-up", "key", "keys", "rotate key", "uses", "create key"}},
	"no history":         {"DROP TABLE tollgate_history", []string{"changes", "history", "create workspace"}},
	"no meta table":      {"DROP TABLE tollgate_meta", everything},
	"no version":         {"DELETE FROM tollgate_meta", everything},
	"version of text":    {"UPDATE tollgate_meta SET version = 'one'", everything},
	"version of nothing": {"UPDATE tollgate_meta SET version = -1", everything},
	"history of nothing": {"DELETE FROM tollgate_history", []string{"changes"}},
	"column gone":        {"ALTER TABLE tollgate_keys RENAME COLUMN scopes TO s", []string{"look-up", "keys", "create key"}},
	"time of text":       {"UPDATE tollgate_keys SET created_at = 'today'", []string{"look-up", "key", "keys", "update key"}},
	"scopes of nothing":  {"UPDATE tollgate_keys SET scopes = '{'", []string{"look-up", "key", "keys", "update key"}},
	"plan of bytes only": {"UPDATE tollgate_workspaces SET metadata = x'00'", []string{"look-up", "workspaces", "update workspace"}},
	"corrupt pages":      {"", []string{"look-up", "workspaces", "keys", "create workspace", "create key", "uses"}},
}

var everything = []string{"look-up", "changes", "workspace", "workspaces", "key", "keys", "keys of", "history", "history of",
	"create workspace", "update workspace", "create key", "update key", "rotate key", "uses"}

func TestADamagedStoreIsOneClearLine(t *testing.T) {
	for name, damage := range damages {
		t.Run(name, func(t *testing.T) {
			s, path := create(t)
			storetest.Fill(t, s, storetest.Example())
			require.NoError(t, s.Close())
			if damage.statement == "" {
				corrupt(t, path)
			} else {
				raw(t, path, damage.statement)
			}
			operations := storetest.Operations(opened(t, path, sqlite.Options{}))
			for _, what := range damage.touches {
				require.Error(t, operations[what](t.Context()), what)
			}
			for what, operation := range operations {
				if err := operation(t.Context()); err != nil {
					storetest.IsForOperators(t, err, path)
					require.ErrorContains(t, err, "restore a backup", what)
				}
			}
		})
	}
}

// corrupt overwrites all pages but the first, which says that this is a database, and which tables it has.
func corrupt(t *testing.T, path string) {
	t.Helper()
	const page = 4096
	content, err := os.ReadFile(path)
	require.NoError(t, err)
	for i := page; i < len(content); i++ {
		content[i] = 0xff
	}
	require.NoError(t, os.WriteFile(path, content, 0o600))
}

// TestALockedStoreIsSaid after the five seconds that a writer waits.
func TestALockedStoreIsSaid(t *testing.T) {
	t.Parallel() // it does nothing but wait
	s, path := create(t)
	storetest.Fill(t, s, storetest.Example())
	holder, err := sql.Open("sqlite", path)
	require.NoError(t, err)
	defer holder.Close()
	holder.SetMaxOpenConns(1)
	_, err = holder.Exec("BEGIN IMMEDIATE")
	require.NoError(t, err)
	err = storetest.Operations(s)["create key"](t.Context())
	storetest.IsForOperators(t, err, path)
	require.ErrorContains(t, err, "another program has held it for 5s (a backup, a shell of the database, a command that hangs): let it end")
	require.NoError(t, storetest.Operations(s)["keys"](t.Context()), "reading does not wait")
}

// fullEnv makes this test program one that writes to a full disk.
const fullEnv = "TOLLGATE_TEST_FULL"

// TestAFullDiskIsSaid, and leaves nothing half made. A limit on the size of files stands for a full disk.
func TestAFullDiskIsSaid(t *testing.T) {
	if path := os.Getenv(fullEnv); path != "" {
		s := opened(t, path, sqlite.Options{Create: true})
		err := s.CreateWorkspace(t.Context(), storetest.Act, &record.Workspace{ID: "ws_1", Plan: "pro"})
		storetest.IsForOperators(t, err, path)
		require.NotErrorIs(t, err, keystore.ErrMissing)
		require.ErrorContains(t, err, "its disk is full or failing: free space there, then try again")
		return
	}
	shell, err := exec.LookPath("sh")
	if err != nil {
		t.Skip("there is no shell to limit the size of files")
	}
	path := filepath.Join(t.TempDir(), "tollgate.db")
	full := exec.CommandContext(t.Context(), shell, "-c", `trap "" XFSZ; ulimit -f 16 && exec "$0" "$@"`, os.Args[0], "-test.run", "^TestAFullDiskIsSaid$")
	full.Env = append(os.Environ(), fullEnv+"="+path)
	out, err := full.CombinedOutput()
	require.NoError(t, err, "%s", out)
	require.Empty(t, files(t, filepath.Dir(path)), "nothing stays")
}
