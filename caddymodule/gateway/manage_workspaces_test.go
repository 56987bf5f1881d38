package gateway_test

import (
	"fmt"
	"testing"

	"github.com/stretchr/testify/require"

	"github.com/tollgate-gateway/tollgate/caddymodule/harness"
	"github.com/tollgate-gateway/tollgate/caddymodule/keystore"
)

// TestLifeOfAManagedWorkspace: what an operator does to a customer over HTTP holds from the next request on.
func TestLifeOfAManagedWorkspace(t *testing.T) {
	const why = "invoice 117 unpaid"
	g, admin := managedSQLite(t)
	use := func() *harness.Answer { return g.Do(t, harness.Request{Path: "/leads", Key: secretOf("key_theirs")}) }
	require.Equal(t, 200, use().Status)
	for _, key := range []string{"key_owner", "key_their_owner", "key_star", "key_auditor"} {
		refused := ask(t, g, key, "POST", "/keys/workspaces/ws_globex/suspend", `{"reason":"`+why+`"}`)
		require.Equal(t, 403, refused.Status, key)
		require.Contains(t, refused.Body, "tollgate.admin.workspaces.write")
	}
	require.Equal(t, 200, use().Status)

	suspended := ask(t, g, "key_admin", "POST", "/keys/workspaces/ws_globex/suspend", `{"reason":"`+why+`"}`)
	require.Equal(t, 200, suspended.Status, suspended.Body)
	require.Contains(t, suspended.Body, why, "the operator is told")
	refused := use()
	require.Equal(t, 403, refused.Status)
	require.Contains(t, refused.Body, `"reason":"suspended"`)
	require.NotContains(t, refused.Body+fmt.Sprint(refused.Header), "invoice")
	require.NotEmpty(t, refused.Header.Get("X-RateLimit-Remaining"))
	require.Equal(t, 403, ask(t, g, "key_their_owner", "GET", "/keys", "").Status, "its own dashboard too")
	require.Contains(t, ask(t, g, "key_admin", "GET", "/keys/workspaces?suspended=true", "").Body, `"id":"ws_globex"`)

	require.Equal(t, 200, ask(t, g, "key_admin", "POST", "/keys/workspaces/ws_globex/resume", "").Status)
	require.Equal(t, 200, use().Status)
	require.Equal(t, 200, ask(t, g, "key_admin", "DELETE", "/keys/workspaces/ws_globex", "").Status)
	require.Equal(t, 401, use().Status)
	require.Equal(t, 404, ask(t, g, "key_admin", "GET", "/keys/workspaces/ws_globex", "").Status)
	require.Contains(t, ask(t, g, "key_admin", "GET", "/keys/workspaces/ws_globex/history", "").Body, `"action":"workspace delete"`)
	_, err := admin.Workspace(t.Context(), "ws_globex")
	require.ErrorIs(t, err, keystore.ErrNotFound)
	require.NotContains(t, g.ReadFile(t, "access.log"), why)
	require.Eventually(t, func() bool {
		return harness.Contains(g.ReadFile(t, "caddy.log"), `"level":"debug"`, "request refused", "workspace ws_globex is suspended (since ", why)
	}, harness.WaitFor, harness.Tick, "operators find it in the log")
}
