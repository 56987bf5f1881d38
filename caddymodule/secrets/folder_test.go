package secrets_test

import (
	"context"
	"os"
	"path/filepath"
	"strings"
	"testing"
	"time"

	"github.com/stretchr/testify/require"

	"github.com/tollgate-gateway/tollgate/caddymodule/secrets"
)

func write(t *testing.T, folder, name, value string, mode os.FileMode) {
	t.Helper()
	path := filepath.Join(folder, name)
	require.NoError(t, os.MkdirAll(filepath.Dir(path), 0o700))
	whole := filepath.Join(t.TempDir(), "whole") // a file that is still being written is a value that somebody may take
	require.NoError(t, os.WriteFile(whole, []byte(value), 0o600))
	require.NoError(t, os.Chmod(whole, mode))
	require.NoError(t, os.Rename(whole, path))
}

func TestValues(t *testing.T) {
	dir := t.TempDir()
	write(t, dir, "ws_acme/token", "s3cret\n", 0o600)
	write(t, dir, "ws_acme/windows", "s3cret\r\n", 0o600)
	write(t, dir, "ws_acme/empty", "\n", 0o600)
	write(t, dir, "ws_globex/token", "other", 0o600)
	write(t, dir, "..2026/token", "a mount's own", 0o600)
	write(t, dir, "ws_acme/..data", "a mount's own", 0o600)
	write(t, dir, "README", "no workspace", 0o600)
	f, err := secrets.Open(dir)
	require.NoError(t, err)
	for _, c := range []struct {
		workspace, name, value string
		found                  bool
	}{
		{"ws_acme", "token", "s3cret", true},
		{"ws_acme", "windows", "s3cret", true},
		{"ws_globex", "token", "other", true},
		{"ws_acme", "empty", "", false},
		{"ws_acme", "none", "", false},
		{"ws_none", "token", "", false},
		{"..2026", "token", "", false},
		{"ws_acme", "..data", "", false},
		{"ws_acme/../ws_globex", "token", "", false},
		{"ws_acme", "../ws_globex/token", "", false},
		{"", "", "", false},
	} {
		value, found := f.Value(c.workspace, c.name)
		require.Equal(t, c.value, value, "%s/%s", c.workspace, c.name)
		require.Equal(t, c.found, found, "%s/%s", c.workspace, c.name)
	}
	require.Empty(t, f.Warnings())
}

func TestSymbolicLinksAreFollowed(t *testing.T) {
	dir := t.TempDir()
	write(t, dir, "..2026/token", "mounted", 0o600)
	require.NoError(t, os.Symlink("..2026", filepath.Join(dir, "ws_acme")))
	f, err := secrets.Open(dir)
	require.NoError(t, err)
	value, found := f.Value("ws_acme", "token")
	require.True(t, found)
	require.Equal(t, "mounted", value)
}

func TestWorldReadableFilesAreWarnedOf(t *testing.T) {
	dir := t.TempDir()
	write(t, dir, "ws_acme/token", "s3cret", 0o644)
	f, err := secrets.Open(dir)
	require.NoError(t, err)
	require.Len(t, f.Warnings(), 1)
	require.Contains(t, f.Warnings()[0], filepath.Join("ws_acme", "token"))
	require.NotContains(t, f.Warnings()[0], "s3cret")
}

func TestMistakes(t *testing.T) {
	for name, c := range map[string]struct{ file, value, want string }{
		"folder that is not a workspace": {"-bad/token", "x", "not named by a workspace"},
		"value of two lines":             {"ws/token", "s3cret\r\nX-Evil: 1", "control characters"},
		"value that is not UTF-8":        {"ws/token", "s3cret\xff", "are not UTF-8"},
		"huge value":                     {"ws/token", strings.Repeat("s3cret", 4000), "at most"},
	} {
		t.Run("refuses/"+name, func(t *testing.T) {
			dir := t.TempDir()
			write(t, dir, c.file, c.value, 0o600)
			_, err := secrets.Open(dir)
			require.ErrorContains(t, err, c.want)
			require.NotContains(t, err.Error(), "s3cret")
		})
	}
	t.Run("refuses/missing folder", func(t *testing.T) {
		_, err := secrets.Open(filepath.Join(t.TempDir(), "none"))
		require.ErrorIs(t, err, os.ErrNotExist)
	})
}

func TestWatchSwapsWholeOrNotAtAll(t *testing.T) {
	dir := t.TempDir()
	write(t, dir, "ws_acme/token", "first", 0o600)
	f, err := secrets.Open(dir)
	require.NoError(t, err)
	outcomes := make(chan error)
	ctx, cancel := context.WithCancel(t.Context())
	ended := make(chan struct{})
	go func() {
		defer close(ended)
		f.Watch(ctx, 5*time.Millisecond, func(err error) { outcomes <- err })
	}()
	defer func() { cancel(); <-ended }()

	write(t, dir, "ws_acme/token", "second!", 0o600)
	require.NoError(t, <-outcomes)
	value, _ := f.Value("ws_acme", "token")
	require.Equal(t, "second!", value)

	write(t, dir, "ws_acme/token", "bad\nvalue", 0o600)
	require.Error(t, <-outcomes)
	value, _ = f.Value("ws_acme", "token")
	require.Equal(t, "second!", value, "the last good one stays")
}
