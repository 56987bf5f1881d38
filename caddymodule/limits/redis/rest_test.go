package redis_test

import (
	"context"
	"strings"
	"testing"

	"github.com/stretchr/testify/require"

	"github.com/tollgate-gateway/tollgate/caddymodule/limits"
	"github.com/tollgate-gateway/tollgate/caddymodule/services"
)

// TestAConnectionThatEndsAtRestCostsNobodyAnything: Redis ends connections that are not used for long, and a firewall does.
func TestAConnectionThatEndsAtRestCostsNobodyAnything(t *testing.T) {
	server, g, o := newGateways(t, 1, patient)
	client := server.Client()
	defer client.Close()
	w := windows(t, "1000000/1h")
	ctx := context.Background()
	for range 20 {
		for range 3 {
			require.Equal(t, limits.FromRedis, take(t, g[0], "ws", w, 1).Source)
		}
		require.NoError(t, client.ClientKillByFilter(ctx, "TYPE", "normal", "SKIPME", "yes").Err())
		services.Wait(t, "Redis to end the connections", func() bool {
			return strings.Count(client.ClientList(ctx).Val(), "\n") == 1
		})
	}
	require.Equal(t, limits.FromRedis, take(t, g[0], "ws", w, 1).Source)
	require.Zero(t, o[0].errors.Load())
	require.Equal(t, "61", client.Get(ctx, "tollgate:{ws}:3600").Val())
}
