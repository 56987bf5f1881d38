package redis

import (
	"context"
	"maps"
	"net"
	"slices"
	"sync"
	"sync/atomic"
	"time"

	goredis "github.com/redis/go-redis/v9"
)

// maxHops is how many redirections a batch follows at once.
const maxHops = 5

// tryAgainAfter is how long a batch is put off whose keys are on their way to another node.
const tryAgainAfter = 5 * time.Millisecond

// cluster is a Redis Cluster: a shard for each master that is heard of. go-redis' client knows which node serves which
// slot, and learns it anew once a minute and when a node says that it was asked in vain.
type cluster struct {
	engine *Engine
	slots  *goredis.ClusterClient
	known  atomic.Bool // the slots were read once
	lobby  *shard      // where batches wait until then

	mu      sync.RWMutex
	shards  map[string]*shard // by address
	closed  bool
	closing sync.WaitGroup // of those that are forgotten
}

func newCluster(e *Engine) *cluster {
	n := &cluster{engine: e, slots: e.backend.topology(), shards: map[string]*shard{}}
	n.lobby = newShard(e, n, "", 1, nil)
	n.lobby.find = n.find
	return n
}

// of is part of nodes.
func (n *cluster) of(workspace string) *shard {
	if !n.known.Load() {
		return n.lobby
	}
	s, err := n.find(context.Background(), workspace)
	if err != nil {
		return n.lobby
	}
	return s
}

// find gives the shard that counts for a workspace. It asks the nodes if that was never done.
func (n *cluster) find(ctx context.Context, workspace string) (*shard, error) {
	client, err := n.slots.MasterForKey(ctx, n.engine.prefix+workspace+countSuffix)
	if err != nil {
		return nil, err
	}
	n.known.Store(true)
	return n.at(client.Options().Addr), nil
}

// at gives the shard of the node at an address.
func (n *cluster) at(address string) *shard {
	n.mu.RLock()
	s := n.shards[address]
	n.mu.RUnlock()
	if s != nil {
		return s
	}
	n.mu.Lock()
	defer n.mu.Unlock()
	if s = n.shards[address]; s == nil {
		s = newShard(n.engine, n, address, n.engine.backend.links, n.engine.backend.node(address))
		s.closed = n.closed
		n.shards[address] = s
	}
	return s
}

// redirect is part of nodes.
func (n *cluster) redirect(from *shard, b *batch, err error) (send func(), ofSlot bool) {
	moved, isMoved := goredis.IsMovedError(err)
	ask, isAsk := goredis.IsAskError(err)
	unserved := goredis.HasErrorPrefix(err, "CLUSTERDOWN Hash slot not served")
	if isMoved || unserved || goredis.IsClusterDownError(err) || isReadOnly(err) {
		n.slots.ReloadState(context.Background())
	}
	switch {
	case isMoved || isAsk:
		if b.hops++; b.hops > maxHops {
			b.hops = 0
			return n.later(b), true // nodes that name each other have not heard yet which of them it is
		}
		b.asking = isAsk
		to := n.at(complete(moved+ask, from.address))
		return func() { to.enqueue(b) }, true
	case goredis.IsTryAgainError(err):
		return n.later(b), true // some keys of the workspace are here and some are not, until the slot has moved
	}
	return nil, unserved
}

// later puts a batch off, to ask whoever is then known to serve it. It gives nil where the batch was put off for as long as a
// request may wait, or another one of the workspace was, and Redis has not answered since: a slot can stay half moved for ever.
func (n *cluster) later(b *batch) (send func()) {
	now := n.engine.now()
	if b.putOff == 0 {
		b.putOff = now
	}
	b.stripe.Lock()
	defer b.stripe.Unlock()
	if a := b.account; a.stuck || now-b.putOff > int64(n.engine.settings.Load().Timeout) {
		a.stuck = true
		return nil
	}
	return func() {
		time.AfterFunc(tryAgainAfter, func() {
			b.asking = false
			n.of(b.workspace).enqueue(b)
		})
	}
}

// complete fills in the host where a node names only the port of another one: it is the node's own.
func complete(address, from string) string {
	host, port, err := net.SplitHostPort(address)
	if err != nil || host != "" {
		return address
	}
	own, _, _ := net.SplitHostPort(from)
	return net.JoinHostPort(own, port)
}

// moved is part of nodes.
func (n *cluster) moved(from *shard, workspace string) bool {
	n.slots.ReloadState(context.Background()) // for the next time
	return from != n.lobby && n.of(workspace) != from
}

// forget is part of nodes.
func (n *cluster) forget(s *shard) {
	n.mu.Lock()
	defer n.mu.Unlock()
	if n.shards[s.address] == s && !n.closed {
		delete(n.shards, s.address)
		n.closing.Go(s.close)
	}
}

// each is part of nodes.
func (n *cluster) each(give func(*shard)) {
	n.mu.RLock()
	shards := append(slices.Collect(maps.Values(n.shards)), n.lobby)
	n.mu.RUnlock()
	for _, s := range shards {
		give(s)
	}
}

// close is part of nodes.
func (n *cluster) close() {
	n.mu.Lock()
	n.closed = true
	n.mu.Unlock()
	n.each((*shard).close)
	n.closing.Wait()
	_ = n.slots.Close() // of connections that nobody uses
}
