package keystore_test

import (
	"context"
	"fmt"
	"sync"
	"testing"
	"testing/synctest"
	"time"

	"github.com/stretchr/testify/require"

	"github.com/tollgate-gateway/tollgate/caddymodule/keystore"
	"github.com/tollgate-gateway/tollgate/caddymodule/record"
)

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

func TestWhoeverComesAsTheQueryEndsAsksNoSecondOne(t *testing.T) {
	store := newFake()
	c := keystore.NewCache(store, keystore.Options{})
	const keys, callers = 2000, 8
	for n := range keys {
		secret := fmt.Sprintf("secret-number-%d", n)
		store.set(secret, func(*record.Identity) {})
		start := make(chan struct{})
		var all sync.WaitGroup
		for range callers {
			all.Go(func() {
				<-start
				if _, err := c.Lookup(context.Background(), record.SumOf(secret)); err != nil {
					t.Error(err)
				}
			})
		}
		close(start)
		all.Wait()
	}
	require.EqualValues(t, keys, store.asked.Load())
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
				store.tellKeys("key_" + good)
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
		store.tellKeys("key_" + good)
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

func TestOnlyTheChangedKeyIsForgotten(t *testing.T) {
	const sibling = "another-secret-123"
	store := newFake(good, sibling)
	store.set(sibling, func(i *record.Identity) { i.Workspace.ID = "ws_" + good })
	bubble(t, keystore.Options{Stale: 5 * time.Minute}, store, func(t *testing.T, c *keystore.Cache) {
		for _, secret := range []string{good, sibling} {
			_, err := lookup(t, c, secret)
			require.NoError(t, err)
		}
		store.set(good, func(i *record.Identity) { i.Key.RevokedAt = time.Now() })
		store.tellKeys("key_" + good)
		after(500 * time.Millisecond)
		store.do(func() { store.away = errAway })
		after(2 * time.Second)
		require.Equal(t, 200, verdict(t, c, sibling), "it was known good a moment ago")
		require.Equal(t, 503, verdict(t, c, good))
	})
}

func TestAChangeOfAWorkspaceDoesNotUndoItsKeys(t *testing.T) {
	store := newFake(good)
	bubble(t, keystore.Options{Stale: 5 * time.Minute}, store, func(t *testing.T, c *keystore.Cache) {
		_, err := lookup(t, c, good)
		require.NoError(t, err)
		store.set(good, func(i *record.Identity) { i.Workspace.Plan = "enterprise" })
		store.tell("ws_" + good)
		after(500 * time.Millisecond)
		store.do(func() { store.away = errAway })
		require.Equal(t, 200, verdict(t, c, good), "the key is good, whatever the plan is now")
		after(time.Minute)
		require.Equal(t, 200, verdict(t, c, good))
		store.do(func() { store.away = nil })
		after(time.Second)
		identity, err := lookup(t, c, good)
		require.NoError(t, err)
		require.Equal(t, "enterprise", identity.Workspace.Plan)
		require.NotNil(t, c.Known(record.SumOf(good)), "asked once, and known again")
		after(5 * time.Minute)
		store.do(func() { store.away = errAway })
		after(4 * time.Minute)
		require.Equal(t, 200, verdict(t, c, good))
		after(2 * time.Minute)
		require.Equal(t, 503, verdict(t, c, good), "stale_keys holds as ever")
	})
}

// TestABarredWorkspaceIsNotBridged: where a suspension or deletion was told and the store is away then, its keys do not go on.
func TestABarredWorkspaceIsNotBridged(t *testing.T) {
	store := newFake(good, bad)
	bubble(t, keystore.Options{Stale: 5 * time.Minute}, store, func(t *testing.T, c *keystore.Cache) {
		require.Equal(t, 200, verdict(t, c, good))
		require.Equal(t, 200, verdict(t, c, bad))
		store.do(func() { store.revision++; store.barred = []string{"ws_" + good} })
		after(500 * time.Millisecond)
		store.do(func() { store.away = errAway })
		require.Equal(t, 503, verdict(t, c, good))
		require.Equal(t, 200, verdict(t, c, bad))
	})
}

func TestABurstOfChangesIsTakenTogether(t *testing.T) {
	store := newFake(good)
	store.tick = time.Millisecond
	bubble(t, keystore.Options{}, store, func(t *testing.T, c *keystore.Cache) {
		require.NotZero(t, store.told.Swap(0))
		for range 1000 { // ten seconds
			store.tell("ws_busy")
			after(10 * time.Millisecond)
		}
		require.LessOrEqual(t, store.told.Load(), int32(110), "some ten a second")
		store.set(good, func(*record.Identity) {})
		_, err := lookup(t, c, good)
		require.NoError(t, err)
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
		store.tellKeys("key_" + good)
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

func TestAChangedPlanIsSeenThoughTheKeyIsTheSame(t *testing.T) {
	store := newFake(good)
	bubble(t, keystore.Options{}, store, func(t *testing.T, c *keystore.Cache) {
		_, err := lookup(t, c, good)
		require.NoError(t, err)
		store.do(func() { store.silent = true })
		store.set(good, func(i *record.Identity) { i.Workspace.Plan = "free" })
		after(time.Second)
		identity, err := lookup(t, c, good)
		require.NoError(t, err)
		require.Equal(t, "free", identity.Workspace.Plan)
		store.set(good, func(i *record.Identity) {
			i.Workspace.Plan, i.SecretExpiresAt = "free", time.Now().Add(time.Hour)
		})
		after(time.Second)
		identity, err = lookup(t, c, good)
		require.NoError(t, err)
		require.False(t, identity.SecretExpiresAt.IsZero(), "nor is the end of a rotated secret missed")
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
