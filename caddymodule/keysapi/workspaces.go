package keysapi

import (
	"encoding/json"
	"errors"
	"net/http"
	"time"

	"github.com/tollgate-gateway/tollgate/caddymodule/keystore"
	"github.com/tollgate-gateway/tollgate/caddymodule/record"
	"github.com/tollgate-gateway/tollgate/caddymodule/refusal"
)

// mostLooked is how many workspaces a request for a list looks at. A page of few matches may be shorter than was asked for.
const mostLooked = 10_000

// listWorkspaces gives the workspaces that the parameters name, by id.
func (x *exchange) listWorkspaces() (*Answer, error) {
	f, err := readQuery(x.Query)
	if err != nil {
		return nil, err
	}
	plan := read(f, "plan", parseID)
	suspended := read(f, "suspended", parseTruth)
	after, limit := "", defaultPage
	set(&after, read(f, "after", parseID))
	set(&limit, read(f, "limit", parseLimit))
	if err := f.done(); err != nil {
		return nil, err
	}
	views, pagination := []WorkspaceView{}, &Pagination{Limit: limit}
	for looked := 0; ; {
		page, err := x.Keys.Workspaces(x.ctx, after, maxPage)
		if err != nil {
			return nil, err
		}
		for n, w := range page {
			if (plan == nil || w.Plan == *plan) && (suspended == nil || w.Suspended() == *suspended) {
				views = append(views, NewWorkspaceView(w))
			}
			after = w.ID
			if len(views) == limit && (n < len(page)-1 || len(page) == maxPage) {
				pagination.Next = &after
				return &Answer{Status: http.StatusOK, Data: views, Pagination: pagination}, nil
			}
		}
		if looked += len(page); len(page) < maxPage {
			return &Answer{Status: http.StatusOK, Data: views, Pagination: pagination}, nil
		}
		if looked >= mostLooked {
			pagination.Next = &after
			return &Answer{Status: http.StatusOK, Data: views, Pagination: pagination}, nil
		}
	}
}

// parseTruth reads a flag of a query.
func parseTruth(value any) (bool, error) {
	switch value {
	case "true":
		return true, nil
	case "false":
		return false, nil
	}
	return false, errors.New("must be true or false")
}

// showWorkspace gives one workspace.
func (x *exchange) showWorkspace() (*Answer, error) {
	if record.CheckID(x.id) != nil {
		return nil, noWorkspace()
	}
	workspace, err := x.Keys.Workspace(x.ctx, x.id)
	if err != nil {
		return nil, err
	}
	return &Answer{Status: http.StatusOK, Data: NewWorkspaceView(workspace)}, nil
}

// EventView is a change of a workspace or key as callers over HTTP and commands with --json see it.
type EventView struct {
	At        time.Time       `json:"at"`
	By        string          `json:"by"`
	Action    string          `json:"action"`
	Workspace string          `json:"workspace"`
	Key       string          `json:"key"`
	Details   json.RawMessage `json:"details"`
}

// NewEventView shows a change.
func NewEventView(e *keystore.Event) EventView {
	return EventView{At: e.At.UTC(), By: e.By, Action: e.Action, Workspace: e.Workspace, Key: e.Key, Details: e.Details}
}

// workspaceHistory gives the last changes of a workspace and its keys, the newest first; of one that was deleted as well.
func (x *exchange) workspaceHistory() (*Answer, error) {
	f, err := readQuery(x.Query)
	if err != nil {
		return nil, err
	}
	limit := defaultPage
	set(&limit, read(f, "limit", parseLimit))
	if err := f.done(); err != nil {
		return nil, err
	}
	if record.CheckID(x.id) != nil {
		return nil, noWorkspace()
	}
	events, err := x.Keys.History(x.ctx, x.id, "", limit)
	if errors.Is(err, keystore.ErrReadOnly) {
		return nil, &refusal.Refusal{Kind: refusal.HandlerForbidden, Status: 403, Cause: err,
			Message: "There is no history here: the keys file is edited by hand."}
	}
	if err != nil {
		return nil, err
	}
	views := make([]EventView, len(events))
	for n := range events {
		views[n] = NewEventView(&events[n])
	}
	return &Answer{Status: http.StatusOK, Data: views}, nil
}

// suspend refuses all keys of a workspace until it is resumed.
func (x *exchange) suspend() (*Answer, error) {
	f, err := x.readForm(false)
	if err != nil {
		return nil, err
	}
	reason := read(f, "reason", parseReason)
	if reason == nil && f.wrong["reason"] == nil {
		f.wrong["reason"] = "is missing: write why, for operators; callers are not told"
	}
	if err := f.done(); err != nil {
		return nil, err
	}
	return x.changeWorkspace("suspend", keystore.Suspend(*reason, x.Now()))
}

func parseReason(value any) (string, error) {
	reason, err := parseText(value)
	if err == nil {
		err = record.CheckReason(reason)
	}
	return reason, err
}

// resume takes back suspend.
func (x *exchange) resume() (*Answer, error) {
	f, err := x.readForm(true)
	if err != nil {
		return nil, err
	}
	if err := f.done(); err != nil {
		return nil, err
	}
	return x.changeWorkspace("resume", keystore.Resume)
}

func (x *exchange) changeWorkspace(word string, change func(*record.Workspace) error) (*Answer, error) {
	if err := x.confirmOther(); err != nil {
		return nil, err
	}
	workspace, err := x.Keys.UpdateWorkspace(x.ctx, x.actingOnWorkspace(word), x.id, change)
	if err != nil {
		return nil, err
	}
	return &Answer{Status: http.StatusOK, Data: NewWorkspaceView(workspace)}, nil
}

// DeletedWorkspace is a workspace that was deleted, as callers over HTTP and commands with --json see it.
type DeletedWorkspace struct {
	ID      string `json:"id"`
	Deleted bool   `json:"deleted"`
	// Keys is how many keys went with it.
	Keys int64 `json:"keys"`
}

// deleteWorkspace takes a workspace away for good, with its keys and their secrets.
func (x *exchange) deleteWorkspace() (*Answer, error) {
	if err := x.confirmOther(); err != nil {
		return nil, err
	}
	keys, err := x.Keys.DeleteWorkspace(x.ctx, x.actingOnWorkspace("delete"), x.id)
	if err != nil {
		return nil, err
	}
	return &Answer{Status: http.StatusOK, Data: DeletedWorkspace{x.id, true, keys}}, nil
}

// confirmOther judges the caller anew, and refuses what would lock it out itself: nobody could take that back over HTTP.
func (x *exchange) confirmOther() error {
	if err := x.confirm(); err != nil {
		return err
	}
	switch {
	case record.CheckID(x.id) != nil:
		return noWorkspace()
	case x.id == x.Caller.Workspace.ID:
		return invalid(map[string]any{"workspace": "is that of the key that asks: ask with a key of another workspace, or on the command line"})
	}
	return nil
}

// actingOnWorkspace says in the history who changes a workspace.
func (x *exchange) actingOnWorkspace(word string) keystore.Act {
	return keystore.Act{By: "key " + x.Caller.Key.ID, Action: "workspace " + word}
}
