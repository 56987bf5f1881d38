package sqlite_test

import (
	"os"
	"path/filepath"
	"strings"
	"sync"
	"testing"
	"time"

	"github.com/stretchr/testify/require"

	"github.com/tollgate-gateway/tollgate/caddymodule/keystore"
	"github.com/tollgate-gateway/tollgate/caddymodule/keystore/sqlite"
	"github.com/tollgate-gateway/tollgate/caddymodule/keystore/storetest"
	"github.com/tollgate-gateway/tollgate/caddymodule/record"
)

func TestKilledAtAnyMomentThereIsNoHalfImport(t *testing.T) {
	rounds := 6
	if storetest.Long() {
		rounds = 60
	}
	storetest.KilledImports(t, rounds, func() string { return filepath.Join(t.TempDir(), "tollgate.db") }, open)
}

// TestABackupWhileAWriterWorks is whole, for its owner alone, and a store like any other.
func TestABackupWhileAWriterWorks(t *testing.T) {
	s, path := create(t)
	storetest.Fill(t, s, storetest.Example())
	stop, writing := make(chan struct{}), sync.WaitGroup{}
	writing.Go(func() {
		for {
			select {
			case <-stop:
				return
			default:
				_, err := s.UpdateKey(t.Context(), storetest.Act, "key_full", func(k *record.Key) error { k.Disabled = !k.Disabled; return nil })
				if err != nil {
					t.Error(err)
				}
			}
		}
	})
	backup := filepath.Join(t.TempDir(), "backup.db")
	err := s.Backup(t.Context(), backup)
	close(stop)
	writing.Wait()
	require.NoError(t, err)
	info, err := os.Stat(backup)
	require.NoError(t, err)
	require.Equal(t, os.FileMode(0o600), info.Mode().Perm())
	require.Equal(t, map[string]int64{"backup.db": info.Size()}, files(t, filepath.Dir(backup)), "nothing else stays")
	copied := opened(t, backup, sqlite.Options{})
	held, err := copied.Check(t.Context(), func(f keystore.Finding) { t.Error(f) })
	require.NoError(t, err)
	require.Equal(t, 4, held.Keys)
	require.Equal(t, map[string]int64{"backup.db": info.Size()}, files(t, filepath.Dir(backup)), "a check writes nothing")
	_, err = copied.Lookup(t.Context(), record.SumOf(storetest.Plain))
	require.NoError(t, err)
	_, err = os.Stat(backup + "-wal")
	require.NoError(t, err, "readers and a writer work side by side on it")

	require.ErrorIs(t, s.Backup(t.Context(), backup), keystore.ErrExists)
	require.ErrorIs(t, s.Backup(t.Context(), path), keystore.ErrExists, "never over itself")
	require.Error(t, s.Backup(t.Context(), filepath.Join(t.TempDir(), "nowhere", "b.db")))
}

// TestARestoredBackupIsAGap: a gateway that runs on asks for every key again. The log of SQLite's that belongs to the old database
// has to go first: SQLite would take it for that of the new one.
func TestARestoredBackupIsAGap(t *testing.T) {
	s, path := create(t)
	storetest.Fill(t, s, storetest.Example())
	backup := filepath.Join(t.TempDir(), "backup.db")
	require.NoError(t, s.Backup(t.Context(), backup))
	require.NoError(t, s.CreateKeys(t.Context(), storetest.Act, "ws_acme", []keystore.NewKey{{Key: record.Key{ID: "key_later"}, Sum: record.SumOf("later")}}))
	gateway := keystore.NewCache(sqlite.New(path, sqlite.Options{}), keystore.Options{})
	gateway.Start()
	defer func() { require.NoError(t, gateway.Close()) }()
	known := func(secret string) bool {
		_, err := gateway.Lookup(t.Context(), record.SumOf(secret))
		return err == nil
	}
	require.Eventually(t, func() bool { return known("later") && known(storetest.Full) }, 5*time.Second, time.Millisecond)
	require.NoError(t, s.Close())
	for _, companion := range []string{path + "-wal", path + "-shm"} {
		require.NoError(t, os.Remove(companion))
	}
	require.NoError(t, os.Rename(backup, path))
	require.Eventually(t, func() bool { return !known("later") && known(storetest.Full) }, 5*time.Second, 5*time.Millisecond)
}

func TestCheckNames(t *testing.T) {
	for name, c := range map[string]struct {
		statements []string
		want       string
	}{
		"a key without its workspace": {[]string{"PRAGMA foreign_keys = OFF", "DELETE FROM tollgate_workspaces WHERE id = 'ws_other'"}, "key key_plain is of workspace ws_other, which is not there"},
		"secrets without their key":   {[]string{"PRAGMA foreign_keys = OFF", "DELETE FROM tollgate_keys WHERE id = 'key_plain'"}, "key key_plain is not there and has secrets: 1"},
		"a key without a secret":      {[]string{"DELETE FROM tollgate_secrets WHERE key_id = 'key_plain'"}, "key key_plain has no secret"},
		"a hash that is none":         {[]string{"UPDATE tollgate_secrets SET sum = x'00' WHERE key_id = 'key_plain'"}, "key key_plain: the hash of a secret has 1 bytes"},
		"a record that is unreadable": {[]string{"UPDATE tollgate_keys SET scopes = '{' WHERE id = 'key_plain'"}, "key key_plain"},
		"a record against the rules":  {[]string{"UPDATE tollgate_keys SET name = x'0a' || 'a' WHERE id = 'key_plain'"}, "key key_plain breaks a rule"},
		"a gap in the log":            {[]string{"DELETE FROM tollgate_history WHERE revision = 4"}, "the log of changes lacks 1 revisions, the first of them 4"},
		"a log that ends elsewhere":   {[]string{"UPDATE tollgate_meta SET revision = revision + 3"}, "the log of changes ends at revision"},
		"details that are no JSON":    {[]string{"UPDATE tollgate_history SET details = 'x' WHERE revision = 6"}, "revision 6: its details are not JSON"},
		"what was used as a text":     {[]string{"INSERT INTO tollgate_usage VALUES (0, 0, 'ws_a', 'key_full', '', '2xx', 'many', 0, 0, 0)"}, "the hours of the ledger: rows that cannot be read: 1, the first of ws_a at 1970"},
		"pages that nobody knows":     {[]string{"PRAGMA writable_schema = ON", "DELETE FROM sqlite_master WHERE name = 'tollgate_secrets_key'"}, "SQLite finds the database damaged"},
	} {
		t.Run(name, func(t *testing.T) {
			s, path := create(t)
			storetest.Fill(t, s, storetest.Example())
			require.NoError(t, s.Close())
			raw(t, path, strings.Join(c.statements, ";"))
			require.Contains(t, found(t, path), c.want)
		})
	}
	t.Run("a file that others may open", func(t *testing.T) {
		s, path := create(t)
		storetest.Fill(t, s, storetest.Example())
		require.NoError(t, os.Chmod(path, 0o640))
		require.Contains(t, found(t, path), "others than its owner may open "+path+" (mode 0640)")
	})
	t.Run("damaged pages", func(t *testing.T) {
		s, path := create(t)
		storetest.Fill(t, s, storetest.Example())
		require.NoError(t, s.Close())
		corrupt(t, path)
		_, err := sqlite.New(path, sqlite.Options{}).Check(t.Context(), func(keystore.Finding) {})
		require.ErrorContains(t, err, path)
	})
}

// found is what a check says of a store that it finds wrong. It leaves the file as it is.
func found(t *testing.T, path string) string {
	t.Helper()
	before, err := os.ReadFile(path)
	require.NoError(t, err)
	var texts []string
	_, err = sqlite.New(path, sqlite.Options{}).Check(t.Context(), func(f keystore.Finding) {
		require.NotEmpty(t, f.Do)
		texts = append(texts, f.What)
	})
	require.NoError(t, err)
	after, err := os.ReadFile(path)
	require.NoError(t, err)
	require.Equal(t, before, after)
	return strings.Join(texts, "\n")
}
