package storetest

import (
	"encoding/json"
	"fmt"
	"net/netip"
	"strings"
	"testing"
	"time"

	"github.com/stretchr/testify/require"

	"github.com/tollgate-gateway/tollgate/caddymodule/keystore"
	"github.com/tollgate-gateway/tollgate/caddymodule/record"
)

// Writable is a store that commands write.
type Writable interface {
	keystore.Store
	keystore.Admin
	keystore.UseWriter
}

// Admin checks what every store that can be written promises. Open gives an empty one.
func Admin(t *testing.T, open func(t *testing.T) Writable) {
	t.Run("workspaces", func(t *testing.T) { workspaces(t, open(t)) })
	t.Run("keys", func(t *testing.T) { keys(t, open(t)) })
	t.Run("all keys or none", func(t *testing.T) { allOrNone(t, open(t)) })
	t.Run("revocation is final", func(t *testing.T) { revocation(t, open(t)) })
	t.Run("rotation", func(t *testing.T) { rotation(t, open(t)) })
	t.Run("a key has so many secrets and no more", func(t *testing.T) { secretsOfOneKey(t, open(t)) })
	t.Run("last use", func(t *testing.T) { lastUse(t, open(t)) })
	t.Run("history", func(t *testing.T) { history(t, open(t)) })
	t.Run("finds keys", func(t *testing.T) { find(t, open(t)) })
	t.Run("lists in pages", func(t *testing.T) { pages(t, open(t)) })
	t.Run("refuses what is not valid", func(t *testing.T) { refusals(t, open(t)) })
	t.Run("a change through a gateway holds there at once", func(t *testing.T) { atOnce(t, open(t)) })
	t.Run("suspension", func(t *testing.T) { suspension(t, open(t)) })
	t.Run("deletion", func(t *testing.T) { deletion(t, open(t)) })
	t.Run("deletion while keys are made and used", func(t *testing.T) { deletionUnderUse(t, open(t)) })
	t.Run("suspension and deletion through a gateway hold there at once", func(t *testing.T) { barredAtOnce(t, open(t)) })
	t.Run("writers queue up", func(t *testing.T) { concurrency(t, open(t)) })
}

func workspaces(t *testing.T, s Writable) {
	ctx := t.Context()
	w := Example()[0].Workspace
	require.NoError(t, s.CreateWorkspace(ctx, Act, &w))
	require.ErrorIs(t, s.CreateWorkspace(ctx, Act, &w), keystore.ErrExists)
	got, err := s.Workspace(ctx, w.ID)
	require.NoError(t, err)
	require.Equal(t, &w, got)

	updated, err := s.UpdateWorkspace(ctx, Act, w.ID, func(w *record.Workspace) error {
		w.ID, w.Plan, w.Limits, w.Metadata["seats"] = "ws_else", "free", nil, json.Number("12")
		w.Quotas = []record.Quota{{Limit: 7, Period: record.Daily}}
		return nil
	})
	require.NoError(t, err)
	require.Equal(t, "ws_acme", updated.ID, "the id stays")
	got, err = s.Workspace(ctx, w.ID)
	require.NoError(t, err)
	require.Equal(t, updated, got)
	require.Equal(t, "free", got.Plan)
	require.Empty(t, got.Limits)
	require.Equal(t, []record.Quota{{Limit: 7, Period: record.Daily}}, got.Quotas)
	require.Equal(t, json.Number("12"), got.Metadata["seats"])

	mine := fmt.Errorf("my own reason")
	_, err = s.UpdateWorkspace(ctx, Act, w.ID, func(w *record.Workspace) error { w.Plan = "pro"; return mine })
	require.ErrorIs(t, err, mine)
	got, err = s.Workspace(ctx, w.ID)
	require.NoError(t, err)
	require.Equal(t, "free", got.Plan, "nothing was written")
	_, err = s.Workspace(ctx, "ws_none")
	require.ErrorIs(t, err, keystore.ErrNotFound)
	_, err = s.UpdateWorkspace(ctx, Act, "ws_none", func(*record.Workspace) error { return nil })
	require.ErrorIs(t, err, keystore.ErrNotFound)
}

func keys(t *testing.T, s Writable) {
	ctx := t.Context()
	before := time.Now().Add(-time.Millisecond)
	Fill(t, s, Example())
	key, err := s.Key(ctx, "key_full")
	require.NoError(t, err)
	require.Equal(t, "ws_acme", key.Workspace)
	require.WithinRange(t, key.CreatedAt, before, time.Now())
	require.Equal(t, []keystore.Secret{{Fingerprint: record.SumOf(Full).Fingerprint(), CreatedAt: key.CreatedAt}}, key.Secrets)

	updated, err := s.UpdateKey(ctx, Act, "key_full", func(k *record.Key) error {
		k.ID, k.CreatedAt = "key_else", time.Time{}
		k.Name, k.Scopes, k.Disabled, k.ExpiresAt = "new", []record.Scope{"*"}, true, time.Time{}
		k.AllowedIPs = append(k.AllowedIPs, netip.MustParsePrefix("10.0.0.0/8"))
		k.Limits[0].Limit = 40
		return nil
	})
	require.NoError(t, err)
	require.Equal(t, "key_full", updated.ID, "the id stays")
	require.Equal(t, key.CreatedAt, updated.CreatedAt)
	again, err := s.Key(ctx, "key_full")
	require.NoError(t, err)
	require.Equal(t, updated, again)
	identity, err := s.Lookup(ctx, record.SumOf(Full))
	require.NoError(t, err)
	require.Equal(t, &again.Key, identity.Key)
	require.True(t, identity.Key.Disabled)
	require.Len(t, identity.Key.AllowedIPs, 3)
	require.Equal(t, []record.Window{{Limit: 40, Duration: time.Minute}, {Limit: 1, Duration: time.Second}}, identity.Key.Limits)
	history, err := s.History(ctx, "", "key_full", 1)
	require.NoError(t, err)
	require.Contains(t, string(history[0].Details), `"limits":["40/1m","1/1s"]`)
	_, err = s.Key(ctx, "key_none")
	require.ErrorIs(t, err, keystore.ErrNotFound)
	_, err = s.UpdateKey(ctx, Act, "key_none", func(*record.Key) error { return nil })
	require.ErrorIs(t, err, keystore.ErrNotFound)
}

func allOrNone(t *testing.T, s Writable) {
	ctx := t.Context()
	Fill(t, s, Example())
	fresh := func(n int) keystore.NewKey {
		return keystore.NewKey{Key: record.Key{ID: fmt.Sprintf("key_new_%d", n)}, Sum: record.SumOf(fmt.Sprintf("a new secret %d", n))}
	}
	for name, test := range map[string]struct {
		last keystore.NewKey
		kind error
	}{
		"a secret that another key has": {keystore.NewKey{Key: record.Key{ID: "key_x"}, Sum: record.SumOf(Plain)}, keystore.ErrExists},
		"a secret twice":                {keystore.NewKey{Key: record.Key{ID: "key_x"}, Sum: fresh(0).Sum}, keystore.ErrExists},
		"an id that another key has":    {keystore.NewKey{Key: record.Key{ID: "key_plain"}, Sum: record.SumOf("y")}, keystore.ErrExists},
		"an id twice":                   {keystore.NewKey{Key: record.Key{ID: "key_new_0"}, Sum: record.SumOf("y")}, keystore.ErrExists},
		"limits that are none":          {keystore.NewKey{Key: record.Key{ID: "key_x", Limits: []record.Window{{Limit: 5, Period: record.Daily}}}, Sum: record.SumOf("y")}, keystore.ErrInvalid},
		"a bad scope":                   {keystore.NewKey{Key: record.Key{ID: "key_x", Scopes: []record.Scope{"a.*.b"}}, Sum: record.SumOf("y")}, keystore.ErrInvalid},
	} {
		t.Run(name, func(t *testing.T) {
			require.ErrorIs(t, s.CreateKeys(ctx, Act, "ws_acme", []keystore.NewKey{fresh(0), fresh(1), test.last}), test.kind)
			_, err := s.Lookup(ctx, fresh(0).Sum)
			require.ErrorIs(t, err, keystore.ErrUnknown, "the good ones are not there either")
			_, err = s.Key(ctx, "key_new_1")
			require.ErrorIs(t, err, keystore.ErrNotFound)
		})
	}
	require.ErrorIs(t, s.CreateKeys(ctx, Act, "ws_none", []keystore.NewKey{fresh(0)}), keystore.ErrNotFound)
	require.NoError(t, s.CreateKeys(ctx, Act, "ws_acme", []keystore.NewKey{fresh(0), fresh(1)}))
}

func revocation(t *testing.T, s Writable) {
	ctx := t.Context()
	Fill(t, s, Example())
	_, err := s.RotateKey(ctx, Act, "key_full", record.SumOf("second secret"), time.Hour)
	require.NoError(t, err)
	revoked, err := s.UpdateKey(ctx, Act, "key_full", func(k *record.Key) error { k.RevokedAt = time.Now(); return nil })
	require.NoError(t, err)
	require.False(t, revoked.RevokedAt.IsZero())
	for _, secret := range []string{Full, "second secret"} {
		identity, err := s.Lookup(ctx, record.SumOf(secret))
		require.NoError(t, err, "the row stays")
		require.False(t, identity.Usable(time.Now()), "every secret of it is dead")
	}
	_, err = s.UpdateKey(ctx, Act, "key_full", func(k *record.Key) error { k.RevokedAt = time.Time{}; return nil })
	require.ErrorIs(t, err, keystore.ErrRevoked)
	_, err = s.RotateKey(ctx, Act, "key_full", record.SumOf("third secret"), 0)
	require.ErrorIs(t, err, keystore.ErrRevoked)
	require.ErrorIs(t, s.CreateKeys(ctx, Act, "ws_other", []keystore.NewKey{{Key: record.Key{ID: "key_y"}, Sum: record.SumOf(Full)}}),
		keystore.ErrExists, "a revoked secret is never given a second life")
}

func rotation(t *testing.T, s Writable) {
	ctx := t.Context()
	Fill(t, s, Example())
	rotated, err := s.RotateKey(ctx, Act, "key_full", record.SumOf("second secret"), time.Hour)
	require.NoError(t, err)
	require.Equal(t, "key_full", rotated.ID)
	require.Len(t, rotated.Secrets, 2)
	require.Equal(t, record.SumOf("second secret").Fingerprint(), rotated.Secrets[1].Fingerprint)
	require.Equal(t, rotated.Secrets[0].ExpiresAt, rotated.OldSecretsEnd())
	require.WithinDuration(t, time.Now().Add(time.Hour), rotated.OldSecretsEnd(), time.Minute)
	require.True(t, rotated.Secrets[0].Ended(rotated.OldSecretsEnd()))
	require.False(t, rotated.Secrets[1].Ended(rotated.OldSecretsEnd()))
	old, err := s.Lookup(ctx, record.SumOf(Full))
	require.NoError(t, err)
	require.True(t, old.Usable(time.Now()), "the old secret lives for the grace")
	require.False(t, old.Usable(time.Now().Add(time.Hour)))
	fresh, err := s.Lookup(ctx, record.SumOf("second secret"))
	require.NoError(t, err)
	require.True(t, fresh.SecretExpiresAt.IsZero())
	require.Equal(t, old.Key, fresh.Key)

	_, err = s.RotateKey(ctx, Act, "key_full", record.SumOf("third secret"), 24*time.Hour)
	require.NoError(t, err)
	again, err := s.Lookup(ctx, record.SumOf(Full))
	require.NoError(t, err)
	require.Equal(t, old.SecretExpiresAt, again.SecretExpiresAt, "a further rotation lengthens no grace")
	_, err = s.RotateKey(ctx, Act, "key_full", record.SumOf("fourth secret"), 0)
	require.NoError(t, err)
	for _, secret := range []string{Full, "second secret", "third secret"} {
		identity, err := s.Lookup(ctx, record.SumOf(secret))
		require.NoError(t, err)
		require.False(t, identity.Usable(time.Now()), "no grace: at once")
	}
	_, err = s.RotateKey(ctx, Act, "key_full", record.SumOf(Plain), 0)
	require.ErrorIs(t, err, keystore.ErrExists)
	fourth, err := s.Lookup(ctx, record.SumOf("fourth secret"))
	require.NoError(t, err)
	require.True(t, fourth.Usable(time.Now()), "a refused rotation ends nothing")
	for _, grace := range []time.Duration{-time.Second, 367 * record.Day} {
		_, err = s.RotateKey(ctx, Act, "key_full", record.SumOf("x"), grace)
		require.ErrorIs(t, err, keystore.ErrInvalid)
	}
	_, err = s.RotateKey(ctx, Act, "key_none", record.SumOf("x"), 0)
	require.ErrorIs(t, err, keystore.ErrNotFound)
}

func secretsOfOneKey(t *testing.T, s Writable) {
	ctx := t.Context()
	Fill(t, s, Example())
	rotate := func(secret string, grace time.Duration) error {
		_, err := s.RotateKey(ctx, Act, "key_full", record.SumOf(secret), grace)
		return err
	}
	for n := range keystore.MaxSecrets - 1 {
		require.NoError(t, rotate(fmt.Sprintf("secret number %d", n+2), time.Hour))
	}
	before, err := s.Key(ctx, "key_full")
	require.NoError(t, err)
	require.Len(t, before.Secrets, 8)
	err = rotate("the ninth secret", time.Hour)
	var problem *keystore.Problem
	require.ErrorAs(t, err, &problem)
	require.ErrorIs(t, err, keystore.ErrInvalid)
	require.Equal(t, "grace", problem.Field)
	require.Contains(t, problem.Text, "key key_full has 8 secrets that work, and no more are allowed: rotate it with a grace of 0s")
	after, err := s.Key(ctx, "key_full")
	require.NoError(t, err)
	require.Equal(t, before, after, "nothing was changed")
	_, err = s.Lookup(ctx, record.SumOf("the ninth secret"))
	require.ErrorIs(t, err, keystore.ErrUnknown)

	require.NoError(t, rotate("a secret in place of all", 0), "the way out is open")
	require.NoError(t, rotate("another", time.Hour), "secrets that have ended do not count")
	old, err := s.Lookup(ctx, record.SumOf(Full))
	require.NoError(t, err)
	require.False(t, old.Usable(time.Now()))
}

func lastUse(t *testing.T, s Writable) {
	ctx := t.Context()
	Fill(t, s, Example())
	first, err := s.Changes(ctx, keystore.Position{})
	require.NoError(t, err)
	now := time.Now().UTC().Truncate(time.Microsecond)
	require.NoError(t, s.WriteUses(ctx, []keystore.Use{{Sum: record.SumOf(Full), At: now}, {Sum: record.SumOf(Nobodys), At: now}}))
	require.NoError(t, s.WriteUses(ctx, []keystore.Use{{Sum: record.SumOf(Full), At: now.Add(-time.Hour)}}))
	require.NoError(t, s.WriteUses(ctx, nil))
	key, err := s.Key(ctx, "key_full")
	require.NoError(t, err)
	require.Equal(t, now, key.Secrets[0].LastUsedAt, "an older use replaces no newer one")
	plain, err := s.Key(ctx, "key_plain")
	require.NoError(t, err)
	require.Zero(t, plain.Secrets[0].LastUsedAt)
	second, err := s.Changes(ctx, first.Position)
	require.NoError(t, err)
	require.Equal(t, first.Position, second.Position, "a use is no change")
}

func history(t *testing.T, s Writable) {
	ctx := t.Context()
	before := time.Now().Add(-time.Millisecond)
	Fill(t, s, Example())
	by := keystore.Act{By: "key key_admin", Action: "key disable"}
	_, err := s.UpdateKey(ctx, by, "key_full", func(k *record.Key) error { k.Disabled = true; return nil })
	require.NoError(t, err)
	_, err = s.UpdateKey(ctx, by, "key_full", func(*record.Key) error { return nil })
	require.NoError(t, err)
	events, err := s.History(ctx, "", "key_full", 10)
	require.NoError(t, err)
	require.Len(t, events, 2, "made and disabled; what changes nothing is no event")
	require.Equal(t, by, events[0].Act, "the newest first")
	require.JSONEq(t, `{"disabled": true}`, string(events[0].Details))
	require.Equal(t, Act, events[1].Act)
	require.Equal(t, "ws_acme", events[0].Workspace)
	require.WithinRange(t, events[0].At, before, time.Now())
	require.Contains(t, string(events[1].Details), "agent.leads.*")

	of, err := s.History(ctx, "ws_acme", "", 10)
	require.NoError(t, err)
	require.Len(t, of, 4, "the workspace, two keys, one change")
	require.Empty(t, of[3].Key)
	all, err := s.History(ctx, "", "", 3)
	require.NoError(t, err)
	require.Len(t, all, 3)
	for i, e := range all[1:] {
		require.Equal(t, all[i].Revision-1, e.Revision, "revisions have no gaps")
	}
	_, err = s.History(ctx, "", "key_none", 10)
	require.ErrorIs(t, err, keystore.ErrNotFound)
	_, err = s.History(ctx, "ws_none", "", 10)
	require.ErrorIs(t, err, keystore.ErrNotFound)
	for _, e := range of {
		for _, secret := range []string{Full, Plain, Disabled} {
			require.False(t, strings.Contains(string(e.Details), secret))
		}
	}
}
