package keystore

import (
	"context"
	"time"

	"github.com/tollgate-gateway/tollgate/caddymodule/record"
)

// Admin is the store's Admin, if it has one, for changes made through this very gateway: they hold here from the next
// request on, where the feed would tell of them a moment later.
func (c *Cache) Admin() (Admin, bool) {
	admin, ok := c.store.(Admin)
	return &through{Admin: admin, cache: c}, ok
}

// through forgets what it changes. A change that failed may have been made nevertheless.
type through struct {
	Admin
	cache *Cache
}

func (t *through) UpdateWorkspace(ctx context.Context, act Act, id string, change func(*record.Workspace) error) (*record.Workspace, error) {
	defer t.cache.Forget(id)
	return t.Admin.UpdateWorkspace(ctx, act, id, change)
}

func (t *through) CreateKeys(ctx context.Context, act Act, workspace string, keys []NewKey) error {
	defer t.cache.Forget(workspace)
	return t.Admin.CreateKeys(ctx, act, workspace, keys)
}

func (t *through) UpdateKey(ctx context.Context, act Act, id string, change func(*record.Key) error) (*Key, error) {
	defer t.cache.forgetKey(id)
	return t.Admin.UpdateKey(ctx, act, id, change)
}

func (t *through) RotateKey(ctx context.Context, act Act, id string, sum record.Sum, grace time.Duration) (*Key, error) {
	defer t.cache.forgetKey(id)
	return t.Admin.RotateKey(ctx, act, id, sum, grace)
}
