// Package secrets reads the values that a gateway injects into requests: one file a value, in
// <folder>/<workspace id>/<name>, as Kubernetes mounts them. The folder is read whole and swapped whole; what cannot be read
// leaves the last good state in force.
package secrets

import (
	"context"
	"errors"
	"fmt"
	"io/fs"
	"os"
	"path/filepath"
	"strings"
	"sync/atomic"
	"time"
	"unicode/utf8"

	"github.com/tollgate-gateway/tollgate/caddymodule/internal/watch"
	"github.com/tollgate-gateway/tollgate/caddymodule/record"
)

// Bounds of a folder.
const (
	maxValue  = 16 << 10 // bytes: what fits into a header
	maxValues = 100_000
)

// Folder is a folder of secrets, in memory.
type Folder struct {
	path    string
	files   *watch.Files
	current atomic.Pointer[snapshot]
}

// snapshot is one state of a folder: values by workspace and name.
type snapshot struct {
	values   map[string]map[string]string
	warnings []string
}

// Open reads the folder. The error names the file, never a value.
func Open(path string) (*Folder, error) {
	f := &Folder{path: path, files: watch.New(path)}
	return f, f.reload()
}

// Value is the workspace's secret of that name. False: there is none, or it is empty.
func (f *Folder) Value(workspace, name string) (string, bool) {
	value, found := f.current.Load().values[workspace][name]
	return value, found && value != ""
}

// Warnings say which files others than their owner can read.
func (f *Folder) Warnings() []string { return f.current.Load().warnings }

// Count is for how many workspaces there are values, and how many there are.
func (f *Folder) Count() (workspaces, values int) {
	current := f.current.Load()
	for _, own := range current.values {
		values += len(own)
	}
	return len(current.values), values
}

// Watch reads the folder again whenever it has changed, until ctx ends, and tells loaded the outcome.
func (f *Folder) Watch(ctx context.Context, every time.Duration, loaded func(error)) {
	f.files.Poll(ctx, every, func() { loaded(f.reload()) })
}

func (f *Folder) reload() error {
	loaded, err := read(f.path)
	if err != nil {
		return fmt.Errorf("reading secrets: %w", err)
	}
	f.current.Store(loaded)
	return nil
}

func read(path string) (*snapshot, error) {
	workspaces, err := os.ReadDir(path)
	if err != nil {
		return nil, err
	}
	s := &snapshot{values: make(map[string]map[string]string)}
	count := 0
	for _, entry := range workspaces {
		folder := filepath.Join(path, entry.Name())
		if info, err := os.Stat(folder); err != nil || !info.IsDir() || hidden(entry.Name()) {
			continue // a mount's own bookkeeping, such as ..data
		}
		if err := record.CheckID(entry.Name()); err != nil {
			return nil, fmt.Errorf("%s is not named by a workspace: %w", folder, err)
		}
		values, err := s.readWorkspace(folder)
		if err != nil {
			return nil, err
		}
		if count += len(values); count > maxValues {
			return nil, fmt.Errorf("%s holds more than %d values", path, maxValues)
		}
		s.values[entry.Name()] = values
	}
	return s, nil
}

func (s *snapshot) readWorkspace(folder string) (map[string]string, error) {
	entries, err := os.ReadDir(folder)
	if err != nil {
		return nil, err
	}
	values := make(map[string]string, len(entries))
	for _, entry := range entries {
		file := filepath.Join(folder, entry.Name())
		info, err := os.Stat(file)
		switch {
		case errors.Is(err, fs.ErrNotExist), err == nil && !info.Mode().IsRegular(), hidden(entry.Name()):
			continue
		case err != nil:
			return nil, err
		case info.Mode().Perm()&0o004 != 0:
			s.warnings = append(s.warnings, file+" is readable by every user of this machine: chmod o-r "+file)
		}
		if values[entry.Name()], err = readValue(file, info.Size()); err != nil {
			return nil, err
		}
	}
	return values, nil
}

func hidden(name string) bool { return strings.HasPrefix(name, ".") }

// readValue reads one value, without the line end that editors add.
func readValue(file string, size int64) (string, error) {
	if size > maxValue {
		return "", fmt.Errorf("%s has %d bytes: a value has at most %d", file, size, maxValue)
	}
	data, err := os.ReadFile(file)
	if err != nil {
		return "", err
	}
	value := strings.TrimSuffix(strings.TrimSuffix(string(data), "\n"), "\r")
	if strings.ContainsFunc(value, unprintable) || !utf8.ValidString(value) {
		return "", fmt.Errorf("%s holds line ends, control characters or bytes that are not UTF-8: a header cannot carry it", file)
	}
	return value, nil
}

func unprintable(r rune) bool { return r < ' ' && r != '\t' || r == 0x7f }
