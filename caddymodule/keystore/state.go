package keystore

import (
	"time"

	"github.com/tollgate-gateway/tollgate/caddymodule/record"
)

// CacheState is how a Cache does, for operators.
type CacheState struct {
	// Known is how many known secrets are kept, and Room for how many there is room.
	Known int `json:"known"`
	Room  int `json:"room"`
	// Hits are look-ups that were answered from memory, and Asked those that the store was asked for, since the start.
	Hits  uint64 `json:"hits"`
	Asked uint64 `json:"asked"`
	// Heard is how long ago, in seconds, the feed of changes was last known to be whole; null: never.
	Heard *float64 `json:"feed_age_seconds"`
}

// State is the present state. No request waits for it.
func (c *Cache) State() CacheState {
	s := CacheState{Room: int(c.known.capacity.Load()) * shards, Hits: c.hits.Load(), Asked: c.asked.Load()}
	for i := range c.known.shards {
		shard := &c.known.shards[i]
		shard.mu.RLock()
		s.Known += len(shard.entries)
		shard.mu.RUnlock()
	}
	if heard := c.confirmed.Load(); heard > int64(-lease) {
		age := (time.Duration(c.now() - heard)).Seconds()
		s.Heard = &age
	}
	return s
}

// Workspace is the record of a workspace as it was last read; nil: none of its keys was looked up lately. It asks nobody.
func (c *Cache) Workspace(id string) *record.Workspace { return c.workspaces.get(id) }

func (i *interned) get(id string) *record.Workspace {
	i.mu.Lock()
	defer i.mu.Unlock()
	return i.byID[id]
}
