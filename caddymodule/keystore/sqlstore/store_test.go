package sqlstore

import (
	"context"
	"database/sql"
	"errors"
	"slices"
	"strings"
	"testing"
	"time"

	"github.com/stretchr/testify/require"

	"github.com/tollgate-gateway/tollgate/caddymodule/keystore"
	"github.com/tollgate-gateway/tollgate/caddymodule/keystore/storetest"
	"github.com/tollgate-gateway/tollgate/caddymodule/record"
)

// written is a store on a database of its own, as a gateway's database packages build one.
type written struct {
	*Store
	db *sql.DB
}

func (w written) Close() error   { return nil } // the test closes the database
func (w written) String() string { return w.Place }

// Changes looks once.
func (w written) Changes(ctx context.Context, since keystore.Position) (keystore.Changes, error) {
	return w.Poll(ctx, w.db, since)
}

func newWritten(t *testing.T, as *Dialect) written {
	t.Helper()
	db, s := database(t)
	s.Dialect = as
	require.NoError(t, as.Migrate(t.Context(), db, "here", true))
	return written{s, db}
}

// pooled is the dialect behind a pooler that keeps no prepared statements.
func pooled() *Dialect {
	as := *dialect
	as.Pooled = true
	return &as
}

// TestWhatIsWrittenIsThere: every change of every kind is read back, by either way of sending statements.
func TestWhatIsWrittenIsThere(t *testing.T) {
	for name, as := range map[string]*Dialect{"prepared": dialect, "behind a pooler": pooled()} {
		t.Run(name, func(t *testing.T) {
			s, ctx := newWritten(t, as), t.Context()
			act := keystore.Act{By: "test", Action: "key create"}
			first, second := record.SumOf("the first secret of it"), record.SumOf("the second secret of it")
			require.NoError(t, s.CreateWorkspace(ctx, act, &record.Workspace{ID: "ws_1", Plan: "pro"}))
			_, err := s.UpdateWorkspace(ctx, act, "ws_1", func(w *record.Workspace) error { w.Plan = "enterprise"; return nil })
			require.NoError(t, err)
			require.NoError(t, s.CreateKeys(ctx, act, "ws_1", []keystore.NewKey{{Key: record.Key{ID: "key_1"}, Sum: first}}))
			_, err = s.UpdateKey(ctx, act, "key_1", func(k *record.Key) error { k.Name = "agent"; return nil })
			require.NoError(t, err)
			_, err = s.RotateKey(ctx, act, "key_1", second, time.Hour)
			require.NoError(t, err)
			at := time.Now().Truncate(time.Microsecond).UTC()
			require.NoError(t, s.WriteUses(ctx, []keystore.Use{{Sum: second, At: at}, {Sum: first, At: at.Add(-time.Minute)}, {Sum: second, At: at.Add(-time.Hour)}}))

			for _, sum := range []record.Sum{first, second} {
				identity, err := s.Lookup(ctx, sum)
				require.NoError(t, err)
				require.Equal(t, []string{"ws_1", "enterprise", "key_1", "agent"},
					[]string{identity.Workspace.ID, identity.Workspace.Plan, identity.Key.ID, identity.Key.Name})
			}
			key, err := s.Key(ctx, "key_1")
			require.NoError(t, err)
			require.Len(t, key.Secrets, 2)
			require.Equal(t, at, key.Secrets[1].LastUsedAt, "an older use does not replace a newer one")
			require.Equal(t, append(slices.Repeat([]string{"key create"}, 5), slices.Repeat([]string{"schema"}, keystore.Schema)...), actionsOf(t, s))
		})
	}
}

func actionsOf(t *testing.T, s written) (all []string) {
	t.Helper()
	events, err := s.History(t.Context(), "", "", 100)
	require.NoError(t, err)
	for _, e := range events {
		all = append(all, e.Action)
	}
	return all
}

// TestABrokenConnectionIsTriedOnce: what it broke off is done a second time, and no third.
func TestABrokenConnectionIsTriedOnce(t *testing.T) {
	gone := errors.New("the server is gone")
	as := *dialect
	as.Broken = func(err error) bool { return errors.Is(err, gone) }
	s := newWritten(t, &as)
	opened, fail := 0, 1
	s.Open = func(context.Context) (*sql.DB, error) {
		if opened++; opened <= fail {
			return nil, gone
		}
		return s.db, nil
	}
	require.NoError(t, s.CreateWorkspace(t.Context(), keystore.Act{}, &record.Workspace{ID: "ws_1", Plan: "pro"}))
	require.Equal(t, 2, opened)

	opened, fail = 0, 9
	_, err := s.Lookup(t.Context(), record.SumOf("a secret of this test"))
	require.ErrorIs(t, err, gone)
	require.Equal(t, 2, opened, "no third time")

	opened, fail = 0, 9
	ctx, cancel := context.WithCancel(t.Context())
	cancel()
	_, err = s.Lookup(ctx, record.SumOf("a secret of this test"))
	require.ErrorIs(t, err, gone)
	require.Equal(t, 1, opened, "nobody waits for it any more")
}

// TestErrorsAreForOperators: one line, the store's place, never the password, and what to do where that is known.
func TestErrorsAreForOperators(t *testing.T) {
	t.Parallel()
	damaged, full := errors.New("no such table"), errors.New("disk\n  is full of hunter2")
	s := &Store{Place: "postgres at db:5432", Secret: "hunter2", Dialect: &Dialect{
		Damaged: func(err error) bool { return errors.Is(err, damaged) },
		Advice: func(err error) string {
			if errors.Is(err, full) {
				return "make room"
			}
			return ""
		},
	}}
	for name, c := range map[string]struct {
		err  error
		want string
		is   error
	}{
		"damaged":     {damaged, "postgres at db:5432 is not a key store, or a damaged one (no such table): restore a backup, or name another", keystore.ErrMissing},
		"advice":      {full, "key store postgres at db:5432: disk is full of ***: make room", full},
		"unknown":     {errors.New("odd"), "key store postgres at db:5432: odd", nil},
		"a row's":     {sql.ErrNoRows, "postgres at db:5432 is not a key store, or a damaged one (damaged: a row is missing that every key store has): restore a backup, or name another", keystore.ErrMissing},
		"wrong type":  {errors.New(`sql: Scan error on column index 0, name "plan": odd`), `key store postgres at db:5432: ` + keystore.ErrUnreadable.Error() + `: sql: Scan error on column index 0, name "plan": odd: restore a backup`, keystore.ErrUnreadable},
		"in words":    {&keystore.Problem{Kind: keystore.ErrReadOnly, Text: "said already"}, "said already", keystore.ErrReadOnly},
		"a caller's":  {refused{full}, full.Error(), full},
		"unknown key": {keystore.ErrUnknown, keystore.ErrUnknown.Error(), keystore.ErrUnknown},
	} {
		t.Run(name, func(t *testing.T) {
			t.Parallel()
			err := s.Explain(c.err)
			require.EqualError(t, err, c.want)
			if c.is != nil {
				require.ErrorIs(t, err, c.is)
			}
		})
	}
	require.NoError(t, s.Explain(nil))
}

// TestRowsThatNobodyWroteAreErrors: a row that this program did not leave is an error that names it, never a key.
func TestRowsThatNobodyWroteAreErrors(t *testing.T) {
	for column, value := range map[string]string{
		"tollgate_keys.scopes": `'["a b"'`, "tollgate_keys.allowed_ips": `'["300.0.0.0/8"]'`, "tollgate_workspaces.limits": `'["60"]'`, "tollgate_workspaces.metadata": `'[]'`,
	} {
		t.Run(column, func(t *testing.T) {
			s := newWritten(t, dialect)
			storetest.Fill(t, s, storetest.Example())
			table, name, _ := strings.Cut(column, ".")
			_, err := s.db.Exec("UPDATE " + table + " SET " + name + " = " + value)
			require.NoError(t, err)
			identity, err := s.Lookup(t.Context(), record.SumOf(storetest.Full))
			require.Nil(t, identity)
			require.ErrorIs(t, err, keystore.ErrUnreadable)
		})
	}
}
