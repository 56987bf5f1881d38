package sqlstore

import (
	"context"
	"database/sql"
	"encoding/json"
	"errors"
	"fmt"

	"github.com/tollgate-gateway/tollgate/caddymodule/keystore"
	"github.com/tollgate-gateway/tollgate/caddymodule/record"
)

// keyRows begins every query for keys: a row for each secret, so that a key and its secrets are of one moment.
const keyRows = `SELECT ` + keyColumns + `, s.sum, s.created_at, s.expires_at, s.last_used_at
	FROM tollgate_keys k LEFT JOIN tollgate_secrets s ON s.key_id = k.id `

// Key gives one key.
func (s *Store) Key(ctx context.Context, id string) (*keystore.Key, error) {
	return read(ctx, s, func(db *sql.DB) (*keystore.Key, error) { return keyByID(ctx, db, id) })
}

func keyByID(ctx context.Context, q querier, id string) (*keystore.Key, error) {
	keys, err := readKeys(ctx, q, keyRows+"WHERE k.id = $1 ORDER BY s.created_at", id)
	if err == nil && len(keys) == 0 {
		return nil, &keystore.Problem{Kind: keystore.ErrNotFound, Field: "id", Text: fmt.Sprintf("key %q does not exist", id)}
	}
	if err != nil {
		return nil, err
	}
	return keys[0], nil
}

// Keys gives up to limit keys by id, of one workspace or of all.
func (s *Store) Keys(ctx context.Context, workspace, after string, limit int) ([]*keystore.Key, error) {
	return read(ctx, s, func(db *sql.DB) ([]*keystore.Key, error) { return keysOf(ctx, db, workspace, after, limit) })
}

func keysOf(ctx context.Context, db *sql.DB, workspace, after string, limit int) ([]*keystore.Key, error) {
	if workspace == "" {
		return readKeys(ctx, db, keyRows+`WHERE k.id IN (SELECT id FROM tollgate_keys WHERE id > $1 ORDER BY id LIMIT $2)
			ORDER BY k.id, s.created_at`, after, limit)
	}
	if _, err := workspaceByID(ctx, db, workspace); err != nil {
		return nil, err
	}
	return readKeys(ctx, db, keyRows+`WHERE k.id IN (SELECT id FROM tollgate_keys WHERE workspace_id = $3 AND id > $1 ORDER BY id LIMIT $2)
		ORDER BY k.id, s.created_at`, after, limit, workspace)
}

// readKeys reads rows ordered by key and gathers the secrets of each.
func readKeys(ctx context.Context, q querier, query string, args ...any) ([]*keystore.Key, error) {
	rows, err := q.QueryContext(ctx, query, args...)
	if err != nil {
		return nil, err
	}
	defer rows.Close()
	var keys []*keystore.Key
	for rows.Next() {
		var row keyRow
		var sum []byte
		var created, expires, used sql.NullInt64
		if err := rows.Scan(append(row.fields(), &sum, &created, &expires, &used)...); err != nil {
			return nil, err
		}
		if len(keys) == 0 || keys[len(keys)-1].ID != row.id {
			key, err := row.record()
			if err != nil {
				return nil, err
			}
			keys = append(keys, &keystore.Key{Key: *key, Workspace: row.workspace})
		}
		if last := keys[len(keys)-1]; created.Valid {
			if len(sum) != len(record.Sum{}) {
				return nil, unreadable("key", row.id, errors.New("the hash of a secret has another length"))
			}
			last.Secrets = append(last.Secrets, keystore.Secret{Fingerprint: record.Sum(sum).Fingerprint(), CreatedAt: instant(created.Int64),
				ExpiresAt: instant(expires.Int64), LastUsedAt: instant(used.Int64)})
		}
	}
	return keys, rows.Err()
}

// History gives the last changes, newest first. What the history knows of a workspace or key is given though it was deleted.
func (s *Store) History(ctx context.Context, workspace, key string, limit int) ([]keystore.Event, error) {
	return read(ctx, s, func(db *sql.DB) ([]keystore.Event, error) { return history(ctx, db, workspace, key, limit) })
}

func history(ctx context.Context, db *sql.DB, workspace, key string, limit int) ([]keystore.Event, error) {
	var unknown error
	where, args := "", []any{limit}
	switch {
	case key != "":
		where, args = "WHERE key_id = $2", append(args, key)
		if _, unknown = keyByID(ctx, db, key); unknown != nil {
			where += deletionOfKey
		}
	case workspace != "":
		where, args = "WHERE workspace_id = $2", append(args, workspace)
		_, unknown = workspaceByID(ctx, db, workspace)
	}
	if unknown != nil && !errors.Is(unknown, keystore.ErrNotFound) {
		return nil, unknown
	}
	events, err := eventsOf(ctx, db, where, args...)
	if err == nil && len(events) == 0 && unknown != nil {
		return nil, unknown
	}
	return events, err
}

// deletionOfKey adds to the history of a key that is not there any more how it went: with its workspace.
const deletionOfKey = ` OR key_id = '' AND details LIKE '{"deleted":true%'
	AND workspace_id = (SELECT workspace_id FROM tollgate_history WHERE key_id = $2 ORDER BY revision DESC LIMIT 1)
	AND revision > (SELECT max(revision) FROM tollgate_history WHERE key_id = $2)`

func eventsOf(ctx context.Context, db *sql.DB, where string, args ...any) ([]keystore.Event, error) {
	rows, err := db.QueryContext(ctx, `SELECT revision, at, actor, action, workspace_id, key_id, details
		FROM tollgate_history `+where+` ORDER BY revision DESC LIMIT $1`, args...)
	if err != nil {
		return nil, err
	}
	return collect(rows, func() (keystore.Event, error) {
		var e keystore.Event
		var at int64
		var details string
		err := rows.Scan(&e.Revision, &at, &e.By, &e.Action, &e.Workspace, &e.Key, &details)
		e.At, e.Details = instant(at), json.RawMessage(details)
		return e, err
	})
}
