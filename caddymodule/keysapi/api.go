package keysapi

import (
	"context"
	"errors"
	"time"

	"github.com/tollgate-gateway/tollgate/caddymodule/keystore"
	"github.com/tollgate-gateway/tollgate/caddymodule/record"
	"github.com/tollgate-gateway/tollgate/caddymodule/refusal"
	"github.com/tollgate-gateway/tollgate/caddymodule/usage"
)

// MaxBody is the longest body that a request may have, in bytes: a key with all the networks and scopes that it can hold.
const MaxBody = 128 << 10

// requestTimeout bounds a request. A body may use up ten seconds of it. What is begun is ended even if the client leaves: it would
// not learn what became of it either way, and the history should.
const requestTimeout = 20 * time.Second

// API answers requests for the management of keys. All of its fields but Usage must be set. It is safe for concurrent use.
type API struct {
	// Keys is the store.
	Keys keystore.Admin
	// Prefix begins the secrets that are made.
	Prefix string
	// Now is the clock.
	Now func() time.Time
	// Usage is the ledger of what workspaces used; nil: none is kept, and nobody can ask for it.
	Usage usage.Keeper
}

// Request is a request whose caller is known.
type Request struct {
	// Method is the HTTP method; HEAD is answered like GET.
	Method string
	// Path is what follows the path that the API is served at, such as "" or "/<id>": Operations has all of them.
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
	// Data is a View, a WorkspaceView, or a list of such or of EventViews; a DeletedWorkspace; a UsageView.
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

// exchange is one request on its way.
type exchange struct {
	*API
	*Request
	ctx   context.Context
	id    string     // of the key or workspace in the path
	op    *Operation // what is asked for
	who   authority  // the caller
	reach reach      // of the caller, for what is asked
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
	if x.op, x.id = find(x.Method, x.Path); x.op == nil {
		return nil, &refusal.Refusal{Kind: refusal.UnknownRoute}
	}
	if err := x.authorize(); err != nil {
		return nil, err
	}
	if x.Query != "" && !x.op.query {
		return nil, invalid(map[string]any{"query": "must be empty here"})
	}
	return x.op.do(x)
}

// authorize refuses a caller whose scopes do not reach what is asked for.
func (x *exchange) authorize() error {
	if x.reach = x.who.reach(x.op); x.reach == nowhere {
		return lacksScope(x.op.Scopes()[0])
	}
	return nil
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
