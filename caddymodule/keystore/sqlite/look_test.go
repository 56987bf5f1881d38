//go:build unix

package sqlite_test

import (
	"database/sql"
	"os"
	"os/exec"
	"path/filepath"
	"strings"
	"syscall"
	"testing"

	"github.com/stretchr/testify/require"

	"github.com/tollgate-gateway/tollgate/caddymodule/keystore"
	"github.com/tollgate-gateway/tollgate/caddymodule/keystore/sqlite"
	"github.com/tollgate-gateway/tollgate/caddymodule/keystore/storetest"
)

func TestCheckTellsWhatIsNoDatabase(t *testing.T) {
	dir := t.TempDir()
	_, database := create(t)
	for name, c := range map[string]struct {
		write func(path string) error
		want  string
	}{
		"nothing":           {func(string) error { return nil }, ""},
		"an empty file":     {text(""), ""},
		"keys as YAML":      {text("workspaces:\n  - {id: ws, plan: pro}\n"), "is not a SQLite database: name another file; a file of keys that people edit is: keys file"},
		"a short text":      {text("x"), "is not a SQLite database"},
		"nearly a database": {text("SQLite format 3 "), "is not a SQLite database"},
		"a pipe":            {func(path string) error { return syscall.Mkfifo(path, 0o600) }, "is not a regular file"},
		"a folder":          {func(path string) error { return os.Mkdir(path, 0o700) }, "is not a regular file"},
	} {
		t.Run(name, func(t *testing.T) {
			path := filepath.Join(dir, name)
			require.NoError(t, c.write(path))
			before := files(t, dir)
			err := sqlite.Check(path)
			if c.want == "" {
				require.NoError(t, err)
			} else {
				require.ErrorContains(t, err, "key store "+path+" "+c.want)
				require.NotContains(t, err.Error(), "ws,", "nothing of the file")
			}
			require.Equal(t, before, files(t, dir))
		})
	}
	require.NoError(t, sqlite.Check(database))
}

func text(content string) func(string) error {
	return func(path string) error { return os.WriteFile(path, []byte(content), 0o600) }
}

func TestCheckTellsWhatCannotBeRead(t *testing.T) {
	for name, mode := range map[string][2]os.FileMode{"the file": {0, 0o700}, "its folder": {0o600, 0}} {
		t.Run(name, func(t *testing.T) {
			storetest.Unprivileged(t, func(t *testing.T) {
				s, path := create(t)
				storetest.Fill(t, s, storetest.Example())
				require.NoError(t, s.Close())
				require.NoError(t, os.Chmod(path, mode[0]))
				require.NoError(t, os.Chmod(filepath.Dir(path), mode[1]))
				t.Cleanup(func() { _ = os.Chmod(filepath.Dir(path), 0o700) })
				require.ErrorContains(t, sqlite.Check(path), "cannot be read (permission denied): it must be readable and writable by this user")
			})
		})
	}
}

// TestLookingTakesNoLocksAway: whoever closes a file loses all locks of the process on it. SQLite would not know, and another
// process not see that somebody uses the database.
func TestLookingTakesNoLocksAway(t *testing.T) {
	s, path := create(t)
	storetest.Fill(t, s, storetest.Example())
	_, err := s.Changes(t.Context(), keystore.Position{})
	require.NoError(t, err)
	require.NoError(t, sqlite.Check(path))
	require.Empty(t, sqlite.PlansInUse(t.Context(), path), "those who have it open know")
	other := exec.CommandContext(t.Context(), os.Args[0], "-test.run", "^TestFindsALock$", "-test.v")
	other.Env = append(os.Environ(), "TOLLGATE_TEST_OPEN="+path)
	out, err := other.CombinedOutput()
	require.NoError(t, err, "%s", out)
	require.Contains(t, string(out), "--- PASS: TestFindsALock")
	require.NoError(t, s.Close())
	require.NoError(t, sqlite.Check(path))
	require.Equal(t, []string{"pro", "starter"}, sqlite.PlansInUse(t.Context(), path))
}

func TestFindsALock(t *testing.T) {
	path := os.Getenv("TOLLGATE_TEST_OPEN")
	if path == "" {
		t.Skip("this is the other process of TestLookingTakesNoLocksAway")
	}
	file, err := os.OpenFile(path, os.O_RDWR, 0)
	require.NoError(t, err)
	defer file.Close()
	readers := syscall.Flock_t{Type: syscall.F_WRLCK, Start: 0x40000002, Len: 510} // the bytes on which SQLite's readers have a lock
	require.NoError(t, syscall.FcntlFlock(file.Fd(), syscall.F_GETLK, &readers))
	require.Equal(t, int16(syscall.F_RDLCK), readers.Type)
}

// TestPlansInUseWritesNothing, whether the database was closed in order, is in use by another process, or was left by one that
// died.
func TestPlansInUseWritesNothing(t *testing.T) {
	plans := func(t *testing.T, path string, want ...string) {
		t.Helper()
		before := contents(t, filepath.Dir(path))
		require.Equal(t, want, sqlite.PlansInUse(t.Context(), path))
		require.Equal(t, before, contents(t, filepath.Dir(path)))
	}
	closed := func(t *testing.T) string {
		s, path := create(t)
		storetest.Fill(t, s, storetest.Example())
		require.NoError(t, s.Close())
		return path
	}
	t.Run("closed", func(t *testing.T) { plans(t, closed(t), "pro", "starter") })
	t.Run("closed, in a folder of others", func(t *testing.T) {
		storetest.Unprivileged(t, func(t *testing.T) {
			path := closed(t)
			require.NoError(t, os.Chmod(path, 0o400))
			require.NoError(t, os.Chmod(filepath.Dir(path), 0o500))
			t.Cleanup(func() { _ = os.Chmod(filepath.Dir(path), 0o700) })
			plans(t, path, "pro", "starter")
		})
	})
	t.Run("in use by others", func(t *testing.T) {
		path := closed(t)
		db, err := sql.Open("sqlite", path) // behind the store's back, as another process has it
		require.NoError(t, err)
		_, err = db.Exec("UPDATE tollgate_workspaces SET plan = 'gold' WHERE id = 'ws_acme'")
		require.NoError(t, err)
		plans(t, path, "gold", "starter")
		require.NoError(t, db.Close())
	})
	t.Run("left with a log that nobody has read", func(t *testing.T) {
		path := closed(t)
		require.NoError(t, os.WriteFile(path+"-wal", []byte(strings.Repeat("x", 4096)), 0o600))
		plans(t, path)
	})
	for name, content := range map[string]string{"another database": "CREATE TABLE other (a)", "none": ""} {
		t.Run(name, func(t *testing.T) {
			path := filepath.Join(t.TempDir(), "x.db")
			if content != "" {
				raw(t, path, content)
			}
			plans(t, path)
		})
	}
}

// contents are the folder's files as they are, but for the index that all processes share of the log.
func contents(t *testing.T, dir string) map[string]string {
	t.Helper()
	all := map[string]string{}
	for name := range files(t, dir) {
		if !strings.HasSuffix(name, "-shm") {
			data, err := os.ReadFile(filepath.Join(dir, name))
			require.NoError(t, err)
			all[name] = string(data)
			continue
		}
		all[name] = ""
	}
	return all
}
