package sqlstore

import (
	"context"
	"database/sql"
	"fmt"
	"slices"
	"time"

	"github.com/tollgate-gateway/tollgate/caddymodule/keystore"
	"github.com/tollgate-gateway/tollgate/caddymodule/record"
)

// CreateKeys adds keys to a workspace, all or none.
func (s *Store) CreateKeys(ctx context.Context, act keystore.Act, workspace string, keys []keystore.NewKey) error {
	now := time.Now().UTC().Truncate(time.Microsecond)
	rows := make([]*keyRow, len(keys))
	seen := make(map[record.Sum]int, len(keys))
	for i, k := range keys {
		if first, twice := seen[k.Sum]; twice {
			return &keystore.Problem{Kind: keystore.ErrExists, Field: "secret", Text: fmt.Sprintf(
				"secret number %d is the same as number %d: every secret may belong to one key", i+1, first+1)}
		}
		seen[k.Sum] = i
		key := k.Key
		key.CreatedAt = now
		err := keystore.CheckNewKey(&key)
		if err == nil {
			err = keystore.CheckExpiry(key.ExpiresAt, now)
		}
		if err == nil {
			rows[i], err = rowOfKey(&key, workspace)
		}
		if err != nil {
			return err
		}
	}
	return s.change(ctx, act, func(tx *sql.Tx) ([]event, error) {
		if _, err := workspaceByID(ctx, tx, workspace); err != nil {
			return nil, err
		}
		events := make([]event, len(keys))
		for i, k := range keys {
			if err := s.insertKey(ctx, tx, rows[i]); err != nil {
				return nil, err
			}
			if err := s.insertSecret(ctx, tx, k.Sum, k.Key.ID, now); err != nil {
				return nil, err
			}
			events[i] = event{workspace: workspace, key: k.Key.ID, details: keyDetails(&record.Key{}, &k.Key)}
		}
		return events, nil
	})
}

func (s *Store) insertKey(ctx context.Context, tx *sql.Tx, row *keyRow) error {
	added, err := insert(ctx, tx, `INSERT INTO tollgate_keys
		(id, workspace_id, name, scopes, allowed_ips, created_at, expires_at, disabled, revoked_at, limits)
		VALUES ($1, $2, $3, $4, $5, $6, $7, $8, $9, $10)`, row.values()...)
	if err == nil && !added {
		return &keystore.Problem{Kind: keystore.ErrExists, Field: "id", Text: fmt.Sprintf("key %s exists already", row.id)}
	}
	return err
}

// insertSecret refuses a secret that any key has or had: whoever was given it would become two.
func (s *Store) insertSecret(ctx context.Context, tx *sql.Tx, sum record.Sum, key string, now time.Time) error {
	added, err := insert(ctx, tx, `INSERT INTO tollgate_secrets (sum, key_id, created_at, expires_at, last_used_at)
		VALUES ($1, $2, $3, 0, 0)`, sum[:], key, micros(now))
	if err != nil || added {
		return err
	}
	var owner string
	if err := tx.QueryRowContext(ctx, "SELECT key_id FROM tollgate_secrets WHERE sum = $1", sum[:]).Scan(&owner); err != nil {
		return err
	}
	return &keystore.Problem{Kind: keystore.ErrExists, Field: "secret", Text: fmt.Sprintf(
		"this secret belongs to key %s already: every secret may belong to one key", owner)}
}

// insert adds a row, and reports false where one with the same primary key is there.
func insert(ctx context.Context, tx *sql.Tx, statement string, values ...any) (added bool, err error) {
	result, err := tx.ExecContext(ctx, statement+" ON CONFLICT DO NOTHING", values...)
	if err != nil {
		return false, err
	}
	rows, err := result.RowsAffected()
	return rows == 1, err
}

// UpdateKey changes a key.
func (s *Store) UpdateKey(ctx context.Context, act keystore.Act, id string, change func(*record.Key) error) (*keystore.Key, error) {
	return s.alterKey(ctx, act, id, func(tx *sql.Tx, before *keystore.Key) (map[string]any, error) {
		changed := before.Key
		changed.Scopes, changed.AllowedIPs, changed.Limits = slices.Clone(before.Scopes), slices.Clone(before.AllowedIPs), slices.Clone(before.Limits)
		if err := change(&changed); err != nil {
			return nil, refused{err}
		}
		err := keystore.CheckKey(&changed)
		if err == nil && !changed.ExpiresAt.Equal(before.ExpiresAt) {
			err = keystore.CheckExpiry(changed.ExpiresAt, time.Now())
		}
		if err != nil {
			return nil, err
		}
		details := keyDetails(&before.Key, &changed)
		if len(details) == 0 {
			return nil, nil
		}
		row, err := rowOfKey(&changed, before.Workspace)
		if err != nil {
			return nil, err
		}
		_, err = tx.ExecContext(ctx, `UPDATE tollgate_keys SET name = $1, scopes = $2, allowed_ips = $3, expires_at = $4,
			disabled = $5, revoked_at = $6, limits = $7 WHERE id = $8`, row.name, row.scopes, row.networks, row.expires, row.disabled, row.revoked, row.limits, id)
		return details, err
	})
}

// MaxGrace is the longest that a rotated secret lives on.
const MaxGrace = 366 * record.Day

// RotateKey gives the key a second secret. An expired one gets none, nor does one with keystore.MaxSecrets that live on.
func (s *Store) RotateKey(ctx context.Context, act keystore.Act, id string, sum record.Sum, grace time.Duration) (*keystore.Key, error) {
	if grace < 0 || grace > MaxGrace {
		return nil, &keystore.Problem{Kind: keystore.ErrInvalid, Field: "grace", Text: fmt.Sprintf(
			"grace %s is out of range: write from 0s to %s", record.FormatDuration(grace), record.FormatDuration(MaxGrace))}
	}
	return s.alterKey(ctx, act, id, func(tx *sql.Tx, before *keystore.Key) (map[string]any, error) {
		now := time.Now().UTC().Truncate(time.Microsecond)
		if !before.ExpiresAt.IsZero() && !now.Before(before.ExpiresAt) {
			return nil, &keystore.Problem{Kind: keystore.ErrInvalid, Field: "expires_at", Text: fmt.Sprintf(
				"key %s expired at %s, and a new secret of it would be dead: give it a new end (key set --expires, over HTTP expires_at), or create another", id, before.ExpiresAt.Format(time.RFC3339))}
		}
		if err := keystore.CheckRotation(before, grace, now); err != nil {
			return nil, err
		}
		end := now.Add(grace)
		_, err := tx.ExecContext(ctx, `UPDATE tollgate_secrets SET expires_at = $1
			WHERE key_id = $2 AND (expires_at = 0 OR expires_at > $1)`, micros(end), id)
		if err != nil {
			return nil, err
		}
		return map[string]any{"old_secrets_expire_at": end}, s.insertSecret(ctx, tx, sum, id, now)
	})
}

// alterKey changes a key that is not revoked, and gives it as it is then. Without details nothing was changed.
func (s *Store) alterKey(ctx context.Context, act keystore.Act, id string, alter func(*sql.Tx, *keystore.Key) (map[string]any, error)) (altered *keystore.Key, err error) {
	err = s.change(ctx, act, func(tx *sql.Tx) ([]event, error) {
		before, err := keyByID(ctx, tx, id)
		if err != nil {
			return nil, err
		}
		if !before.RevokedAt.IsZero() {
			return nil, &keystore.Problem{Kind: keystore.ErrRevoked, Text: fmt.Sprintf(
				"key %s was revoked at %s: that is final, create another", id, before.RevokedAt.Format(time.RFC3339))}
		}
		details, err := alter(tx, before)
		if err != nil {
			return nil, err
		}
		if altered, err = keyByID(ctx, tx, id); err != nil || len(details) == 0 {
			return nil, err
		}
		return []event{{workspace: before.Workspace, key: id, details: details}}, nil
	})
	if err != nil {
		return nil, err
	}
	return altered, nil
}
