package redis_test

import (
	"context"
	"fmt"
	"net"
	"strconv"
	"strings"
	"sync"
	"sync/atomic"
	"testing"
	"time"

	goredis "github.com/redis/go-redis/v9"
	"github.com/stretchr/testify/require"

	"github.com/tollgate-gateway/tollgate/caddymodule/limits"
	"github.com/tollgate-gateway/tollgate/caddymodule/limits/redis"
	"github.com/tollgate-gateway/tollgate/caddymodule/services"
)

// threeNodes is a Redis Cluster of three masters, each with a third of the slots, that goes on where one of them is away.
type threeNodes struct {
	servers [3]*services.RedisServer
	clients [3]*goredis.Client
	ids     [3]string
}

func newThreeNodes(t *testing.T) *threeNodes {
	t.Helper()
	ctx, c := context.Background(), &threeNodes{}
	for i := range c.servers {
		c.servers[i] = services.Redis(t, "--cluster-enabled", "yes", "--cluster-announce-ip", "127.0.0.1",
			"--cluster-port", strconv.Itoa(services.FreePort(t)), "--cluster-require-full-coverage", "no", "--cluster-node-timeout", "60000")
		c.clients[i] = c.servers[i].Client()
		t.Cleanup(func() { _ = c.clients[i].Close() })
		require.NoError(t, c.clients[i].ClusterAddSlotsRange(ctx, i*16384/3, (i+1)*16384/3-1).Err())
		c.ids[i] = c.clients[i].ClusterMyID(ctx).Val()
		require.NoError(t, c.clients[i].Do(ctx, "cluster", "set-config-epoch", i+1).Err())
	}
	for i := 1; i < 3; i++ {
		nodes := c.clients[i].ClusterNodes(ctx).Val() // <id> <host>:<port>@<bus> myself,master …
		host, port, err := net.SplitHostPort(c.servers[i].Address())
		require.NoError(t, err)
		_, rest, _ := strings.Cut(nodes, "@")
		bus, _, _ := strings.Cut(strings.FieldsFunc(rest, func(r rune) bool { return r == ' ' || r == ',' })[0], " ")
		require.NoError(t, c.clients[0].Do(ctx, "cluster", "meet", host, port, bus).Err())
	}
	services.Wait(t, "the cluster", func() bool {
		for _, client := range c.clients {
			info := client.ClusterInfo(ctx).Val()
			if !strings.Contains(info, "cluster_state:ok") || !strings.Contains(info, "cluster_slots_ok:16384") {
				return false
			}
		}
		return true
	})
	return c
}

func (c *threeNodes) url() string {
	return fmt.Sprintf("redis://%s?cluster=true&addr=%s&addr=%s", c.servers[0].Address(), c.servers[1].Address(), c.servers[2].Address())
}

// slot is that of a workspace.
func (c *threeNodes) slot(workspace string) int {
	return int(c.clients[0].ClusterKeySlot(context.Background(), "{"+workspace+"}").Val())
}

// of gives so many workspaces whose slots a node has.
func (c *threeNodes) of(node, n int) (workspaces []string) {
	for i := 0; len(workspaces) < n; i++ {
		name := fmt.Sprint("ws_", i)
		if slot := c.slot(name); node*16384/3 <= slot && slot < (node+1)*16384/3 {
			workspaces = append(workspaces, name)
		}
	}
	return workspaces
}

// TestAShardThatIsAwayConcernsItsWorkspacesOnly: theirs are counted locally and do not wait, all others are exact.
func TestAShardThatIsAwayConcernsItsWorkspacesOnly(t *testing.T) {
	t.Parallel()
	c := newThreeNodes(t)
	e, o := newEngine(t, c.url(), redis.Settings{Timeout: 200 * time.Millisecond})
	w := windows(t, "1000000/1h", "2000000/1d")
	here, gone := append(c.of(0, 3), c.of(2, 3)...), c.of(1, 3)
	for _, workspace := range append(here, gone...) {
		services.Wait(t, "a connection", func() bool { return take(t, e, workspace, w, 1).Source == limits.FromRedis })
	}
	c.servers[1].Pause()
	services.Wait(t, "the breaker of the shard", func() bool { take(t, e, gone[0], w, 1); return e.Away() })
	calls := o.errors.Load()
	for range 20 {
		for _, workspace := range gone {
			require.Equal(t, limits.FromLocal, take(t, e, workspace, w, 1).Source)
			require.True(t, e.Last(workspace, w).Local)
		}
		for _, workspace := range here {
			require.Equal(t, limits.FromRedis, take(t, e, workspace, w, 1).Source)
			require.False(t, e.Last(workspace, w).Local)
		}
	}
	require.LessOrEqual(t, o.errors.Load()-calls, int64(10), "those of the prober")
	c.servers[1].Resume()
	services.Wait(t, "the end of the outage", func() bool { return !e.Away() })
	for _, workspace := range append(here, gone...) {
		require.Equal(t, limits.FromRedis, take(t, e, workspace, w, 1).Source)
	}
	require.Equal(t, []bool{true, false}, o.outages())
}

// TestASlotThatMovesIsFollowed moves the slot of a workspace from node to node while two gateways take from it: no request
// is decided without Redis, and the sum is exact.
func TestASlotThatMovesIsFollowed(t *testing.T) {
	t.Parallel()
	c := newThreeNodes(t)
	a, seenByA := newEngine(t, c.url(), patient)
	b, seenByB := newEngine(t, c.url(), patient)
	workspace := c.of(0, 1)[0]
	slot, w := c.slot(workspace), windows(t, "3000/1h", "1000000/1d")
	var granted, local atomic.Int64
	var all sync.WaitGroup
	stop := make(chan struct{})
	for g := range 8 {
		all.Go(func() {
			for e := []*redis.Engine{a, b}[g%2]; ; {
				select {
				case <-stop:
					return
				default:
				}
				result, err := e.Take(context.Background(), workspace, w, 1)
				switch {
				case err != nil || result.Source == limits.FromLocal:
					local.Add(1)
				case result.Granted:
					granted.Add(1)
				}
			}
		})
	}
	for n, from := 0, 0; n < 6; n++ {
		to := (from + 1) % 3
		c.move(t, slot, from, to, "tollgate:{"+workspace+"}:3600", "tollgate:{"+workspace+"}:86400")
		from = to
	}
	moved := granted.Load()
	t.Logf("%d granted while the slot moved", moved)
	require.Less(t, moved, int64(3000), "and it went on")
	services.Wait(t, "the limit", func() bool { return remaining(a.Last(workspace, w))[0] == 0 && remaining(b.Last(workspace, w))[0] == 0 })
	close(stop)
	all.Wait()
	require.Zero(t, local.Load(), "decided without Redis: %v, %v", seenByA.last, seenByB.last)
	require.Equal(t, int64(3000), granted.Load())
}

// move moves a slot with its keys, one after the other, as redis-cli --cluster reshard does.
func (c *threeNodes) move(t *testing.T, slot, from, to int, keys ...string) {
	t.Helper()
	ctx := context.Background()
	require.NoError(t, c.clients[to].Do(ctx, "cluster", "setslot", slot, "importing", c.ids[from]).Err())
	require.NoError(t, c.clients[from].Do(ctx, "cluster", "setslot", slot, "migrating", c.ids[to]).Err())
	host, port, err := net.SplitHostPort(c.servers[to].Address())
	require.NoError(t, err)
	for _, key := range keys {
		require.NoError(t, c.clients[from].Migrate(ctx, host, port, key, 0, 5*time.Second).Err())
	}
	// Moves that follow each other this fast can leave two nodes that name each other, for good: the next move waits until all
	// agree.
	services.Wait(t, "all nodes to agree", func() bool {
		agreed := true
		for _, node := range []int{to, from, 3 - to - from} {
			if c.owner(t, node, slot) != c.ids[to] {
				agreed = false
				require.NoError(t, c.clients[node].Do(ctx, "cluster", "setslot", slot, "node", c.ids[to]).Err())
			}
		}
		return agreed
	})
}

// owner is the id of the node that serves a slot, as one of the nodes sees it.
func (c *threeNodes) owner(t *testing.T, node, slot int) string {
	t.Helper()
	shards, err := c.clients[node].ClusterShards(context.Background()).Result()
	require.NoError(t, err)
	for _, shard := range shards {
		for _, slots := range shard.Slots {
			if slots.Start <= int64(slot) && int64(slot) <= slots.End && len(shard.Nodes) > 0 {
				return shard.Nodes[0].ID
			}
		}
	}
	return ""
}
