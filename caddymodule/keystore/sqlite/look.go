package sqlite

import (
	"context"
	"database/sql"
	"errors"
	"fmt"
	"io"
	"io/fs"
	"net/url"
	"os"
	"path/filepath"
	"strconv"
	"strings"
	"sync"
	"time"

	"github.com/tollgate-gateway/tollgate/caddymodule/internal/beside"
	"github.com/tollgate-gateway/tollgate/caddymodule/keystore"
	"github.com/tollgate-gateway/tollgate/caddymodule/keystore/sqlstore"
)

// inUse are the database files that this process has open. Closing a file takes away all locks that the process holds on it
// (POSIX), those of SQLite too: a file that is in use must not be opened and closed beside SQLite.
var inUse = struct {
	sync.RWMutex // shared by those who open a database; whoever looks at a file excludes them
	files        sync.Map
}{}

// use marks the file of a store as open, until the store gives it up.
func (s *Store) use(file os.FileInfo) { inUse.files.Store(s, file) }
func (s *Store) giveUp()              { inUse.files.Delete(s) }

// isInUse reports whether the process has the file open.
func isInUse(file os.FileInfo) (found bool) {
	inUse.files.Range(func(_, open any) bool {
		found = os.SameFile(file, open.(os.FileInfo))
		return !found
	})
	return found
}

// magic begins every SQLite database. A file of no length becomes one.
const magic = "SQLite format 3\x00"

// Check says why the file at a path cannot be a key store: it cannot be read, or is a file of something else. One that is not
// there can. It writes nothing, and shows nothing of the file.
func Check(path string) error {
	inUse.Lock()
	defer inUse.Unlock()
	info, err := os.Stat(path)
	switch {
	case errors.Is(err, fs.ErrNotExist):
		return nil
	case err == nil && !info.Mode().IsRegular(): // whatever its size: that of a pipe is 0
		return fmt.Errorf("key store %s is not a regular file", path)
	case err == nil && (isInUse(info) || info.Size() == 0):
		return nil
	}
	var file *os.File
	if err == nil {
		file, err = os.Open(path)
	}
	if err != nil {
		return fmt.Errorf("key store %s cannot be read (%w): it must be readable and writable by this user", path, beside.Cause(err))
	}
	defer file.Close()
	head := make([]byte, len(magic))
	if _, err := io.ReadFull(file, head); err != nil && !errors.Is(err, io.ErrUnexpectedEOF) {
		return fmt.Errorf("key store %s cannot be read: %w", path, err)
	}
	if string(head) != magic {
		return fmt.Errorf("key store %s is not a SQLite database: name another file; a file of keys that people edit is: keys file %s", path, filepath.Base(path))
	}
	return nil
}

// readOnly are the options that open the database at a path without writing or creating anything. The error says why that
// cannot be.
func readOnly(path string) (url.Values, error) {
	options := url.Values{"mode": {"ro"}}
	log, err := os.Stat(path + "-wal")
	if err != nil && !errors.Is(err, fs.ErrNotExist) {
		return nil, err
	}
	_, unshared := os.Stat(path + "-shm")
	switch {
	case err == nil && unshared == nil: // somebody may have it open: SQLite has to heed their locks
	case err == nil && log.Size() > 0:
		return nil, fmt.Errorf("key store %s was not closed in order, and cannot be read without writing: start the gateway, or give a command such as: workspace list", path)
	default:
		options.Set("immutable", "1") // else SQLite would make the files that go with it
	}
	return options, nil
}

// Looker is a database that is only read: nothing is written, created or migrated, while a gateway runs or none does.
type Looker struct {
	sqlstore.Store
	db *sql.DB
}

// Look opens the database at a path to be read alone.
func Look(ctx context.Context, path string) (*Looker, error) {
	inUse.RLock()
	defer inUse.RUnlock()
	info, err := os.Stat(path)
	switch {
	case errors.Is(err, fs.ErrNotExist):
		return nil, &keystore.Problem{Kind: keystore.ErrMissing, Text: fmt.Sprintf("key store %s does not exist: create it with: workspace create", path)}
	case err != nil:
		return nil, fmt.Errorf("key store %s cannot be read: %w", path, beside.Cause(err))
	case !info.Mode().IsRegular():
		return nil, fmt.Errorf("key store %s is not a regular file", path)
	}
	options, err := readOnly(path)
	if err != nil {
		return nil, err
	}
	options.Set("_busy_timeout", strconv.FormatInt(busy.Milliseconds(), 10))
	db, err := sql.Open("sqlite", uri(path, options))
	if err != nil {
		return nil, err
	}
	l := &Looker{db: db}
	l.Store = sqlstore.Store{Dialect: dialect, Place: path, Open: func(context.Context) (*sql.DB, error) { return db, nil }}
	if err := dialect.Readable(ctx, db, path); err != nil {
		return nil, errors.Join(l.Explain(err), db.Close())
	}
	return l, nil
}

// Close closes the database.
func (l *Looker) Close() error { return l.db.Close() }

// lookTimeout bounds a look at the plans in use.
const lookTimeout = 250 * time.Millisecond

// PlansInUse names the plans that workspaces of the database at a path are on, as far as that can be told in a moment and
// without writing or creating anything; nothing where it cannot: while this process has the database open, or nobody has and
// it was not closed in order.
func PlansInUse(ctx context.Context, path string) []string {
	inUse.Lock()
	defer inUse.Unlock()
	info, err := os.Stat(path)
	if err != nil || !info.Mode().IsRegular() || info.Size() == 0 || isInUse(info) {
		return nil
	}
	options, err := readOnly(path)
	if err != nil {
		return nil
	}
	options.Set("_busy_timeout", "0")
	db, err := sql.Open("sqlite", uri(path, options))
	if err != nil {
		return nil
	}
	defer db.Close()
	ctx, cancel := context.WithTimeout(ctx, lookTimeout)
	defer cancel()
	plans, err := sqlstore.SomePlans(ctx, db)
	if err != nil {
		return nil // what is wrong with it is said by those who use it
	}
	return plans
}

// uri names a database for SQLite, so that no character of the path has a meaning of its own.
func uri(path string, options url.Values) string {
	path = filepath.ToSlash(path)
	if !strings.HasPrefix(path, "/") {
		path = "/" + path
	}
	u := url.URL{Scheme: "file", Path: path, RawQuery: options.Encode()}
	return u.String()
}
