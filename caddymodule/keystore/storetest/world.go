// Package storetest holds every key store to the same promises. A store's own test calls Store, and Admin where it
// can be written.
package storetest

import (
	"net/netip"
	"testing"
	"time"

	"github.com/stretchr/testify/require"

	"github.com/tollgate-gateway/tollgate/caddymodule/keystore"
	"github.com/tollgate-gateway/tollgate/caddymodule/record"
)

// World is what a store shall hold.
type World []Workspace

// Workspace is a workspace with its keys.
type Workspace struct {
	record.Workspace
	Keys []keystore.NewKey
}

// The secrets of the world.
const (
	Full     = "secret-of-a-key-with-everything"
	Plain    = "secret-of-a-key-with-nothing"
	Disabled = "secret-of-a-disabled-key"
	Paused   = "secret-of-a-suspended-workspace"
	Nobodys  = "secret-that-nobody-has"
)

// Example is a world with everything that a record can hold.
func Example() World {
	return World{
		{
			Workspace: record.Workspace{ID: "ws_acme", Plan: "pro",
				Limits:   []record.Window{{Limit: 500, Duration: time.Minute}, {Limit: 9000, Duration: record.Day}},
				Quotas:   []record.Quota{{Limit: 100_000, Period: record.Monthly}, {Limit: 9000, Period: record.Daily}},
				Metadata: map[string]any{"region": "eu", "beta": true, "note": nil, "tags": []any{"a", "b"}}},
			Keys: []keystore.NewKey{{
				Sum: record.SumOf(Full),
				Key: record.Key{ID: "key_full", Name: "crm agent", Scopes: []record.Scope{"agent.leads.*", "agent.support.write"},
					AllowedIPs: []netip.Prefix{netip.MustParsePrefix("203.0.113.0/24"), netip.MustParsePrefix("2001:db8::1/128")},
					Limits:     []record.Window{{Limit: 50, Duration: time.Minute}, {Limit: 1, Duration: time.Second}},
					ExpiresAt:  time.Date(2087, 1, 1, 0, 0, 0, 0, time.UTC)},
			}, {
				Sum: record.SumOf(Disabled), Key: record.Key{ID: "key_disabled", Disabled: true},
			}},
		},
		{
			Workspace: record.Workspace{ID: "ws_other", Plan: "starter"},
			Keys:      []keystore.NewKey{{Sum: record.SumOf(Plain), Key: record.Key{ID: "key_plain"}}},
		},
		{
			Workspace: record.Workspace{ID: "ws_paused", Plan: "starter", SuspendedReason: "invoice 117 unpaid"},
			Keys:      []keystore.NewKey{{Sum: record.SumOf(Paused), Key: record.Key{ID: "key_paused"}}},
		},
	}
}

// Act is by whom the tests act.
var Act = keystore.Act{By: "command tester", Action: "test"}

// Fill puts the world into an empty store.
func Fill(t testing.TB, admin keystore.Admin, world World) {
	t.Helper()
	for _, w := range world {
		require.NoError(t, admin.CreateWorkspace(t.Context(), Act, &w.Workspace))
		if len(w.Keys) > 0 {
			require.NoError(t, admin.CreateKeys(t.Context(), Act, w.ID, w.Keys))
		}
	}
}
