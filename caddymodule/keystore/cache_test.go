package keystore_test

import (
	"context"
	"errors"
	"fmt"
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
	changed  []string
	gap      bool
	asked    atomic.Int32
	hold     chan struct{} // look-ups wait for it to be closed
	uses     []keystore.Use
}

func newFake(secrets ...string) *fakeStore {
	f := &fakeStore{byS: map[record.Sum]*record.Identity{}, revision: 1}
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

// tell lets the feed say what was changed.
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
	for range 2 {
		f.mu.Lock()
		if f.away != nil || f.silent {
			f.mu.Unlock()
			return keystore.Changes{}, errors.New("no feed")
		}
		if since.Revision != f.revision || f.gap {
			now := keystore.Changes{Position: keystore.Position{Revision: f.revision}, At: time.Now(),
				Workspaces: f.changed, Gap: since.Revision == 0 || f.gap}
			f.changed, f.gap = nil, false
			f.mu.Unlock()
			return now, nil
		}
		f.mu.Unlock()
		select {
		case <-ctx.Done():
			return keystore.Changes{}, ctx.Err()
		case <-time.After(100 * time.Millisecond):
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

func TestAskedOnceWhileTheFeedIsWhole(t *testing.T) {
	store := newFake(good)
	bubble(t, keystore.Options{}, store, func(t *testing.T, c *keystore.Cache) {
		require.Nil(t, c.Known(record.SumOf(good)), "nothing is known before it was asked")
		for range 10 {
			_, err := lookup(t, c, good)
			require.NoError(t, err)
			require.NotNil(t, c.Known(record.SumOf(good)))
			_, err = lookup(t, c, bad)
			require.ErrorIs(t, err, keystore.ErrUnknown)
			require.Nil(t, c.Known(record.SumOf(bad)))
			after(time.Minute)
		}
		require.EqualValues(t, 2, store.asked.Load(), "one query for the known, one for the unknown")
	})
}

func TestManyAtOnceShareOneQuery(t *testing.T) {
	store := newFake(good)
	bubble(t, keystore.Options{}, store, func(t *testing.T, c *keystore.Cache) {
		hold := make(chan struct{})
		store.do(func() { store.hold = hold })
		var all sync.WaitGroup
		for range 100 {
			all.Go(func() {
				identity, err := c.Lookup(context.Background(), record.SumOf(good))
				require.NoError(t, err)
				require.Equal(t, "key_"+good, identity.Key.ID)
			})
		}
		synctest.Wait()
		close(hold)
		all.Wait()
		require.EqualValues(t, 1, store.asked.Load())
	})
}

func TestACallerThatLeavesTakesNobodyAlong(t *testing.T) {
	store := newFake(good)
	bubble(t, keystore.Options{}, store, func(t *testing.T, c *keystore.Cache) {
		hold := make(chan struct{})
		store.do(func() { store.hold = hold })
		first, leave := context.WithCancel(context.Background())
		var all sync.WaitGroup
		all.Go(func() { _, _ = c.Lookup(first, record.SumOf(good)) })
		synctest.Wait()
		second, giveUp := context.WithCancel(context.Background())
		all.Go(func() {
			_, err := c.Lookup(second, record.SumOf(good))
			require.ErrorIs(t, err, context.Canceled, "a waiting caller may leave")
		})
		all.Go(func() {
			_, err := c.Lookup(context.Background(), record.SumOf(good))
			require.NoError(t, err)
		})
		synctest.Wait()
		leave()
		giveUp()
		synctest.Wait()
		close(hold)
		all.Wait()
		require.EqualValues(t, 1, store.asked.Load())
	})
}

func TestChangesAreObeyedWithinASecond(t *testing.T) {
	for _, test := range []struct {
		name    string
		silence bool
	}{{"told by the feed", false}, {"with the feed silent", true}} {
		t.Run(test.name, func(t *testing.T) {
			store := newFake(good)
			bubble(t, keystore.Options{Stale: 5 * time.Minute}, store, func(t *testing.T, c *keystore.Cache) {
				_, err := lookup(t, c, good)
				require.NoError(t, err)
				after(50 * time.Millisecond)
				store.do(func() { store.silent = test.silence })
				store.set(good, func(i *record.Identity) { i.Key.RevokedAt = time.Now() })
				store.tell("ws_" + good)
				after(time.Second)
				require.Nil(t, c.Known(record.SumOf(good)))
				_, err = lookup(t, c, good)
				require.ErrorIs(t, err, keystore.ErrUnknown)
			})
		})
	}
}

func TestANewKeyIsSeenThoughItsSumWasUnknown(t *testing.T) {
	store := newFake()
	bubble(t, keystore.Options{}, store, func(t *testing.T, c *keystore.Cache) {
		_, err := lookup(t, c, good)
		require.ErrorIs(t, err, keystore.ErrUnknown)
		store.set(good, func(*record.Identity) {})
		store.tell("ws_" + good)
		after(time.Second)
		_, err = lookup(t, c, good)
		require.NoError(t, err)
	})
}

func TestOnlyTheChangedWorkspaceIsAskedAgain(t *testing.T) {
	store := newFake(good, "another-secret-123")
	bubble(t, keystore.Options{}, store, func(t *testing.T, c *keystore.Cache) {
		for _, secret := range []string{good, "another-secret-123"} {
			_, err := lookup(t, c, secret)
			require.NoError(t, err)
		}
		store.tell("ws_" + good)
		after(time.Second)
		require.Nil(t, c.Known(record.SumOf(good)))
		require.NotNil(t, c.Known(record.SumOf("another-secret-123")))
	})
}

func TestAfterAGapEveryEntryIsAskedAgain(t *testing.T) {
	store := newFake(good)
	bubble(t, keystore.Options{Stale: time.Hour}, store, func(t *testing.T, c *keystore.Cache) {
		_, err := lookup(t, c, good)
		require.NoError(t, err)
		_, err = lookup(t, c, bad)
		require.ErrorIs(t, err, keystore.ErrUnknown)
		store.do(func() { store.gap = true })
		after(time.Second)
		require.Nil(t, c.Known(record.SumOf(good)))
		_, _ = lookup(t, c, good)
		_, _ = lookup(t, c, bad)
		require.EqualValues(t, 4, store.asked.Load())
	})
}

func TestAnAnswerOlderThanAChangeIsNotKept(t *testing.T) {
	store := newFake(good)
	bubble(t, keystore.Options{}, store, func(t *testing.T, c *keystore.Cache) {
		hold := make(chan struct{})
		store.do(func() { store.hold = hold })
		var all sync.WaitGroup
		all.Go(func() { _, _ = c.Lookup(context.Background(), record.SumOf(good)) })
		synctest.Wait() // the old record is read, its answer is on the way
		store.do(func() { store.hold = nil })
		store.set(good, func(i *record.Identity) { i.Key.Disabled = true })
		store.tell("ws_" + good)
		after(300 * time.Millisecond)
		_, err := lookup(t, c, good)
		require.ErrorIs(t, err, keystore.ErrUnknown, "nobody joins the query that began before the change")
		close(hold)
		all.Wait()
		require.Nil(t, c.Known(record.SumOf(good)))
		_, err = lookup(t, c, good)
		require.ErrorIs(t, err, keystore.ErrUnknown)
	})
}

func TestKeysThatMayNotBeUsed(t *testing.T) {
	for name, change := range map[string]func(*record.Identity){
		"disabled":             func(i *record.Identity) { i.Key.Disabled = true },
		"revoked":              func(i *record.Identity) { i.Key.RevokedAt = time.Now() },
		"expired":              func(i *record.Identity) { i.Key.ExpiresAt = time.Now().Add(-time.Second) },
		"rotated out of use":   func(i *record.Identity) { i.SecretExpiresAt = time.Now().Add(-time.Second) },
		"expiring this minute": func(i *record.Identity) { i.Key.ExpiresAt = time.Now().Add(time.Minute) },
	} {
		t.Run(name, func(t *testing.T) {
			store := newFake()
			bubble(t, keystore.Options{}, store, func(t *testing.T, c *keystore.Cache) {
				store.set(good, change)
				if name == "expiring this minute" {
					_, err := lookup(t, c, good)
					require.NoError(t, err)
					require.NotNil(t, c.Known(record.SumOf(good)))
					after(time.Minute)
				}
				require.Nil(t, c.Known(record.SumOf(good)))
				for range 3 {
					_, err := lookup(t, c, good)
					require.ErrorIs(t, err, keystore.ErrUnknown)
				}
				require.EqualValues(t, 1, store.asked.Load())
			})
		})
	}
}

func TestRecordsKeepTheirIdentityWhenAskedAgain(t *testing.T) {
	store := newFake(good)
	bubble(t, keystore.Options{}, store, func(t *testing.T, c *keystore.Cache) {
		first, err := lookup(t, c, good)
		require.NoError(t, err)
		store.do(func() { store.silent = true })
		store.set(good, func(*record.Identity) {})
		after(10 * time.Second)
		second, err := lookup(t, c, good)
		require.NoError(t, err)
		require.EqualValues(t, 2, store.asked.Load())
		require.Same(t, first, second, "an equal record read again is the same one")
	})
}

func TestKeysOfOneWorkspaceShareItsRecord(t *testing.T) {
	store := newFake()
	bubble(t, keystore.Options{}, store, func(t *testing.T, c *keystore.Cache) {
		var workspaces []*record.Workspace
		for i := range 3 {
			secret := fmt.Sprintf("secret-of-one-workspace-%d", i)
			store.set(secret, func(i *record.Identity) {
				i.Workspace = &record.Workspace{ID: "ws_one", Plan: "pro", Metadata: map[string]any{"region": "eu"}}
			})
			identity, err := lookup(t, c, secret)
			require.NoError(t, err)
			workspaces = append(workspaces, identity.Workspace)
		}
		require.Same(t, workspaces[0], workspaces[1])
		require.Same(t, workspaces[0], workspaces[2])
	})
}
