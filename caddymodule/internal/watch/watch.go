// Package watch notices that files have changed, by polling. Polling sees what notification misses: files swapped by
// renaming a folder above them, ConfigMaps and secrets of Kubernetes (symbolic links), network file systems.
package watch

import (
	"context"
	"errors"
	"hash/maphash"
	"io/fs"
	"os"
	"path/filepath"
	"time"
)

// Bounds of a walk: a folder that links to itself, or a path that was meant to be another, must not stall the poll.
const (
	maxDepth = 16
	maxFiles = 100_000
)

// patience is how many looks at files that never rest are waited for before they are taken as they are.
const patience = 4

// Files remembers how some files and folders looked when they were last taken to be at rest.
type Files struct {
	paths   []string
	taken   uint64 // what Changed last reported, or New saw
	last    uint64 // what the last look saw
	waiting int    // looks since the files began to differ from taken
}

// New looks at the files and at everything below the folders. Look before you load: what changes while you load is
// then seen as a change.
func New(paths ...string) *Files {
	f := &Files{paths: paths}
	f.taken = Look(paths...)
	f.last = f.taken
	return f
}

// Changed looks again and reports whether the files differ from what was last taken and have come to rest: they look
// as they did at the previous look. So a file that is still being written is left alone, and one written twice
// within the same tick of the file system's clock is read after both. Files that never rest are reported at the
// fourth look. Not for concurrent use.
func (f *Files) Changed() bool {
	now := Look(f.paths...)
	resting := now == f.last
	f.last = now
	if now == f.taken && f.waiting == 0 {
		return false
	}
	if f.waiting++; !resting && f.waiting < patience {
		return false
	}
	changed := now != f.taken
	f.taken, f.waiting = now, 0
	return changed
}

// Unrest reports whether the last look saw files that differ from what was last taken and have not come to rest.
func (f *Files) Unrest() bool { return f.waiting > 0 }

// Poll calls changed after each change of the files, until the context ends. It looks every so often; a change is
// reported one to two such periods after it was made, at the latest after five.
func (f *Files) Poll(ctx context.Context, every time.Duration, changed func()) {
	ticker := time.NewTicker(every)
	defer ticker.Stop()
	for {
		select {
		case <-ctx.Done():
			return
		case <-ticker.C:
			if f.Changed() {
				changed()
			}
		}
	}
}

// Poll watches files and folders from now on; see Files.Poll. Whoever has loaded them before uses New first.
func Poll(ctx context.Context, every time.Duration, paths []string, changed func()) {
	New(paths...).Poll(ctx, every, changed)
}

var seed = maphash.MakeSeed()

// Look is a fingerprint of the names, sizes, modification times, inodes and modes of all regular files. A file that
// cannot be seen is part of it by the kind of its absence, so that it is noticed when it goes and when it comes. It is
// comparable within one process.
func Look(paths ...string) uint64 {
	w := walk{}
	w.hash.SetSeed(seed)
	for _, path := range paths {
		w.visit(path, 0)
	}
	return w.hash.Sum64()
}

type walk struct {
	hash  maphash.Hash
	files int
}

func (w *walk) visit(path string, depth int) {
	if w.files++; w.files > maxFiles || depth > maxDepth {
		return
	}
	info, err := os.Stat(path) // follows symbolic links
	w.write(path)
	switch {
	case errors.Is(err, fs.ErrNotExist):
		w.write("absent")
	case err != nil:
		w.write("unreadable")
	case info.IsDir():
		w.visitFolder(path, depth)
	case info.Mode().IsRegular():
		maphash.WriteComparable(&w.hash, [4]int64{info.Size(), info.ModTime().UnixNano(), inode(info), int64(info.Mode())})
	}
}

func (w *walk) visitFolder(path string, depth int) {
	entries, err := os.ReadDir(path) // sorted by name
	if err != nil {
		w.write("unreadable")
	}
	for _, entry := range entries {
		w.visit(filepath.Join(path, entry.Name()), depth+1)
	}
}

func (w *walk) write(s string) {
	_, _ = w.hash.WriteString(s) // never fails, by its documentation
	_ = w.hash.WriteByte(0)
}
