package sqlstore

import (
	"context"
	"database/sql"

	"github.com/tollgate-gateway/tollgate/caddymodule/keystore"
)

// Summary counts the keys and names the plans in use. With a million keys and workspaces in SQLite it takes two seconds.
func (s *Store) Summary(ctx context.Context) (keystore.Summary, error) {
	return read(ctx, s, func(db *sql.DB) (keystore.Summary, error) {
		var summary keystore.Summary
		err := db.QueryRowContext(ctx, "SELECT count(*) FROM tollgate_keys").Scan(&summary.Keys)
		if err == nil {
			summary.Plans, err = plans(ctx, db, "SELECT DISTINCT plan FROM tollgate_workspaces ORDER BY plan")
		}
		return summary, err
	})
}

// SomePlans names the plans in use, by as many workspaces as can be looked at while a configuration is loaded.
func SomePlans(ctx context.Context, db *sql.DB) ([]string, error) {
	return plans(ctx, db, "SELECT DISTINCT plan FROM (SELECT plan FROM tollgate_workspaces LIMIT 10000) AS some ORDER BY plan")
}

func plans(ctx context.Context, db *sql.DB, query string) ([]string, error) {
	rows, err := db.QueryContext(ctx, query)
	if err != nil {
		return nil, err
	}
	return collect(rows, func() (plan string, err error) { return plan, rows.Scan(&plan) })
}
