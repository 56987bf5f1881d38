// Package file keeps workspaces and keys in a YAML or JSON file that people edit. The file is
// watched and swapped whole; one that breaks later leaves the last good one in force and says why.
package file

import (
	"bytes"
	"context"
	"fmt"
	"io"
	"maps"
	"os"
	"path/filepath"
	"reflect"
	"slices"
	"sync/atomic"
	"time"

	"github.com/tollgate-gateway/tollgate/caddymodule/internal/watch"
	"github.com/tollgate-gateway/tollgate/caddymodule/keystore"
	"github.com/tollgate-gateway/tollgate/caddymodule/record"
)

// interval is how often the file is looked at. A change is obeyed after one to two of them, or once the file is parsed.
const interval = 500 * time.Millisecond

// Store is a keys file.
type Store struct {
	path    string
	report  func(error)
	current atomic.Pointer[generation]

	// Only Changes uses what follows.
	files *watch.Files
	look  time.Time // when the file is looked at next
	draft *draft    // of a file that has changed and not come to rest; nil: none
}

// generation is one good state of the file.
type generation struct {
	*snapshot
	revision int64
}

// Open reads the file; an error names file and line. From then on the store changes only while somebody follows its
// Changes. Report, if not nil, is told why a later state of the file was not taken, and with nil when a good one was; it
// must be safe to call from another goroutine.
func Open(path string, report func(error)) (*Store, error) {
	if report == nil {
		report = func(error) {}
	}
	s := &Store{path: path, report: report, files: watch.New(path), look: time.Now().Add(interval)}
	text, err := read(path)
	if err != nil {
		return nil, err
	}
	loaded, err := parse(path, text, nil)
	if err != nil {
		return nil, err
	}
	s.current.Store(&generation{loaded, 1})
	return s, nil
}

// Lookup finds the sum in memory.
func (s *Store) Lookup(_ context.Context, sum record.Sum) (*record.Identity, error) {
	if identity := s.current.Load().identities[sum]; identity != nil {
		return identity, nil
	}
	return nil, keystore.ErrUnknown
}

// Changes looks at the file once per interval and takes it over when it has changed, come to rest and is good. The
// store is never away: what was last good answers.
func (s *Store) Changes(ctx context.Context, since keystore.Position) (keystore.Changes, error) {
	if since.Revision == s.current.Load().revision {
		select {
		case <-ctx.Done():
			return keystore.Changes{}, ctx.Err()
		case <-time.After(min(time.Until(s.look), interval)):
		}
		s.look = time.Now().Add(interval)
		switch {
		case s.files.Changed():
			s.reload()
		case !s.files.Unrest():
			s.draft = nil
		case s.draft == nil:
			s.draft = newDraft(s.path, s.current.Load().snapshot)
		}
	}
	now := keystore.Changes{Position: keystore.Position{Revision: s.current.Load().revision}, At: time.Now()}
	now.Gap = now.Position != since
	return now, nil
}

// draft is what was read of a file that may still be written. It is parsed meanwhile, which takes longer for many keys than
// the file needs to come to rest, and taken over if the text is the same by then.
type draft struct {
	text   []byte
	loaded *snapshot
	err    error
}

// newDraft reads and parses the file. It is nil where the file cannot be read yet.
func newDraft(path string, old *snapshot) *draft {
	text, err := read(path)
	if err != nil {
		return nil
	}
	loaded, err := parse(path, text, old)
	return &draft{text, loaded, err}
}

func (s *Store) reload() {
	loaded, err := s.finished()
	if err != nil {
		s.report(fmt.Errorf("keeping the last good keys: %w", err))
		return
	}
	old := s.current.Load()
	loaded.keep(old.snapshot)
	s.current.Store(&generation{loaded, old.revision + 1})
	s.report(nil)
}

// finished is what the file says now that it has come to rest.
func (s *Store) finished() (*snapshot, error) {
	begun := s.draft
	s.draft = nil
	text, err := read(s.path)
	if err != nil {
		return nil, err
	}
	if begun != nil && bytes.Equal(begun.text, text) {
		return begun.loaded, begun.err
	}
	return parse(s.path, text, s.current.Load().snapshot)
}

// keep puts the records of an older snapshot in the place of equal ones: what was decided for a record, by its
// identity, then still holds.
func (s *snapshot) keep(old *snapshot) {
	for id, workspace := range s.workspaces {
		if before := old.workspaces[id]; before != nil && reflect.DeepEqual(before, workspace) {
			s.workspaces[id] = before
		}
	}
	for sum, identity := range s.identities {
		if old.identities[sum] == identity {
			continue // its piece has not changed
		}
		identity.Workspace = s.workspaces[identity.Workspace.ID]
		before := old.keys[identity.Key.ID]
		if before == nil {
			continue
		}
		if reflect.DeepEqual(before.Key, identity.Key) {
			identity.Key = before.Key
		}
		if known := old.identities[sum]; known != nil && *known == *identity {
			s.identities[sum], s.keys[identity.Key.ID] = known, known
		}
	}
}

func read(path string) ([]byte, error) {
	info, err := os.Stat(path) // before opening: a named pipe would block
	if err != nil {
		return nil, fmt.Errorf("opening the keys file: %w", err)
	}
	if !info.Mode().IsRegular() {
		return nil, fmt.Errorf("opening the keys file: %s is not a regular file", path)
	}
	file, err := os.Open(path)
	if err != nil {
		return nil, fmt.Errorf("opening the keys file: %w", err)
	}
	defer file.Close()
	data, err := io.ReadAll(io.LimitReader(file, maxSize+1))
	if err != nil {
		return nil, fmt.Errorf("reading the keys file %s: %w", path, err)
	}
	return data, nil
}

// Summary counts what is in memory.
func (s *Store) Summary(context.Context) (keystore.Summary, error) {
	now := s.current.Load()
	plans := map[string]bool{}
	for _, workspace := range now.workspaces {
		plans[workspace.Plan] = true
	}
	return keystore.Summary{Keys: int64(len(now.keys)), Plans: slices.Sorted(maps.Keys(plans))}, nil
}

// Close does nothing: the file is open only while it is read.
func (s *Store) Close() error { return nil }

// String is the file's path.
func (s *Store) String() string {
	if absolute, err := filepath.Abs(s.path); err == nil {
		return absolute
	}
	return s.path
}

var (
	_ keystore.Store      = (*Store)(nil)
	_ keystore.Summarizer = (*Store)(nil)
)
