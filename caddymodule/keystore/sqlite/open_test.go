package sqlite_test

import (
	"database/sql"
	"errors"
	"os"
	"path/filepath"
	"strconv"
	"strings"
	"sync"
	"testing"
	"time"

	"github.com/stretchr/testify/require"
	"go.uber.org/goleak"

	"github.com/tollgate-gateway/tollgate/caddymodule/keystore"
	"github.com/tollgate-gateway/tollgate/caddymodule/keystore/sqlite"
	"github.com/tollgate-gateway/tollgate/caddymodule/keystore/storetest"
	"github.com/tollgate-gateway/tollgate/caddymodule/record"
)

// raw executes a statement behind the store's back.
func raw(t *testing.T, path, statement string) {
	t.Helper()
	db, err := sql.Open("sqlite", path)
	require.NoError(t, err)
	defer db.Close()
	_, err = db.Exec(statement)
	require.NoError(t, err)
}

// files lists the folder's files by name and size.
func files(t *testing.T, dir string) map[string]int64 {
	t.Helper()
	entries, err := os.ReadDir(dir)
	require.NoError(t, err)
	all := map[string]int64{}
	for _, entry := range entries {
		info, err := entry.Info()
		require.NoError(t, err)
		all[entry.Name()] = info.Size()
	}
	return all
}

func TestNamingADatabaseOpensNothing(t *testing.T) {
	dir := t.TempDir()
	s := sqlite.New(filepath.Join(dir, "tollgate.db"), sqlite.Options{Create: true})
	c := keystore.NewCache(s, keystore.Options{})
	require.Equal(t, filepath.Join(dir, "tollgate.db"), s.String())
	require.NoError(t, c.Close())
	require.Empty(t, files(t, dir), "validate creates nothing")
}

func TestOnlyCreateCreates(t *testing.T) {
	dir := t.TempDir()
	path := filepath.Join(dir, "tollgate.db")
	s := opened(t, path, sqlite.Options{})
	_, lookup := s.Lookup(t.Context(), record.SumOf("x"))
	_, list := s.Workspaces(t.Context(), "", 1)
	_, feed := s.Changes(t.Context(), keystore.Position{})
	for _, err := range []error{lookup, list, feed, s.CreateWorkspace(t.Context(), storetest.Act, &record.Workspace{ID: "a", Plan: "p"})} {
		require.ErrorIs(t, err, keystore.ErrMissing)
		require.EqualError(t, err, "key store "+path+" does not exist: create it with: workspace create")
	}
	require.Empty(t, files(t, dir))

	storetest.Fill(t, opened(t, path, sqlite.Options{Create: true}), storetest.Example())
	_, err := s.Lookup(t.Context(), record.SumOf(storetest.Full))
	require.NoError(t, err, "found once it is there")
}

func TestFilesAreForTheirOwnerOnly(t *testing.T) {
	for name, touch := range map[string]bool{"where nothing was": false, "where somebody made an empty file": true} {
		t.Run(name, func(t *testing.T) {
			s, path := create(t)
			if touch {
				require.NoError(t, os.WriteFile(path, nil, 0o644))
				require.NoError(t, os.Chmod(path, 0o644), "whatever the umask is")
			}
			storetest.Fill(t, s, storetest.Example())
			found := files(t, filepath.Dir(path))
			require.Contains(t, found, "tollgate.db-wal")
			require.Contains(t, found, "tollgate.db-shm")
			require.Len(t, found, 3, "nothing stays of its making")
			for name := range found {
				info, err := os.Stat(filepath.Join(filepath.Dir(path), name))
				require.NoError(t, err)
				require.Equal(t, os.FileMode(0o600), info.Mode(), name)
			}
		})
	}
	t.Run("but a store keeps the mode that its people gave it", func(t *testing.T) {
		s, path := create(t)
		storetest.Fill(t, s, storetest.Example())
		require.NoError(t, s.Close())
		require.NoError(t, os.Chmod(path, 0o660))
		again := opened(t, path, sqlite.Options{Create: true})
		require.NoError(t, again.CreateWorkspace(t.Context(), storetest.Act, &record.Workspace{ID: "ws_new", Plan: "pro"}))
		info, err := os.Stat(path)
		require.NoError(t, err)
		require.Equal(t, os.FileMode(0o660), info.Mode())
	})
}

func TestNoSecretIsInTheFiles(t *testing.T) {
	s, path := create(t)
	storetest.Fill(t, s, storetest.Example())
	_, err := s.RotateKey(t.Context(), storetest.Act, "key_full", record.SumOf("the-second-secret-of-it"), time.Hour)
	require.NoError(t, err)
	for name := range files(t, filepath.Dir(path)) {
		content, err := os.ReadFile(filepath.Join(filepath.Dir(path), name))
		require.NoError(t, err)
		for _, secret := range []string{storetest.Full, storetest.Plain, storetest.Disabled, "the-second-secret-of-it"} {
			require.NotContains(t, string(content), secret)
		}
	}
}

func TestPathsMayHoldAnyCharacter(t *testing.T) {
	dir := filepath.Join(t.TempDir(), "a b?mode=memory&x#y%20ü")
	require.NoError(t, os.Mkdir(dir, 0o700))
	s := opened(t, filepath.Join(dir, "keys?.db"), sqlite.Options{Create: true})
	storetest.Fill(t, s, storetest.Example())
	require.Contains(t, files(t, dir), "keys?.db")
}

func TestWhatIsNoKeyStoreIsLeftAlone(t *testing.T) {
	for _, test := range []struct {
		name  string
		make  func(t *testing.T, path string)
		says  string
		plain bool // an error that is no Problem
	}{
		{"a text", func(t *testing.T, path string) {
			require.NoError(t, os.WriteFile(path, []byte(strings.Repeat("this is no database\n", 300)), 0o600))
		}, "is not a key store, or a damaged one", false},
		{"the database of something else", func(t *testing.T, path string) { raw(t, path, "CREATE TABLE customers (id INTEGER)") }, "is the database of something else", false},
		{"a folder", func(t *testing.T, path string) { require.NoError(t, os.Mkdir(path, 0o700)) }, "is not a regular file", false},
		{"a store of a newer program", func(t *testing.T, path string) {
			s := sqlite.New(path, sqlite.Options{Create: true})
			storetest.Fill(t, s, storetest.Example())
			require.NoError(t, s.Close())
			raw(t, path, "UPDATE tollgate_meta SET version = 99, oldest = 98")
		}, "has schema version 99, which programs from schema version 98 on may use, and this program knows " + strconv.Itoa(keystore.Schema) + ": use a newer program", false},
		{"a damaged store", func(t *testing.T, path string) {
			s := sqlite.New(path, sqlite.Options{Create: true})
			storetest.Fill(t, s, storetest.Example())
			require.NoError(t, s.Close())
			content, err := os.ReadFile(path)
			require.NoError(t, err)
			for i := 200; i < len(content); i++ {
				content[i] = 0xff
			}
			require.NoError(t, os.WriteFile(path, content, 0o600))
		}, "is not a key store, or a damaged one", false},
		{"a place in a folder that is not there", func(t *testing.T, path string) {}, "creating key store ", true},
	} {
		for _, may := range []bool{true, false} {
			t.Run(test.name, func(t *testing.T) {
				dir := t.TempDir()
				path := filepath.Join(dir, "tollgate.db")
				if test.plain {
					path = filepath.Join(dir, "missing", "tollgate.db")
				}
				test.make(t, path)
				before := files(t, dir)
				content, _ := os.ReadFile(path)
				s := opened(t, path, sqlite.Options{Create: may})
				err := s.CreateWorkspace(t.Context(), storetest.Act, &record.Workspace{ID: "ws_1", Plan: "pro"})
				require.Error(t, err)
				require.Contains(t, err.Error(), path)
				require.NotContains(t, err.Error(), "\n")
				if may || !test.plain {
					require.ErrorContains(t, err, test.says)
				}
				require.Equal(t, may && test.plain, !errors.Is(err, keystore.ErrMissing))
				after, _ := os.ReadFile(path)
				require.Equal(t, content, after, "not a byte was written")
				require.NoError(t, s.Close())
				require.Equal(t, before, files(t, dir))
			})
		}
	}
}

func TestTwoMayCreateAtTheSameTime(t *testing.T) {
	path := filepath.Join(t.TempDir(), "tollgate.db")
	var all sync.WaitGroup
	for n := range 8 {
		s := opened(t, path, sqlite.Options{Create: true})
		all.Go(func() {
			err := s.CreateWorkspace(t.Context(), storetest.Act, &record.Workspace{ID: "ws_" + string(rune('a'+n)), Plan: "pro"})
			if err != nil {
				t.Error(err)
			}
		})
	}
	all.Wait()
	list, err := opened(t, path, sqlite.Options{}).Workspaces(t.Context(), "", 100)
	require.NoError(t, err)
	require.Len(t, list, 8)
}

func TestADatabaseThatIsReplacedIsOpenedAnew(t *testing.T) {
	ignore := goleak.IgnoreCurrent()
	s, path := create(t)
	storetest.Fill(t, s, storetest.Example())
	c := keystore.NewCache(s, keystore.Options{Stale: time.Minute})
	c.Start()
	eventually := func(want bool, secret string) {
		t.Helper()
		require.Eventually(t, func() bool {
			_, err := c.Lookup(t.Context(), record.SumOf(secret))
			return (err == nil) == want
		}, 3*time.Second, 5*time.Millisecond)
	}
	eventually(true, storetest.Full)

	other := filepath.Join(filepath.Dir(path), "restored.db")
	restored := sqlite.New(other, sqlite.Options{Create: true})
	world := storetest.Example()[1:]
	storetest.Fill(t, restored, world)
	require.NoError(t, restored.Close())
	for _, companion := range []string{"-wal", "-shm"} {
		_ = os.Remove(path + companion)
	}
	require.NoError(t, os.Rename(other, path))
	eventually(false, storetest.Full)
	eventually(true, storetest.Plain)
	require.NoError(t, c.Close())
	goleak.VerifyNone(t, ignore)
}

func TestADatabaseThatVanishesIsAwayAndNotMadeAnew(t *testing.T) {
	s, path := create(t)
	storetest.Fill(t, s, storetest.Example())
	first, err := s.Changes(t.Context(), keystore.Position{})
	require.NoError(t, err)
	require.NoError(t, os.Rename(path, path+".away"))
	for range 3 {
		_, err = s.Changes(t.Context(), first.Position)
		require.Error(t, err)
	}
	_, err = s.Lookup(t.Context(), record.SumOf(storetest.Full))
	require.Error(t, err)
	require.NotErrorIs(t, err, keystore.ErrUnknown)
	require.NotContains(t, files(t, filepath.Dir(path)), "tollgate.db")
	require.NoError(t, os.Rename(path+".away", path))
	_, err = s.Changes(t.Context(), first.Position)
	require.NoError(t, err)
	_, err = s.Lookup(t.Context(), record.SumOf(storetest.Full))
	require.NoError(t, err)
}

func TestARowThatMakesNoSenseIsUnreadable(t *testing.T) {
	for _, spoil := range []string{
		"UPDATE tollgate_keys SET allowed_ips = '[\"10.0.0.1/8\"]'",
		"UPDATE tollgate_keys SET scopes = 'agent.*'",
		"UPDATE tollgate_workspaces SET limits = '[\"0/1m\"]'",
		"UPDATE tollgate_workspaces SET metadata = 'x'",
	} {
		s, path := create(t)
		storetest.Fill(t, s, storetest.Example())
		raw(t, path, spoil)
		_, err := s.Lookup(t.Context(), record.SumOf(storetest.Full))
		require.ErrorIs(t, err, keystore.ErrUnreadable, spoil)
	}
}
