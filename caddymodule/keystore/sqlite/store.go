// Package sqlite keeps workspaces and keys in a SQLite database: the default of a single gateway. Gateway and
// commands open it as two processes; the gateway sees what a command changed by polling the log of changes.
package sqlite

import (
	"context"
	"database/sql"
	"os"
	"path/filepath"
	"time"

	"github.com/tollgate-gateway/tollgate/caddymodule/keystore"
	"github.com/tollgate-gateway/tollgate/caddymodule/keystore/sqlstore"
)

const (
	// pollEvery is how often the log of changes is read.
	pollEvery = 200 * time.Millisecond
	// connections bounds the readers; one more is the feed's own.
	connections = 4
	// busy is how long a writer waits for another.
	busy = 5 * time.Second
	// mode of the database file.
	mode = 0o600
)

var dialect = &sqlstore.Dialect{
	Bytes:     "BLOB",
	HasSchema: "SELECT EXISTS (SELECT 1 FROM sqlite_master WHERE type = 'table' AND name = 'tollgate_meta')",
	Clock:     "unixepoch()",
	Large:     "PRAGMA cache_size = -24000", // KiB; with the 2 MB of default a large import reads and writes each page many times
	Damaged:   damaged,
	Advice:    advice,
}

// Options of a Store.
type Options struct {
	// Create lets the first use create the database where there is none. The folder must exist. Without it, and once
	// there was one, a missing database is a *keystore.Problem of the kind keystore.ErrMissing, and nothing is
	// written.
	Create bool
}

// Store is a SQLite database.
type Store struct {
	sqlstore.Store
	path    string
	options Options

	opening chan struct{} // holds one token: whoever has it may use what follows
	db      *sql.DB
	feed    *sql.Conn   // of db
	opened  os.FileInfo // of the file behind db
	closed  bool
}

// New names the database. It opens nothing: the first use does.
func New(path string, options Options) *Store {
	if absolute, err := filepath.Abs(path); err == nil {
		path = absolute
	}
	s := &Store{path: path, options: options, opening: make(chan struct{}, 1)}
	s.Store = sqlstore.Store{Dialect: dialect, Place: path, Open: s.database}
	s.opening <- struct{}{}
	return s
}

// String is the database's path.
func (s *Store) String() string { return s.path }

// Changes reads the log of changes, at once when the position is not known to be its end, else after 200 ms. A
// database file that was replaced is opened anew.
func (s *Store) Changes(ctx context.Context, since keystore.Position) (keystore.Changes, error) {
	changes, err := s.follow(ctx, since)
	return changes, s.Explain(err)
}

func (s *Store) follow(ctx context.Context, since keystore.Position) (changes keystore.Changes, err error) {
	if since != (keystore.Position{}) {
		select {
		case <-ctx.Done():
			return changes, ctx.Err()
		case <-time.After(pollEvery):
		}
	}
	if err := s.lock(ctx); err != nil {
		return changes, err
	}
	defer s.unlock()
	if err := s.reopenIfReplaced(); err != nil {
		return changes, err
	}
	db, err := s.open(ctx)
	if err != nil {
		return changes, err
	}
	if s.feed == nil {
		if s.feed, err = db.Conn(ctx); err != nil {
			return changes, err
		}
	}
	if changes, err = s.Poll(ctx, s.feed, since); err != nil {
		_ = s.feed.Close() // it may be broken: the next time takes another
		s.feed = nil
	}
	return changes, err
}

// Close closes the database.
func (s *Store) Close() error {
	<-s.opening
	defer s.unlock()
	s.closed = true
	return s.forget()
}

func (s *Store) lock(ctx context.Context) error {
	select {
	case <-s.opening:
		return nil
	case <-ctx.Done():
		return ctx.Err()
	}
}

func (s *Store) unlock() { s.opening <- struct{}{} }

// database is the open database.
func (s *Store) database(ctx context.Context) (*sql.DB, error) {
	if err := s.lock(ctx); err != nil {
		return nil, err
	}
	defer s.unlock()
	return s.open(ctx)
}

var (
	_ keystore.Store      = (*Store)(nil)
	_ keystore.Admin      = (*Store)(nil)
	_ keystore.UseWriter  = (*Store)(nil)
	_ keystore.Summarizer = (*Store)(nil)
	_ keystore.Exporter   = (*Store)(nil)
	_ keystore.Importer   = (*Store)(nil)
)
