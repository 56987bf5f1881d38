package sqlstore

import (
	"context"
	"database/sql"
	"fmt"
	"strings"

	"github.com/tollgate-gateway/tollgate/caddymodule/keystore"
)

// FindKeys gives up to limit of the keys that the filter asks for. The database chooses them.
func (s *Store) FindKeys(ctx context.Context, filter keystore.KeyFilter, after string, limit int) ([]*keystore.Key, error) {
	return read(ctx, s, func(db *sql.DB) ([]*keystore.Key, error) {
		if filter.Workspace != "" {
			if _, err := workspaceByID(ctx, db, filter.Workspace); err != nil {
				return nil, err
			}
		}
		where, args := conditions(&filter)
		args = append(args, after, limit)
		return readKeys(ctx, db, fmt.Sprintf(`%sWHERE k.id IN (SELECT f.id FROM tollgate_keys f WHERE %s f.id > $%d ORDER BY f.id LIMIT $%d)
			ORDER BY k.id, s.created_at`, keyRows, where, len(args)-1, len(args)), args...)
	})
}

// conditions are those of a filter on the row f of a key, each followed by AND.
func conditions(filter *keystore.KeyFilter) (where string, args []any) {
	arg := func(value any) string {
		args = append(args, value)
		return fmt.Sprintf("$%d", len(args))
	}
	alive := func() string {
		return "f.revoked_at = 0 AND (f.expires_at = 0 OR f.expires_at > " + arg(micros(filter.Now)) + ") AND "
	}
	if filter.Workspace != "" {
		where += "f.workspace_id = " + arg(filter.Workspace) + " AND "
	}
	if !filter.UnusedSince.IsZero() {
		since := micros(filter.UnusedSince)
		where += alive() + "f.created_at < " + arg(since) +
			" AND NOT EXISTS (SELECT 1 FROM tollgate_secrets u WHERE u.key_id = f.id AND u.last_used_at >= " + arg(since) + ") AND "
	}
	if !filter.EndBy.IsZero() {
		where += alive() + "f.expires_at <> 0 AND f.expires_at <= " + arg(micros(filter.EndBy)) + " AND "
	}
	if covering := filter.Covering(); len(covering) > 0 {
		holds := make([]string, len(covering))
		for n, scope := range covering { // a scope has no character that JSON escapes; LIKE would not tell letter cases apart
			holds[n] = "replace(f.scopes, " + arg(`"`+scope+`"`) + ", '') <> f.scopes"
		}
		where += "(" + strings.Join(holds, " OR ") + ") AND "
	}
	return where, args
}
