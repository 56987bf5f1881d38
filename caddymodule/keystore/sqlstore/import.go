package sqlstore

import (
	"context"
	"database/sql"
	"time"

	"github.com/tollgate-gateway/tollgate/caddymodule/keystore"
	"github.com/tollgate-gateway/tollgate/caddymodule/keystore/transfer"
	"github.com/tollgate-gateway/tollgate/caddymodule/record"
)

// batch is how many records are looked up and inserted with one statement.
const batch = 400

// Import takes in what the store does not hold yet, in one transaction. Others who change something wait for it. What is here
// stays as it is, but for what makes it stricter (transfer.MergeKey); what was deleted here stays so.
func (s *Store) Import(ctx context.Context, act keystore.Act, from func(keystore.Records) error, options keystore.ImportOptions) (*keystore.Imported, error) {
	var im *importing
	do := func(tx *sql.Tx) error {
		im = &importing{ctx: ctx, tx: tx, dialect: s.Dialect, act: act, options: options, now: time.Now().UTC().Truncate(time.Microsecond),
			gone: map[string]bool{}, addedWorkspaces: map[string]bool{}, addedKeys: map[string]bool{}}
		return im.all(from)
	}
	var err error
	if options.Dry {
		err = s.Explain(s.snapshot(ctx, do))
	} else {
		err = s.transaction(ctx, do)
	}
	if err != nil {
		return nil, err
	}
	return &im.done, nil
}

// importing is one import under way.
type importing struct {
	ctx     context.Context
	tx      *sql.Tx
	dialect *Dialect
	act     keystore.Act
	options keystore.ImportOptions
	now     time.Time

	empty     bool // the store held nothing, not even the history of something
	done      keystore.Imported
	conflicts keystore.Conflicts

	gone                       map[string]bool // workspaces that were deleted here
	addedWorkspaces, addedKeys map[string]bool

	// What waits for the next statement.
	workspaces []*record.Workspace
	keys       []*keystore.MovedKey
	carried    []loggedEvent // of the stream's history
	own        []loggedEvent // the import's own: what was changed, and what was added of which the stream brings no history
}

// loggedEvent is a row of the history to be, but for its revision and stamp.
type loggedEvent struct {
	at             int64
	by, action     string
	workspace, key string
	details        any
}

func (im *importing) all(from func(keystore.Records) error) error {
	if !im.options.Dry {
		if _, err := im.tx.ExecContext(im.ctx, "UPDATE tollgate_meta SET revision = revision"); err != nil {
			return err
		}
		if im.dialect.Large != "" {
			if _, err := im.tx.ExecContext(im.ctx, im.dialect.Large); err != nil {
				return err
			}
		}
	}
	var held bool
	if err := im.tx.QueryRowContext(im.ctx, `SELECT EXISTS (SELECT 1 FROM tollgate_workspaces)
		OR EXISTS (SELECT 1 FROM tollgate_history WHERE workspace_id <> '')`).Scan(&held); err != nil {
		return err
	}
	im.empty = !held
	var failed error // of the database, which from would take for the caller's
	step := func(err error) error {
		if err != nil {
			failed = err
		}
		return err
	}
	err := from(keystore.Records{
		Workspace: func(w *record.Workspace) error {
			im.workspaces = append(im.workspaces, w)
			return step(im.flush(batch))
		},
		Key: func(k *keystore.MovedKey) error {
			im.keys = append(im.keys, k)
			return step(im.flush(batch))
		},
		Event: func(e *keystore.Event) error {
			if err := im.take(1); err != nil {
				return step(err)
			}
			if im.empty || e.Key == "" && im.addedWorkspaces[e.Workspace] || im.addedKeys[e.Key] {
				im.carried = append(im.carried, loggedEvent{e.At.UnixMicro(), e.By, e.Action, e.Workspace, e.Key, e.Details})
			}
			return step(im.flush(batch))
		},
	})
	if failed != nil {
		return failed
	}
	if err != nil {
		return refused{err}
	}
	if err := im.flush(1); err != nil {
		return err
	}
	if len(im.conflicts.Texts) > 0 {
		return refused{&im.conflicts}
	}
	return im.finish()
}

// flush hands on what waits, where it is as many as that.
func (im *importing) flush(many int) error {
	if err := im.take(many); err != nil {
		return err
	}
	if len(im.carried) >= many {
		im.done.Events += len(im.carried)
		err := im.log(im.carried)
		if im.carried = im.carried[:0]; err != nil {
			return err
		}
	}
	if len(im.own) >= many {
		err := im.log(im.own)
		im.own = im.own[:0]
		return err
	}
	return nil
}

// take hands on records that wait. Workspaces come before keys, and keys before the history.
func (im *importing) take(many int) error {
	if n := len(im.workspaces); n >= many || n > 0 && len(im.keys) > 0 {
		if err := im.takeWorkspaces(); err != nil {
			return err
		}
	}
	if len(im.keys) >= many {
		return im.takeKeys()
	}
	return nil
}

// finish logs that there was an import.
func (im *importing) finish() error {
	if im.options.Dry || im.done.Nothing() {
		return nil
	}
	err := im.log([]loggedEvent{{at: im.now.UnixMicro(), by: im.act.By, action: im.act.Action, details: map[string]any{
		"workspaces": im.done.Workspaces.Added, "keys": im.done.Keys.Added, "secrets": im.done.Secrets, "events": im.done.Events}}})
	if err == nil && im.dialect.Notify != "" {
		_, err = im.tx.ExecContext(im.ctx, im.dialect.Notify)
	}
	return err
}

// added notes a new record, whose history comes with it. Into an empty store all comes.
func (im *importing) added(ids map[string]bool, what, id string) {
	if !im.empty {
		ids[id] = true
		im.note(what, id, "added", "")
	}
}

// note names what became of a record.
func (im *importing) note(what, id, result, why string) {
	if len(im.done.Named) == keystore.MaxNamed {
		im.done.Unnamed++
		return
	}
	im.done.Named = append(im.done.Named, keystore.Outcome{Record: what, ID: id, Result: result, Why: why})
}

// maxConflicts is how many conflicts are named.
const maxConflicts = 20

func (im *importing) conflict(text string) {
	if len(im.conflicts.Texts) == maxConflicts {
		im.conflicts.More++
		return
	}
	im.conflicts.Texts = append(im.conflicts.Texts, text)
}

func (im *importing) event(workspace, key string, details map[string]any) {
	im.own = append(im.own, loggedEvent{im.now.UnixMicro(), im.act.By, im.act.Action, workspace, key, details})
}

// takeWorkspaces takes in those that wait.
func (im *importing) takeWorkspaces() error {
	waiting := im.workspaces
	im.workspaces = im.workspaces[:0:0]
	ids := make([]any, len(waiting))
	for i, w := range waiting {
		ids[i] = w.ID
	}
	here := map[string]*record.Workspace{}
	if !im.empty {
		err := im.dialect.eachWorkspace(im.ctx, im.tx, "WHERE w.id IN "+places(len(ids), 0), ids,
			func(w *record.Workspace) error { here[w.ID] = w; return nil }, asItIs)
		if err != nil {
			return err
		}
	}
	deleted, err := im.deleted("workspace_id", ids)
	if err != nil {
		return err
	}
	var rows [][]any
	for _, w := range waiting {
		switch {
		case here[w.ID] != nil:
			if err := im.workspaceHere(here[w.ID], w); err != nil {
				return err
			}
		case deleted[w.ID]:
			im.gone[w.ID] = true
			im.done.Workspaces.Left++
			im.note("workspace", w.ID, "left", "it was deleted here")
		default:
			row, err := rowOfWorkspace(w)
			if err != nil {
				return err
			}
			rows = append(rows, row.values())
			im.done.Workspaces.Added++
			im.added(im.addedWorkspaces, "workspace", w.ID)
			if !im.options.History {
				im.event(w.ID, "", workspaceDetails(nil, w))
			}
		}
	}
	return im.insert("tollgate_workspaces (plan, limits, quotas, metadata, suspended_at, suspended_reason, id)", rows)
}

// workspaceHere suspends a workspace that is here where the one that comes in is suspended, and leaves all else as it is.
func (im *importing) workspaceHere(here, in *record.Workspace) error {
	suspend, differs := transfer.MergeWorkspace(here, in)
	switch {
	case suspend:
		im.done.Workspaces.Changed++
		im.note("workspace", in.ID, "changed", transfer.Why([]string{"suspended"}, differs))
		suspended := *here
		suspended.SuspendedAt, suspended.SuspendedReason = in.SuspendedAt, in.SuspendedReason
		im.event(in.ID, "", workspaceDetails(here, &suspended))
		row, err := rowOfWorkspace(&suspended)
		if err != nil || im.options.Dry {
			return err
		}
		_, err = im.tx.ExecContext(im.ctx, "UPDATE tollgate_workspaces SET suspended_at = $1, suspended_reason = $2 WHERE id = $3",
			row.suspended, row.reason, row.id)
		return err
	case len(differs) > 0:
		im.done.Workspaces.Left++
		im.note("workspace", in.ID, "left", transfer.Why(nil, differs))
	default:
		im.done.Workspaces.Same++
	}
	return nil
}

// deleted tells which of these ids have a history here. Of one that is not here any more that says that it was deleted.
func (im *importing) deleted(column string, ids []any) (map[string]bool, error) {
	found := map[string]bool{}
	if im.empty {
		return found, nil
	}
	err := eachRow(im.ctx, im.tx, "SELECT DISTINCT "+column+" FROM tollgate_history WHERE "+column+" IN "+places(len(ids), 0), ids, func(rows *sql.Rows) error {
		var id string
		err := rows.Scan(&id)
		found[id] = true
		return err
	})
	return found, err
}

// insert adds rows. Into names the table and its columns.
func (im *importing) insert(into string, rows [][]any) error {
	if im.options.Dry {
		return nil
	}
	return im.dialect.insertRows(im.ctx, im.tx, into, rows, "")
}

func asItIs(err error) error { return err }
