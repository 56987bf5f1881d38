package keysapi

import (
	"errors"
	"net/http"
	"slices"
	"time"

	"github.com/tollgate-gateway/tollgate/caddymodule/apikey"
	"github.com/tollgate-gateway/tollgate/caddymodule/keystore"
	"github.com/tollgate-gateway/tollgate/caddymodule/record"
)

const (
	defaultPage = 50
	maxPage     = 200
	// defaultGrace is how long the secrets that a key had live on after a rotation.
	defaultGrace = 24 * time.Hour
)

// list gives the keys of one workspace, or of all, by id.
func (x *exchange) list() (*Answer, error) {
	f, err := readQuery(x.Query)
	if err != nil {
		return nil, err
	}
	workspace := x.readWhose(f)
	after, limit := "", defaultPage
	set(&after, read(f, "after", parseID))
	set(&limit, read(f, "limit", parseLimit))
	filter := keystore.KeyFilter{Now: x.Now()}
	if unused := read(f, "unused", parseGrace); unused != nil {
		filter.UnusedSince = filter.Now.Add(-*unused)
	}
	if expiring := read(f, "expiring", parseGrace); expiring != nil {
		filter.EndBy = filter.Now.Add(*expiring)
	}
	set(&filter.Scope, read(f, "scope", parseScope))
	if err := f.done(); err != nil {
		return nil, err
	}
	if !x.within(workspace) {
		return nil, noWorkspace()
	}
	filter.Workspace = workspace
	keys, err := x.Keys.FindKeys(x.ctx, filter, after, limit+1) // one more tells whether a page follows
	if err != nil {
		return nil, err
	}
	pagination := &Pagination{Limit: limit}
	if len(keys) > limit {
		keys = keys[:limit]
		pagination.Next = &keys[limit-1].ID
	}
	views := make([]*View, len(keys))
	for i, key := range keys {
		views[i] = NewView(key, x.Now())
	}
	return &Answer{Status: http.StatusOK, Data: views, Pagination: pagination}, nil
}

func (x *exchange) show() (*Answer, error) {
	key, err := x.key()
	if err != nil {
		return nil, err
	}
	return x.shown(key), nil
}

// shown answers with a key.
func (x *exchange) shown(key *keystore.Key) *Answer {
	return &Answer{Status: http.StatusOK, Data: NewView(key, x.Now())}
}

// create makes a key.
func (x *exchange) create() (*Answer, error) {
	f, err := x.readForm(true)
	if err != nil {
		return nil, err
	}
	workspace := x.Caller.Workspace.ID
	set(&workspace, read(f, "workspace", parseID))
	given := x.readTerms(f)
	if err := f.done(); err != nil {
		return nil, err
	}
	key := record.Key{ID: apikey.NewID()}
	given.apply(&key)
	if err := x.confirm(); err != nil {
		return nil, err
	}
	if key.ExpiresAt.IsZero() { // the caller cannot grant more than its own end, which need not be asked for
		key.ExpiresAt = x.who.end()
	}
	if len(key.Limits) == 0 { // nor more than its own limits
		key.Limits = x.who.Key.Limits
	}
	if err := x.who.holds(&key); err != nil {
		return nil, err
	}
	if !x.within(workspace) {
		return nil, noWorkspace()
	}
	secret, err := apikey.New(x.Prefix)
	if err != nil {
		return nil, err
	}
	made := []keystore.NewKey{{Key: key, Sum: record.SumOf(secret)}}
	if err := x.Keys.CreateKeys(x.ctx, x.acting("create"), workspace, made); err != nil {
		return nil, err
	}
	if err := x.confirmHolds(&key); err != nil {
		_, _ = x.revokeKey(key.ID) // nobody has seen its secret
		return nil, err
	}
	stored, err := x.Keys.Key(x.ctx, key.ID)
	if err != nil { // it is made all the same, and its secret is shown but now
		stored = &keystore.Key{Key: key, Workspace: workspace}
	}
	answer := x.secretShown(stored, secret)
	answer.Status = http.StatusCreated
	return answer, nil
}

// secretShown answers with a key and the secret it was given a moment ago.
func (x *exchange) secretShown(key *keystore.Key, secret string) *Answer {
	view := NewView(key, x.Now())
	view.Secret = secret
	return &Answer{Status: http.StatusOK, Data: view}
}

// rotate gives a key a second secret. Who gets it can do what the key can, and must hold all of that.
func (x *exchange) rotate() (*Answer, error) {
	f, err := x.readForm(true)
	if err != nil {
		return nil, err
	}
	grace := defaultGrace
	set(&grace, read(f, "grace", parseGrace))
	if err := f.done(); err != nil {
		return nil, err
	}
	if err := x.confirm(); err != nil {
		return nil, err
	}
	key, err := x.key()
	if err != nil {
		return nil, err
	}
	if err := x.who.holds(&key.Key); err != nil {
		return nil, err
	}
	secret, err := apikey.New(x.Prefix)
	if err != nil {
		return nil, err
	}
	rotated, err := x.Keys.RotateKey(x.ctx, x.acting("rotate"), x.id, record.SumOf(secret), grace)
	if err != nil {
		return nil, err
	}
	if x.id != x.Caller.Key.ID { // the caller's own secret may have ended by this very rotation
		if err := x.confirmHolds(&rotated.Key); err != nil {
			return nil, err
		}
	}
	answer := x.secretShown(rotated, secret)
	answer.Data.(*View).OldSecretsExpireAt = optional(rotated.OldSecretsEnd())
	return answer, nil
}

// change sets fields of a key.
func (x *exchange) change() (*Answer, error) {
	f, err := x.readForm(false)
	if err != nil {
		return nil, err
	}
	given := x.readTerms(f)
	given.disabled = read(f, "disabled", parseFlag)
	if err := f.done(); err != nil {
		return nil, err
	}
	if err := x.confirm(); err != nil {
		return nil, err
	}
	if _, err := x.key(); err != nil { // a key never changes its workspace: what is in reach stays so
		return nil, err
	}
	changed, err := x.Keys.UpdateKey(x.ctx, x.acting("change"), x.id, func(k *record.Key) error {
		before := *k
		given.apply(k)
		if x.id == x.who.Key.ID && !slices.Equal(before.Limits, k.Limits) {
			return beyond(map[string]any{"limits": "no key changes its own: another window would begin anew"})
		}
		if !widens(&before, k) {
			return nil
		}
		return x.who.holds(k)
	})
	if err != nil {
		return nil, err
	}
	return x.shown(changed), nil
}

// revoke ends a key for good. One that is revoked already is answered in the same way, so that a lost answer can be had
// again.
func (x *exchange) revoke() (*Answer, error) {
	if err := x.confirm(); err != nil {
		return nil, err
	}
	key, err := x.key()
	if err != nil {
		return nil, err
	}
	revoked, err := x.revokeKey(x.id)
	switch {
	case errors.Is(err, keystore.ErrRevoked):
		return x.shown(key), nil
	case err != nil:
		return nil, err
	}
	return x.shown(revoked), nil
}

func (x *exchange) revokeKey(id string) (*keystore.Key, error) {
	return x.Keys.UpdateKey(x.ctx, x.acting("revoke"), id, func(k *record.Key) error {
		k.RevokedAt = x.Now()
		return nil
	})
}
