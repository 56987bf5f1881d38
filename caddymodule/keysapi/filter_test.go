package keysapi

import (
	"fmt"
	"net/http"
	"strings"
	"testing"
	"time"

	"github.com/stretchr/testify/require"

	"github.com/tollgate-gateway/tollgate/caddymodule/keystore"
	"github.com/tollgate-gateway/tollgate/caddymodule/record"
)

// TestKeysAreFiltered by each parameter, by several at once, page by page, and never beyond the caller's reach.
func TestKeysAreFiltered(t *testing.T) {
	d := newDesk(t, "tollgate.keys.read")
	now := time.Now()
	d.Now = func() time.Time { return now.Add(100 * 24 * time.Hour) }
	require.NoError(t, d.store.CreateWorkspace(t.Context(), by, &record.Workspace{ID: "ws_other", Plan: "pro"}))
	for n, k := range []record.Key{
		{ID: "key_a", Scopes: scopes("agent.*"), ExpiresAt: now.Add(105 * 24 * time.Hour)},
		{ID: "key_b", Scopes: scopes("agent.read", "agent.write"), ExpiresAt: now.Add(200 * 24 * time.Hour)},
		{ID: "key_c", Scopes: scopes("crm.read")},
		{ID: "key_other", Scopes: scopes("agent.read"), ExpiresAt: now.Add(105 * 24 * time.Hour)},
	} {
		workspace := "ws"
		if k.ID == "key_other" {
			workspace = "ws_other"
		}
		require.NoError(t, d.store.CreateKeys(t.Context(), by, workspace, []keystore.NewKey{{Key: k, Sum: record.SumOf(fmt.Sprint(n))}}))
	}
	for query, want := range map[string]string{
		"":                          "key_a key_b key_c key_caller key_target",
		"unused=90d":                "key_a key_b key_c key_caller key_target",
		"unused=101d":               "",
		"expiring=30d":              "key_a",
		"expiring=1d":               "",
		"expiring=300d":             "key_a key_b",
		"scope=agent.write":         "key_a key_b",
		"expiring=300d&unused=90d":  "key_a key_b",
		"expiring=300d&limit=1":     "key_a key_b",
		"unused=90d&workspace=ws":   "key_a key_b key_c key_caller key_target",
		"scope=crm.read&unused=90d": "key_c",
		"scope=none.read":           "",
	} {
		t.Run(query, func(t *testing.T) {
			var got []string
			for after := ""; ; {
				page := query
				if after != "" {
					page += "&after=" + after
				}
				answer, refused := d.ask(t, "GET", "", page, "")
				require.Nil(t, refused)
				for _, view := range answer.Data.([]*View) {
					got = append(got, view.ID)
				}
				if answer.Pagination.Next == nil {
					break
				}
				require.Len(t, answer.Data, answer.Pagination.Limit)
				after = *answer.Pagination.Next
			}
			require.Equal(t, want, strings.Join(got, " "))
		})
	}
	_, refused := d.ask(t, "GET", "", "unused=90d&workspace=ws_other", "")
	require.Equal(t, http.StatusNotFound, refused.StatusCode())
}
