package sqlstore

import (
	"crypto/rand"
	"database/sql"
	"encoding/json"
	"fmt"

	"github.com/tollgate-gateway/tollgate/caddymodule/keystore"
	"github.com/tollgate-gateway/tollgate/caddymodule/keystore/transfer"
	"github.com/tollgate-gateway/tollgate/caddymodule/record"
)

// takeKeys takes in those that wait.
func (im *importing) takeKeys() error {
	waiting := im.keys
	im.keys = im.keys[:0:0]
	ids := make([]any, len(waiting))
	for i, k := range waiting {
		ids[i] = k.ID
	}
	here := map[string]*keystore.MovedKey{}
	if !im.empty {
		err := im.dialect.eachKey(im.ctx, im.tx, "WHERE k.id IN "+places(len(ids), 0), ids,
			func(k *keystore.MovedKey) error { here[k.ID] = k; return nil }, asItIs)
		if err != nil {
			return err
		}
	}
	deleted, err := im.deleted("key_id", ids)
	if err != nil {
		return err
	}
	owners, err := im.owners(waiting)
	if err != nil {
		return err
	}
	var keys, secrets [][]any
	for _, k := range waiting {
		if im.owned(k, owners) {
			continue
		}
		switch why := ""; {
		case here[k.ID] != nil:
			added, err := im.keyHere(here[k.ID], k)
			if err != nil {
				return err
			}
			secrets = append(secrets, added...)
		case im.gone[k.Workspace], deleted[k.ID]:
			if why = "it was deleted here"; im.gone[k.Workspace] {
				why = "its workspace was deleted here"
			}
			im.done.Keys.Left++
			im.note("key", k.ID, "left", why)
		default:
			row, err := rowOfKey(&k.Key, k.Workspace)
			if err != nil {
				return err
			}
			keys = append(keys, row.values())
			secrets = append(secrets, rowsOfSecrets(k.ID, k.Secrets)...)
			im.done.Keys.Added++
			im.added(im.addedKeys, "key", k.ID)
			if !im.options.History {
				im.event(k.Workspace, k.ID, keyDetails(&record.Key{}, &k.Key))
			}
		}
	}
	if len(im.conflicts.Texts) > 0 {
		return nil // nothing will be committed: what speaks against it is gathered
	}
	if err := im.insert("tollgate_keys (id, workspace_id, name, scopes, allowed_ips, created_at, expires_at, disabled, revoked_at, limits)", keys); err != nil {
		return err
	}
	im.done.Secrets += len(secrets)
	for len(secrets) > 0 {
		n := min(len(secrets), batch)
		if err := im.insert("tollgate_secrets (sum, key_id, created_at, expires_at, last_used_at)", secrets[:n]); err != nil {
			return err
		}
		secrets = secrets[n:]
	}
	return nil
}

func rowsOfSecrets(key string, secrets []keystore.MovedSecret) [][]any {
	rows := make([][]any, len(secrets))
	for i, s := range secrets {
		rows[i] = []any{s.Sum[:], key, micros(s.CreatedAt), micros(s.ExpiresAt), micros(s.LastUsedAt)}
	}
	return rows
}

// owners tells whose the secrets of these keys are here.
func (im *importing) owners(keys []*keystore.MovedKey) (map[record.Sum]string, error) {
	var sums []any
	for _, k := range keys {
		for _, s := range k.Secrets {
			sums = append(sums, s.Sum[:])
		}
	}
	owners := map[record.Sum]string{}
	if im.empty {
		return owners, nil
	}
	for len(sums) > 0 {
		n := min(len(sums), batch)
		err := eachRow(im.ctx, im.tx, "SELECT sum, key_id FROM tollgate_secrets WHERE sum IN "+places(n, 0), sums[:n], func(rows *sql.Rows) error {
			var sum []byte
			var key string
			err := rows.Scan(&sum, &key)
			if err == nil && len(sum) == len(record.Sum{}) {
				owners[record.Sum(sum)] = key
			}
			return err
		})
		if err != nil {
			return nil, err
		}
		sums = sums[n:]
	}
	return owners, nil
}

// owned reports whether a secret of the key belongs to another one here: a conflict.
func (im *importing) owned(k *keystore.MovedKey, owners map[record.Sum]string) bool {
	for _, s := range k.Secrets {
		if owner, known := owners[s.Sum]; known && owner != k.ID {
			im.conflict(fmt.Sprintf("a secret of key %s in the stream belongs to key %s here", k.ID, owner))
			return true
		}
	}
	return false
}

// keyHere makes a key stricter that is here, and gives the rows of its new secrets.
func (im *importing) keyHere(here, in *keystore.MovedKey) (secrets [][]any, err error) {
	change, err := transfer.MergeKey(here, in, im.now)
	if err != nil {
		im.conflict(err.Error())
		return nil, nil
	}
	switch {
	case len(change.Changed) > 0:
		im.done.Keys.Changed++
		im.note("key", in.ID, "changed", transfer.Why(change.Changed, change.Differs))
		details := keyDetails(&here.Key, &change.To)
		if len(change.New) > 0 {
			details["secrets_added"] = len(change.New)
		}
		if len(change.Ends) > 0 {
			details["secrets_end_earlier"] = len(change.Ends)
		}
		im.event(here.Workspace, here.ID, details)
		return rowsOfSecrets(here.ID, change.New), im.alter(here, change)
	case !here.RevokedAt.IsZero() && in.RevokedAt.IsZero():
		im.done.Keys.Left++
		im.note("key", in.ID, "left", "it is revoked here")
	case len(change.Differs) > 0:
		im.done.Keys.Left++
		im.note("key", in.ID, "left", transfer.Why(nil, change.Differs))
	default:
		im.done.Keys.Same++
	}
	return nil, nil
}

func (im *importing) alter(here *keystore.MovedKey, change *transfer.KeyChange) error {
	if im.options.Dry {
		return nil
	}
	row, err := rowOfKey(&change.To, here.Workspace)
	if err != nil {
		return err
	}
	if _, err := im.tx.ExecContext(im.ctx, "UPDATE tollgate_keys SET expires_at = $1, disabled = $2, revoked_at = $3 WHERE id = $4",
		row.expires, row.disabled, row.revoked, row.id); err != nil {
		return err
	}
	for sum, end := range change.Ends {
		if _, err := im.tx.ExecContext(im.ctx, "UPDATE tollgate_secrets SET expires_at = $1 WHERE sum = $2", micros(end), sum[:]); err != nil {
			return err
		}
	}
	return nil
}

// log writes events with the next revisions.
func (im *importing) log(events []loggedEvent) error {
	for len(events) > 0 && !im.options.Dry {
		n := min(len(events), batch)
		var last int64
		err := im.tx.QueryRowContext(im.ctx, "UPDATE tollgate_meta SET revision = revision + $1 RETURNING revision", n).Scan(&last)
		if err != nil {
			return err
		}
		rows := make([][]any, n)
		for i, e := range events[:n] {
			details, raw := e.details.(json.RawMessage) // of the stream: it stays as it was written
			if !raw {
				if details, err = json.Marshal(e.details); err != nil {
					return err
				}
			}
			rows[i] = []any{last - int64(n-1-i), rand.Text(), e.at, e.by, e.action, e.workspace, e.key, string(details)}
		}
		if err := im.insert("tollgate_history (revision, stamp, at, actor, action, workspace_id, key_id, details)", rows); err != nil {
			return err
		}
		events = events[n:]
	}
	return nil
}
