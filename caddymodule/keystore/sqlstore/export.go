package sqlstore

import (
	"context"
	"database/sql"
	"encoding/json"
	"fmt"

	"github.com/tollgate-gateway/tollgate/caddymodule/keystore"
	"github.com/tollgate-gateway/tollgate/caddymodule/record"
)

// Schema is the version of the schema that this program works on.
func (s *Store) Schema() int { return len(schema) }

// Export gives every record as of one moment, row by row: it keeps no more of them than one. A store of a newer version it
// does not export: it would leave out what this program knows nothing of.
func (s *Store) Export(ctx context.Context, to keystore.Records) error {
	return s.Explain(s.snapshot(ctx, func(tx *sql.Tx) error {
		version, err := s.Dialect.version(ctx, tx)
		if err != nil {
			return err
		}
		if version > len(schema) {
			return wrongVersion(s.Place, version)
		}
		return s.Dialect.each(ctx, tx, to, func(err error) error { return err })
	}))
}

// snapshot lets a function read the database as it was at one moment. Nobody waits for it.
func (s *Store) snapshot(ctx context.Context, do func(*sql.Tx) error) error {
	db, err := s.Open(ctx)
	if err != nil {
		return err
	}
	return inSnapshot(ctx, db, do)
}

func inSnapshot(ctx context.Context, db *sql.DB, do func(*sql.Tx) error) error {
	tx, err := db.BeginTx(ctx, &sql.TxOptions{Isolation: sql.LevelRepeatableRead, ReadOnly: true})
	if err != nil {
		return err
	}
	defer func() { _ = tx.Rollback() }()
	return do(tx)
}

// each gives every record. What cannot be read goes to bad, which may go on.
func (d *Dialect) each(ctx context.Context, q querier, to keystore.Records, bad func(error) error) error {
	err := d.eachWorkspace(ctx, q, "", nil, to.Workspace, bad)
	if err == nil {
		err = d.eachKey(ctx, q, "", nil, to.Key, bad)
	}
	if err == nil && to.Event != nil {
		err = eachEvent(ctx, q, to.Event, bad)
	}
	return err
}

func (d *Dialect) eachWorkspace(ctx context.Context, q querier, where string, args []any, give func(*record.Workspace) error, bad func(error) error) error {
	return eachRow(ctx, q, "SELECT "+workspaceColumns+" FROM tollgate_workspaces w "+where+" ORDER BY w.id"+d.Bytewise, args, func(rows *sql.Rows) error {
		var row workspaceRow
		err := rows.Scan(row.fields()...)
		if err != nil {
			return bad(err)
		}
		workspace, err := row.record()
		if err != nil {
			return bad(err)
		}
		return own(give(workspace))
	})
}

// eachKey gives keys with their secrets, in the order of their ids, byte by byte, whatever the database's own order is.
func (d *Dialect) eachKey(ctx context.Context, q querier, where string, args []any, give func(*keystore.MovedKey) error, bad func(error) error) error {
	var last *keystore.MovedKey
	lastID := ""
	flush := func() error {
		if last == nil {
			return nil
		}
		key := last
		last = nil
		return own(give(key))
	}
	err := eachRow(ctx, q, "SELECT "+keyColumns+`, s.sum, s.created_at, s.expires_at, s.last_used_at
		FROM tollgate_keys k LEFT JOIN tollgate_secrets s ON s.key_id = k.id `+where+" ORDER BY k.id"+d.Bytewise+", s.created_at, s.sum", args,
		func(rows *sql.Rows) error {
			var row keyRow
			var sum []byte
			var created, expires, used sql.NullInt64
			if err := rows.Scan(append(row.fields(), &sum, &created, &expires, &used)...); err != nil {
				return bad(err)
			}
			if row.id != lastID {
				if err := flush(); err != nil {
					return err
				}
				lastID = row.id
				key, err := row.record()
				if err != nil {
					return bad(err)
				}
				last = &keystore.MovedKey{Key: *key, Workspace: row.workspace}
			}
			if last == nil || !created.Valid {
				return nil
			}
			if len(sum) != len(record.Sum{}) {
				return bad(unreadable("key", row.id, fmt.Errorf("the hash of a secret has %d bytes", len(sum))))
			}
			last.Secrets = append(last.Secrets, keystore.MovedSecret{Sum: record.Sum(sum), Secret: keystore.Secret{
				CreatedAt: instant(created.Int64), ExpiresAt: instant(expires.Int64), LastUsedAt: instant(used.Int64)}})
			return nil
		})
	if err != nil {
		return err
	}
	return flush()
}

// eachEvent gives the history of workspaces and keys.
func eachEvent(ctx context.Context, q querier, give func(*keystore.Event) error, bad func(error) error) error {
	return eachRow(ctx, q, `SELECT revision, at, actor, action, workspace_id, key_id, details FROM tollgate_history
		WHERE workspace_id <> '' ORDER BY revision`, nil, func(rows *sql.Rows) error {
		var e keystore.Event
		var at int64
		var details string
		if err := rows.Scan(&e.Revision, &at, &e.By, &e.Action, &e.Workspace, &e.Key, &details); err != nil {
			return bad(err)
		}
		if !json.Valid([]byte(details)) {
			return bad(unreadable("revision", fmt.Sprint(e.Revision), fmt.Errorf("its details are not JSON")))
		}
		e.At, e.Details = instant(at), json.RawMessage(details)
		return own(give(&e))
	})
}

func eachRow(ctx context.Context, q querier, query string, args []any, read func(*sql.Rows) error) error {
	rows, err := q.QueryContext(ctx, query, args...)
	if err != nil {
		return err
	}
	defer rows.Close()
	for rows.Next() {
		if err := read(rows); err != nil {
			return err
		}
	}
	return rows.Err()
}

// own marks an error as the caller's, which is given back as it is.
func own(err error) error {
	if err == nil {
		return nil
	}
	return refused{err}
}
