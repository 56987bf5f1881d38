package redis

import (
	goredis "github.com/redis/go-redis/v9"
)

// nodes knows which shard counts for a workspace.
type nodes interface {
	// of gives the shard that counts for a workspace, without waiting for anybody.
	of(workspace string) *shard
	// redirect tells whether an error of a node says that it has not run the call and who is to be asked instead, or when.
	// It gives what sends the batch there; nil: the error says something else.
	redirect(from *shard, b *batch, err error) (send func())
	// moved asks which node counts for a workspace, and reports whether it is another one than the shard's.
	moved(from *shard, workspace string) bool
	// forget drops a shard that counts for nobody any more.
	forget(*shard)
	// close ends all shards.
	close()
}

// single is a Redis that counts for all workspaces.
type single struct{ *shard }

func newSingle(e *Engine, connect func() *goredis.Client) *single {
	n, address := &single{}, ""
	if e.backend.single != nil {
		address = e.backend.single.Addr
	}
	n.shard = newShard(e, n, address, e.backend.links, connect)
	return n
}

func (n *single) of(string) *shard                    { return n.shard }
func (*single) redirect(*shard, *batch, error) func() { return nil }
func (*single) moved(*shard, string) bool             { return false }
func (*single) forget(*shard)                         {}
func (n *single) close()                              { n.shard.close() }
