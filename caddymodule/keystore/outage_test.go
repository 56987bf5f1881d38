package keystore_test

import (
	"errors"
	"fmt"
	"sync"
	"testing"
	"time"

	"github.com/stretchr/testify/require"

	"github.com/tollgate-gateway/tollgate/caddymodule/keystore"
	"github.com/tollgate-gateway/tollgate/caddymodule/record"
)

var errAway = errors.New("the store is away")

// verdict is what a request with the secret is answered: 200, 401 or 503.
func verdict(t *testing.T, c *keystore.Cache, secret string) int {
	t.Helper()
	if c.Known(record.SumOf(secret)) != nil {
		return 200
	}
	switch _, err := c.Lookup(t.Context(), record.SumOf(secret)); {
	case err == nil:
		return 200
	case errors.Is(err, keystore.ErrUnknown):
		return 401
	}
	return 503
}

func TestWhileTheStoreIsAway(t *testing.T) {
	for _, test := range []struct {
		name      string
		stale     time.Duration
		since     time.Duration // after the store went away
		secret    string
		want      int
		expiresIn time.Duration
	}{
		{"A26 a known key lives on", 5 * time.Minute, time.Minute, good, 200, 0},
		{"A26 a known key lives on to the end of stale_keys", 5 * time.Minute, 5*time.Minute - 2*time.Second, good, 200, 0},
		{"A26 a known key dies after stale_keys", 5 * time.Minute, 5*time.Minute + time.Second, good, 503, 0},
		{"A26 a key asked for only then cannot be judged", 5 * time.Minute, time.Minute, "never-asked-before", 503, 0},
		{"A26 a secret found unknown before cannot be judged", 5 * time.Minute, time.Minute, bad, 503, 0},
		{"without stale_keys nothing is known", 0, time.Second, good, 503, 0},
		{"expiry is judged", 5 * time.Minute, time.Minute, good, 401, 30 * time.Second},
	} {
		t.Run(test.name, func(t *testing.T) {
			store := newFake(good, "never-asked-before")
			bubble(t, keystore.Options{Stale: test.stale}, store, func(t *testing.T, c *keystore.Cache) {
				store.set(good, func(i *record.Identity) {
					if test.expiresIn > 0 {
						i.Key.ExpiresAt = time.Now().Add(time.Hour + test.expiresIn)
					}
				})
				require.Equal(t, 200, verdict(t, c, good))
				require.Equal(t, 401, verdict(t, c, bad))
				after(time.Hour) // unused, yet confirmed all the time
				store.do(func() { store.away = errAway })
				after(test.since)
				for range 3 {
					require.Equal(t, test.want, verdict(t, c, test.secret))
				}
				require.Equal(t, test.want == 200, c.Familiar(record.SumOf(test.secret)), "whoever passes is no stranger to the throttle")
			})
		})
	}
}

func TestTheOutageIsSaidOnceAndItsEndToo(t *testing.T) {
	var mu sync.Mutex
	var said []string
	report := func(what string, err error) {
		mu.Lock()
		defer mu.Unlock()
		said = append(said, fmt.Sprint(what, " fails ", err != nil))
	}
	store := newFake(good)
	bubble(t, keystore.Options{Stale: time.Minute, Report: report}, store, func(t *testing.T, c *keystore.Cache) {
		require.Equal(t, 200, verdict(t, c, good))
		store.do(func() { store.away = errAway })
		for range 20 {
			after(500 * time.Millisecond)
			verdict(t, c, good)
			verdict(t, c, bad)
		}
		store.do(func() { store.away = nil })
		after(time.Second)
		require.Equal(t, 401, verdict(t, c, bad))
	})
	require.ElementsMatch(t, []string{"changes fails true", "look-ups fails true", "changes fails false", "look-ups fails false"}, said)
}

func TestAnOutageIsNoStormOnTheStore(t *testing.T) {
	store := newFake()
	secrets := make([]string, 500)
	for i := range secrets {
		secrets[i] = fmt.Sprintf("secret-number-%d-of-many", i)
		store.set(secrets[i], func(*record.Identity) {})
	}
	bubble(t, keystore.Options{Stale: time.Hour}, store, func(t *testing.T, c *keystore.Cache) {
		for _, secret := range secrets {
			require.Equal(t, 200, verdict(t, c, secret))
		}
		store.do(func() { store.away = errAway })
		after(2 * time.Second)
		store.asked.Store(0)
		for range 20 { // ten seconds
			for _, secret := range secrets {
				require.Equal(t, 200, verdict(t, c, secret))
				require.Equal(t, 503, verdict(t, c, secret+"-unknown"))
			}
			after(500 * time.Millisecond)
		}
		require.LessOrEqual(t, store.asked.Load(), int32(45), "one probe each 250 ms")
		store.do(func() { store.away = nil })
		after(time.Second)
		store.asked.Store(0)
		for _, secret := range secrets {
			require.Equal(t, 200, verdict(t, c, secret))
		}
		require.Zero(t, store.asked.Load(), "the log shows that nothing was changed: nobody is asked again")
	})
}

func TestWhatChangedWhileTheStoreWasAwayIsObeyedWhenItIsBack(t *testing.T) {
	store := newFake(good)
	bubble(t, keystore.Options{Stale: time.Hour}, store, func(t *testing.T, c *keystore.Cache) {
		require.Equal(t, 200, verdict(t, c, good))
		after(time.Second)
		store.do(func() { store.away = errAway })
		after(time.Minute)
		require.Equal(t, 200, verdict(t, c, good))
		store.set(good, func(i *record.Identity) { i.Key.RevokedAt = time.Now() })
		store.tellKeys("key_" + good)
		store.do(func() { store.away = nil })
		after(time.Second)
		require.Equal(t, 401, verdict(t, c, good))
	})
}

func TestAHangingStoreHoldsRequestsUpForASecondAtMost(t *testing.T) {
	store := newFake(good)
	bubble(t, keystore.Options{Stale: time.Hour}, store, func(t *testing.T, c *keystore.Cache) {
		require.Equal(t, 200, verdict(t, c, good))
		after(time.Second)
		forever := make(chan struct{})
		store.do(func() { store.hold, store.silent = forever, true })
		after(2 * time.Second)
		start := time.Now()
		require.Equal(t, 200, verdict(t, c, good))
		require.Equal(t, time.Second, time.Since(start))
		start = time.Now()
		require.Equal(t, 200, verdict(t, c, good), "now it is known that the store hangs")
		require.Zero(t, time.Since(start))
		require.Equal(t, 503, verdict(t, c, bad))
		require.Zero(t, time.Since(start))
	})
}

func TestASilentFeedCostsTwoQueriesASecondPerKey(t *testing.T) {
	store := newFake(good)
	bubble(t, keystore.Options{}, store, func(t *testing.T, c *keystore.Cache) {
		store.do(func() { store.silent = true })
		after(time.Second)
		store.asked.Store(0)
		for range 1000 {
			require.Equal(t, 200, verdict(t, c, good))
			after(10 * time.Millisecond)
		}
		require.LessOrEqual(t, store.asked.Load(), int32(21))
		require.GreaterOrEqual(t, store.asked.Load(), int32(10), "none is trusted for long")
	})
}

func TestARecordThatMakesNoSenseIsNoOutage(t *testing.T) {
	store := newFake(good, "was-good-before-12")
	bubble(t, keystore.Options{Stale: time.Hour}, store, func(t *testing.T, c *keystore.Cache) {
		require.Equal(t, 401, verdict(t, c, "another-unknown-one"))
		require.Equal(t, 200, verdict(t, c, "was-good-before-12"))
		store.do(func() { store.away = fmt.Errorf("%w: key key_x", keystore.ErrUnreadable) })
		require.Equal(t, 503, verdict(t, c, bad), "never open, never unknown")
		store.do(func() { store.silent = true })
		after(time.Second)
		require.Equal(t, 503, verdict(t, c, "was-good-before-12"), "what it was before does not count")
		store.do(func() { store.away = nil })
		require.Equal(t, 200, verdict(t, c, good), "the others are asked for at once")
	})
}

func TestAPanickingStoreLeavesNobodyWaiting(t *testing.T) {
	c := keystore.NewCache(panicking{newFake()}, keystore.Options{})
	for range 2 { // the next caller asks anew
		_, err := c.Lookup(t.Context(), record.SumOf(good))
		require.ErrorContains(t, err, "the query panicked")
		require.NotErrorIs(t, err, keystore.ErrUnknown)
	}
	require.NoError(t, c.Close(), "a cache that was never started closes")
}
