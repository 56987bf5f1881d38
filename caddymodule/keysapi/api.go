package keysapi

import (
	"context"
	"errors"
	"net/http"
	"strings"
	"time"

	"github.com/tollgate-gateway/tollgate/caddymodule/keystore"
	"github.com/tollgate-gateway/tollgate/caddymodule/record"
	"github.com/tollgate-gateway/tollgate/caddymodule/refusal"
)

// MaxBody is the longest body that a request may have, in bytes: a key with all the networks and scopes that it can hold.
const MaxBody = 128 << 10

// requestTimeout bounds a request. A body may use up ten seconds of it. What is begun is ended even if the client leaves: it would
// not learn what became of it either way, and the history should.
const requestTimeout = 20 * time.Second

// API answers requests for the management of keys. All of its fields must be set. It is safe for concurrent use.
type API struct {
	// Keys is the store.
	Keys keystore.Admin
	// Prefix begins the secrets that are made.
	Prefix string
	// Now is the clock.
	Now func() time.Time
}

// Request is a request whose caller is known.
type Request struct {
	// Method is the HTTP method; HEAD is answered like GET.
	Method string
	// Path is what follows the path that the API is served at: "", "/<id>" or "/<id>/rotate" for keys, and for workspaces
	// "/workspaces", "/workspaces/<id>" or what is below that.
	Path string
	// Query is the raw query.
	Query string
	// Body reads the whole body, at most MaxBody bytes of JSON. It is called once, and only for POST and PATCH.
	Body func() ([]byte, *refusal.Refusal)
	// Caller is who asks, as the gate knew it.
	Caller *record.Identity
	// Confirm asks the store, and no cache, who the caller's secret belongs to now. Its errors are those of
	// keystore.Store.Lookup.
	Confirm func(context.Context) (*record.Identity, error)
}

// Answer is a success.
type Answer struct {
	// Status is the HTTP status.
	Status int `json:"-"`
	// Success is true.
	Success bool `json:"success"`
	// Data is a View, a WorkspaceView, or a list of such or of EventViews; a DeletedWorkspace.
	Data any `json:"data"`
	// Pagination is given with lists.
	Pagination *Pagination `json:"pagination,omitempty"`
}

// Pagination says which part of a list was given.
type Pagination struct {
	// Limit is how many keys were asked for.
	Limit int `json:"limit"`
	// Next is what to give as "after" for the following page; nil: this is the last.
	Next *string `json:"next"`
}

// operation is something that can be asked for.
type operation struct {
	action string // "read" or "write": the last part of the scope it needs
	do     func(*exchange) (*Answer, error)
	query  bool // it takes parameters
	// workspaces says that it is about workspaces, not keys.
	workspaces bool
}

// operations are those on all keys, on one key, and on "<key>/rotate", by method.
var (
	onKeys = map[string]operation{
		http.MethodGet:  {action: "read", do: (*exchange).list, query: true},
		http.MethodPost: {action: "write", do: (*exchange).create},
	}
	onKey = map[string]operation{
		http.MethodGet:    {action: "read", do: (*exchange).show},
		http.MethodPatch:  {action: "write", do: (*exchange).change},
		http.MethodDelete: {action: "write", do: (*exchange).revoke},
	}
	onRotate = map[string]operation{
		http.MethodPost: {action: "write", do: (*exchange).rotate},
	}
)

// exchange is one request on its way.
type exchange struct {
	*API
	*Request
	ctx   context.Context
	id    string    // of the key or workspace in the path
	op    operation // what is asked for
	who   authority // the caller
	reach reach     // of the caller, for what is asked
}

// Answer answers a request: one of the two is nil.
func (a *API) Answer(ctx context.Context, r *Request) (*Answer, *refusal.Refusal) {
	ctx, cancel := context.WithTimeout(context.WithoutCancel(ctx), requestTimeout)
	defer cancel()
	x := &exchange{API: a, Request: r, ctx: ctx, who: authority{r.Caller}}
	answer, err := x.answer()
	if err != nil {
		return nil, refused(err)
	}
	answer.Success = true
	return answer, nil
}

func (x *exchange) answer() (*Answer, error) {
	op, found := x.operation()
	if !found {
		return nil, &refusal.Refusal{Kind: refusal.UnknownRoute}
	}
	x.op = op
	if err := x.authorize(); err != nil {
		return nil, err
	}
	if x.Query != "" && !op.query {
		return nil, invalid(map[string]any{"query": "must be empty here"})
	}
	return op.do(x)
}

// authorize refuses a caller whose scopes do not reach what is asked for.
func (x *exchange) authorize() error {
	if x.op.workspaces {
		scope := "tollgate.admin.workspaces." + x.op.action
		if !covered(x.who.Key.Scopes, record.Scope(scope)) {
			return lacksScope(scope)
		}
		x.reach = everywhere
		return nil
	}
	if x.reach = x.who.reach(x.op.action); x.reach == nowhere {
		return lacksScope("tollgate.keys." + x.op.action)
	}
	return nil
}

// operation finds what is asked for, by path and method.
func (x *exchange) operation() (op operation, found bool) {
	method := x.Method
	if method == http.MethodHead {
		method = http.MethodGet
	}
	if x.Path == "" {
		op, found = onKeys[method]
		return op, found
	}
	if rest, found := strings.CutPrefix(x.Path, "/"+keystore.ReservedKeyID); found && (rest == "" || rest[0] == '/') {
		return x.onPathOfWorkspaces(rest, method)
	}
	var rest string
	x.id, rest, _ = strings.Cut(strings.TrimPrefix(x.Path, "/"), "/")
	switch {
	case x.Path == "/"+x.id:
		op, found = onKey[method]
	case rest == "rotate":
		op, found = onRotate[method]
	}
	return op, found
}

// confirm judges the caller anew, by what the store says now.
func (x *exchange) confirm() error {
	identity, err := x.Confirm(x.ctx)
	switch now := x.Now(); {
	case err != nil:
	case !identity.Usable(now):
		err = &keystore.Unusable{Key: identity.Key.ID, State: identity.State(now)}
	case identity.Key.ID != x.Caller.Key.ID || identity.Workspace.ID != x.Caller.Workspace.ID:
		err = keystore.ErrUnknown
	case identity.Workspace.Suspended():
		err = &refusal.Refusal{Kind: refusal.Suspended, Details: map[string]any{"reason": "suspended"}}
	}
	if errors.Is(err, keystore.ErrUnknown) {
		return &refusal.Refusal{Kind: refusal.Unauthorized, Challenge: `Bearer realm="tollgate", error="invalid_token"`, Cause: err}
	}
	if err != nil {
		return err
	}
	x.who = authority{identity}
	return x.authorize()
}

// confirmHolds judges the caller anew, and whether it holds all that a key can do.
func (x *exchange) confirmHolds(k *record.Key) error {
	if err := x.confirm(); err != nil {
		return err
	}
	return x.who.holds(k)
}

// key is the key in the path, if it is within reach.
func (x *exchange) key() (*keystore.Key, error) {
	if record.CheckID(x.id) != nil {
		return nil, noKey()
	}
	key, err := x.Keys.Key(x.ctx, x.id)
	if errors.Is(err, keystore.ErrNotFound) || err == nil && !x.within(key.Workspace) {
		return nil, noKey()
	}
	return key, err
}

// within reports whether the caller reaches a workspace.
func (x *exchange) within(workspace string) bool {
	return x.reach == everywhere || workspace == x.Caller.Workspace.ID
}

// acting says in the history who changes something.
func (x *exchange) acting(word string) keystore.Act {
	return keystore.Act{By: "key " + x.Caller.Key.ID, Action: "key " + word}
}
