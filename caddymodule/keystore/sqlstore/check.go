package sqlstore

import (
	"context"
	"database/sql"
	"errors"
	"fmt"
	"strings"

	"github.com/tollgate-gateway/tollgate/caddymodule/keystore"
	"github.com/tollgate-gateway/tollgate/caddymodule/record"
)

// restore is what to do about most findings.
const restore = "restore a backup, or export what can be read and import it into a new store"

// Check looks over what this program promises of its tables, as of one moment. Place is where the database lies. A database
// without a key store, or of another version, is an error: it cannot be looked over.
func (d *Dialect) Check(ctx context.Context, db *sql.DB, place string, found func(keystore.Finding)) (held keystore.Held, err error) {
	err = inSnapshot(ctx, db, func(tx *sql.Tx) error {
		version, err := d.version(ctx, tx)
		if err != nil {
			return err
		}
		if version != len(schema) {
			return wrongVersion(place, version)
		}
		if held, err = d.records(ctx, tx, found); err != nil {
			return err
		}
		if err := orphans(ctx, tx, found); err != nil {
			return err
		}
		if held.Revisions, err = revisions(ctx, tx, found); err != nil {
			return err
		}
		return ledger(ctx, tx, found)
	})
	return held, err
}

func wrongVersion(place string, version int) error {
	text := fmt.Sprintf("key store %s has schema version %d, this program knows %d: ", place, version, len(schema))
	switch {
	case version == 0:
		text = fmt.Sprintf("%s holds no key store: name another, or create one with: workspace create", place)
	case version < len(schema):
		text += "the next command or gateway of this program brings it there; check it then, or with the program it is of"
	default:
		text += "use the newer program: this one does not know all that is in it"
	}
	return &keystore.Problem{Kind: keystore.ErrMissing, Text: text}
}

// records reads every record and holds it to the rules.
func (d *Dialect) records(ctx context.Context, tx *sql.Tx, found func(keystore.Finding)) (held keystore.Held, err error) {
	wrong := func(err error) error {
		if !errors.Is(err, keystore.ErrUnreadable) && !isScan(err) {
			return err
		}
		found(keystore.Finding{What: strings.Join(strings.Fields(err.Error()), " "), Do: restore})
		return nil
	}
	rule := func(what, id string, err error) {
		if err != nil {
			found(keystore.Finding{What: fmt.Sprintf("%s %s breaks a rule: %v", what, id, err), Do: "change it with: " + what + " set"})
		}
	}
	err = d.each(ctx, tx, keystore.Records{
		Workspace: func(w *record.Workspace) error {
			held.Workspaces++
			rule("workspace", w.ID, keystore.CheckWorkspace(w))
			return nil
		},
		Key: func(k *keystore.MovedKey) error {
			held.Keys++
			held.Secrets += len(k.Secrets)
			rule("key", k.ID, keystore.CheckKey(&k.Key))
			if len(k.Secrets) == 0 {
				found(keystore.Finding{What: fmt.Sprintf("key %s has no secret", k.ID), Do: "give it one with: key rotate " + k.ID})
			}
			return nil
		},
		Event: func(*keystore.Event) error { return nil },
	}, wrong)
	return held, err
}

// orphans finds rows that refer to others which are not there. A database that knows of our references lets none come about,
// unless somebody writes to it with them switched off.
func orphans(ctx context.Context, tx *sql.Tx, found func(keystore.Finding)) error {
	for _, o := range []struct{ query, what string }{
		{`SELECT k.id, k.workspace_id FROM tollgate_keys k LEFT JOIN tollgate_workspaces w ON w.id = k.workspace_id WHERE w.id IS NULL ORDER BY k.id`,
			"key %s is of workspace %s, which is not there"},
		{`SELECT s.key_id, count(*) FROM tollgate_secrets s LEFT JOIN tollgate_keys k ON k.id = s.key_id WHERE k.id IS NULL GROUP BY s.key_id ORDER BY s.key_id`,
			"key %s is not there and has secrets: %s"},
	} {
		err := eachRow(ctx, tx, o.query, nil, func(rows *sql.Rows) error {
			var id, other string
			if err := rows.Scan(&id, &other); err != nil {
				return err
			}
			found(keystore.Finding{What: fmt.Sprintf(o.what, id, other), Do: restore})
			return nil
		})
		if err != nil {
			return err
		}
	}
	return nil
}

// revisions sees that the log of changes has no gaps and ends where the store says: gateways follow it.
func revisions(ctx context.Context, tx *sql.Tx, found func(keystore.Finding)) (count int64, err error) {
	var says, last, first int64
	var unstamped int64
	err = tx.QueryRowContext(ctx, `SELECT (SELECT revision FROM tollgate_meta), count(*), coalesce(min(revision), 0), coalesce(max(revision), 0),
		count(CASE WHEN stamp = '' THEN 1 END) FROM tollgate_history`).Scan(&says, &count, &first, &last, &unstamped)
	if err != nil {
		return 0, err
	}
	report := func(format string, args ...any) {
		found(keystore.Finding{What: "the log of changes " + fmt.Sprintf(format, args...),
			Do: "export the store and import it into a new one: gateways may have missed a change, so restart them"})
	}
	if last != says {
		report("ends at revision %d, and the store says %d", last, says)
	}
	if unstamped > 0 {
		report("has %d revisions without a stamp", unstamped)
	}
	if count > 0 && count != last-first+1 {
		var before int64
		if err := tx.QueryRowContext(ctx, `SELECT min(h.revision) FROM tollgate_history h WHERE h.revision < $1
			AND NOT EXISTS (SELECT 1 FROM tollgate_history n WHERE n.revision = h.revision + 1)`, last).Scan(&before); err != nil {
			return 0, err
		}
		report("lacks %d revisions, the first of them %d", last-first+1-count, before+1)
	}
	return count, nil
}
