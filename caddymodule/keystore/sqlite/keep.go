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
	"runtime"
	"strconv"

	"github.com/tollgate-gateway/tollgate/caddymodule/internal/beside"
	"github.com/tollgate-gateway/tollgate/caddymodule/keystore"
	"github.com/tollgate-gateway/tollgate/caddymodule/keystore/sqlstore"
)

// Import takes in what the store does not hold yet. Then it folds the log of SQLite's that this made back into the database:
// of a large import it would stay as large until the last gateway ends.
func (s *Store) Import(ctx context.Context, act keystore.Act, from func(keystore.Records) error, options keystore.ImportOptions) (*keystore.Imported, error) {
	done, err := s.Store.Import(ctx, act, from, options)
	if err == nil && !options.Dry {
		if db, opening := s.database(ctx); opening == nil {
			_, _ = db.ExecContext(ctx, "PRAGMA wal_checkpoint(TRUNCATE)") // a reader may be in its way: it is done another time
		}
	}
	return done, err
}

// Backup writes a copy as of one moment, while gateways and commands work. It is made by VACUUM INTO, not page by page: what was
// deleted is not in it, its indexes are built anew, and a writer meanwhile does not make it begin again. It is checked
// before it gets its name.
func (s *Store) Backup(ctx context.Context, path string) error {
	path, err := filepath.Abs(path)
	if err != nil {
		return notWritten(path, err)
	}
	if _, err := os.Lstat(path); err == nil {
		return &keystore.Problem{Kind: keystore.ErrExists, Text: fmt.Sprintf("backup %s is there already: name another file", path)}
	}
	db, err := s.database(ctx)
	if err != nil {
		return s.Explain(err)
	}
	file, err := os.CreateTemp(filepath.Dir(path), ".tollgate-*.db") // for its owner alone
	if err != nil {
		return notWritten(path, err)
	}
	made := file.Name()
	defer removeAll(made)
	if err := file.Close(); err != nil {
		return notWritten(path, err)
	}
	if _, err := db.ExecContext(ctx, "VACUUM INTO $1", made); err != nil {
		return s.Explain(err)
	}
	if err := finishCopy(ctx, made); err != nil {
		return notWritten(path, err)
	}
	var findings []keystore.Finding
	if _, err := New(made, Options{}).Check(ctx, func(f keystore.Finding) { findings = append(findings, f) }); err != nil {
		return err
	}
	if len(findings) > 0 {
		return &sqlstore.Failure{Text: fmt.Sprintf("key store %s: it can be copied, and the copy is not good (%s): nothing is written, see all with: store check", s.path, findings[0].What)}
	}
	if err := os.Link(made, path); errors.Is(err, fs.ErrExist) {
		return &keystore.Problem{Kind: keystore.ErrExists, Text: fmt.Sprintf("backup %s is there already: name another file", path)}
	} else if err != nil { // a file system without links
		if err := os.Rename(made, path); err != nil {
			return notWritten(path, err)
		}
	}
	return beside.SyncFolder(filepath.Dir(path))
}

func notWritten(path string, err error) error {
	return fmt.Errorf("writing backup %s: %w: its folder must be there, writable by this user, and have room", path, beside.Cause(err))
}

// finishCopy lets readers and a writer work side by side on the copy as on the original, and makes it survive a power cut,
// which VACUUM INTO does not see to.
func finishCopy(ctx context.Context, path string) error {
	db, err := sql.Open("sqlite", dsn(path))
	if err != nil {
		return err
	}
	if err := errors.Join(toWAL(ctx, db), db.Close()); err != nil {
		return err
	}
	file, err := os.OpenFile(path, os.O_RDWR, 0)
	if err != nil {
		return err
	}
	return errors.Join(file.Sync(), file.Close())
}

// largeLog is when the log beside the database is a finding. SQLite folds it in every 4 MB, if nobody reads for ever.
const largeLog = 64 << 20

// Check looks over the file, SQLite's own structures and what this program keeps in them.
func (s *Store) Check(ctx context.Context, found func(keystore.Finding)) (held keystore.Held, err error) {
	for range 3 {
		var findings []keystore.Finding
		var steady bool
		held, steady, err = s.checkOnce(ctx, func(f keystore.Finding) { findings = append(findings, f) })
		if steady {
			for _, f := range findings {
				found(f)
			}
			break
		}
	}
	return held, s.Explain(err)
}

// checkOnce reports as well whether nobody began to write beside it, if that could have misled it.
func (s *Store) checkOnce(ctx context.Context, found func(keystore.Finding)) (held keystore.Held, steady bool, err error) {
	before, err := os.Stat(s.path)
	if err != nil || !before.Mode().IsRegular() || before.Size() == 0 {
		s.options.Create = false
		if err := s.present(ctx); err != nil {
			return held, true, err
		}
		return held, true, &keystore.Problem{Kind: keystore.ErrMissing, Text: fmt.Sprintf("key store %s is an empty file: create it with: workspace create", s.path)}
	}
	s.checkFiles(before, found)
	options := url.Values{"mode": {"ro"}, "_busy_timeout": {strconv.FormatInt(busy.Milliseconds(), 10)}}
	log, err := os.Stat(s.path + "-wal")
	alone := err != nil || log.Size() == 0
	if alone {
		options.Set("immutable", "1") // else SQLite would make the files that go with it
	}
	db, err := sql.Open("sqlite", uri(s.path, options))
	if err != nil {
		return held, true, err
	}
	defer db.Close()
	db.SetMaxOpenConns(1)
	if err = structure(ctx, db, found); err == nil {
		held, err = dialect.Check(ctx, db, s.path, found)
	}
	return held, !alone || unchanged(before, s.path), err
}

func unchanged(before os.FileInfo, path string) bool {
	after, err := os.Stat(path)
	log, missing := os.Stat(path + "-wal")
	return err == nil && after.ModTime().Equal(before.ModTime()) && after.Size() == before.Size() && (missing != nil || log.Size() == 0)
}

// checkFiles looks at the database's files from outside.
func (s *Store) checkFiles(database os.FileInfo, found func(keystore.Finding)) {
	for _, suffix := range []string{"", "-wal", "-shm"} {
		info, err := os.Stat(s.path + suffix)
		if err != nil {
			continue
		}
		if runtime.GOOS != "windows" && info.Mode().Perm()&0o077 != 0 {
			found(keystore.Finding{What: fmt.Sprintf("others than its owner may open %s (mode %04o)", s.path+suffix, info.Mode().Perm()), Do: "chmod 600 " + s.path + suffix})
		}
		if suffix == "-wal" && info.Size() > largeLog && info.Size() > database.Size() {
			found(keystore.Finding{What: fmt.Sprintf("SQLite's log %s has %d MB, more than the database", s.path+suffix, info.Size()>>20),
				Do: "end whoever has read it for long (a shell of the database, a backup), or stop the gateway in order"})
		}
	}
}

// structure asks SQLite itself.
func structure(ctx context.Context, db *sql.DB, found func(keystore.Finding)) error {
	for _, q := range []struct{ pragma, fine, what string }{
		{"PRAGMA integrity_check(20)", "ok", "SQLite finds the database damaged: "},
		{"SELECT 'a row of ' || \"table\" || ' refers to one of ' || parent || ' that is not there' FROM pragma_foreign_key_check LIMIT 20", "", "SQLite finds that "},
	} {
		rows, err := db.QueryContext(ctx, q.pragma)
		if err != nil {
			return err
		}
		for rows.Next() {
			var text string
			if err := rows.Scan(&text); err != nil {
				return errors.Join(err, rows.Close())
			}
			if text != q.fine {
				found(keystore.Finding{What: q.what + text, Do: "restore a backup, or export what can be read and import it into a new store"})
			}
		}
		if err := errors.Join(rows.Err(), rows.Close()); err != nil {
			return err
		}
	}
	return nil
}

// removeAll removes a database and its companions. Most are not there.
func removeAll(path string) {
	for _, suffix := range []string{"", "-wal", "-shm", "-journal"} {
		_ = os.Remove(path + suffix)
	}
}

var (
	_ keystore.Importer = (*Store)(nil)
	_ keystore.Keeper   = (*Store)(nil)
)
