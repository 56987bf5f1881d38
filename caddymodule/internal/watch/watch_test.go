package watch_test

import (
	"context"
	"os"
	"path/filepath"
	"sync/atomic"
	"testing"
	"testing/synctest"
	"time"

	"github.com/stretchr/testify/require"

	"github.com/tollgate-gateway/tollgate/caddymodule/internal/watch"
)

func write(t *testing.T, path, content string) {
	t.Helper()
	require.NoError(t, os.WriteFile(path, []byte(content), 0o600))
}

// settled takes looks until the files rest and reports whether a change was seen on the way, and how often.
func settled(f *watch.Files) (changes int) {
	for range 6 {
		if f.Changed() {
			changes++
		}
	}
	return changes
}

func TestChangesAreSeenOnce(t *testing.T) {
	past := time.Now().Add(-time.Hour).Truncate(time.Second)
	for _, test := range []struct {
		name   string
		change func(t *testing.T, dir string)
	}{
		{"a file grows", func(t *testing.T, dir string) { write(t, dir+"/a", "longer") }},
		{"a file appears", func(t *testing.T, dir string) { write(t, dir+"/b", "new") }},
		{"a file appears in a new folder", func(t *testing.T, dir string) {
			require.NoError(t, os.MkdirAll(dir+"/x/y", 0o700))
			write(t, dir+"/x/y/z", "new")
		}},
		{"a file goes", func(t *testing.T, dir string) { require.NoError(t, os.Remove(dir+"/a")) }},
		{"a file is renamed", func(t *testing.T, dir string) { require.NoError(t, os.Rename(dir+"/a", dir+"/c")) }},
		{"a mode changes", func(t *testing.T, dir string) { require.NoError(t, os.Chmod(dir+"/a", 0o644)) }},
		{"a time changes", func(t *testing.T, dir string) { require.NoError(t, os.Chtimes(dir+"/a", past, past)) }},
		{"a file of the same size and time is renamed over it", func(t *testing.T, dir string) {
			info, err := os.Stat(dir + "/a")
			require.NoError(t, err)
			other := filepath.Join(t.TempDir(), "a")
			write(t, other, "ONE")
			require.NoError(t, os.Chtimes(other, info.ModTime(), info.ModTime()))
			require.NoError(t, os.Rename(other, dir+"/a"))
		}},
		{"the whole folder goes", func(t *testing.T, dir string) { require.NoError(t, os.RemoveAll(dir)) }},
		{"a folder is swapped behind a symbolic link, as a ConfigMap is", func(t *testing.T, dir string) {
			require.NoError(t, os.Mkdir(dir+"/..v2", 0o700))
			write(t, dir+"/..v2/key", "two")
			require.NoError(t, os.Symlink("..v2", dir+"/..next"))
			require.NoError(t, os.Rename(dir+"/..next", dir+"/..data"))
		}},
	} {
		t.Run(test.name, func(t *testing.T) {
			dir := t.TempDir()
			write(t, dir+"/a", "one")
			require.NoError(t, os.Mkdir(dir+"/..v1", 0o700))
			write(t, dir+"/..v1/key", "one")
			require.NoError(t, os.Symlink("..v1", dir+"/..data"))
			require.NoError(t, os.Symlink("..data/key", dir+"/key"))
			files := watch.New(dir)
			require.Zero(t, settled(files), "nothing has changed yet")
			test.change(t, dir)
			require.Equal(t, 1, settled(files))
			require.Zero(t, settled(files))
		})
	}
}

func TestAMissingFileIsSeenWhenItComes(t *testing.T) {
	path := filepath.Join(t.TempDir(), "keys.yaml")
	files := watch.New(path)
	require.Zero(t, settled(files))
	write(t, path, "x")
	require.Equal(t, 1, settled(files))
}

func TestAFileBeingWrittenIsLeftAloneUntilItRests(t *testing.T) {
	path := filepath.Join(t.TempDir(), "keys.yaml")
	write(t, path, "")
	files := watch.New(path)
	write(t, path, "h")
	require.False(t, files.Changed())
	write(t, path, "ha")
	require.False(t, files.Changed())
	write(t, path, "half")
	require.False(t, files.Changed())
	require.True(t, files.Changed(), "at rest since the last look")
}

func TestAFileThatNeverRestsIsTakenInTheEnd(t *testing.T) {
	path := filepath.Join(t.TempDir(), "busy")
	write(t, path, "")
	files := watch.New(path)
	content, changes := "", 0
	for range 8 {
		content += "x"
		write(t, path, content)
		if files.Changed() {
			changes++
		}
	}
	require.Equal(t, 2, changes, "every fourth look")
}

func TestAChangeTakenBackIsNone(t *testing.T) {
	path := filepath.Join(t.TempDir(), "keys.yaml")
	write(t, path, "x")
	files := watch.New(path)
	require.NoError(t, os.Rename(path, path+".away"))
	require.False(t, files.Changed())
	require.NoError(t, os.Rename(path+".away", path))
	require.Zero(t, settled(files))
}

func TestFoldersThatLinkToThemselvesEnd(t *testing.T) {
	dir := t.TempDir()
	require.NoError(t, os.Symlink(".", dir+"/self"))
	write(t, dir+"/a", "one")
	files := watch.New(dir)
	write(t, dir+"/a", "three")
	require.Equal(t, 1, settled(files))
}

func TestPoll(t *testing.T) {
	dir := t.TempDir()
	synctest.Test(t, func(t *testing.T) {
		ctx, cancel := context.WithCancel(t.Context())
		var changes atomic.Int32
		ended := make(chan struct{})
		go func() {
			defer close(ended)
			watch.Poll(ctx, 500*time.Millisecond, []string{dir}, func() { changes.Add(1) })
		}()
		synctest.Wait()
		write(t, dir+"/a", "one")
		started := time.Now()
		for changes.Load() == 0 {
			<-time.After(10 * time.Millisecond)
			synctest.Wait()
		}
		require.LessOrEqual(t, time.Since(started), 1100*time.Millisecond, "within two periods")
		<-time.After(time.Minute)
		require.EqualValues(t, 1, changes.Load(), "once")
		cancel()
		<-ended
	})
}
