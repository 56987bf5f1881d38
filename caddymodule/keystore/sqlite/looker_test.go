package sqlite

import (
	"os"
	"path/filepath"
	"testing"

	"github.com/stretchr/testify/require"

	"github.com/tollgate-gateway/tollgate/caddymodule/keystore"
	"github.com/tollgate-gateway/tollgate/caddymodule/record"
)

// files are what lies in a folder, with the size and time of each.
func files(t *testing.T, folder string) (found []string) {
	t.Helper()
	entries, err := os.ReadDir(folder)
	require.NoError(t, err)
	for _, entry := range entries {
		info, err := entry.Info()
		require.NoError(t, err)
		found = append(found, entry.Name()+" "+info.ModTime().String())
	}
	return found
}

// TestLookLeavesTheDatabaseAsItIs, in use or not.
func TestLookLeavesTheDatabaseAsItIs(t *testing.T) {
	t.Parallel()
	path := filepath.Join(t.TempDir(), "keys.db")
	_, err := Look(t.Context(), path)
	require.ErrorIs(t, err, keystore.ErrMissing)
	require.Empty(t, files(t, filepath.Dir(path)))

	s := New(path, Options{Create: true})
	require.NoError(t, s.CreateWorkspace(t.Context(), keystore.Act{}, &record.Workspace{ID: "ws_a", Plan: "pro"}))
	look := func(want int) {
		t.Helper()
		before := files(t, filepath.Dir(path))
		l, err := Look(t.Context(), path)
		require.NoError(t, err)
		list, err := l.Workspaces(t.Context(), "", 10)
		require.NoError(t, err)
		require.Len(t, list, want)
		require.Error(t, l.CreateWorkspace(t.Context(), keystore.Act{}, &record.Workspace{ID: "ws_x", Plan: "pro"}), "it is not written")
		require.NoError(t, l.Close())
		require.Equal(t, len(before), len(files(t, filepath.Dir(path))))
	}
	look(1)
	require.NoError(t, s.CreateWorkspace(t.Context(), keystore.Act{}, &record.Workspace{ID: "ws_b", Plan: "pro"}))
	look(2)
	require.NoError(t, s.Close())
	before := files(t, filepath.Dir(path))
	look(2)
	require.Equal(t, before, files(t, filepath.Dir(path)))
}

// TestLookMigratesNothing: a database of an earlier schema is refused and stays as it is.
func TestLookMigratesNothing(t *testing.T) {
	t.Parallel()
	path := filepath.Join(t.TempDir(), "keys.db")
	s := New(path, Options{Create: true})
	require.NoError(t, s.CreateWorkspace(t.Context(), keystore.Act{}, &record.Workspace{ID: "ws_a", Plan: "pro"}))
	db, err := s.database(t.Context())
	require.NoError(t, err)
	_, err = db.ExecContext(t.Context(), "UPDATE tollgate_meta SET version = 1")
	require.NoError(t, err)
	require.NoError(t, s.Close())
	_, err = Look(t.Context(), path)
	require.ErrorIs(t, err, keystore.ErrMissing)
	require.ErrorContains(t, err, "has schema version 1")
}
