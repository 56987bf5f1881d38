package storetest

import (
	"errors"
	"fmt"
	"strings"
	"sync"
	"testing"
	"time"

	"github.com/stretchr/testify/require"

	"github.com/tollgate-gateway/tollgate/caddymodule/keystore"
	"github.com/tollgate-gateway/tollgate/caddymodule/record"
)

// suspend changes a workspace as the command does; an empty reason resumes it.
func suspend(t *testing.T, s keystore.Admin, id, reason string) *record.Workspace {
	t.Helper()
	w, err := s.UpdateWorkspace(t.Context(), Act, id, func(w *record.Workspace) error {
		w.SuspendedAt, w.SuspendedReason = time.Time{}, reason
		if reason != "" {
			w.SuspendedAt = time.Now()
		}
		return nil
	})
	require.NoError(t, err)
	return w
}

func suspension(t *testing.T, s Writable) {
	ctx := t.Context()
	Fill(t, s, Example())
	start, err := s.Changes(ctx, keystore.Position{})
	require.NoError(t, err)
	before, err := s.Key(ctx, "key_full")
	require.NoError(t, err)
	suspended := suspend(t, s, "ws_acme", "invoice 118 unpaid")
	require.WithinDuration(t, time.Now(), suspended.SuspendedAt, time.Minute)
	got, err := s.Workspace(ctx, "ws_acme")
	require.NoError(t, err)
	require.Equal(t, suspended, got)
	identity, err := s.Lookup(ctx, record.SumOf(Full))
	require.NoError(t, err, "its keys are kept")
	require.Equal(t, suspended, identity.Workspace)
	after, err := s.Key(ctx, "key_full")
	require.NoError(t, err)
	require.Equal(t, before, after)
	changes, err := s.Changes(ctx, start.Position)
	require.NoError(t, err)
	require.True(t, changes.Gap || len(changes.Barred) == 1 && changes.Barred[0] == "ws_acme", "its keys are told to be asked anew")
	events, err := s.History(ctx, "ws_acme", "", 1)
	require.NoError(t, err)
	require.Contains(t, string(events[0].Details), "invoice 118 unpaid")

	resumed := suspend(t, s, "ws_acme", "")
	require.False(t, resumed.Suspended())
	require.Equal(t, "pro", resumed.Plan)
	events, err = s.History(ctx, "ws_acme", "", 1)
	require.NoError(t, err)
	require.Contains(t, string(events[0].Details), `"suspended_reason":""`)
	for _, bad := range []string{strings.Repeat("x", 201), "a\x1b[2J"} {
		_, err := s.UpdateWorkspace(ctx, Act, "ws_acme", func(w *record.Workspace) error { w.SuspendedReason = bad; return nil })
		require.ErrorIs(t, err, keystore.ErrInvalid)
	}
	_, err = s.UpdateWorkspace(ctx, Act, "ws_acme", func(w *record.Workspace) error { w.SuspendedAt = time.Now(); return nil })
	require.ErrorIs(t, err, keystore.ErrInvalid, "a suspension without a reason")
}

func deletion(t *testing.T, s Writable) {
	ctx := t.Context()
	Fill(t, s, Example())
	_, err := s.RotateKey(ctx, Act, "key_full", record.SumOf("second secret"), time.Hour)
	require.NoError(t, err)
	start, err := s.Changes(ctx, keystore.Position{})
	require.NoError(t, err)
	by := keystore.Act{By: "key key_admin", Action: "workspace delete"}
	keys, err := s.DeleteWorkspace(ctx, by, "ws_acme")
	require.NoError(t, err)
	require.EqualValues(t, 2, keys)
	for _, secret := range []string{Full, Disabled, "second secret"} {
		_, err := s.Lookup(ctx, record.SumOf(secret))
		require.ErrorIs(t, err, keystore.ErrUnknown)
	}
	_, err = s.Workspace(ctx, "ws_acme")
	require.ErrorIs(t, err, keystore.ErrNotFound)
	_, err = s.Key(ctx, "key_full")
	require.ErrorIs(t, err, keystore.ErrNotFound)
	_, err = s.Keys(ctx, "ws_acme", "", 10)
	require.ErrorIs(t, err, keystore.ErrNotFound)
	require.ErrorIs(t, s.CreateKeys(ctx, Act, "ws_acme", []keystore.NewKey{{Key: record.Key{ID: "key_late"}, Sum: record.SumOf("late")}}), keystore.ErrNotFound)
	_, err = s.DeleteWorkspace(ctx, by, "ws_acme")
	require.ErrorIs(t, err, keystore.ErrNotFound)
	changes, err := s.Changes(ctx, start.Position)
	require.NoError(t, err)
	require.True(t, changes.Gap || len(changes.Barred) == 1 && changes.Barred[0] == "ws_acme")
	_, err = s.Lookup(ctx, record.SumOf(Plain))
	require.NoError(t, err, "other workspaces stay")

	events, err := s.History(ctx, "ws_acme", "", 10)
	require.NoError(t, err, "the history stays")
	require.Len(t, events, 5)
	require.Equal(t, by, events[0].Act)
	require.JSONEq(t, `{"deleted": true, "keys": 2}`, string(events[0].Details))
	ofKey, err := s.History(ctx, "", "key_full", 10)
	require.NoError(t, err)
	require.Len(t, ofKey, 3)
	require.Equal(t, events[0], ofKey[0], "it says how the key went")

	again := Example()[0]
	require.NoError(t, s.CreateWorkspace(ctx, Act, &again.Workspace), "the id is free again")
	require.NoError(t, s.CreateKeys(ctx, Act, "ws_acme", again.Keys))
	ofKey, err = s.History(ctx, "", "key_full", 1)
	require.NoError(t, err)
	require.Equal(t, Act, ofKey[0].Act)
}

// deletionUnderUse: whoever makes, uses, rotates or changes keys of a workspace while it is deleted finds it whole or gone.
func deletionUnderUse(t *testing.T, s Writable) {
	ctx := t.Context()
	const rounds, attempts = 5, 12
	for round := range rounds {
		id := fmt.Sprintf("ws_%d", round)
		key := func(n int) keystore.NewKey {
			name := fmt.Sprintf("%s_key_%d", id, n)
			return keystore.NewKey{Key: record.Key{ID: name}, Sum: record.SumOf(name)}
		}
		require.NoError(t, s.CreateWorkspace(ctx, Act, &record.Workspace{ID: id, Plan: "pro"}))
		require.NoError(t, s.CreateKeys(ctx, Act, id, []keystore.NewKey{key(0), key(1), key(2), key(3)}))
		var all sync.WaitGroup
		under := make(chan struct{}, 4*attempts)
		attempt := func(what func(n int) error) {
			all.Go(func() {
				for n := range attempts {
					if err := what(n); err != nil && !errors.Is(err, keystore.ErrNotFound) && !errors.Is(err, keystore.ErrUnknown) {
						t.Errorf("%d: %v", n, err)
					}
					under <- struct{}{}
				}
			})
		}
		attempt(func(n int) error { return s.CreateKeys(ctx, Act, id, []keystore.NewKey{key(100 + n)}) })
		attempt(func(n int) error {
			return s.WriteUses(ctx, []keystore.Use{{Sum: key(n % 4).Sum, At: time.Now()}, {Sum: key((n + 1) % 4).Sum, At: time.Now()}, {Sum: key((n + 2) % 4).Sum, At: time.Now()}})
		})
		attempt(func(n int) error {
			return second(s.RotateKey(ctx, Act, key(n%4).Key.ID, record.SumOf(fmt.Sprint(id, n)), 0))
		})
		attempt(func(n int) error {
			identity, err := s.Lookup(ctx, key(0).Sum)
			if err == nil && identity.Workspace.ID != id {
				return fmt.Errorf("a key of %q", identity.Workspace.ID)
			}
			return err
		})
		for range attempts {
			<-under
		}
		_, err := s.DeleteWorkspace(ctx, Act, id)
		all.Wait()
		require.NoError(t, err)
		_, err = s.Workspace(ctx, id)
		require.ErrorIs(t, err, keystore.ErrNotFound)
	}
	left, err := s.Keys(ctx, "", "", 1000)
	require.NoError(t, err)
	require.Empty(t, left, "no key outlives its workspace")
}

// Barred checks that gateways obey a suspension, its end, and a deletion within a second each, when somebody else makes them.
func Barred(t *testing.T, admin keystore.Admin, gateways ...*keystore.Cache) {
	ctx := t.Context()
	Fill(t, admin, Example())
	full := record.SumOf(Full)
	within := func(what string, seen func(*record.Identity, error) bool) {
		t.Helper()
		changed := time.Now()
		require.Eventually(t, func() bool {
			for _, g := range gateways {
				if !seen(g.Lookup(ctx, full)) {
					return false
				}
			}
			return true
		}, 5*time.Second, time.Millisecond, what)
		took := time.Since(changed)
		require.Less(t, took, 3*time.Second, what)
		t.Logf("%s after %v", what, took)
	}
	lives := func(suspended bool) func(*record.Identity, error) bool {
		return func(i *record.Identity, err error) bool { return err == nil && i.Workspace.Suspended() == suspended }
	}
	within("known", lives(false))
	for range 3 {
		suspend(t, admin, "ws_acme", "unpaid")
		within("suspended", lives(true))
		suspend(t, admin, "ws_acme", "")
		within("resumed", lives(false))
	}
	_, err := admin.DeleteWorkspace(ctx, Act, "ws_acme")
	require.NoError(t, err)
	within("deleted", func(_ *record.Identity, err error) bool { return errors.Is(err, keystore.ErrUnknown) })
	for _, g := range gateways {
		require.Nil(t, g.Known(full))
	}
}

// barredAtOnce: what a gateway itself suspends or deletes is let in no more from the next request on.
func barredAtOnce(t *testing.T, s Writable) {
	ctx := t.Context()
	Fill(t, s, Example())
	c := keystore.NewCache(s, keystore.Options{Stale: time.Hour})
	c.Start()
	defer func() { require.NoError(t, c.Close()) }()
	admin, ok := c.Admin()
	require.True(t, ok)
	full := record.SumOf(Full)
	require.Eventually(t, func() bool { // until the cache follows the store
		_, err := c.Lookup(ctx, full)
		return err == nil && c.Known(full) != nil
	}, 5*time.Second, time.Millisecond)
	for range 3 {
		for _, reason := range []string{"unpaid", ""} {
			suspend(t, admin, "ws_acme", reason)
			if known := c.Known(full); known != nil {
				require.Equal(t, reason, known.Workspace.SuspendedReason)
			}
			identity, err := c.Lookup(ctx, full)
			require.NoError(t, err)
			require.Equal(t, reason, identity.Workspace.SuspendedReason)
		}
	}
	_, err := admin.DeleteWorkspace(ctx, Act, "ws_acme")
	require.NoError(t, err)
	require.Nil(t, c.Known(full))
	_, err = c.Lookup(ctx, full)
	require.ErrorIs(t, err, keystore.ErrUnknown)
}
