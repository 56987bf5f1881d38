package storetest

import (
	"context"
	"errors"
	"slices"
	"testing"
	"time"

	"github.com/stretchr/testify/require"
	"go.uber.org/goleak"

	"github.com/tollgate-gateway/tollgate/caddymodule/keystore"
	"github.com/tollgate-gateway/tollgate/caddymodule/record"
)

// Opened is a store that holds Example, and how to change it from outside, as a command or an editor does.
type Opened struct {
	Store keystore.Store
	// Disable disables the key key_full.
	Disable func()
	// Within is how soon a gateway must obey a change.
	Within time.Duration
}

// Store checks what every store promises to a cache in front of it.
func Store(t *testing.T, open func(t *testing.T) Opened) {
	t.Run("gives every record as it was put in", func(t *testing.T) {
		o := open(t)
		for _, w := range Example() {
			for _, k := range w.Keys {
				identity, err := o.Store.Lookup(t.Context(), k.Sum)
				require.NoError(t, err)
				key := *identity.Key
				key.CreatedAt = time.Time{} // not every store knows it
				require.Equal(t, k.Key, key)
				require.Equal(t, w.Workspace, *identity.Workspace)
				require.Zero(t, identity.SecretExpiresAt)
			}
		}
	})
	t.Run("says unknown of an unknown secret", func(t *testing.T) {
		_, err := open(t).Store.Lookup(t.Context(), record.SumOf(Nobodys))
		require.ErrorIs(t, err, keystore.ErrUnknown)
	})
	t.Run("tells nothing while nothing changes", func(t *testing.T) {
		o := open(t)
		first, err := o.Store.Changes(t.Context(), keystore.Position{})
		require.NoError(t, err)
		require.True(t, first.Gap, "whoever has no position knows nothing")
		before := time.Now()
		second, err := o.Store.Changes(t.Context(), first.Position)
		require.NoError(t, err)
		require.Equal(t, first.Position, second.Position)
		require.False(t, second.Gap)
		require.Empty(t, second.Workspaces)
		require.Empty(t, second.Keys)
		require.WithinRange(t, second.At, before, time.Now())
	})
	t.Run("tells a change, or a gap", func(t *testing.T) {
		o := open(t)
		first, err := o.Store.Changes(t.Context(), keystore.Position{})
		require.NoError(t, err)
		o.Disable()
		position := first.Position
		for deadline := time.Now().Add(5 * o.Within); ; {
			changes, err := o.Store.Changes(t.Context(), position)
			require.NoError(t, err)
			if changes.Position != position {
				require.True(t, changes.Gap || slices.Contains(changes.Keys, "key_full") && len(changes.Workspaces) == 0, "it names the key")
				return
			}
			require.False(t, changes.Gap)
			require.True(t, time.Now().Before(deadline), "the change is never told")
		}
	})
	t.Run("has a gap where the position is in no log of its own", func(t *testing.T) {
		o := open(t)
		first, err := o.Store.Changes(t.Context(), keystore.Position{})
		require.NoError(t, err)
		for _, foreign := range []keystore.Position{
			{Revision: first.Position.Revision + 1, Stamp: first.Position.Stamp},
			{Revision: first.Position.Revision + 5000},
			{Revision: -1, Stamp: "x"},
			{Revision: first.Position.Revision, Stamp: "of another log"},
		} {
			changes, err := o.Store.Changes(t.Context(), foreign)
			require.NoError(t, err)
			require.True(t, changes.Gap)
			require.Equal(t, first.Position, changes.Position)
		}
	})
	t.Run("goes on after calls that were broken off", func(t *testing.T) {
		o := open(t)
		for n := range 40 {
			short, cancel := context.WithTimeout(t.Context(), time.Duration(n*50)*time.Microsecond)
			_, _ = o.Store.Changes(short, keystore.Position{})
			_, _ = o.Store.Lookup(short, record.SumOf(Full))
			cancel()
		}
		_, err := o.Store.Changes(t.Context(), keystore.Position{})
		require.NoError(t, err)
		_, err = o.Store.Lookup(t.Context(), record.SumOf(Full))
		require.NoError(t, err)
	})
	t.Run("is obeyed through a cache, without a leak", func(t *testing.T) {
		ignore := goleak.IgnoreCurrent()
		o := open(t)
		cache := keystore.NewCache(o.Store, keystore.Options{})
		cache.Start()
		sum := record.SumOf(Full)
		require.Eventually(t, func() bool {
			_, err := cache.Lookup(t.Context(), sum)
			return err == nil && cache.Known(sum) != nil
		}, 5*o.Within, time.Millisecond)
		o.Disable()
		changed := time.Now()
		require.Eventually(t, func() bool {
			_, err := cache.Lookup(t.Context(), sum)
			return errors.Is(err, keystore.ErrUnknown)
		}, 5*o.Within, 5*time.Millisecond)
		require.Less(t, time.Since(changed), 3*o.Within)
		t.Logf("obeyed after %v", time.Since(changed))
		require.Nil(t, cache.Known(sum))
		require.NoError(t, cache.Close())
		require.NoError(t, cache.Close(), "closing twice is harmless")
		goleak.VerifyNone(t, ignore)
	})
}
