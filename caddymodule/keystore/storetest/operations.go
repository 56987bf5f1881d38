package storetest

import (
	"context"
	"strings"
	"testing"
	"time"

	"github.com/stretchr/testify/require"

	"github.com/tollgate-gateway/tollgate/caddymodule/keystore"
	"github.com/tollgate-gateway/tollgate/caddymodule/record"
)

// Operations are all that can be asked of a store with the Example in it, by what they are.
func Operations(s Writable) map[string]func(context.Context) error {
	return map[string]func(context.Context) error{
		"look-up":    func(ctx context.Context) error { return second(s.Lookup(ctx, record.SumOf(Full))) },
		"changes":    func(ctx context.Context) error { return second(s.Changes(ctx, keystore.Position{})) },
		"workspace":  func(ctx context.Context) error { return second(s.Workspace(ctx, "ws_acme")) },
		"workspaces": func(ctx context.Context) error { return second(s.Workspaces(ctx, "", 100)) },
		"key":        func(ctx context.Context) error { return second(s.Key(ctx, "key_full")) },
		"keys":       func(ctx context.Context) error { return second(s.Keys(ctx, "", "", 100)) },
		"keys of":    func(ctx context.Context) error { return second(s.Keys(ctx, "ws_acme", "", 100)) },
		"history":    func(ctx context.Context) error { return second(s.History(ctx, "", "", 100)) },
		"history of": func(ctx context.Context) error { return second(s.History(ctx, "", "key_full", 100)) },
		"create workspace": func(ctx context.Context) error {
			return s.CreateWorkspace(ctx, Act, &record.Workspace{ID: "ws_new", Plan: "pro"})
		},
		"update workspace": func(ctx context.Context) error {
			return second(s.UpdateWorkspace(ctx, Act, "ws_acme", func(w *record.Workspace) error { w.Plan = "tiny"; return nil }))
		},
		"delete workspace": func(ctx context.Context) error {
			return second(s.DeleteWorkspace(ctx, Act, "ws_other"))
		},
		"create key": func(ctx context.Context) error {
			return s.CreateKeys(ctx, Act, "ws_acme", []keystore.NewKey{{Key: record.Key{ID: "key_new"}, Sum: record.SumOf("new-secret-0123456789")}})
		},
		"update key": func(ctx context.Context) error {
			return second(s.UpdateKey(ctx, Act, "key_full", func(k *record.Key) error { k.Disabled = !k.Disabled; return nil }))
		},
		"rotate key": func(ctx context.Context) error {
			return second(s.RotateKey(ctx, Act, "key_full", record.SumOf("another-secret-0123456789"), time.Hour))
		},
		"uses": func(ctx context.Context) error {
			return s.WriteUses(ctx, []keystore.Use{{Sum: record.SumOf(Full), At: time.Now()}})
		},
	}
}

// IsForOperators sees that an error is one line which names the store, and that once.
func IsForOperators(t *testing.T, err error, place string) {
	t.Helper()
	require.ErrorContains(t, err, place)
	require.Equal(t, 1, strings.Count(err.Error(), place), "the store is named once: %s", err)
	require.LessOrEqual(t, strings.Count(err.Error(), "key store "+place), 1, err)
	require.NotContains(t, err.Error(), "\n")
}
