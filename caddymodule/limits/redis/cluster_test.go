package redis_test

import (
	"context"
	"net"
	"strings"
	"sync"
	"sync/atomic"
	"testing"
	"time"

	"github.com/stretchr/testify/require"

	"github.com/tollgate-gateway/tollgate/caddymodule/limits"
	"github.com/tollgate-gateway/tollgate/caddymodule/limits/redis"
	"github.com/tollgate-gateway/tollgate/caddymodule/services"
)

// open are the nodes whose circuit breaker is open, and how many there are that are known.
func open(e *redis.Engine) (names []string, known int) {
	e.Breakers(func(node string, open bool) {
		if open {
			names = append(names, node)
		}
		if node != "" {
			known++
		}
	})
	return names, known
}

// TestAShardThatIsAwayConcernsItsWorkspacesOnly: theirs are counted locally, and none waits but those that were under way; all
// others are exact, and none waits.
func TestAShardThatIsAwayConcernsItsWorkspacesOnly(t *testing.T) {
	t.Parallel()
	const timeout = 500 * time.Millisecond
	c := services.Cluster(t)
	e, o := newEngine(t, c.URL(), redis.Settings{Timeout: timeout})
	w := windows(t, "1000000/1h", "2000000/1d")
	here, gone := append(c.Of(0, 3), c.Of(2, 3)...), c.Of(1, 3)
	for _, workspace := range append(here, gone...) {
		services.Wait(t, "a connection", func() bool { return take(t, e, workspace, w, 1).Source == limits.FromRedis })
	}
	c.Nodes[1].Pause()
	var others *load
	var pressed sync.WaitGroup
	pressed.Go(func() { others = pressOn(t, e, timeout, 3*timeout, here) })
	assertFewWait(t, pressOn(t, e, timeout, 3*timeout, gone), timeout)
	pressed.Wait()
	require.Zero(t, others.waited.Load(), "the longest %s", time.Duration(others.longest.Load()))
	require.Zero(t, others.errors.Load())
	names, known := open(e)
	require.Equal(t, []string{c.Nodes[1].Address()}, names)
	require.Equal(t, 3, known)
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
	c.Nodes[1].Resume()
	services.Wait(t, "the end of the outage", func() bool { return !e.Away() })
	for _, workspace := range append(here, gone...) {
		require.Equal(t, limits.FromRedis, take(t, e, workspace, w, 1).Source)
	}
	require.Equal(t, []bool{true, false}, o.outages())
}

// TestAFailoverBringsBackWhatWasSeen kills a master whose replica lacks the last writes: when the replica is promoted, its
// workspaces are counted in Redis again, no lower than a gateway saw them.
func TestAFailoverBringsBackWhatWasSeen(t *testing.T) {
	t.Parallel()
	ctx, c := context.Background(), services.Cluster(t)
	replica := services.RedisNode(t)
	client := replica.Client()
	defer client.Close()
	c.Join(t, replica)
	services.Wait(t, "the replica to know its master", func() bool { return client.ClusterReplicate(ctx, c.IDs[1]).Err() == nil })
	services.Wait(t, "the link to the master", func() bool { return strings.Contains(client.Info(ctx, "replication").Val(), "master_link_status:up") })
	a, o := newEngine(t, c.URL(), redis.Settings{Timeout: 500 * time.Millisecond})
	b, _ := newEngine(t, c.URL(), redis.Settings{Timeout: 500 * time.Millisecond})
	w, gone, here := windows(t, "100/1h", "1000/1d"), c.Of(1, 1)[0], c.Of(0, 1)[0]
	for _, workspace := range []string{gone, here} {
		services.Wait(t, "connections", func() bool {
			return take(t, a, workspace, windows(t, "9/1s"), 1).Source != limits.FromLocal && take(t, b, workspace, windows(t, "9/1s"), 1).Source != limits.FromLocal
		})
	}
	take(t, a, gone, w, 30)
	services.Wait(t, "replication", func() bool { return client.Do(ctx, "readonly").Err() == nil && client.DBSize(ctx).Val() >= 2 })
	replica.Pause()
	require.Equal(t, []int64{60, 960}, remaining(take(t, a, gone, w, 10).State), "the replica does not hear of it")
	c.Nodes[1].Kill()
	replica.Resume()
	services.Wait(t, "the breaker", func() bool { take(t, a, gone, windows(t, "1000000/1m"), 1); return a.Away() })
	require.Equal(t, limits.FromRedis, take(t, a, here, w, 1).Source)
	require.NoError(t, client.Do(ctx, "cluster", "failover", "takeover").Err())
	services.Wait(t, "the promoted replica", func() bool { return take(t, a, gone, windows(t, "1000000/1m"), 1).Source == limits.FromRedis })
	require.Equal(t, []int64{59, 959}, remaining(take(t, a, gone, w, 1).State))
	services.Wait(t, "the promoted replica", func() bool { return take(t, b, gone, windows(t, "1000000/1m"), 1).Source == limits.FromRedis })
	require.Equal(t, []int64{58, 958}, remaining(take(t, b, gone, w, 1).State), "what one gateway saw is brought back for all")
	require.Equal(t, limits.FromRedis, take(t, a, here, w, 1).Source)
	require.Equal(t, []bool{true, false}, o.outages())
	names, _ := open(a)
	require.Empty(t, names)
}

// TestASlotThatStaysHalfMoved: of its workspaces requests are decided without Redis after waiting once, and none waits again;
// the nodes are not away for it, and go on with all others.
func TestASlotThatStaysHalfMoved(t *testing.T) {
	t.Parallel()
	const timeout = 400 * time.Millisecond
	ctx, c := context.Background(), services.Cluster(t)
	e, o := newEngine(t, c.URL(), redis.Settings{Timeout: timeout})
	w, list := windows(t, "100000/1h", "1000000/1d"), c.Of(0, 2)
	half, here := list[0], list[1]
	for _, workspace := range []string{half, here} {
		services.Wait(t, "a connection", func() bool { return take(t, e, workspace, w, 1).Source == limits.FromRedis })
	}
	slot := c.Slot(half)
	require.NoError(t, c.Clients[1].Do(ctx, "cluster", "setslot", slot, "importing", c.IDs[0]).Err())
	require.NoError(t, c.Clients[0].Do(ctx, "cluster", "setslot", slot, "migrating", c.IDs[1]).Err())
	migrate(t, c, 0, 1, "tollgate:{"+half+"}:3600")
	began := time.Now()
	require.Equal(t, limits.FromLocal, take(t, e, half, w, 1).Source)
	require.GreaterOrEqual(t, time.Since(began), timeout)
	for began = time.Now(); time.Since(began) < 2*timeout; {
		was := time.Now()
		require.Equal(t, limits.FromLocal, take(t, e, half, w, 1).Source)
		require.Less(t, time.Since(was), timeout, "nobody waits again")
		require.Equal(t, limits.FromRedis, take(t, e, here, w, 1).Source)
	}
	require.Empty(t, o.outages(), "no node is away")
	migrate(t, c, 0, 1, "tollgate:{"+half+"}:86400")
	require.Equal(t, limits.FromRedis, take(t, e, half, w, 1).Source, "all its keys have moved")
}

// TestASlotThatNobodyServes is counted locally, at once, and blames no node.
func TestASlotThatNobodyServes(t *testing.T) {
	t.Parallel()
	c := services.Cluster(t)
	list := c.Of(0, 2)
	lost, here := list[0], list[1]
	for _, client := range c.Clients {
		require.NoError(t, client.ClusterDelSlots(context.Background(), c.Slot(lost)).Err())
	}
	e, o := newEngine(t, c.URL(), patient)
	w := windows(t, "100000/1h", "1000000/1d")
	for range 20 {
		require.Equal(t, limits.FromLocal, take(t, e, lost, w, 1).Source)
		require.Equal(t, limits.FromRedis, take(t, e, here, w, 1).Source)
	}
	require.Empty(t, o.outages())
}

// TestASlotThatMovesIsFollowed moves the slot of a workspace from node to node while two gateways take from it: no request
// is decided without Redis, and the sum is exact.
func TestASlotThatMovesIsFollowed(t *testing.T) {
	t.Parallel()
	c := services.Cluster(t)
	a, seenByA := newEngine(t, c.URL(), patient)
	b, seenByB := newEngine(t, c.URL(), patient)
	workspace := c.Of(0, 1)[0]
	slot, w := c.Slot(workspace), windows(t, "3000/1h", "1000000/1d")
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
		move(t, c, slot, from, to, "tollgate:{"+workspace+"}:3600", "tollgate:{"+workspace+"}:86400")
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
func move(t *testing.T, c *services.RedisCluster, slot, from, to int, keys ...string) {
	t.Helper()
	ctx := context.Background()
	require.NoError(t, c.Clients[to].Do(ctx, "cluster", "setslot", slot, "importing", c.IDs[from]).Err())
	require.NoError(t, c.Clients[from].Do(ctx, "cluster", "setslot", slot, "migrating", c.IDs[to]).Err())
	migrate(t, c, from, to, keys...)
	// Moves that follow each other this fast can leave two nodes that name each other, for good: the next move waits until all
	// agree.
	services.Wait(t, "all nodes to agree", func() bool {
		agreed := true
		for _, node := range []int{to, from, 3 - to - from} {
			if owner(t, c, node, slot) != c.IDs[to] {
				agreed = false
				require.NoError(t, c.Clients[node].Do(ctx, "cluster", "setslot", slot, "node", c.IDs[to]).Err())
			}
		}
		return agreed
	})
}

// migrate moves keys of a slot that is on its way.
func migrate(t *testing.T, c *services.RedisCluster, from, to int, keys ...string) {
	t.Helper()
	host, port, err := net.SplitHostPort(c.Nodes[to].Address())
	require.NoError(t, err)
	for _, key := range keys {
		require.NoError(t, c.Clients[from].Migrate(context.Background(), host, port, key, 0, 5*time.Second).Err())
	}
}

// owner is the id of the node that serves a slot, as one of the nodes sees it.
func owner(t *testing.T, c *services.RedisCluster, node, slot int) string {
	t.Helper()
	shards, err := c.Clients[node].ClusterShards(context.Background()).Result()
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
