package sqlstore

import (
	"context"
	"crypto/sha256"
	"database/sql"
	"encoding/hex"
	"fmt"
	"path/filepath"
	"strconv"
	"testing"
	"testing/fstest"

	"github.com/stretchr/testify/require"
	_ "modernc.org/sqlite"

	"github.com/tollgate-gateway/tollgate/caddymodule/keystore"
	"github.com/tollgate-gateway/tollgate/caddymodule/record"
)

var dialect = &Dialect{
	Bytes:     "BLOB",
	HasSchema: "SELECT EXISTS (SELECT 1 FROM sqlite_master WHERE name = 'tollgate_meta')",
	Damaged:   func(error) bool { return false },
	Advice:    func(error) string { return "" },
}

// database is an empty one, and a store on it that migrates nothing by itself.
func database(t *testing.T) (*sql.DB, *Store) {
	t.Helper()
	db, err := sql.Open("sqlite", filepath.Join(t.TempDir(), "tollgate.db")+"?_txlock=immediate&_busy_timeout=5000")
	require.NoError(t, err)
	t.Cleanup(func() { require.NoError(t, db.Close()) })
	return db, &Store{Dialect: dialect, Place: "here",
		Open: func(context.Context) (*sql.DB, error) { return db, nil }}
}

// with adds a step to the schema for the length of the test.
func with(t *testing.T, step string) {
	t.Helper()
	before := schema
	schema = append(append([]string{}, schema...), step)
	t.Cleanup(func() { schema = before })
}

func actions(t *testing.T, s *Store) (all []string) {
	t.Helper()
	events, err := s.History(t.Context(), "", "", 100)
	require.NoError(t, err)
	for _, e := range events {
		all = append(all, e.Action+" "+string(e.Details))
	}
	return all
}

func TestMigration(t *testing.T) {
	db, s := database(t)
	err := dialect.Migrate(t.Context(), db, "here", false)
	require.ErrorIs(t, err, keystore.ErrMissing)
	require.EqualError(t, err, "here holds no key store: create it with: workspace create")
	var tables int
	require.NoError(t, db.QueryRow("SELECT count(*) FROM sqlite_master").Scan(&tables))
	require.Zero(t, tables, "nothing was written")

	require.NoError(t, dialect.Migrate(t.Context(), db, "here", true))
	require.NoError(t, dialect.Migrate(t.Context(), db, "here", true), "a second time does nothing")
	require.Equal(t, []string{`schema {"version":5}`, `schema {"version":4}`, `schema {"version":3}`, `schema {"version":2}`, `schema {"version":1}`}, actions(t, s))
	require.NoError(t, s.CreateWorkspace(t.Context(), keystore.Act{Action: "create"}, &record.Workspace{ID: "ws_1", Plan: "pro"}))
	before, err := s.Poll(t.Context(), db, keystore.Position{})
	require.NoError(t, err)

	t.Run("a step that fails leaves everything as it was", func(t *testing.T) {
		with(t, "ALTER TABLE tollgate_workspaces ADD COLUMN colour TEXT NOT NULL DEFAULT 'red';\nALTER TABLE nowhere ADD COLUMN x TEXT;\n")
		err := dialect.Migrate(t.Context(), db, "here", false)
		require.ErrorContains(t, err, "bringing it to schema version "+strconv.Itoa(keystore.Schema+1))
		_, err = db.Exec("SELECT colour FROM tollgate_workspaces")
		require.Error(t, err)
		version, err := dialect.version(t.Context(), db)
		require.NoError(t, err)
		require.Equal(t, keystore.Schema, version)
	})
	t.Run("a step is taken by whoever opens the store, once, and keeps what is there", func(t *testing.T) {
		with(t, "ALTER TABLE tollgate_workspaces ADD COLUMN colour TEXT NOT NULL DEFAULT 'red';\n")
		errs := make(chan error, 4)
		for range cap(errs) {
			go func() { errs <- dialect.Migrate(context.Background(), db, "here", false) }()
		}
		for range cap(errs) {
			require.NoError(t, <-errs)
		}
		var colour string
		require.NoError(t, db.QueryRow("SELECT colour FROM tollgate_workspaces WHERE id = 'ws_1'").Scan(&colour))
		require.Equal(t, "red", colour)
		require.Len(t, actions(t, s), keystore.Schema+2)
		changes, err := s.Poll(t.Context(), db, before.Position)
		require.NoError(t, err)
		require.False(t, changes.Gap, "gateways that run go on")
	})
	t.Run("an older program uses the newer store", func(t *testing.T) {
		require.NoError(t, dialect.Migrate(t.Context(), db, "here", false))
	})
	t.Run("until a step says that it must not", func(t *testing.T) {
		func() {
			with(t, "SELECT 1;\n")
			with(t, fmt.Sprintf("UPDATE tollgate_meta SET oldest = %d;\n", keystore.Schema+2))
			require.NoError(t, dialect.Migrate(t.Context(), db, "here", false))
		}()
		schema = schema[:keystore.Schema]
		err := dialect.Migrate(t.Context(), db, "here", true)
		require.ErrorIs(t, err, keystore.ErrMissing)
		require.EqualError(t, err, fmt.Sprintf("key store here has schema version %[1]d, which programs from schema version %[1]d on may use, and this program knows %[2]d: "+
			"use a newer program (tollgate version shows its schema)", keystore.Schema+2, keystore.Schema))
	})
}

// TestTheSchemaIsWhatTheProgramSays of it: what operators are told is what a fresh store says.
func TestTheSchemaIsWhatTheProgramSays(t *testing.T) {
	db, _ := database(t)
	require.NoError(t, dialect.Migrate(t.Context(), db, "here", true))
	var version, oldest int
	require.NoError(t, db.QueryRow("SELECT version, oldest FROM tollgate_meta").Scan(&version, &oldest))
	require.Equal(t, []int{keystore.Schema, keystore.OldestSchema}, []int{version, oldest})
}

// TestReleasedStepsAreNeverChanged: stores were made by them.
func TestReleasedStepsAreNeverChanged(t *testing.T) {
	t.Parallel()
	for i, sum := range []string{"f5f95dddebfd9c55a2d74c9ba9493f90660f8804109683b4e1b9801a6ac7b3e0", "194a74c1154eaf4cd5decef2f8ed01f01db58297e4ea9c47e689cf1eca0b58e9",
		"fe29d95599cfb8049125766dfa16b09d1d52aea0c2819715f55eb01a84de5db3", "5d39ca61bccfa0359e02bf4ffae975f44598ec358625916ca195f22279533952",
		"44d860e2c957bfb137af8c721f44b68d7c80049abc901bb316d1737353806c1c"} {
		got := sha256.Sum256([]byte(schema[i]))
		require.Equal(t, sum, hex.EncodeToString(got[:]), "step %d", i+1)
	}
}

func TestMoreChangesThanAreToldOneByOneAreAGap(t *testing.T) {
	db, s := database(t)
	require.NoError(t, dialect.Migrate(t.Context(), db, "here", true))
	require.NoError(t, s.CreateWorkspace(t.Context(), keystore.Act{}, &record.Workspace{ID: "ws_1", Plan: "pro"}))
	before, err := s.Poll(t.Context(), db, keystore.Position{})
	require.NoError(t, err)
	add := func(from, n int) {
		t.Helper()
		events := make([]event, n)
		for i := range events {
			events[i] = event{workspace: "ws_1"}
		}
		require.NoError(t, s.change(t.Context(), keystore.Act{}, func(*sql.Tx) ([]event, error) { return events, nil }))
		changes, err := s.Poll(t.Context(), db, before.Position)
		require.NoError(t, err)
		require.Equal(t, before.Position.Revision+int64(from+n), changes.Position.Revision, "the end of the log")
		require.Equal(t, from+n >= maxChanges, changes.Gap)
	}
	add(0, maxChanges-1)
	add(maxChanges-1, 1)
	add(maxChanges, 10)
}

func TestTheHistoryPrunedBehindAPositionIsAGap(t *testing.T) {
	db, s := database(t)
	require.NoError(t, dialect.Migrate(t.Context(), db, "here", true))
	before, err := s.Poll(t.Context(), db, keystore.Position{})
	require.NoError(t, err)
	require.NoError(t, s.CreateWorkspace(t.Context(), keystore.Act{}, &record.Workspace{ID: "ws_1", Plan: "pro"}))
	_, err = db.Exec("DELETE FROM tollgate_history WHERE revision = $1", before.Position.Revision)
	require.NoError(t, err)
	changes, err := s.Poll(t.Context(), db, before.Position)
	require.NoError(t, err)
	require.True(t, changes.Gap)
}

func TestDetailsSayWhatDiffersOnly(t *testing.T) {
	key := record.Key{Name: "a", Scopes: []record.Scope{"x"}}
	require.Empty(t, keyDetails(&key, &key))
	require.Empty(t, keyDetails(&record.Key{Scopes: []record.Scope{}}, &record.Key{}), "nil and empty are the same")
	changed := key
	changed.Scopes, changed.Disabled = nil, true
	require.Equal(t, map[string]any{"scopes": []record.Scope(nil), "disabled": true}, keyDetails(&key, &changed))
	details := workspaceDetails(nil, &record.Workspace{ID: "w", Plan: "pro"})
	require.Equal(t, map[string]any{"plan": "pro"}, details)
}

func TestMigrationsAreNumbered(t *testing.T) {
	t.Parallel()
	sql := &fstest.MapFile{Data: []byte("SELECT 1;\n")}
	require.Equal(t, []string{"SELECT 1;\n", "SELECT 1;\n"}, readMigrations(fstest.MapFS{"migrations/0002_b.sql": sql, "migrations/0001_a.sql": sql}))
	require.Panics(t, func() { readMigrations(fstest.MapFS{"migrations/0001_a.sql": sql, "migrations/0003_b.sql": sql}) }, "a gap")
	require.Panics(t, func() { readMigrations(fstest.MapFS{"migrations/0001_a.sql": sql, "migrations/0001_b.sql": sql}) }, "a number twice")
}
