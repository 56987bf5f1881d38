package sqlstore

import (
	"context"
	"database/sql"
	"embed"
	"errors"
	"fmt"
	"io/fs"
	"slices"
	"strings"

	"github.com/tollgate-gateway/tollgate/caddymodule/keystore"
)

// Each file in migrations is a step from one version of the schema to the next, named by the version it leads to; the first
// begins with an empty database. A step that was released is never changed. Times are Unix microseconds, 0 for none; lists
// and metadata are JSON texts; BYTES is the dialect's type for sums; statements end with a semicolon at the end of a line.
//
// tollgate_history is the log of changes as well: its revisions are without gaps and in the order of the commits,
// because every change begins by taking them from the one row of tollgate_meta.
//
// That row also says, since version 2, the oldest version whose programs may use the database: a program that finds a newer
// version uses it all the same where its own is not older than that, so that gateways can be upgraded one after the other.
// A step that only adds leaves it alone; its columns need defaults, for older programs write rows without them. A step
// that older programs would get wrong ends with an UPDATE of it.
//
//go:embed migrations/*.sql
var migrations embed.FS

// schemaAction is the word of a step in the history.
const schemaAction = "schema"

// schema are the steps, one for each version.
var schema = readMigrations(migrations)

// readMigrations gives the steps in their order. A gap in their numbers is a mistake of this program.
func readMigrations(files fs.FS) (steps []string) {
	names, err := fs.Glob(files, "migrations/*.sql")
	if err != nil {
		panic(err)
	}
	slices.Sort(names)
	for n, name := range names {
		text, err := fs.ReadFile(files, name)
		if err != nil || !strings.HasPrefix(name, fmt.Sprintf("migrations/%04d_", n+1)) {
			panic(fmt.Sprintf("migration %s is not number %d (%v)", name, n+1, err))
		}
		steps = append(steps, string(text))
	}
	return steps
}

// Migrate brings the database into the present form, in one transaction that excludes others. Without create, one
// that holds no key store is left alone: a *keystore.Problem of the kind ErrMissing, as is one of a newer version that this
// program may not use. A newer one that it may use is left as it is.
func (d *Dialect) Migrate(ctx context.Context, db *sql.DB, place string, create bool) error {
	version, err := d.version(ctx, db)
	if err != nil {
		return err
	}
	switch {
	case version >= len(schema):
		return d.usable(ctx, db, place, version)
	case version == 0 && !create:
		return &keystore.Problem{Kind: keystore.ErrMissing, Text: fmt.Sprintf(
			"%s holds no key store: create it with: workspace create", place)}
	}
	tx, err := db.BeginTx(ctx, nil)
	if err != nil {
		return err
	}
	defer func() { _ = tx.Rollback() }()
	if d.LockSchema != "" {
		if _, err := tx.ExecContext(ctx, d.LockSchema); err != nil {
			return err
		}
	}
	if version, err = d.version(ctx, tx); err != nil { // another process may have been faster
		return err
	}
	if version >= len(schema) {
		return d.usable(ctx, tx, place, version)
	}
	for ; version < len(schema); version++ {
		if err := d.step(ctx, tx, version); err != nil {
			return fmt.Errorf("bringing it to schema version %d: %w", version+1, err)
		}
	}
	return tx.Commit()
}

// usable refuses a database of a newer version that says that programs of this one must not use it.
func (d *Dialect) usable(ctx context.Context, q querier, place string, version int) error {
	if version <= len(schema) {
		return nil
	}
	var oldest int
	switch err := q.QueryRowContext(ctx, "SELECT oldest FROM tollgate_meta").Scan(&oldest); {
	case err != nil && isScan(err):
		return fmt.Errorf("%w: the oldest schema version that may use it is not a number", ErrDamaged)
	case err != nil:
		return err
	case oldest <= len(schema):
		return nil
	}
	return &keystore.Problem{Kind: keystore.ErrMissing, Text: fmt.Sprintf("key store %s has schema version %d, which programs from "+
		"schema version %d on may use, and this program knows %d: use a newer program (tollgate version shows its schema)", place, version, oldest, len(schema))}
}

// Readable refuses a database that cannot be read as it is, and changes nothing: one that holds no key store, one that
// still has to be brought into the present form, and a newer one that this program may not use.
func (d *Dialect) Readable(ctx context.Context, db *sql.DB, place string) error {
	version, err := d.version(ctx, db)
	switch {
	case err != nil:
		return err
	case version == 0:
		return &keystore.Problem{Kind: keystore.ErrMissing, Text: place + " holds no key store"}
	case version < len(schema):
		return &keystore.Problem{Kind: keystore.ErrMissing, Text: fmt.Sprintf("key store %s has schema version %d, and this program reads %d: "+
			"start the gateway with this program, which brings it there", place, version, len(schema))}
	}
	return d.usable(ctx, db, place, version)
}

// refit judges the database anew after a newer program took a step: from then on this one may have to keep off it. It is
// then refused everything, as by a store that is away, until the database is one that it may use.
func (s *Store) refit(ctx context.Context, q querier) error {
	version, err := s.Dialect.version(ctx, q)
	if err == nil {
		err = s.Dialect.usable(ctx, q, s.Place, version)
	}
	problem, _ := errors.AsType[*keystore.Problem](err)
	if err == nil || problem != nil {
		s.unfit.Store(problem)
	}
	return err
}

// Holds reports whether the database holds a key store, of any version.
func (d *Dialect) Holds(ctx context.Context, db *sql.DB) (bool, error) {
	version, err := d.version(ctx, db)
	return version > 0, err
}

// step goes from a version to the next.
func (d *Dialect) step(ctx context.Context, tx *sql.Tx, version int) error {
	for statement := range strings.SplitSeq(strings.ReplaceAll(schema[version], "BYTES", d.Bytes), ";\n") {
		if strings.TrimSpace(statement) == "" {
			continue
		}
		if _, err := tx.ExecContext(ctx, statement); err != nil {
			return err
		}
	}
	if _, err := tx.ExecContext(ctx, "UPDATE tollgate_meta SET version = $1", version+1); err != nil {
		return err
	}
	return d.log(ctx, tx, keystore.Act{Action: schemaAction}, []event{{details: map[string]any{"version": version + 1}}})
}

// version is the schema version of a database; 0 for one without our tables.
func (d *Dialect) version(ctx context.Context, q querier) (version int, err error) {
	var found bool
	if err := q.QueryRowContext(ctx, d.HasSchema).Scan(&found); err != nil || !found {
		return 0, err
	}
	err = q.QueryRowContext(ctx, "SELECT version FROM tollgate_meta").Scan(&version)
	switch {
	case errors.Is(err, sql.ErrNoRows):
		return 0, fmt.Errorf("%w: it has no schema version", ErrDamaged)
	case err != nil && isScan(err), err == nil && version < 1:
		return 0, fmt.Errorf("%w: its schema version is not a number", ErrDamaged)
	}
	return version, err
}
