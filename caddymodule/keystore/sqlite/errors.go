package sqlite

import (
	"errors"
	"fmt"

	"modernc.org/sqlite"
	sqlite3 "modernc.org/sqlite/lib"

	"github.com/tollgate-gateway/tollgate/caddymodule/internal/beside"
	"github.com/tollgate-gateway/tollgate/caddymodule/keystore/sqlstore"
)

// damaged reports whether SQLite cannot read the file, or misses a table or column of ours: of fixed statements nothing
// else is ever wrong.
func damaged(err error) bool {
	switch codeOf(err) & 0xff {
	case sqlite3.SQLITE_NOTADB, sqlite3.SQLITE_CORRUPT, sqlite3.SQLITE_ERROR:
		return true
	}
	return false
}

// advice is what to do about an error.
func advice(err error) string {
	switch codeOf(err) & 0xff {
	case sqlite3.SQLITE_READONLY, sqlite3.SQLITE_CANTOPEN, sqlite3.SQLITE_PERM:
		return "it and its folder must be writable by this user"
	case sqlite3.SQLITE_BUSY, sqlite3.SQLITE_LOCKED:
		return fmt.Sprintf("another program has held it for %s (a backup, a shell of the database, a command that hangs): let it end, then try again", busy)
	case sqlite3.SQLITE_FULL, sqlite3.SQLITE_IOERR:
		return "its disk is full or failing: free space there, then try again"
	}
	return ""
}

// unusable says that the file cannot be opened or created.
func (s *Store) unusable(doing string, err error) error {
	return &sqlstore.Failure{Err: err, Text: fmt.Sprintf("%s key store %s: %v: it and its folder must be there, and writable by this user", doing, s.path, beside.Cause(err))}
}

func codeOf(err error) int {
	var failure *sqlite.Error
	if errors.As(err, &failure) {
		return failure.Code()
	}
	return 0
}
