package keystore

import (
	"context"
	"errors"
	"time"

	"github.com/tollgate-gateway/tollgate/caddymodule/record"
)

// Admin is the store's Admin, if it has one, for changes made through this very gateway: they hold here from the next
// request on, where the feed would tell of them a moment later.
func (c *Cache) Admin() (Admin, bool) {
	admin, ok := c.store.(Admin)
	return &through{Admin: admin, cache: c}, ok
}

// through is an Admin whose changes hold in the cache at once.
type through struct {
	Admin
	cache *Cache
}

func (t *through) UpdateWorkspace(ctx context.Context, act Act, id string, change func(*record.Workspace) error) (*record.Workspace, error) {
	workspace, err := t.Admin.UpdateWorkspace(ctx, act, id, change)
	done := outdates
	if err != nil || workspace.Suspended() {
		done = drops
	}
	t.changed(err, onWorkspace(id, done))
	return workspace, err
}

func (t *through) DeleteWorkspace(ctx context.Context, act Act, id string) (int64, error) {
	keys, err := t.Admin.DeleteWorkspace(ctx, act, id)
	t.changed(err, onWorkspace(id, drops))
	return keys, err
}

func onWorkspace(id string, done effect) func(*record.Identity) effect {
	return func(i *record.Identity) effect {
		if i.Workspace.ID == id {
			return done
		}
		return keeps
	}
}

func (t *through) CreateKeys(ctx context.Context, act Act, workspace string, keys []NewKey) error {
	err := t.Admin.CreateKeys(ctx, act, workspace, keys)
	t.changed(err, func(*record.Identity) effect { return keeps }) // no entry holds them; the unknown end with the epoch
	return err
}

func (t *through) UpdateKey(ctx context.Context, act Act, id string, change func(*record.Key) error) (*Key, error) {
	key, err := t.Admin.UpdateKey(ctx, act, id, change)
	t.changed(err, dropKey(id))
	return key, err
}

func (t *through) RotateKey(ctx context.Context, act Act, id string, sum record.Sum, grace time.Duration) (*Key, error) {
	key, err := t.Admin.RotateKey(ctx, act, id, sum, grace)
	t.changed(err, dropKey(id))
	return key, err
}

func dropKey(id string) func(*record.Identity) effect {
	return func(i *record.Identity) effect {
		if i.Key.ID == id {
			return drops
		}
		return keeps
	}
}

// changed applies a change to the cache, but for one that was refused. One that failed otherwise may have been made.
func (t *through) changed(err error, what func(*record.Identity) effect) {
	var refused *Problem
	if !errors.As(err, &refused) {
		t.cache.change(what)
	}
}
