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
	"strconv"
	"time"

	sqlite3 "modernc.org/sqlite/lib"

	"github.com/tollgate-gateway/tollgate/caddymodule/keystore"
	"github.com/tollgate-gateway/tollgate/caddymodule/keystore/sqlstore"
)

func (s *Store) open(ctx context.Context) (*sql.DB, error) {
	if s.closed {
		return nil, sql.ErrConnDone
	}
	if s.db != nil {
		return s.db, nil
	}
	if err := s.present(ctx); err != nil {
		return nil, err
	}
	inUse.RLock()
	defer inUse.RUnlock()
	db, err := s.prepared(ctx, s.path)
	if err != nil {
		return nil, err
	}
	if s.opened, err = os.Stat(s.path); err != nil {
		return nil, errors.Join(err, db.Close())
	}
	s.use(s.opened)
	s.db, s.options.Create = db, false // one that vanishes is away: an empty one in its place would say 401 to all
	return db, nil
}

// present makes sure that there is a file, without opening one that is there: closing it again would take away the
// locks that SQLite holds in this process.
func (s *Store) present(ctx context.Context) error {
	info, err := os.Stat(s.path)
	switch {
	case err == nil && !info.Mode().IsRegular():
		return &keystore.Problem{Kind: keystore.ErrMissing, Text: fmt.Sprintf("key store %s is not a regular file", s.path)}
	case err == nil:
		return nil
	case !errors.Is(err, fs.ErrNotExist):
		return s.unusable("opening", err)
	case !s.options.Create:
		return &keystore.Problem{Kind: keystore.ErrMissing, Text: fmt.Sprintf(
			"key store %s does not exist: create it with: workspace create", s.path)}
	}
	return s.create(ctx)
}

// create makes the database beside its place, whole, and only then puts it there: whatever fails, on a full disk as
// well, nothing half made stays, and of several that create one at the same time the first wins.
func (s *Store) create(ctx context.Context) error {
	file, err := os.CreateTemp(filepath.Dir(s.path), ".tollgate-*.db")
	if err != nil {
		return s.unusable("creating", err)
	}
	made := file.Name()
	defer removeAll(made)
	if err := file.Close(); err != nil {
		return s.unusable("creating", err)
	}
	db, err := s.prepared(ctx, made)
	if err != nil {
		return err
	}
	if err := db.Close(); err != nil {
		return err
	}
	err = os.Link(made, s.path)
	if err == nil || errors.Is(err, fs.ErrExist) { // another process may have been faster
		return nil
	}
	file, err = os.OpenFile(s.path, os.O_RDWR|os.O_CREATE|os.O_EXCL, mode) // a file system without links: it is filled in place
	switch {
	case errors.Is(err, fs.ErrExist):
		return nil
	case err != nil:
		return s.unusable("creating", err)
	}
	return file.Close()
}

// prepared opens a file that is there, and brings it into the present form.
func (s *Store) prepared(ctx context.Context, path string) (*sql.DB, error) {
	db, err := sql.Open("sqlite", dsn(path))
	if err != nil {
		return nil, err
	}
	db.SetMaxOpenConns(connections + 1)
	db.SetMaxIdleConns(connections + 1)
	if err := s.prepare(ctx, db, path); err != nil {
		return nil, errors.Join(err, db.Close())
	}
	return db, nil
}

// dsn is how a store opens its database. Writers queue up for five seconds; what is committed survives a power cut.
func dsn(path string) string {
	return uri(path, url.Values{
		"mode":          {"rw"},
		"_txlock":       {"immediate"},
		"_busy_timeout": {strconv.FormatInt(busy.Milliseconds(), 10)},
		"_foreign_keys": {"on"},
		"_synchronous":  {"FULL"},
	})
}

// prepare brings the database into the present form. A database of something else is left as it is.
func (s *Store) prepare(ctx context.Context, db *sql.DB, path string) error {
	var meta, ours, tables int
	err := db.QueryRowContext(ctx, `SELECT count(CASE name WHEN 'tollgate_meta' THEN 1 END),
		count(CASE WHEN name LIKE 'tollgate_%' THEN 1 END), count(*) FROM sqlite_master`).Scan(&meta, &ours, &tables)
	switch {
	case err != nil:
		return err
	case meta == 0 && ours > 0:
		return fmt.Errorf("%w: it has no table tollgate_meta", sqlstore.ErrDamaged)
	case meta == 0 && tables > 0:
		return &keystore.Problem{Kind: keystore.ErrMissing, Text: fmt.Sprintf(
			"%s is the database of something else: name another file", s.path)}
	}
	if tables == 0 && s.options.Create {
		if err := s.own(path); err != nil {
			return err
		}
		if err := toWAL(ctx, db); err != nil {
			return err
		}
	}
	return dialect.Migrate(ctx, db, s.path, s.options.Create)
}

// own keeps others than its owner out of a file that somebody else made, before there is anything in it. SQLite gives
// its companions (-wal, -shm) the same mode.
func (s *Store) own(path string) error {
	info, err := os.Stat(path)
	if err != nil {
		return s.unusable("opening", err)
	}
	if info.Mode().Perm()&^mode == 0 {
		return nil
	}
	if err := os.Chmod(path, mode); err != nil {
		return &sqlstore.Failure{Err: err, Text: fmt.Sprintf("creating key store %s in an empty file that others may open: only its owner can change that, with chmod 600", s.path)}
	}
	return nil
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
		return s.unusable("opening", err)
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
	s.giveUp()
	s.db, s.feed = nil, nil
	return err
}
