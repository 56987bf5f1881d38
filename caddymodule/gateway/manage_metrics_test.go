package gateway_test

import (
	"testing"

	"github.com/stretchr/testify/require"

	"github.com/tollgate-gateway/tollgate/caddymodule/harness"
	"github.com/tollgate-gateway/tollgate/caddymodule/keystore/sqlite"
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
