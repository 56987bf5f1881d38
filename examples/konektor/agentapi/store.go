package agentapi

import (
	"context"
	"database/sql"
	_ "embed"
	"errors"
	"fmt"
	"net/url"
	"os"

	_ "modernc.org/sqlite" // the driver "sqlite", pure Go
)

//go:embed schema.sql
var schema string

// schemaVersion is the user_version that schema.sql sets.
const schemaVersion = 1

// store keeps everything in one SQLite file. Every statement names the workspace.
type store struct {
	vault *vault
	// writes has one connection, so that writers queue here and not on SQLite's lock; reads go beside it (WAL).
	writes, reads *sql.DB
}

// openStore opens the file, creating it with mode 0600, and refuses a wrong key or the schema of a later version.
func openStore(ctx context.Context, file string, v *vault) (*store, error) {
	created, err := os.OpenFile(file, os.O_RDWR|os.O_CREATE, 0o600)
	if err != nil {
		return nil, fmt.Errorf("opening the database: %w", err)
	}
	if err := created.Close(); err != nil {
		return nil, fmt.Errorf("opening the database: %w", err)
	}
	pragmas := "?_pragma=busy_timeout(10000)&_pragma=journal_mode(WAL)&_pragma=synchronous(FULL)&_txlock=immediate"
	dsn := "file:" + (&url.URL{Path: file}).EscapedPath() + pragmas
	s := &store{vault: v}
	if s.writes, err = sql.Open("sqlite", dsn); err != nil {
		return nil, fmt.Errorf("opening the database: %w", err)
	}
	s.writes.SetMaxOpenConns(1)
	if s.reads, err = sql.Open("sqlite", dsn+"&_pragma=query_only(1)"); err != nil {
		return nil, errors.Join(fmt.Errorf("opening the database: %w", err), s.writes.Close())
	}
	s.reads.SetMaxOpenConns(4)
	s.reads.SetMaxIdleConns(4)
	if err := s.write(ctx, s.prepare); err != nil {
		_ = s.close()
		return nil, fmt.Errorf("opening the database %s: %w", file, err)
	}
	return s, nil
}

// prepare makes the schema in an empty file and tries the key on any other.
func (s *store) prepare(ctx context.Context, tx *sql.Tx) error {
	var version int
	if err := tx.QueryRowContext(ctx, "PRAGMA user_version").Scan(&version); err != nil {
		return err
	}
	probePlace := place("", "", "probe")
	switch {
	case version == 0:
		if _, err := tx.ExecContext(ctx, schema); err != nil {
			return err
		}
		_, err := tx.ExecContext(ctx, "INSERT INTO vault (probe) VALUES (?)", s.vault.seal([]byte("konektor"), probePlace))
		return err
	case version > schemaVersion:
		return fmt.Errorf("its schema has version %d, this program knows %d", version, schemaVersion)
	}
	var probe []byte
	if err := tx.QueryRowContext(ctx, "SELECT probe FROM vault").Scan(&probe); err != nil {
		return err
	}
	if _, err := s.vault.open(probe, probePlace); err != nil {
		return errors.New("it was written with another encryption key")
	}
	return nil
}

func (s *store) close() error { return errors.Join(s.reads.Close(), s.writes.Close()) }

// write runs do in one transaction that is committed whole or not at all.
func (s *store) write(ctx context.Context, do func(context.Context, *sql.Tx) error) error {
	return transact(ctx, s.writes, nil, do)
}

// read runs do on one snapshot of the data.
func (s *store) read(ctx context.Context, do func(context.Context, *sql.Tx) error) error {
	return transact(ctx, s.reads, &sql.TxOptions{ReadOnly: true}, do)
}

func transact(ctx context.Context, db *sql.DB, options *sql.TxOptions, do func(context.Context, *sql.Tx) error) error {
	tx, err := db.BeginTx(ctx, options)
	if err != nil {
		return err
	}
	// After a commit this does nothing; otherwise the error of do is the one that matters.
	defer func() { _ = tx.Rollback() }()
	if err := do(ctx, tx); err != nil {
		return err
	}
	return tx.Commit()
}

// each calls scan for every row of a query.
func each(ctx context.Context, tx *sql.Tx, query string, args []any, scan func(*sql.Rows) error) error {
	rows, err := tx.QueryContext(ctx, query, args...)
	if err != nil {
		return err
	}
	defer func() { _ = rows.Close() }()
	for rows.Next() {
		if err := scan(rows); err != nil {
			return err
		}
	}
	return rows.Err()
}
