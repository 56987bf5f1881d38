package storetest

import (
	"fmt"
	"strings"
	"testing"
	"time"

	"github.com/stretchr/testify/require"

	"github.com/tollgate-gateway/tollgate/caddymodule/keystore"
	"github.com/tollgate-gateway/tollgate/caddymodule/record"
)

// find compares what the store finds with what the filter says of each key.
func find(t *testing.T, s Writable) {
	ctx, now := t.Context(), time.Now().UTC()
	Fill(t, s, Example())
	var made []keystore.NewKey
	for n, scopes := range [][]record.Scope{{"agent.leads.read"}, {"agent.*"}, {"*"}, {"Agent.leads.read"}, {"agent.leads_read"}, {"agent.leadsXread", "b.c"}, {"agent.leads.*"}, nil} {
		key := record.Key{ID: fmt.Sprintf("key_find_%d", n), Scopes: scopes}
		if n%2 == 0 {
			key.ExpiresAt = now.Add(time.Duration(n+1) * record.Day).Truncate(time.Second)
		}
		made = append(made, keystore.NewKey{Key: key, Sum: record.SumOf(key.ID)})
	}
	require.NoError(t, s.CreateKeys(ctx, Act, "ws_other", made))
	require.NoError(t, s.WriteUses(ctx, []keystore.Use{{Sum: record.SumOf("key_find_1"), At: now.Add(2 * time.Hour)}}))
	_, err := s.UpdateKey(ctx, Act, "key_find_2", func(k *record.Key) error { k.RevokedAt = now; return nil })
	require.NoError(t, err)
	all, err := s.Keys(ctx, "", "", 1000)
	require.NoError(t, err)
	found := map[string]int{}
	for _, workspace := range []string{"", "ws_other"} {
		for _, unused := range []time.Time{{}, now.Add(-time.Hour), now.Add(time.Hour), now.Add(3 * time.Hour)} {
			for _, end := range []time.Time{{}, now, now.Add(4 * record.Day)} {
				for _, scope := range []record.Scope{"", "agent.leads.read", "agent.leads_read", "agent.leads", "agent.*", "agent.leads.*", "*", "x"} {
					filter := keystore.KeyFilter{Workspace: workspace, Now: now, UnusedSince: unused, EndBy: end, Scope: scope}
					var want, got []string
					for _, key := range all {
						if filter.Asks(key) {
							want = append(want, key.ID)
						}
					}
					for after := ""; ; after = got[len(got)-1] {
						page, err := s.FindKeys(ctx, filter, after, 2)
						require.NoError(t, err)
						for _, key := range page {
							got = append(got, key.ID)
						}
						if len(page) < 2 {
							break
						}
					}
					require.Equal(t, want, got, "%+v", filter)
					found[fmt.Sprint(unused.Sub(now), end.Sub(now), scope)] += len(got)
				}
			}
		}
	}
	require.Greater(t, len(found), 50)
	of := func(f keystore.KeyFilter) (ids []string) {
		f.Now = now
		keys, err := s.FindKeys(ctx, f, "key_find_", 1000)
		require.NoError(t, err)
		for _, key := range keys {
			if id, ours := strings.CutPrefix(key.ID, "key_find_"); ours {
				ids = append(ids, id)
			}
		}
		return ids
	}
	require.Equal(t, []string{"0", "1", "2", "6"}, of(keystore.KeyFilter{Workspace: "ws_other", Scope: "agent.leads.read"}))
	require.Equal(t, []string{"0"}, of(keystore.KeyFilter{Workspace: "ws_other", EndBy: now.Add(4 * record.Day)}))
	require.Equal(t, []string{"0", "3", "4", "5", "6", "7"}, of(keystore.KeyFilter{Workspace: "ws_other", UnusedSince: now.Add(time.Hour)}))
	_, err = s.FindKeys(ctx, keystore.KeyFilter{Workspace: "ws_none"}, "", 1)
	require.ErrorIs(t, err, keystore.ErrNotFound)
}
