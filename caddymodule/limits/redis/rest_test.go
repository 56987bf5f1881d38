package redis_test

import (
	"context"
	"strconv"
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

// TestANodeThatRefusesToWriteIsDialledAnew: after a failover the name may lead to another node than the connection does.
func TestANodeThatRefusesToWriteIsDialledAnew(t *testing.T) {
	server, g, _ := newGateways(t, 1, patient)
	client := server.Client()
	defer client.Close()
	w := windows(t, "1000000/1h")
	ctx := context.Background()
	for range 3 { // the later ones go-redis does not see
		require.Equal(t, limits.FromRedis, take(t, g[0], "ws", w, 1).Source)
	}
	connected := func() map[string]bool {
		ids := map[string]bool{}
		for line := range strings.Lines(client.ClientList(ctx).Val()) {
			id, _, _ := strings.Cut(strings.TrimPrefix(line, "id="), " ")
			ids[id] = true
		}
		return ids
	}
	before := connected()
	delete(before, strconv.FormatInt(client.ClientID(ctx).Val(), 10))
	require.NotEmpty(t, before)
	// A request may come upon a connection that is not among them, if others are busy: so more than one is tried.
	services.Wait(t, "a connection to be given up", func() bool {
		require.NoError(t, client.Do(ctx, "REPLICAOF", "127.0.0.1", "1").Err())
		_, _ = g[0].Take(ctx, "ws", w, 1) // which the replica refuses
		require.NoError(t, client.Do(ctx, "REPLICAOF", "NO", "ONE").Err())
		services.Wait(t, "the count to go on in Redis", func() bool {
			result, err := g[0].Take(ctx, "ws", w, 1)
			return err == nil && result.Source == limits.FromRedis
		})
		now := connected()
		for id := range before {
			if !now[id] {
				return true
			}
		}
		return false
	})
}
