package sqlstore

import (
	"context"
	"database/sql"
	"errors"
	"fmt"
	"maps"

	"github.com/tollgate-gateway/tollgate/caddymodule/keystore"
	"github.com/tollgate-gateway/tollgate/caddymodule/record"
)

// CreateWorkspace adds a workspace.
func (s *Store) CreateWorkspace(ctx context.Context, act keystore.Act, workspace *record.Workspace) error {
	if err := keystore.CheckWorkspace(workspace); err != nil {
		return err
	}
	row, err := rowOfWorkspace(workspace)
	if err != nil {
		return err
	}
	return s.change(ctx, act, func(tx *sql.Tx) ([]event, error) {
		added, err := insert(ctx, tx, `INSERT INTO tollgate_workspaces (plan, limits, quotas, metadata, suspended_at, suspended_reason, id)
			VALUES ($1, $2, $3, $4, $5, $6, $7)`, row.values()...)
		if err == nil && !added {
			return nil, &keystore.Problem{Kind: keystore.ErrExists, Field: "id", Text: fmt.Sprintf(
				"workspace %s exists already: change it with: workspace set", workspace.ID)}
		}
		return []event{{workspace: workspace.ID, details: workspaceDetails(nil, workspace)}}, err
	})
}

// UpdateWorkspace changes a workspace.
func (s *Store) UpdateWorkspace(ctx context.Context, act keystore.Act, id string, change func(*record.Workspace) error) (updated *record.Workspace, err error) {
	err = s.change(ctx, act, func(tx *sql.Tx) ([]event, error) {
		before, err := workspaceByID(ctx, tx, id)
		if err != nil {
			return nil, err
		}
		changed := *before
		changed.Metadata = maps.Clone(before.Metadata)
		if err := change(&changed); err != nil {
			return nil, refused{err}
		}
		changed.ID, changed.SuspendedAt = id, instant(micros(changed.SuspendedAt))
		updated = &changed
		if err := keystore.CheckWorkspace(updated); err != nil {
			return nil, err
		}
		details := workspaceDetails(before, updated)
		if len(details) == 0 {
			return nil, nil
		}
		row, err := rowOfWorkspace(updated)
		if err != nil {
			return nil, err
		}
		_, err = tx.ExecContext(ctx, `UPDATE tollgate_workspaces SET plan = $1, limits = $2, quotas = $3, metadata = $4, suspended_at = $5,
			suspended_reason = $6 WHERE id = $7`, row.values()...)
		return []event{{workspace: id, details: details}}, err
	})
	if err != nil {
		return nil, err
	}
	return updated, nil
}

// DeleteWorkspace takes a workspace away with its keys and secrets. The secrets' rows are locked in the order in which
// WriteUses writes them: two that lock the same rows in different orders would wait for each other.
func (s *Store) DeleteWorkspace(ctx context.Context, act keystore.Act, id string) (keys int64, err error) {
	err = s.change(ctx, act, func(tx *sql.Tx) ([]event, error) {
		if _, err := workspaceByID(ctx, tx, id); err != nil {
			return nil, err
		}
		for _, statement := range []string{
			"SELECT s.sum FROM tollgate_secrets s JOIN tollgate_keys k ON k.id = s.key_id WHERE k.workspace_id = $1 ORDER BY s.sum" + s.Dialect.LockSecrets,
			"DELETE FROM tollgate_secrets WHERE key_id IN (SELECT id FROM tollgate_keys WHERE workspace_id = $1)",
		} {
			if _, err := tx.ExecContext(ctx, statement, id); err != nil {
				return nil, err
			}
		}
		deleted, err := tx.ExecContext(ctx, "DELETE FROM tollgate_keys WHERE workspace_id = $1", id)
		if err != nil {
			return nil, err
		}
		if keys, err = deleted.RowsAffected(); err != nil {
			return nil, err
		}
		if _, err := tx.ExecContext(ctx, "DELETE FROM tollgate_workspaces WHERE id = $1", id); err != nil {
			return nil, err
		}
		return []event{{workspace: id, details: map[string]any{"deleted": true, "keys": keys}}}, nil
	})
	return keys, err
}

// Workspace gives one workspace.
func (s *Store) Workspace(ctx context.Context, id string) (*record.Workspace, error) {
	return read(ctx, s, func(db *sql.DB) (*record.Workspace, error) { return workspaceByID(ctx, db, id) })
}

func workspaceByID(ctx context.Context, q querier, id string) (*record.Workspace, error) {
	var row workspaceRow
	err := q.QueryRowContext(ctx, "SELECT "+workspaceColumns+" FROM tollgate_workspaces w WHERE w.id = $1", id).Scan(row.fields()...)
	if errors.Is(err, sql.ErrNoRows) {
		return nil, &keystore.Problem{Kind: keystore.ErrNotFound, Field: "workspace", Text: fmt.Sprintf("workspace %q does not exist", id)}
	}
	if err != nil {
		return nil, err
	}
	return row.record()
}

// Workspaces gives up to limit workspaces by id.
func (s *Store) Workspaces(ctx context.Context, after string, limit int) ([]*record.Workspace, error) {
	return read(ctx, s, func(db *sql.DB) ([]*record.Workspace, error) {
		rows, err := db.QueryContext(ctx, "SELECT "+workspaceColumns+" FROM tollgate_workspaces w WHERE w.id > $1 ORDER BY w.id LIMIT $2", after, limit)
		if err != nil {
			return nil, err
		}
		return collect(rows, func() (*record.Workspace, error) {
			var row workspaceRow
			if err := rows.Scan(row.fields()...); err != nil {
				return nil, err
			}
			return row.record()
		})
	})
}

// collect reads all rows and closes them.
func collect[T any](rows *sql.Rows, read func() (T, error)) (all []T, err error) {
	defer rows.Close()
	for rows.Next() {
		one, err := read()
		if err != nil {
			return nil, err
		}
		all = append(all, one)
	}
	return all, rows.Err()
}
