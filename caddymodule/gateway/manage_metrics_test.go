package gateway_test

import (
	"testing"
	"time"

	"github.com/stretchr/testify/require"

	"github.com/tollgate-gateway/tollgate/caddymodule/harness"
	"github.com/tollgate-gateway/tollgate/caddymodule/keystore"
	"github.com/tollgate-gateway/tollgate/caddymodule/keystore/sqlite"
	"github.com/tollgate-gateway/tollgate/caddymodule/record"
)

// TestManagedKeysCountAsTheGateways: the backend has no part in their answers, good and bad.
func TestManagedKeysCountAsTheGateways(t *testing.T) {
	setup := managed("keys sqlite $DIR/tollgate.db")
	setup.Gate += "public GET /metrics\n"
	setup.Then = "tollgate_keys /keys\nmetrics /metrics\nreverse_proxy $BACKEND"
	g := harness.New(t)
	store := sqlite.New(g.Dir+"/tollgate.db", sqlite.Options{Create: true})
	t.Cleanup(func() { require.NoError(t, store.Close()) })
	managedWorld(t, store)
	require.NoError(t, g.Load(setup.Caddyfile()))
	require.Equal(t, 201, ask(t, g, "key_owner", "POST", "/keys", `{}`).Status)
	require.Equal(t, 404, ask(t, g, "key_owner", "GET", "/keys/key_nobodys", ``).Status)
	require.Equal(t, 200, g.Do(t, harness.Request{Path: "/leads", Key: secretOf("key_owner")}).Status)
	text := g.Do(t, harness.Request{Path: "/metrics"}).Body
	require.Contains(t, text, `tollgate_requests_total{code="ok",plan="big",route="/keys",source="gateway"}`)
	require.Contains(t, text, `tollgate_requests_total{code="NOT_FOUND",plan="big",route="/keys/:id",source="gateway"}`)
	require.Contains(t, text, `tollgate_requests_total{code="ok",plan="big",route="/leads",source="backend"}`)
	require.NotContains(t, text, `route="/keys",source="backend"`)
}

// TestManagedKeysSayInTheLogWhyTheyRefuse: what tollgate_keys refuses is refused by the gateway, for a reason of its closed list.
func TestManagedKeysSayInTheLogWhyTheyRefuse(t *testing.T) {
	g, store := managedSQLite(t)
	at := func(by, method, path, body string) map[string]any {
		a := ask(t, g, by, method, path, body)
		line := harness.AccessLine(t, g, a.Header.Get("X-Request-Id"))
		return map[string]any{"status": a.Status, "decision": line["decision"], "reason": line["reason"], "missing_scopes": line["missing_scopes"], "key_id": line["key_id"]}
	}
	require.Equal(t, told("status", 403, "decision", "refused", "reason", "missing_scope", "missing_scopes", []any{"tollgate.keys.write"}, "key_id", "key_reader"),
		at("key_reader", "POST", "/keys", `{}`))
	require.Equal(t, told("status", 404, "decision", "refused", "reason", "handler_not_found", "missing_scopes", nil, "key_id", "key_owner"),
		at("key_owner", "GET", "/keys/key_nobodys", ""))
	require.Equal(t, told("status", 200, "decision", "allowed", "reason", nil, "missing_scopes", nil, "key_id", "key_owner"),
		at("key_owner", "GET", "/keys", ""))
	// The gate knows the key; the store, which is asked before anything is changed, has it revoked by now.
	_, err := store.UpdateKey(t.Context(), keystore.Act{By: "test"}, "key_owner", func(k *record.Key) error { k.RevokedAt = time.Now(); return nil })
	require.NoError(t, err)
	require.Equal(t, told("status", 401, "decision", "refused", "reason", "revoked", "missing_scopes", nil, "key_id", "key_owner"),
		at("key_owner", "POST", "/keys", `{}`))
}
