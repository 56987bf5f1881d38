package keystore

import (
	"hash/maphash"
	"reflect"
	"sync"
	"sync/atomic"
	"time"

	"github.com/tollgate-gateway/tollgate/caddymodule/record"
)

const (
	shards       = 64
	unknownSlots = 1 << 16
	// samples is among how many entries the one unused for longest is evicted.
	samples = 8
	// maxUses bounds, per shard, the uses of evicted entries that wait to be written.
	maxUses = 4096
)

// seed keeps callers from choosing secrets whose sums meet in one shard.
var seed = maphash.MakeSeed()

func slotOf(sum *record.Sum, n uint64) uint64 { return maphash.Bytes(seed, sum[:8]) % n }

// entry is what is known of one secret. Only used and written change.
type entry struct {
	identity *record.Identity
	read     int64        // when its query began
	used     atomic.Int64 // when it was last used, to the second
	written  int64        // the last use that was handed on to the store; under the shard's lock
	// outdated says that the workspace's record was changed since: the store is asked again, and while it is away the
	// entry goes on.
	outdated atomic.Bool
}

// touch notes a use, about once a second: all requests with one key would else write to the same memory.
func (e *entry) touch(now int64) {
	if now-e.used.Load() > int64(time.Second) || e.used.Load() == 0 {
		e.used.Store(now)
	}
}

// knownTable holds a bounded number of entries, in shards so that requests do not wait for each other.
type knownTable struct {
	capacity atomic.Int64 // per shard
	shards   [shards]knownShard
}

type knownShard struct {
	mu      sync.RWMutex
	entries map[record.Sum]*entry
	uses    []use // of entries that went before their last use was handed on
}

// use is a Use on the cache's clock.
type use struct {
	sum record.Sum
	at  int64
}

func newKnownTable(capacity int) *knownTable {
	t := &knownTable{}
	t.resize(capacity)
	for i := range t.shards {
		t.shards[i].entries = map[record.Sum]*entry{}
	}
	return t
}

// resize changes how many entries are kept; those that are too many go.
func (t *knownTable) resize(capacity int) {
	t.capacity.Store(int64(max(1, capacity/shards)))
	for i := range t.shards {
		s := &t.shards[i]
		s.mu.Lock()
		for int64(len(s.entries)) > t.capacity.Load() {
			s.evict()
		}
		s.mu.Unlock()
	}
}

func (t *knownTable) shard(sum record.Sum) *knownShard { return &t.shards[slotOf(&sum, shards)] }

func (t *knownTable) get(sum record.Sum) *entry {
	s := t.shard(sum)
	s.mu.RLock()
	e := s.entries[sum]
	s.mu.RUnlock()
	return e
}

// put keeps the entry if the epoch is still the current one: a batch of changes has then not passed it by.
func (t *knownTable) put(sum record.Sum, e *entry, epoch uint64, current *atomic.Uint64) {
	s := t.shard(sum)
	s.mu.Lock()
	defer s.mu.Unlock()
	if current.Load() != epoch {
		return
	}
	if old := s.entries[sum]; old != nil {
		e.used.Store(old.used.Load())
		e.written = old.written
	} else if int64(len(s.entries)) >= t.capacity.Load() {
		s.evict()
	}
	s.entries[sum] = e
}

// remove takes an entry out and keeps its last use, if that has not been handed on yet, until it is.
func (s *knownShard) remove(sum record.Sum, e *entry) {
	delete(s.entries, sum)
	if used := e.used.Load(); used > e.written && len(s.uses) < maxUses {
		s.uses = append(s.uses, use{sum, used})
	}
}

func (t *knownTable) drop(sum record.Sum) {
	s := t.shard(sum)
	s.mu.Lock()
	defer s.mu.Unlock()
	if e := s.entries[sum]; e != nil {
		s.remove(sum, e)
	}
}

// evict removes the entry that is unused for longest among a few: maps are walked from a random place.
func (s *knownShard) evict() {
	var victim record.Sum
	oldest, seen := int64(0), 0
	for sum, e := range s.entries {
		if used := max(e.used.Load(), e.read); seen == 0 || used < oldest {
			victim, oldest = sum, used
		}
		if seen++; seen == samples {
			break
		}
	}
	s.remove(victim, s.entries[victim])
}

// effect is what a change does to what is known of a secret.
type effect uint8

const (
	keeps    effect = iota // it is as it was
	outdates               // its workspace is another, the key is not
	drops                  // nothing is known of it any more
)

// apply does to all entries what a change means for them.
func (t *knownTable) apply(change func(*record.Identity) effect) {
	for i := range t.shards {
		s := &t.shards[i]
		s.mu.Lock()
		for sum, e := range s.entries {
			switch change(e.identity) {
			case drops:
				s.remove(sum, e)
			case outdates:
				e.outdated.Store(true)
			}
		}
		s.mu.Unlock()
	}
}

// takeUses gives the uses since the last call, as instants counted from the origin.
func (t *knownTable) takeUses(origin time.Time) (taken []Use) {
	for i := range t.shards {
		s := &t.shards[i]
		s.mu.Lock()
		for _, u := range s.uses {
			taken = append(taken, Use{Sum: u.sum, At: origin.Add(time.Duration(u.at))})
		}
		for sum, e := range s.entries {
			if used := e.used.Load(); used > e.written {
				e.written = used
				taken = append(taken, Use{Sum: sum, At: origin.Add(time.Duration(used))})
			}
		}
		s.uses = nil
		s.mu.Unlock()
	}
	return taken
}

// unknownTable remembers that sums are unknown, in a fixed number of slots: a newer one takes an older one's place.
type unknownTable struct {
	stripes [shards]sync.Mutex
	slots   []unknownSlot
}

type unknownSlot struct {
	sum   record.Sum
	read  int64
	epoch uint64
	used  bool
}

func newUnknownTable() *unknownTable { return &unknownTable{slots: make([]unknownSlot, unknownSlots)} }

// get gives when the sum was last found unknown, if that was in this epoch: any change may have created it.
func (t *unknownTable) get(sum record.Sum, epoch uint64) (read int64, found bool) {
	i := slotOf(&sum, unknownSlots)
	stripe := &t.stripes[i%shards]
	stripe.Lock()
	defer stripe.Unlock()
	slot := &t.slots[i]
	return slot.read, slot.used && slot.epoch == epoch && slot.sum == sum
}

func (t *unknownTable) put(sum record.Sum, read int64, epoch uint64) {
	i := slotOf(&sum, unknownSlots)
	stripe := &t.stripes[i%shards]
	stripe.Lock()
	defer stripe.Unlock()
	t.slots[i] = unknownSlot{sum: sum, read: read, epoch: epoch, used: true}
}

// interned gives one pointer for equal workspaces.
type interned struct {
	mu       sync.Mutex
	byID     map[string]*record.Workspace
	capacity atomic.Int64
}

func (i *interned) of(workspace *record.Workspace) *record.Workspace {
	i.mu.Lock()
	defer i.mu.Unlock()
	known := i.byID[workspace.ID]
	if known != nil && reflect.DeepEqual(known, workspace) {
		return known
	}
	if i.byID == nil || int64(len(i.byID)) >= i.capacity.Load() {
		i.byID = map[string]*record.Workspace{} // begin anew: entries keep what they hold
	}
	i.byID[workspace.ID] = workspace
	return workspace
}
