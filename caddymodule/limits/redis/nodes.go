package redis

import (
	goredis "github.com/redis/go-redis/v9"
)

// nodes knows which shard counts for a workspace.
type nodes interface {
	// of gives the shard that counts for a workspace, without waiting for anybody.
	of(workspace string) *shard
	// redirect tells whether an error of a node says that it has not run the call and who is to be asked instead, or when.
	// It gives what sends the batch there; nil: nobody is. OfSlot says that the error is about the slot of the workspace: the
	// node has not run the call, and serves others.
	redirect(from *shard, b *batch, err error) (send func(), ofSlot bool)
	// moved asks which node counts for a workspace, and reports whether it is another one than the shard's.
	moved(from *shard, workspace string) bool
	// forget drops a shard that counts for nobody any more.
	forget(*shard)
	// each gives all shards.
	each(give func(*shard))
	// close ends all shards.
	close()
}

// single is a Redis that counts for all workspaces.
type single struct{ *shard }

func newSingle(e *Engine, connect func() *goredis.Client) *single {
	n := &single{}
	n.shard = newShard(e, n, "", e.backend.links, connect)
	n.near = e.backend.single != nil && isNear(e.backend.single.Addr)
	return n
}

func (n *single) of(string) *shard        { return n.shard }
func (*single) moved(*shard, string) bool { return false }
func (*single) forget(*shard)             {}
func (n *single) each(give func(*shard))  { give(n.shard) }
func (n *single) close()                  { n.shard.close() }
func (*single) redirect(*shard, *batch, error) (send func(), ofSlot bool) {
	return nil, false
}
