package storetest

import (
	"encoding/hex"
	"fmt"
	"os"
	"path/filepath"
	"slices"
	"strings"
	"sync"
	"testing"
	"time"

	"github.com/stretchr/testify/require"

	"github.com/tollgate-gateway/tollgate/caddymodule/keystore"
	"github.com/tollgate-gateway/tollgate/caddymodule/record"
)

// Databases is a kind of database that stores lie in.
type Databases struct {
	// Fresh names a new one, and Open opens a store in it.
	Fresh func(t *testing.T) string
	Open  func(database string) (Writable, error)
	// Execute does something to a database past its store.
	Execute func(t *testing.T, database, statements string)
	// Bytes is its type for bytes, and Literal begins a text of them in hexadecimal.
	Bytes, Literal string
}

func (d Databases) open(t *testing.T, database string) Writable {
	t.Helper()
	s, err := d.Open(database)
	require.NoError(t, err)
	t.Cleanup(func() { _ = s.Close() })
	return s
}

// Schema checks what becomes of stores that programs of another version made. The test must be called by a package beside
// package sqlstore, and in TestMain by Main.
func Schema(t *testing.T, d Databases) {
	t.Run("a store of version 1 is brought up with all that is in it", func(t *testing.T) { fromVersionOne(t, d) })
	t.Run("what was used before the sums of it is in them", func(t *testing.T) { spentBefore(t, d) })
	t.Run("a ledger of schema version 4 keeps every sum", func(t *testing.T) { ledgerOfFour(t, d) })
	t.Run("several processes bring it up at once", func(t *testing.T) { severalAtOnce(t, d) })
	t.Run("an older program uses a newer store that lets it", func(t *testing.T) { olderMayUse(t, d) })
	t.Run("an older program keeps off a newer store that does not let it", func(t *testing.T) { olderMayNot(t, d) })
	t.Run("a gateway goes on while a newer program takes a step", func(t *testing.T) { newerStepUnderAGateway(t, d) })
}

// versionOne makes a database as the program of schema version 1 did, with a key in use.
func versionOne(t *testing.T, d Databases) string {
	t.Helper()
	schema, err := os.ReadFile("../sqlstore/migrations/0001_keys.sql")
	require.NoError(t, err)
	database, sum := d.Fresh(t), record.SumOf(Full)
	d.Execute(t, database, strings.ReplaceAll(string(schema), "BYTES", d.Bytes)+`
		INSERT INTO tollgate_workspaces (id, plan, limits, metadata) VALUES ('ws_acme', 'pro', '["500/1m"]', '{"region":"eu"}');
		INSERT INTO tollgate_keys VALUES ('key_full', 'ws_acme', 'crm agent', '["agent.*"]', '[]', 1700000000000000, 0, 0, 0);
		INSERT INTO tollgate_secrets VALUES (`+d.Literal+hex.EncodeToString(sum[:])+`', 'key_full', 1700000000000000, 0, 1800000000000000);
		INSERT INTO tollgate_history VALUES (1, 'a', 1700000000000000, '', 'schema', '', '', '{"version":1}'),
			(2, 'b', 1700000000000000, 'command root@gw1', 'key create', 'ws_acme', 'key_full', '{}');
		UPDATE tollgate_meta SET revision = 2;`)
	return database
}

func fromVersionOne(t *testing.T, d Databases) {
	s := d.open(t, versionOne(t, d))
	identity, err := s.Lookup(t.Context(), record.SumOf(Full))
	require.NoError(t, err)
	require.Equal(t, &record.Workspace{ID: "ws_acme", Plan: "pro", Limits: []record.Window{{Limit: 500, Duration: time.Minute}},
		Metadata: map[string]any{"region": "eu"}}, identity.Workspace)
	require.Equal(t, "crm agent", identity.Key.Name)
	require.False(t, identity.Workspace.Suspended())
	key, err := s.Key(t.Context(), "key_full")
	require.NoError(t, err)
	require.Equal(t, time.UnixMicro(1800000000000000).UTC(), key.Secrets[0].LastUsedAt)
	require.Equal(t, append([]string{"schema", "key create"}, slices.Repeat([]string{"schema"}, keystore.Schema-1)...), actions(t, s))
	changes, err := s.Changes(t.Context(), keystore.Position{Revision: 2, Stamp: "b"})
	require.NoError(t, err)
	require.False(t, changes.Gap, "gateways that run go on")
	suspended, err := s.UpdateWorkspace(t.Context(), Act, "ws_acme", func(w *record.Workspace) error { w.SuspendedReason = "unpaid"; return nil })
	require.NoError(t, err)
	require.True(t, suspended.Suspended())
}

// ofVersion makes an empty database as a program of that schema version did.
func ofVersion(t *testing.T, d Databases, version int) string {
	t.Helper()
	database := d.Fresh(t)
	steps, err := filepath.Glob("../sqlstore/migrations/*.sql")
	require.NoError(t, err)
	for _, step := range steps[:version] {
		text, err := os.ReadFile(step)
		require.NoError(t, err)
		d.Execute(t, database, strings.ReplaceAll(string(text), "BYTES", d.Bytes))
	}
	d.Execute(t, database, fmt.Sprintf("UPDATE tollgate_meta SET version = %d", version))
	return database
}

// spentBefore has hours and days, of one day too, of a program of schema version 3. A row that is not as it shall be breaks a rule of
// the last table.
func spentBefore(t *testing.T, d Databases) {
	database := ofVersion(t, d, 3)
	d.Execute(t, database, `INSERT INTO tollgate_usage VALUES (500, 479, 'ws_acme', 'k', '/a', '2xx', 2, 10), (500, 480, 'ws_acme', 'k', '/a', '2xx', 1, 5),
			(501, 503, 'ws_acme', 'j', '/b', '4xx', 1, 1), (501, 480, 'ws_other', 'l', '/a', '2xx', 7, 70), (501, 480, 'ws_none', 'm', '/a', 'RATE_LIMITED', 7, 0);
		INSERT INTO tollgate_usage_days VALUES (20, 'ws_acme', 'k', '/a', '2xx', 3, 300), (3, 'ws_acme', 'k', '/a', '2xx', 3, 3);`)
	_, err := d.open(t, database).Workspaces(t.Context(), "", 1)
	require.NoError(t, err)
	d.Execute(t, database, `CREATE TABLE right_ones (n BIGINT NOT NULL CHECK (n = 4));
		INSERT INTO right_ones SELECT count(*) FROM tollgate_usage_spent;
		INSERT INTO right_ones SELECT count(*) FROM tollgate_usage_spent WHERE workspace_id = 'ws_acme' AND day = 19 AND cost = 10
			OR workspace_id = 'ws_acme' AND day = 20 AND cost = 306 OR workspace_id = 'ws_acme' AND day = 3 AND cost = 3
			OR workspace_id = 'ws_other' AND day = 20 AND cost = 70;`)
}

// actions are the words of the whole history, oldest first.
func actions(t *testing.T, s Writable) (all []string) {
	t.Helper()
	events, err := s.History(t.Context(), "", "", 1000)
	require.NoError(t, err)
	for _, e := range events {
		all = append([]string{e.Action}, all...)
	}
	return all
}

func severalAtOnce(t *testing.T, d Databases) {
	database := versionOne(t, d)
	var all sync.WaitGroup
	for range 3 {
		all.Go(func() {
			if acknowledged := firstWrites(t, database); len(acknowledged) == 0 {
				t.Error("a process that brought the store up, or waited for it, wrote nothing")
			}
		})
	}
	all.Wait()
	steps := 0
	for _, action := range actions(t, d.open(t, database)) {
		if action == "schema" {
			steps++
		}
	}
	require.Equal(t, keystore.Schema, steps, "each step is taken once")
}

// newer makes the database one of a newer program, which added a column.
func newer(t *testing.T, d Databases, database string, version, oldest int) {
	t.Helper()
	d.Execute(t, database, fmt.Sprintf(`ALTER TABLE tollgate_workspaces ADD COLUMN colour TEXT NOT NULL DEFAULT 'red';
		UPDATE tollgate_meta SET version = %d, oldest = %d, revision = revision + 1;
		INSERT INTO tollgate_history SELECT revision, 'of a newer program', 0, '', 'schema', '', '', '{}' FROM tollgate_meta;`, version, oldest))
}

func olderMayUse(t *testing.T, d Databases) {
	database := d.Fresh(t)
	Fill(t, d.open(t, database), Example())
	newer(t, d, database, 99, keystore.Schema)
	s := d.open(t, database)
	for what, operation := range Operations(s) {
		require.NoError(t, operation(t.Context()), what)
	}
}

func tooOld(place string) string {
	return fmt.Sprintf("key store %s has schema version 99, which programs from schema version %d on may use, and this program knows %d: use a newer program",
		place, keystore.Schema+1, keystore.Schema)
}

func olderMayNot(t *testing.T, d Databases) {
	database := d.Fresh(t)
	Fill(t, d.open(t, database), Example())
	newer(t, d, database, 99, keystore.Schema+1)
	s := d.open(t, database)
	for what, operation := range Operations(s) {
		err := operation(t.Context())
		require.ErrorContains(t, err, tooOld(s.String()), what)
		require.ErrorIs(t, err, keystore.ErrMissing)
		IsForOperators(t, err, s.String())
	}
}

func newerStepUnderAGateway(t *testing.T, d Databases) {
	database := d.Fresh(t)
	admin := d.open(t, database)
	Fill(t, admin, Example())
	told := make(chan error, 100)
	gateway := keystore.NewCache(d.open(t, database), keystore.Options{Stale: time.Hour, Report: func(_ string, err error) { told <- err }})
	gateway.Start()
	defer func() { require.NoError(t, gateway.Close()) }()
	full, plain := record.SumOf(Full), record.SumOf(Plain)
	known := func() bool {
		_, err := gateway.Lookup(t.Context(), full)
		return err == nil && gateway.Known(full) != nil
	}
	require.Eventually(t, known, 5*time.Second, time.Millisecond)

	newer(t, d, database, 99, keystore.Schema)
	_, err := admin.UpdateKey(t.Context(), Act, "key_full", func(k *record.Key) error { k.Disabled = true; return nil })
	require.NoError(t, err)
	require.Eventually(t, func() bool { return !known() }, 3*time.Second, time.Millisecond, "it follows the newer store's changes")
	_, err = gateway.Lookup(t.Context(), plain)
	require.NoError(t, err)
	for _, id := range []string{"key_full", "key_plain"} {
		_, err = admin.UpdateKey(t.Context(), Act, id, func(k *record.Key) error { k.Disabled = id == "key_plain"; return nil })
		require.NoError(t, err)
	}
	require.Eventually(t, func() bool { return gateway.Known(plain) == nil }, 3*time.Second, time.Millisecond, "it has heard of both changes")
	require.Eventually(t, known, 3*time.Second, time.Millisecond)
	require.Empty(t, told, "nothing failed")

	d.Execute(t, database, fmt.Sprintf(`UPDATE tollgate_meta SET version = 99, oldest = %d, revision = revision + 1;
		INSERT INTO tollgate_history SELECT revision, 'of a program newer still', 0, '', 'schema', '', '', '{}' FROM tollgate_meta;`, keystore.Schema+1))
	select {
	case err := <-told:
		require.ErrorContains(t, err, tooOld(gateway.Store().String()))
	case <-time.After(5 * time.Second):
		t.Fatal("a gateway that is too old for its store says nothing")
	}
	_, err = gateway.Lookup(t.Context(), plain)
	require.ErrorContains(t, err, "use a newer program", "it lets nobody in by a store that it may not use")
	_, err = gateway.Lookup(t.Context(), full)
	require.NoError(t, err, "who is known goes on, as while a store is away: there is time for the newer program")
	require.Eventually(t, known, 3*time.Second, time.Millisecond, "without asking, once the store is known to be away")
}
