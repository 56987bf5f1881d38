package keystore_test

import (
	"context"
	"encoding/binary"
	"os"
	"runtime"
	"runtime/debug"
	"strconv"
	"strings"
	"testing"
	"time"

	"github.com/stretchr/testify/require"

	"github.com/tollgate-gateway/tollgate/caddymodule/keystore"
	"github.com/tollgate-gateway/tollgate/caddymodule/record"
)

// panicking is a store with a bug.
type panicking struct{ *fakeStore }

func (panicking) Lookup(context.Context, record.Sum) (*record.Identity, error) { panic("a bug") }

// endless is a store that knows every sum whose first byte is 1, and counts nothing.
type endless struct{ *fakeStore }

func (endless) Lookup(_ context.Context, sum record.Sum) (*record.Identity, error) {
	if sum[0] != 1 {
		return nil, keystore.ErrUnknown
	}
	id := "key_" + strconv.FormatUint(binary.BigEndian.Uint64(sum[8:]), 10)
	return &record.Identity{Key: &record.Key{ID: id, Scopes: []record.Scope{"agent.*"}}, Workspace: &record.Workspace{ID: "ws_1"}}, nil
}

// sumOf is the n-th sum of its kind: known or unknown to endless.
func sumOf(n int, known bool) (sum record.Sum) {
	if known {
		sum[0] = 1
	}
	binary.BigEndian.PutUint64(sum[8:], uint64(n))
	sum[1], sum[2], sum[3] = byte(n), byte(n>>8), byte(n>>16)
	return sum
}

// started is a cache that follows the store and knows the sum.
func started(t testing.TB, store keystore.Store, options keystore.Options, sum record.Sum) *keystore.Cache {
	t.Helper()
	c := keystore.NewCache(store, options)
	c.Start()
	t.Cleanup(func() { require.NoError(t, c.Close()) })
	since := time.Now()
	require.Eventually(t, func() bool {
		if c.Known(sum) == nil {
			since = time.Now()
			_, _ = c.Lookup(t.Context(), sum)
		}
		return time.Since(since) > 600*time.Millisecond // longer than an entry is trusted that no feed confirms
	}, 10*time.Second, time.Millisecond)
	return c
}

func rss(t testing.TB) int {
	t.Helper()
	debug.FreeOSMemory()
	text, err := os.ReadFile("/proc/self/statm")
	if err != nil {
		var m runtime.MemStats
		runtime.ReadMemStats(&m)
		return int(m.HeapInuse)
	}
	pages, err := strconv.Atoi(strings.Fields(string(text))[1])
	require.NoError(t, err)
	return pages * os.Getpagesize()
}

func TestAMillionUnknownKeysGrowNothing(t *testing.T) {
	c := started(t, endless{newFake()}, keystore.Options{}, sumOf(0, true))
	before := rss(t)
	for n := range unknownKeys {
		if _, err := c.Lookup(t.Context(), sumOf(n, false)); err != keystore.ErrUnknown {
			require.ErrorIs(t, err, keystore.ErrUnknown)
		}
	}
	grown := (rss(t) - before) >> 20
	t.Logf("RSS grew by %d MB", grown)
	require.Less(t, grown, maxGrowth)
	require.NotNil(t, c.Known(sumOf(0, true)), "guessing evicts no good key")
}

func TestKnownKeysAreBoundedAndTheUnusedGoFirst(t *testing.T) {
	c := started(t, endless{newFake()}, keystore.Options{Known: 1024}, sumOf(0, true))
	kept := 0
	for n := 1; n <= 20_000; n++ {
		_, err := c.Lookup(t.Context(), sumOf(n, true))
		require.NoError(t, err)
	}
	for n := 1; n <= 20_000; n++ {
		if c.Known(sumOf(n, true)) != nil {
			kept++
		}
	}
	require.LessOrEqual(t, kept, 1024)
	require.Greater(t, kept, 800)
}

// TestAnotherBoundHoldsForACacheInUse is a reload that changes known_keys.
func TestAnotherBoundHoldsForACacheInUse(t *testing.T) {
	t.Parallel()
	const asked = 20_000
	c := started(t, endless{newFake()}, keystore.Options{Known: asked}, sumOf(0, true))
	ask := func() (kept int) {
		for n := 1; n <= asked; n++ {
			_, err := c.Lookup(t.Context(), sumOf(n, true))
			require.NoError(t, err)
		}
		for n := 1; n <= asked; n++ {
			if c.Known(sumOf(n, true)) != nil {
				kept++
			}
		}
		return kept
	}
	require.Greater(t, ask(), asked/2)
	c.Configure(keystore.Options{Known: 1024})
	require.LessOrEqual(t, ask(), 1024)
	c.Configure(keystore.Options{Known: 2 * asked})
	require.Greater(t, ask(), asked*9/10)
}

// TestKnownKeysAreBoundedByDefault: a gateway configures no bound.
func TestKnownKeysAreBoundedByDefault(t *testing.T) {
	const bound = 131_072
	c := started(t, endless{newFake()}, keystore.Options{}, sumOf(0, true))
	for n := 1; n <= bound*5/4; n++ {
		if _, err := c.Lookup(t.Context(), sumOf(n, true)); err != nil {
			require.NoError(t, err)
		}
	}
	kept := 0
	for n := range bound*5/4 + 1 {
		if c.Known(sumOf(n, true)) != nil {
			kept++
		}
	}
	require.LessOrEqual(t, kept, bound)
	require.Greater(t, kept, bound*8/10)
}

func TestAWarmLookUpAllocatesNothing(t *testing.T) {
	sum := record.SumOf(good)
	c := started(t, newFake(good), keystore.Options{}, sum)
	ctx := t.Context()
	require.Zero(t, testing.AllocsPerRun(1000, func() { c.Known(sum) }))
	require.Zero(t, testing.AllocsPerRun(1000, func() { _, _ = c.Lookup(ctx, sum) }))
	guess := record.SumOf(bad)
	_, _ = c.Lookup(ctx, guess)
	require.Zero(t, testing.AllocsPerRun(1000, func() { _, _ = c.Lookup(ctx, guess) }), "a known-unknown one neither")
}

func TestLastUsesAreWrittenInBatches(t *testing.T) {
	store := newFake(good, "unused-secret-1234")
	bubble(t, keystore.Options{}, store, func(t *testing.T, c *keystore.Cache) {
		_, err := lookup(t, c, "unused-secret-1234")
		require.NoError(t, err)
		after(31 * time.Second)
		store.do(func() { store.uses = nil })
		var last time.Time
		for range 200 {
			_, err := lookup(t, c, good)
			require.NoError(t, err)
			require.NotNil(t, c.Known(record.SumOf(good)))
			last = time.Now()
			after(100 * time.Millisecond)
		}
		after(30 * time.Second)
		store.do(func() {
			require.Len(t, store.uses, 1, "one use in half a minute, of the key that was used")
			require.Equal(t, record.SumOf(good), store.uses[0].Sum)
			require.WithinRange(t, store.uses[0].At, last.Add(-30*time.Second), last)
			store.uses = nil
		})
	})
}

func TestLastUsesSurviveAnOutageAChangeAndTheEnd(t *testing.T) {
	store := newFake(good)
	bubble(t, keystore.Options{Stale: time.Hour}, store, func(t *testing.T, c *keystore.Cache) {
		after(time.Second)
		require.Equal(t, 200, verdict(t, c, good))
		store.tellKeys("key_" + good) // drops the entry, not its use
		after(time.Second)
		require.Nil(t, c.Known(record.SumOf(good)))
		store.do(func() { store.away = errAway })
		after(2 * time.Minute)
		store.do(func() { require.Empty(t, store.uses); store.away = nil })
		require.NoError(t, c.Close())
		store.do(func() { require.Len(t, store.uses, 1, "written at the end") })
	})
}

func TestRefusedKeysAreNotUsed(t *testing.T) {
	store := newFake()
	store.set(good, func(i *record.Identity) { i.Key.Disabled = true })
	bubble(t, keystore.Options{}, store, func(t *testing.T, c *keystore.Cache) {
		require.Equal(t, 401, verdict(t, c, good))
		after(time.Minute)
		store.do(func() { require.Empty(t, store.uses) })
	})
}

func BenchmarkKnown(b *testing.B) {
	c := started(b, endless{newFake()}, keystore.Options{}, sumOf(0, true))
	run := func(name string, keys int) {
		for n := range keys {
			_, _ = c.Lookup(b.Context(), sumOf(n, true))
		}
		b.Run(name, func(b *testing.B) {
			b.ReportAllocs()
			for n := 0; b.Loop(); n++ {
				if c.Known(sumOf(n%keys, true)) == nil {
					b.Fatal("not warm")
				}
			}
		})
	}
	run("one key", 1)
	run("among 100,000", 100_000)
	b.Run("one key, all cores", func(b *testing.B) {
		b.ReportAllocs()
		b.RunParallel(func(pb *testing.PB) {
			for pb.Next() {
				c.Known(sumOf(0, true))
			}
		})
	})
}
