// Package sqlite keeps workspaces and keys in a SQLite database: the default of a single gateway. Gateway and
// commands open it as two processes; the gateway sees what a command changed by polling the log of changes.
package sqlite

import (
	"context"
	"database/sql"
	"errors"
	"fmt"
	"io/fs"
	"net/url"
	"os"
	"path/filepath"
	"strings"
	"time"

	"modernc.org/sqlite"
	sqlite3 "modernc.org/sqlite/lib"

	"github.com/tollgate-gateway/tollgate/caddymodule/keystore"
	"github.com/tollgate-gateway/tollgate/caddymodule/keystore/sqlstore"
)

const (
	// pollEvery is how often the log of changes is read.
	pollEvery = 200 * time.Millisecond
	// connections bounds the readers; one more is the feed's own.
	connections = 4
	// mode of the database file. SQLite gives its companions (-wal, -shm) the same.
	mode = 0o600
)

var dialect = &sqlstore.Dialect{
	Bytes:     "BLOB",
	HasSchema: "SELECT EXISTS (SELECT 1 FROM sqlite_master WHERE type = 'table' AND name = 'tollgate_meta')",
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
	s.Store = sqlstore.Store{Dialect: dialect, Open: s.database, Explain: s.explain}
	s.opening <- struct{}{}
	return s
}

// String is the database's path.
func (s *Store) String() string { return s.path }

// Changes reads the log of changes, at once when the position is not known to be its end, else after 200 ms. A
// database file that was replaced is opened anew.
func (s *Store) Changes(ctx context.Context, since keystore.Position) (keystore.Changes, error) {
	if since != (keystore.Position{}) {
		select {
		case <-ctx.Done():
			return keystore.Changes{}, ctx.Err()
		case <-time.After(pollEvery):
		}
	}
	if err := s.lock(ctx); err != nil {
		return keystore.Changes{}, err
	}
	defer s.unlock()
	if err := s.reopenIfReplaced(); err != nil {
		return keystore.Changes{}, err
	}
	db, err := s.open(ctx)
	if err != nil {
		return keystore.Changes{}, err
	}
	if s.feed == nil {
		if s.feed, err = db.Conn(ctx); err != nil {
			return keystore.Changes{}, s.explain(err)
		}
	}
	changes, err := s.Poll(ctx, s.feed, since)
	if err != nil {
		_ = s.feed.Close() // it may be broken: the next time takes another
		s.feed = nil
	}
	return changes, s.explain(err)
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

func (s *Store) open(ctx context.Context) (*sql.DB, error) {
	if s.closed {
		return nil, sql.ErrConnDone
	}
	if s.db != nil {
		return s.db, nil
	}
	if err := s.present(); err != nil {
		return nil, err
	}
	db, err := sql.Open("sqlite", s.dsn())
	if err != nil {
		return nil, s.explain(err)
	}
	db.SetMaxOpenConns(connections + 1)
	db.SetMaxIdleConns(connections + 1)
	if err := s.prepare(ctx, db); err != nil {
		return nil, errors.Join(err, db.Close())
	}
	if s.opened, err = os.Stat(s.path); err != nil {
		return nil, errors.Join(err, db.Close())
	}
	s.db, s.options.Create = db, false // one that vanishes is away: an empty one in its place would say 401 to all
	return db, nil
}

// present makes sure that there is a file, without opening one that is there: closing it again would take away the
// locks that SQLite holds in this process.
func (s *Store) present() error {
	info, err := os.Stat(s.path)
	switch {
	case err == nil && !info.Mode().IsRegular():
		return &keystore.Problem{Kind: keystore.ErrMissing, Text: fmt.Sprintf("key store %s is no regular file", s.path)}
	case err == nil:
		return nil
	case !errors.Is(err, fs.ErrNotExist):
		return fmt.Errorf("opening key store: %w", err)
	case !s.options.Create:
		return &keystore.Problem{Kind: keystore.ErrMissing, Text: fmt.Sprintf(
			"key store %s does not exist: create it with: workspace create", s.path)}
	}
	file, err := os.OpenFile(s.path, os.O_RDWR|os.O_CREATE|os.O_EXCL, mode)
	if errors.Is(err, fs.ErrExist) {
		return nil // another process was faster
	}
	if err != nil {
		return fmt.Errorf("creating key store: %w", err)
	}
	return file.Close()
}

// dsn names the file as a URI, so that no character of the path has a meaning of its own. Writers queue up for five
// seconds; what is committed survives a power cut.
func (s *Store) dsn() string {
	path := filepath.ToSlash(s.path)
	if !strings.HasPrefix(path, "/") {
		path = "/" + path
	}
	u := url.URL{Scheme: "file", Path: path, RawQuery: url.Values{
		"mode":          {"rw"},
		"_txlock":       {"immediate"},
		"_busy_timeout": {"5000"},
		"_foreign_keys": {"on"},
		"_synchronous":  {"FULL"},
	}.Encode()}
	return u.String()
}

// prepare brings the database into the present form. A database of something else is left as it is.
func (s *Store) prepare(ctx context.Context, db *sql.DB) error {
	var ours, tables int
	err := db.QueryRowContext(ctx, "SELECT count(CASE name WHEN 'tollgate_meta' THEN 1 END), count(*) FROM sqlite_master").Scan(&ours, &tables)
	if err != nil {
		return s.explain(err)
	}
	if ours == 0 && tables > 0 {
		return &keystore.Problem{Kind: keystore.ErrMissing, Text: fmt.Sprintf(
			"%s is the database of something else: name another file", s.path)}
	}
	if tables == 0 && s.options.Create {
		if err := toWAL(ctx, db); err != nil {
			return s.explain(err)
		}
	}
	return s.explain(dialect.Migrate(ctx, db, s.path, s.options.Create))
}

// toWAL lets readers and a writer work side by side. It needs the database for itself for a moment, which SQLite
// does not wait for.
func toWAL(ctx context.Context, db *sql.DB) error {
	for {
		_, err := db.ExecContext(ctx, "PRAGMA journal_mode = WAL")
		if code := codeOf(err) & 0xff; code != sqlite3.SQLITE_BUSY && code != sqlite3.SQLITE_LOCKED {
			return err
		}
		select {
		case <-ctx.Done():
			return err
		case <-time.After(10 * time.Millisecond):
		}
	}
}

// reopenIfReplaced lets go of a database whose file is no longer the one at the path.
func (s *Store) reopenIfReplaced() error {
	if s.db == nil {
		return nil
	}
	info, err := os.Stat(s.path)
	if err == nil && os.SameFile(info, s.opened) {
		return nil
	}
	if closing := s.forget(); closing != nil {
		return closing
	}
	if err != nil {
		return fmt.Errorf("opening key store: %w", err)
	}
	return nil
}

func (s *Store) forget() error {
	if s.db == nil {
		return nil
	}
	if s.feed != nil {
		_ = s.feed.Close() // gives the connection back to db, whose error counts
	}
	err := s.db.Close()
	s.db, s.feed = nil, nil
	return err
}

// explain names the database in an error, and says of a file that SQLite cannot read that it is no key store.
func (s *Store) explain(err error) error {
	switch codeOf(err) & 0xff {
	case 0:
		return err
	case sqlite3.SQLITE_NOTADB, sqlite3.SQLITE_CORRUPT:
		return &keystore.Problem{Kind: keystore.ErrMissing, Text: fmt.Sprintf(
			"%s is no key store, or a damaged one (%v): restore a backup, or name another file", s.path, err)}
	case sqlite3.SQLITE_READONLY, sqlite3.SQLITE_CANTOPEN, sqlite3.SQLITE_PERM:
		return fmt.Errorf("opening key store %s: it and its folder must be writable: %w", s.path, err)
	}
	return fmt.Errorf("key store %s: %w", s.path, err)
}

func codeOf(err error) int {
	var failure *sqlite.Error
	if errors.As(err, &failure) {
		return failure.Code()
	}
	return 0
}

var (
	_ keystore.Store     = (*Store)(nil)
	_ keystore.Admin     = (*Store)(nil)
	_ keystore.UseWriter = (*Store)(nil)
)
