package storetest

import (
	"context"
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

func pages(t *testing.T, s Writable) {
	ctx := t.Context()
	Fill(t, s, Example())
	var created []keystore.NewKey
	for i := range 25 {
		created = append(created, keystore.NewKey{Key: record.Key{ID: fmt.Sprintf("key_page_%02d", i)}, Sum: record.SumOf(fmt.Sprint("page", i))})
	}
	require.NoError(t, s.CreateKeys(ctx, Act, "ws_other", created))
	var ids []string
	for after := ""; ; {
		page, err := s.Keys(ctx, "ws_other", after, 10)
		require.NoError(t, err)
		for _, key := range page {
			require.Equal(t, "ws_other", key.Workspace)
			require.Len(t, key.Secrets, 1)
			ids = append(ids, key.ID)
		}
		if len(page) < 10 {
			break
		}
		after = page[9].ID
	}
	require.Len(t, ids, 26)
	require.IsIncreasing(t, ids)
	all, err := s.Keys(ctx, "", "", 1000)
	require.NoError(t, err)
	require.Len(t, all, 29)
	_, err = s.Keys(ctx, "ws_none", "", 10)
	require.ErrorIs(t, err, keystore.ErrNotFound)
	some, err := s.Workspaces(ctx, "", 1)
	require.NoError(t, err)
	require.Len(t, some, 1)
	rest, err := s.Workspaces(ctx, some[0].ID, 10)
	require.NoError(t, err)
	require.Len(t, rest, 2)
	require.Equal(t, "ws_other", rest[0].ID)
}

func refusals(t *testing.T, s Writable) {
	ctx := t.Context()
	Fill(t, s, Example())
	sum := record.SumOf("another")
	for _, test := range []struct {
		name, field string
		try         func() error
	}{
		{"a bad workspace id", "id", func() error { return s.CreateWorkspace(ctx, Act, &record.Workspace{ID: "a b", Plan: "pro"}) }},
		{"a workspace without a plan", "plan", func() error { return s.CreateWorkspace(ctx, Act, &record.Workspace{ID: "a"}) }},
		{"two limits of one duration", "limits", func() error {
			window := record.Window{Limit: 1, Duration: time.Minute}
			return s.CreateWorkspace(ctx, Act, &record.Workspace{ID: "a", Plan: "p", Limits: []record.Window{window, window}})
		}},
		{"metadata that is too large", "metadata", func() error {
			return s.CreateWorkspace(ctx, Act, &record.Workspace{ID: "a", Plan: "p", Metadata: map[string]any{"x": strings.Repeat("x", 65<<10)}})
		}},
		{"metadata that is no JSON", "metadata", func() error {
			return s.CreateWorkspace(ctx, Act, &record.Workspace{ID: "a", Plan: "p", Metadata: map[string]any{"x": func() {}}})
		}},
		{"a bad key id", "id", create(ctx, s, record.Key{ID: "../x"}, sum)},
		{"a name with a control character", "name", create(ctx, s, record.Key{ID: "k", Name: "a\x1b[2Jb"}, sum)},
		{"a wildcard in the middle", "scopes", create(ctx, s, record.Key{ID: "k", Scopes: []record.Scope{"a.*.b"}}, sum)},
		{"too many scopes", "scopes", create(ctx, s, record.Key{ID: "k", Scopes: make([]record.Scope, 101)}, sum)},
		{"an expiry in the past", "expires_at", create(ctx, s, record.Key{ID: "k", ExpiresAt: time.Now().Add(-time.Second)}, sum)},
		{"an expiry beyond all calendars", "expires_at", create(ctx, s, record.Key{ID: "k", ExpiresAt: time.Date(10000, 1, 1, 0, 0, 0, 0, time.UTC)}, sum)},
		{"an expiry moved into the past", "expires_at", func() error {
			_, err := s.UpdateKey(ctx, Act, "key_full", func(k *record.Key) error { k.ExpiresAt = time.Now().Add(-time.Hour); return nil })
			return err
		}},
		{"a bad scope by a change", "scopes", func() error {
			_, err := s.UpdateKey(ctx, Act, "key_full", func(k *record.Key) error { k.Scopes = []record.Scope{""}; return nil })
			return err
		}},
	} {
		t.Run(test.name, func(t *testing.T) {
			before, err := s.History(ctx, "", "", 1)
			require.NoError(t, err)
			err = test.try()
			require.ErrorIs(t, err, keystore.ErrInvalid)
			var problem *keystore.Problem
			require.True(t, errors.As(err, &problem))
			require.Equal(t, test.field, problem.Field)
			after, err := s.History(ctx, "", "", 1)
			require.NoError(t, err)
			require.Equal(t, before, after, "nothing was written")
		})
	}
}

func create(ctx context.Context, s Writable, key record.Key, sum record.Sum) func() error {
	return func() error { return s.CreateKeys(ctx, Act, "ws_acme", []keystore.NewKey{{Key: key, Sum: sum}}) }
}

func concurrency(t *testing.T, s Writable) {
	ctx := t.Context()
	Fill(t, s, Example())
	const writers, each = 8, 5
	var all sync.WaitGroup
	for w := range writers {
		all.Go(func() {
			for i := range each {
				name := fmt.Sprintf("key_%d_%d", w, i)
				if err := s.CreateKeys(ctx, Act, "ws_other", []keystore.NewKey{{Key: record.Key{ID: name}, Sum: record.SumOf(name)}}); err != nil {
					t.Error(err)
				}
				_, err := s.UpdateWorkspace(ctx, Act, "ws_acme", func(w *record.Workspace) error {
					w.Limits = []record.Window{{Limit: w.Limits[0].Limit + 1, Duration: time.Minute}}
					return nil
				})
				if err != nil {
					t.Error(err)
				}
			}
		})
	}
	all.Wait()
	events, err := s.History(ctx, "", "", 1000)
	require.NoError(t, err)
	for i, e := range events[1:] {
		require.Equal(t, events[i].Revision-1, e.Revision, "revisions have no gaps")
	}
	w, err := s.Workspace(ctx, "ws_acme")
	require.NoError(t, err)
	require.EqualValues(t, 500+writers*each, w.Limits[0].Limit, "no update is lost")
}

// A21: what is changed through a gateway holds there from the next request on.
func atOnce(t *testing.T, s Writable) {
	ctx := t.Context()
	Fill(t, s, Example())
	c := keystore.NewCache(s, keystore.Options{})
	c.Start()
	defer func() { require.NoError(t, c.Close()) }()
	admin, ok := c.Admin()
	require.True(t, ok)
	knows := func(secret string, usable bool) {
		t.Helper()
		_, err := c.Lookup(ctx, record.SumOf(secret))
		if usable {
			require.NoError(t, err)
		} else {
			require.ErrorIs(t, err, keystore.ErrUnknown)
			require.Nil(t, c.Known(record.SumOf(secret)))
		}
	}
	set := func(change func(*record.Key)) {
		t.Helper()
		_, err := admin.UpdateKey(ctx, Act, "key_full", func(k *record.Key) error { change(k); return nil })
		require.NoError(t, err)
	}
	require.Eventually(t, func() bool { // until the cache follows the store
		_, err := c.Lookup(ctx, record.SumOf(Full))
		return err == nil && c.Known(record.SumOf(Full)) != nil
	}, 5*time.Second, time.Millisecond)
	for range 5 {
		set(func(k *record.Key) { k.Disabled = true })
		knows(Full, false)
		set(func(k *record.Key) { k.Disabled = false })
		knows(Full, true)
	}
	knows("a second secret of it", false)
	_, err := admin.RotateKey(ctx, Act, "key_full", record.SumOf("a second secret of it"), 0)
	require.NoError(t, err)
	knows("a second secret of it", true)
	knows(Full, false)
	knows("a new secret of theirs", false)
	require.NoError(t, admin.CreateKeys(ctx, Act, "ws_acme", []keystore.NewKey{{Key: record.Key{ID: "key_new"}, Sum: record.SumOf("a new secret of theirs")}}))
	knows("a new secret of theirs", true)
	_, err = admin.UpdateWorkspace(ctx, Act, "ws_acme", func(w *record.Workspace) error { w.Plan = "free"; return nil })
	require.NoError(t, err)
	identity, err := c.Lookup(ctx, record.SumOf("a new secret of theirs"))
	require.NoError(t, err)
	require.Equal(t, "free", identity.Workspace.Plan)
}
