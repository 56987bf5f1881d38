package gateway_test

import (
	"net"
	"os"
	"strings"
	"testing"
	"time"

	"github.com/stretchr/testify/require"

	"github.com/tollgate-gateway/tollgate/caddymodule/harness"
)

// TestARefusedReloadChangesNothing: the cache of keys, which outlives configurations, keeps stale_keys and the log of the
// configuration that goes on.
func TestARefusedReloadChangesNothing(t *testing.T) {
	g, _ := managedSQLite(t)
	passesFor(t, g, time.Second) // the feed of changes runs, and the key is known since

	occupied, err := net.Listen("tcp", "127.0.0.1:0")
	require.NoError(t, err)
	defer func() { _ = occupied.Close() }()
	refused := managed("keys sqlite $DIR/tollgate.db\nstale_keys 0").Caddyfile()
	refused = strings.Replace(refused, "$DIR/caddy.log", "$DIR/other.log", 1) + "http://" + occupied.Addr().String() + " {\n bind 127.0.0.1\n respond ok\n}\n"
	require.ErrorContains(t, g.Load(refused), "address already in use")

	require.NoError(t, os.Rename(g.Dir+"/tollgate.db", g.Dir+"/away.db"))
	failing := func() bool { return harness.Contains(g.ReadFile(t, "caddy.log"), "key store is failing") }
	require.Eventually(t, failing, harness.WaitFor, harness.Tick, "the log of the configuration that goes on")
	passesFor(t, g, 1500*time.Millisecond) // longer than anything is trusted unasked
}

// passesFor sends requests with a good key, all of which must pass.
func passesFor(t *testing.T, g *harness.Gateway, d time.Duration) {
	t.Helper()
	for end := time.Now().Add(d); time.Now().Before(end); {
		a := g.Do(t, harness.Request{Path: "/any", Key: secretOf("key_owner")})
		require.Equal(t, 200, a.Status, a.Body)
	}
}
