// Package sqlstore is the SQL that the SQLite and the PostgreSQL key store share. It speaks to either through
// database/sql; what differs is in Dialect.
package sqlstore

import (
	"bytes"
	"context"
	"crypto/rand"
	"database/sql"
	"encoding/json"
	"errors"
	"slices"
	"sync/atomic"
	"time"

	"github.com/tollgate-gateway/tollgate/caddymodule/keystore"
	"github.com/tollgate-gateway/tollgate/caddymodule/record"
)

// Dialect is what differs between databases.
type Dialect struct {
	// Bytes is the type of a column of bytes.
	Bytes string
	// Bytewise, if any, follows a column of text in ORDER BY, so that it is sorted byte by byte.
	Bytewise string
	// HasSchema is a query that gives whether the table tollgate_meta exists.
	HasSchema string
	// LockSchema, if any, is executed in the transaction that creates or migrates the schema.
	LockSchema string
	// LockSecrets, if any, ends a query for secrets, s, whose rows the transaction is going to delete.
	LockSecrets string
	// Notify, if any, is executed in every transaction that changes something.
	Notify string
	// Clock is an expression for the database's time, in whole seconds since 1970.
	Clock string
	// Large, if any, is executed in every transaction that may write much.
	Large string
	// Pooled says that a pooler may stand in front of the database, which keeps no prepared statements.
	Pooled bool
	// Broken, if any, reports whether an error is about the connection: what it broke off is tried once more.
	Broken func(error) bool
	// Damaged reports whether an error says that the database's content is not what this program left.
	Damaged func(error) bool
	// Advice is what an operator does about an error, if that is known.
	Advice func(error) string
}

// Store does to a database what keystore.Admin promises, and answers look-ups and polls.
type Store struct {
	// Dialect of the database.
	Dialect *Dialect
	// Place is where the store lies, for people, without credentials.
	Place string
	// Secret, if any, is what no error may show: the password.
	Secret string
	// Open gives the database, brought into the present form. It is called for every operation, and explains no error.
	Open func(context.Context) (*sql.DB, error)

	// unfit is set while the database is of a newer version that this program may not use.
	unfit atomic.Pointer[keystore.Problem]
}

// querier is a database, a connection or a transaction.
type querier interface {
	QueryContext(ctx context.Context, query string, args ...any) (*sql.Rows, error)
	QueryRowContext(ctx context.Context, query string, args ...any) *sql.Row
}

// Lookup asks whose secret has this sum, with one query.
func (s *Store) Lookup(ctx context.Context, sum record.Sum) (*record.Identity, error) {
	return read(ctx, s, func(db *sql.DB) (*record.Identity, error) { return lookup(ctx, db, sum) })
}

func lookup(ctx context.Context, db *sql.DB, sum record.Sum) (*record.Identity, error) {
	var secretExpires int64
	var key keyRow
	var workspace workspaceRow
	err := db.QueryRowContext(ctx, `SELECT s.expires_at, `+keyColumns+`, `+workspaceColumns+`
		FROM tollgate_secrets s JOIN tollgate_keys k ON k.id = s.key_id JOIN tollgate_workspaces w ON w.id = k.workspace_id
		WHERE s.sum = $1`, sum[:]).Scan(append(append([]any{&secretExpires}, key.fields()...), workspace.fields()...)...)
	switch {
	case errors.Is(err, sql.ErrNoRows):
		return nil, keystore.ErrUnknown
	case err != nil:
		return nil, err
	}
	identity := &record.Identity{SecretExpiresAt: instant(secretExpires)}
	if identity.Key, err = key.record(); err != nil {
		return nil, err
	}
	if identity.Workspace, err = workspace.record(); err != nil {
		return nil, err
	}
	return identity, nil
}

// maxChanges is how many changes are told one by one; more at once are a gap.
const maxChanges = 10_000

// Poll reads the log of changes behind a position.
func (s *Store) Poll(ctx context.Context, q querier, since keystore.Position) (keystore.Changes, error) {
	changes := keystore.Changes{At: time.Now(), Position: since}
	rows, err := q.QueryContext(ctx, `SELECT revision, stamp, workspace_id, key_id, action, CASE key_id WHEN '' THEN details ELSE '' END
		FROM tollgate_history
		WHERE revision >= $1 ORDER BY revision LIMIT $2`, since.Revision, maxChanges+1)
	if err != nil {
		return changes, err
	}
	defer rows.Close()
	continues, migrated, count := false, false, 0
	for rows.Next() {
		var position keystore.Position
		var workspace, key, action, details string
		if err := rows.Scan(&position.Revision, &position.Stamp, &workspace, &key, &action, &details); err != nil {
			return changes, err
		}
		if position == since {
			continues = true // the log still holds what we saw last: what follows is all that changed
			continue
		}
		changes.Position = position
		migrated = migrated || action == schemaAction
		switch count++; {
		case key != "":
			changes.Keys = append(changes.Keys, key)
		case bars(details):
			changes.Barred = append(changes.Barred, workspace)
		default:
			changes.Workspaces = append(changes.Workspaces, workspace)
		}
	}
	if err := rows.Err(); err != nil {
		return changes, err
	}
	if migrated || !continues {
		if err := s.refit(ctx, q); err != nil {
			return changes, err
		}
	}
	if continues && count < maxChanges {
		return changes, nil
	}
	changes.Gap, changes.Keys, changes.Workspaces, changes.Barred = true, nil, nil, nil
	err = q.QueryRowContext(ctx, `SELECT revision, stamp FROM tollgate_history ORDER BY revision DESC LIMIT 1`).
		Scan(&changes.Position.Revision, &changes.Position.Stamp)
	return changes, err
}

// WriteUses keeps when secrets were last used; an older use never replaces a newer one. The uses are sorted: two
// gateways that lock the same rows in different orders would wait for each other.
func (s *Store) WriteUses(ctx context.Context, uses []keystore.Use) error {
	uses = slices.SortedFunc(slices.Values(uses), func(a, b keystore.Use) int { return bytes.Compare(a.Sum[:], b.Sum[:]) })
	return s.transaction(ctx, func(tx *sql.Tx) error {
		execute, end, err := s.Dialect.repeated(ctx, tx, `UPDATE tollgate_secrets SET last_used_at = $1 WHERE sum = $2 AND last_used_at < $1`)
		if err != nil {
			return err
		}
		defer end()
		for _, use := range uses {
			if err := execute(use.At.UnixMicro(), use.Sum[:]); err != nil {
				return err
			}
		}
		return nil
	})
}

// repeated readies a statement for being executed many times in a transaction, which must then be ended.
func (d *Dialect) repeated(ctx context.Context, tx *sql.Tx, query string) (execute func(args ...any) error, end func(), err error) {
	if d.Pooled {
		return func(args ...any) error { return second(tx.ExecContext(ctx, query, args...)) }, func() {}, nil
	}
	statement, err := tx.PrepareContext(ctx, query)
	if err != nil {
		return nil, nil, err
	}
	return func(args ...any) error { return second(statement.ExecContext(ctx, args...)) }, func() { _ = statement.Close() }, nil
}

func second(_ sql.Result, err error) error { return err }

// read asks the database something.
func read[T any](ctx context.Context, s *Store, ask func(*sql.DB) (T, error)) (answer T, err error) {
	err = s.again(ctx, func() (bool, error) {
		db, err := s.Open(ctx)
		if err != nil {
			return true, err
		}
		answer, err = ask(db)
		return true, err
	})
	return answer, s.Explain(err)
}

// transaction does something, all of it or nothing.
func (s *Store) transaction(ctx context.Context, do func(*sql.Tx) error) error {
	return s.Explain(s.again(ctx, func() (retry bool, err error) {
		db, err := s.Open(ctx)
		if err != nil {
			return true, err
		}
		tx, err := db.BeginTx(ctx, nil)
		if err != nil {
			return true, err
		}
		defer func() { _ = tx.Rollback() }() // does nothing after the commit
		if err := do(tx); err != nil {
			return true, err
		}
		return false, tx.Commit() // what may have been committed is not done twice
	}))
}

// again tries once more what a broken connection broke off: the pool may have held one to a server that is gone.
func (s *Store) again(ctx context.Context, try func() (retry bool, err error)) error {
	if problem := s.unfit.Load(); problem != nil {
		return problem
	}
	retry, err := try()
	if err != nil && retry && s.Dialect.Broken != nil && s.Dialect.Broken(err) && ctx.Err() == nil {
		_, err = try()
	}
	return err
}

// event is a row of the history to be.
type event struct {
	workspace, key string
	details        map[string]any
}

// change is a transaction that does something and logs it. Taking the revisions first makes writers queue up here,
// so that each sees all that was committed before.
func (s *Store) change(ctx context.Context, act keystore.Act, do func(*sql.Tx) ([]event, error)) error {
	return s.transaction(ctx, func(tx *sql.Tx) error {
		if _, err := tx.ExecContext(ctx, "UPDATE tollgate_meta SET revision = revision"); err != nil {
			return err
		}
		done, err := do(tx)
		if err != nil || len(done) == 0 {
			return err
		}
		return s.Dialect.log(ctx, tx, act, done)
	})
}

// log writes events with the next revisions.
func (d *Dialect) log(ctx context.Context, tx *sql.Tx, act keystore.Act, events []event) error {
	var last int64
	err := tx.QueryRowContext(ctx, "UPDATE tollgate_meta SET revision = revision + $1 RETURNING revision", len(events)).Scan(&last)
	if err != nil {
		return err
	}
	execute, end, err := d.repeated(ctx, tx, `INSERT INTO tollgate_history
		(revision, stamp, at, actor, action, workspace_id, key_id, details) VALUES ($1, $2, $3, $4, $5, $6, $7, $8)`)
	if err != nil {
		return err
	}
	defer end()
	at := time.Now().UnixMicro()
	for i, e := range events {
		details, err := json.Marshal(e.details)
		if err != nil {
			return err
		}
		revision := last - int64(len(events)-1-i)
		if err := execute(revision, rand.Text(), at, act.By, act.Action, e.workspace, e.key, string(details)); err != nil {
			return err
		}
	}
	if d.Notify == "" {
		return nil
	}
	_, err = tx.ExecContext(ctx, d.Notify)
	return err
}
