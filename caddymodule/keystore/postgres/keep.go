package postgres

import (
	"context"
	"fmt"

	"github.com/jackc/pgx/v5/stdlib"

	"github.com/tollgate-gateway/tollgate/caddymodule/keystore"
)

// Backup refuses: PostgreSQL has a program for that.
func (s *Store) Backup(context.Context, string) error {
	return &keystore.Problem{Kind: keystore.ErrReadOnly, Text: fmt.Sprintf(
		"%s is PostgreSQL's to back up: use pg_dump, or store export for what every store can read", s)}
}

// Check looks over what this program keeps in its tables. It connects by itself: the store's own connections bring the schema
// into the present form first.
func (s *Store) Check(ctx context.Context, found func(keystore.Finding)) (keystore.Held, error) {
	db := stdlib.OpenDB(*s.address.config)
	defer db.Close()
	db.SetMaxOpenConns(1)
	held, err := dialect.Check(ctx, db, s.String(), found)
	return held, s.Explain(err)
}

var _ keystore.Keeper = (*Store)(nil)
