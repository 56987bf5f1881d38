package keysapi

import (
	"context"
	"errors"
	"net/http"
	"testing"
	"time"

	"github.com/stretchr/testify/require"

	"github.com/tollgate-gateway/tollgate/caddymodule/keystore"
	"github.com/tollgate-gateway/tollgate/caddymodule/keystore/sqlite"
	"github.com/tollgate-gateway/tollgate/caddymodule/record"
	"github.com/tollgate-gateway/tollgate/caddymodule/refusal"
)

// desk is an API over a SQLite store, with one caller.
type desk struct {
	API
	store *sqlite.Store
	// beforeConfirm, if set, runs before the n-th time (from 1) that the caller is confirmed.
	beforeConfirm func(n int)
	confirmed     int
}

const (
	callerSecret = "the-secret-of-the-caller"
	targetSecret = "the-secret-of-the-target"
)

var by = keystore.Act{By: "test", Action: "test"}

// newDesk has a workspace with a caller, who holds these scopes, and a target of a scope.
func newDesk(t *testing.T, held ...record.Scope) *desk {
	t.Helper()
	store := sqlite.New(t.TempDir()+"/keys.db", sqlite.Options{Create: true})
	t.Cleanup(func() { require.NoError(t, store.Close()) })
	require.NoError(t, store.CreateWorkspace(t.Context(), by, &record.Workspace{ID: "ws", Plan: "pro"}))
	require.NoError(t, store.CreateKeys(t.Context(), by, "ws", []keystore.NewKey{
		{Key: record.Key{ID: "key_caller", Scopes: held}, Sum: record.SumOf(callerSecret)},
		{Key: record.Key{ID: "key_target", Name: "target", Scopes: scopes("agent.read")}, Sum: record.SumOf(targetSecret)},
	}))
	return &desk{API: API{Keys: store, Prefix: "tg", Now: time.Now}, store: store}
}

// ask asks as the caller, whom the gate knew as it is now.
func (d *desk) ask(t *testing.T, method, path, query, body string) (*Answer, *refusal.Refusal) {
	t.Helper()
	caller, err := d.store.Lookup(t.Context(), record.SumOf(callerSecret))
	require.NoError(t, err)
	return d.Answer(t.Context(), &Request{
		Method: method, Path: path, Query: query, Caller: caller,
		Body: func() ([]byte, *refusal.Refusal) { return []byte(body), nil },
		Confirm: func(ctx context.Context) (*record.Identity, error) {
			if d.confirmed++; d.beforeConfirm != nil {
				d.beforeConfirm(d.confirmed)
			}
			return d.store.Lookup(ctx, record.SumOf(callerSecret))
		},
	})
}

func (d *desk) alter(t *testing.T, id string, change func(*record.Key)) {
	t.Helper()
	_, err := d.store.UpdateKey(t.Context(), by, id, func(k *record.Key) error {
		change(k)
		return nil
	})
	require.NoError(t, err)
}

func (d *desk) keys(t *testing.T) []*keystore.Key {
	t.Helper()
	keys, err := d.store.Keys(t.Context(), "ws", "", 100)
	require.NoError(t, err)
	return keys
}

func revoked(k *record.Key)  { k.RevokedAt = time.Now() }
func narrowed(k *record.Key) { k.Scopes = scopes("tollgate.keys.write") }

// TestTheStoreIsAskedAboutTheCaller: what the gate knew may be outdated when the body has arrived.
func TestTheStoreIsAskedAboutTheCaller(t *testing.T) {
	writes := map[string][3]string{
		"create": {"POST", "", `{"scopes":["agent.read"]}`},
		"rotate": {"POST", "/key_target/rotate", ""},
		"change": {"PATCH", "/key_target", `{"scopes":["agent.read","agent.write"]}`},
		"revoke": {"DELETE", "/key_target", ""},
	}
	for name, w := range writes {
		for what, c := range map[string]struct {
			change func(*record.Key)
			kind   *refusal.Kind
		}{
			"revoked":  {revoked, refusal.Unauthorized},
			"disabled": {func(k *record.Key) { k.Disabled = true }, refusal.Unauthorized},
			"demoted":  {func(k *record.Key) { k.Scopes = scopes("agent.*") }, refusal.HandlerForbidden},
		} {
			t.Run(name+"/by a caller "+what+" before it", func(t *testing.T) {
				d := newDesk(t, "tollgate.keys.*", "agent.*")
				d.beforeConfirm = func(n int) {
					if n == 1 {
						d.alter(t, "key_caller", c.change)
					}
				}
				_, refused := d.ask(t, w[0], w[1], "", w[2])
				require.NotNil(t, refused)
				require.Equal(t, c.kind, refused.Kind)
				d.untouched(t)
			})
		}
	}
	for _, name := range []string{"create", "rotate", "change"} {
		t.Run(name+"/by a caller who lost what it grants before it", func(t *testing.T) {
			d := newDesk(t, "tollgate.keys.*", "agent.*")
			d.beforeConfirm = func(n int) {
				if n == 1 {
					d.alter(t, "key_caller", narrowed)
				}
			}
			_, refused := d.ask(t, writes[name][0], writes[name][1], "", writes[name][2])
			require.NotNil(t, refused)
			require.Equal(t, refusal.HandlerForbidden, refused.Kind)
			require.Contains(t, refused.Details, "scopes")
			d.untouched(t)
		})
	}
}

// untouched requires that the target is as it was, and the only key beside the caller.
func (d *desk) untouched(t *testing.T) {
	t.Helper()
	keys := d.keys(t)
	require.Len(t, keys, 2)
	require.Equal(t, "key_target", keys[1].ID)
	require.Equal(t, scopes("agent.read"), keys[1].Scopes)
	require.Len(t, keys[1].Secrets, 1)
	require.True(t, keys[1].RevokedAt.IsZero())
}

// TestNoSecretForACallerRevokedMeanwhile: whoever revokes a key and then looks finds nothing usable that it made later.
func TestNoSecretForACallerRevokedMeanwhile(t *testing.T) {
	for name, change := range map[string]func(*record.Key){"revoked": revoked, "narrowed": narrowed} {
		t.Run("create/caller "+name+" after the change", func(t *testing.T) {
			d := newDesk(t, "tollgate.keys.*", "agent.*")
			d.beforeConfirm = func(n int) {
				if n == 2 {
					d.alter(t, "key_caller", change)
				}
			}
			answer, refused := d.ask(t, "POST", "", "", `{"scopes":["agent.read"]}`)
			require.Nil(t, answer, "its secret is shown to nobody")
			require.NotNil(t, refused)
			for _, key := range d.keys(t) {
				if key.ID != "key_caller" && key.ID != "key_target" {
					require.False(t, key.RevokedAt.IsZero(), "what it made is revoked")
				}
			}
		})
		t.Run("rotate/caller "+name+" after the change", func(t *testing.T) {
			d := newDesk(t, "tollgate.keys.*", "agent.*")
			d.beforeConfirm = func(n int) {
				if n == 2 {
					d.alter(t, "key_caller", change)
				}
			}
			answer, refused := d.ask(t, "POST", "/key_target/rotate", "", "")
			require.Nil(t, answer)
			require.NotNil(t, refused)
		})
	}
	t.Run("rotate/target widened meanwhile", func(t *testing.T) {
		d := newDesk(t, "tollgate.keys.*", "agent.read")
		d.Keys = widening{d.store, func() { d.alter(t, "key_target", func(k *record.Key) { k.Scopes = scopes("agent.*") }) }}
		answer, refused := d.ask(t, "POST", "/key_target/rotate", "", "")
		require.Nil(t, answer)
		require.Equal(t, refusal.HandlerForbidden, refused.Kind)
	})
	t.Run("change/target narrowed meanwhile is judged as it is then", func(t *testing.T) {
		d := newDesk(t, "tollgate.keys.*", "konecty.*")
		d.beforeConfirm = func(int) { d.alter(t, "key_target", func(k *record.Key) { k.Scopes = nil }) }
		_, refused := d.ask(t, "PATCH", "/key_target", "", `{"scopes":["agent.read"]}`)
		require.NotNil(t, refused, "it would give back what has been taken away")
		require.Equal(t, refusal.HandlerForbidden, refused.Kind)
	})
}

// widening is a store in which somebody else is faster than a rotation.
type widening struct {
	keystore.Admin
	first func()
}

func (w widening) RotateKey(ctx context.Context, act keystore.Act, id string, sum record.Sum, grace time.Duration) (*keystore.Key, error) {
	w.first()
	return w.Admin.RotateKey(ctx, act, id, sum, grace)
}

// TestASecretThatEndsGrantsNothingBeyondItsEnd: who got hold of a secret that was rotated away cannot outlive it.
func TestASecretThatEndsGrantsNothingBeyondItsEnd(t *testing.T) {
	d := newDesk(t, "tollgate.keys.*", "agent.*")
	_, err := d.store.RotateKey(t.Context(), by, "key_caller", record.SumOf("another-secret-of-the-caller"), time.Hour)
	require.NoError(t, err)
	for name, w := range map[string][3]string{
		"another key":           {"POST", "", `{"scopes":["agent.read"],"expires_at":"2090-01-01T00:00:00Z"}`},
		"a secret of its own":   {"POST", "/key_caller/rotate", ""},
		"a secret of another's": {"POST", "/key_target/rotate", ""},
		"a scope of another's":  {"PATCH", "/key_target", `{"scopes":["agent.*"]}`},
	} {
		t.Run(name, func(t *testing.T) {
			_, refused := d.ask(t, w[0], w[1], "", w[2])
			require.NotNil(t, refused)
			require.Contains(t, refused.Details, "expires_at")
		})
	}
	soon := time.Now().Add(time.Minute).UTC().Format(time.RFC3339)
	_, refused := d.ask(t, "POST", "", "", `{"expires_at":"`+soon+`"}`)
	require.Nil(t, refused, "a key that ends before it may be made")
}

func TestAnExpiredKeyIsNotRotated(t *testing.T) {
	d := newDesk(t, "tollgate.keys.*", "agent.*")
	db, err := d.store.Open(t.Context())
	require.NoError(t, err)
	_, err = db.ExecContext(t.Context(), "UPDATE tollgate_keys SET expires_at = 1700000000000000 WHERE id = 'key_target'")
	require.NoError(t, err)
	_, refused := d.ask(t, "POST", "/key_target/rotate", "", "")
	require.NotNil(t, refused)
	require.Equal(t, http.StatusBadRequest, refused.StatusCode())
	require.Contains(t, refused.Details["expires_at"], "give it a new end (key set --expires, over HTTP expires_at), or create another")
	later := time.Now().Add(time.Hour).UTC().Format(time.RFC3339)
	_, refused = d.ask(t, "PATCH", "/key_target", "", `{"expires_at":"`+later+`"}`)
	require.Nil(t, refused, "it can be given a new end")
	_, refused = d.ask(t, "POST", "/key_target/rotate", "", "")
	require.Nil(t, refused, "and a new secret then")
}

// TestTheNinthSecretIsRefused, and the answer says how to go on.
func TestTheNinthSecretIsRefused(t *testing.T) {
	d := newDesk(t, "tollgate.keys.*", "agent.*")
	for range keystore.MaxSecrets - 1 {
		_, refused := d.ask(t, "POST", "/key_target/rotate", "", "")
		require.Nil(t, refused)
	}
	_, refused := d.ask(t, "POST", "/key_target/rotate", "", "")
	require.NotNil(t, refused)
	require.Equal(t, http.StatusBadRequest, refused.StatusCode())
	require.Contains(t, refused.Details["grace"], "has 8 secrets that work, and no more are allowed: rotate it with a grace of 0s")
	_, refused = d.ask(t, "POST", "/key_target/rotate", "", `{"grace":"0s"}`)
	require.Nil(t, refused)
}

func TestAKeyMayRotateItself(t *testing.T) {
	d := newDesk(t, "tollgate.keys.write")
	answer, refused := d.ask(t, "POST", "/key_caller/rotate", "", `{"grace":"0s"}`)
	require.Nil(t, refused)
	_, err := d.store.Lookup(t.Context(), record.SumOf(answer.Data.(*View).Secret))
	require.NoError(t, err, "the new secret is shown although the old one has ended")
	old, err := d.store.Lookup(t.Context(), record.SumOf(callerSecret))
	require.NoError(t, err)
	require.False(t, old.Usable(time.Now().Add(time.Millisecond)))
}

// TestWhatIsBegunIsEnded: a client that leaves leaves no key behind of which nobody knows.
func TestWhatIsBegunIsEnded(t *testing.T) {
	d := newDesk(t, "tollgate.keys.*", "agent.*")
	caller, err := d.store.Lookup(t.Context(), record.SumOf(callerSecret))
	require.NoError(t, err)
	ctx, leave := context.WithCancel(t.Context())
	confirmed := 0
	_, refused := d.Answer(ctx, &Request{
		Method: "POST", Caller: caller,
		Body: func() ([]byte, *refusal.Refusal) { return nil, nil },
		Confirm: func(ctx context.Context) (*record.Identity, error) {
			if confirmed++; confirmed == 2 {
				leave()
				d.alter(t, "key_caller", revoked)
			}
			return d.store.Lookup(ctx, record.SumOf(callerSecret))
		},
	})
	require.NotNil(t, refused)
	for _, key := range d.keys(t) {
		require.True(t, key.ID == "key_target" || !key.RevokedAt.IsZero(), key.ID)
	}
}

func TestAStoreThatIsAwayIs503(t *testing.T) {
	away := errors.New("dial tcp 10.1.2.3:5432: connection refused")
	d := newDesk(t, "tollgate.keys.*", "agent.*")
	d.Keys = gone{d.store, away}
	for name, w := range map[string][2]string{"list": {"GET", ""}, "show": {"GET", "/key_target"}, "create": {"POST", ""}, "revoke": {"DELETE", "/key_target"}} {
		t.Run(name, func(t *testing.T) {
			_, refused := d.ask(t, w[0], w[1], "", "")
			require.NotNil(t, refused)
			require.Equal(t, http.StatusServiceUnavailable, refused.StatusCode())
			require.ErrorIs(t, refused, away, "the log says why")
			require.NotContains(t, string(refused.JSON()), "10.1.2.3")
		})
	}
}

// gone is a store that cannot be reached.
type gone struct {
	keystore.Admin
	err error
}

func (g gone) Key(context.Context, string) (*keystore.Key, error)                 { return nil, g.err }
func (g gone) Keys(context.Context, string, string, int) ([]*keystore.Key, error) { return nil, g.err }
func (g gone) FindKeys(context.Context, keystore.KeyFilter, string, int) ([]*keystore.Key, error) {
	return nil, g.err
}
func (g gone) CreateKeys(context.Context, keystore.Act, string, []keystore.NewKey) error {
	return g.err
}
