package keystore_test

import (
	"context"
	"errors"
	"sync"
	"sync/atomic"
	"testing"
	"testing/synctest"
	"time"

	"github.com/stretchr/testify/require"

	"github.com/tollgate-gateway/tollgate/caddymodule/keystore"
	"github.com/tollgate-gateway/tollgate/caddymodule/record"
)

// fakeStore is a Store in memory whose feed and failures the test holds in its hand.
type fakeStore struct {
	mu       sync.Mutex
	byS      map[record.Sum]*record.Identity
	away     error
	silent   bool // the feed fails, look-ups work
	revision int64
	changed  []string // workspaces
	touched  []string // keys
	barred   []string // workspaces
	gap      bool
	asked    atomic.Int32
	told     atomic.Int32  // changes
	tick     time.Duration // how soon the feed sees a change
	hold     chan struct{} // look-ups wait for it to be closed
	uses     []keystore.Use
}

func newFake(secrets ...string) *fakeStore {
	f := &fakeStore{byS: map[record.Sum]*record.Identity{}, revision: 1, tick: 100 * time.Millisecond}
	for _, secret := range secrets {
		f.set(secret, func(*record.Identity) {})
	}
	return f
}

// set gives the secret a new record.
func (f *fakeStore) set(secret string, change func(*record.Identity)) {
	f.mu.Lock()
	defer f.mu.Unlock()
	identity := &record.Identity{Key: &record.Key{ID: "key_" + secret}, Workspace: &record.Workspace{ID: "ws_" + secret, Plan: "pro"}}
	change(identity)
	f.byS[record.SumOf(secret)] = identity
}

func (f *fakeStore) do(change func()) {
	f.mu.Lock()
	defer f.mu.Unlock()
	change()
}

// tellKeys lets the feed say which keys were changed.
func (f *fakeStore) tellKeys(keys ...string) {
	f.do(func() { f.revision++; f.touched = append(f.touched, keys...) })
}

// tell lets the feed say which workspaces were changed.
func (f *fakeStore) tell(workspaces ...string) {
	f.do(func() { f.revision++; f.changed = append(f.changed, workspaces...) })
}

func (f *fakeStore) Lookup(ctx context.Context, sum record.Sum) (*record.Identity, error) {
	f.asked.Add(1)
	f.mu.Lock()
	hold, identity, away := f.hold, f.byS[sum], f.away
	f.mu.Unlock()
	if hold != nil {
		select {
		case <-hold:
		case <-ctx.Done():
			return nil, ctx.Err()
		}
	}
	switch {
	case away != nil:
		return nil, away
	case identity == nil:
		return nil, keystore.ErrUnknown
	}
	return identity, nil
}

func (f *fakeStore) Changes(ctx context.Context, since keystore.Position) (keystore.Changes, error) {
	for range 200 * time.Millisecond / f.tick {
		f.mu.Lock()
		if f.away != nil || f.silent {
			f.mu.Unlock()
			return keystore.Changes{}, errors.New("no feed")
		}
		if since.Revision != f.revision || f.gap {
			now := keystore.Changes{Position: keystore.Position{Revision: f.revision}, At: time.Now(),
				Workspaces: f.changed, Keys: f.touched, Barred: f.barred, Gap: since.Revision == 0 || f.gap}
			f.changed, f.touched, f.barred, f.gap = nil, nil, nil, false
			f.told.Add(1)
			f.mu.Unlock()
			return now, nil
		}
		f.mu.Unlock()
		select {
		case <-ctx.Done():
			return keystore.Changes{}, ctx.Err()
		case <-time.After(f.tick):
		}
	}
	return keystore.Changes{Position: since, At: time.Now()}, nil
}

func (f *fakeStore) WriteUses(_ context.Context, uses []keystore.Use) error {
	f.mu.Lock()
	defer f.mu.Unlock()
	if f.away != nil {
		return f.away
	}
	f.uses = append(f.uses, uses...)
	return nil
}

func (f *fakeStore) Close() error   { return nil }
func (f *fakeStore) String() string { return "fake" }

const (
	good = "good-secret-12345"
	bad  = "guessed-secret-12"
)

// bubble runs the test on a clock of its own, with a started cache.
func bubble(t *testing.T, options keystore.Options, store *fakeStore, test func(t *testing.T, c *keystore.Cache)) {
	t.Helper()
	synctest.Test(t, func(t *testing.T) {
		c := keystore.NewCache(store, options)
		c.Start()
		defer func() { require.NoError(t, c.Close()) }()
		synctest.Wait()
		test(t, c)
	})
}

func lookup(t *testing.T, c *keystore.Cache, secret string) (*record.Identity, error) {
	t.Helper()
	return c.Lookup(t.Context(), record.SumOf(secret))
}

// after lets the time pass.
func after(d time.Duration) {
	<-time.After(d)
	synctest.Wait()
}
