package policy

import (
	"encoding/json"
	"hash/maphash"
	"math/bits"
	"math/rand/v2"
	"sync/atomic"
	"weak"

	"github.com/tollgate-gateway/tollgate/caddymodule/record"
)

const (
	// DefaultRemember is how many decisions are remembered where Options say nothing else. The table for them takes
	// one MiB.
	DefaultRemember = 1 << 17
	// maxKey is the longest key that is remembered, in bytes. With the number of decisions it bounds the memory, also
	// where a caller puts long texts into what policies read.
	maxKey = 512
	// maxRefusal is the most that a remembered refusal may say, in bytes of memory: message and details are the policy's,
	// and may repeat whatever a caller sent. With the number of decisions it bounds the memory to 128 MiB, if every place
	// held as long a refusal.
	maxRefusal = 1 << 10
	// usualKey is room enough for most keys; longer ones cost an allocation.
	usualKey = 256
	// ways is how many places each key may take.
	ways = 8
)

// memory remembers the decisions of one generation. It is a hash table of fixed size with a few places for each key;
// where they are all taken a new decision replaces any of them. Looking up writes nothing and takes no lock.
type memory struct {
	seed   maphash.Seed
	mask   uint64
	places []atomic.Pointer[remembered]
	// allow is what most entries point to.
	allow Decision
}

// remembered is one decision and all that it stands for. Its records are compared by identity, which stands for their
// content since they never change; weakly, so that records of yesterday's keys file can go.
type remembered struct {
	hash      uint64
	owner     weak.Pointer[record.Key]
	workspace weak.Pointer[record.Workspace]
	decision  *Decision
	// long is the key where it does not fit into short: what most look-ups need lies in two lines of the cache.
	long   string
	length uint8
	short  [79]byte
}

// owners are the records that a decision stands for, each nil where the policies do not read it.
type owners struct {
	key       *record.Key
	workspace *record.Workspace
}

// newMemory makes room for at least n decisions of a generation.
func newMemory(n int, generation uint64) *memory {
	sets := uint64(1) << bits.Len(uint(max(n-1, 0)/ways))
	return &memory{
		seed:   maphash.MakeSeed(),
		mask:   sets - 1,
		places: make([]atomic.Pointer[remembered], sets*ways),
		allow:  Decision{Allow: true, Remembered: true, Generation: generation},
	}
}

func (m *memory) hash(key []byte, of owners) uint64 {
	return maphash.Bytes(m.seed, key) ^ maphash.Comparable(m.seed, of)
}

// set is where the decision of that hash may be.
func (m *memory) set(hash uint64) []atomic.Pointer[remembered] {
	first := (hash & m.mask) * ways
	return m.places[first : first+ways]
}

// get gives the decision for an equal key and the same owners, or nil.
func (m *memory) get(key []byte, of owners) *Decision {
	hash := m.hash(key, of)
	set := m.set(hash)
	for i := range set {
		if r := set[i].Load(); r != nil && r.hash == hash && r.answers(key, of) {
			return r.decision
		}
	}
	return nil
}

// answers compares in full: a hash alone would let one caller's decision answer for another's.
func (r *remembered) answers(key []byte, of owners) bool {
	return r.holds(key) && r.owner.Value() == of.key && r.workspace.Value() == of.workspace
}

func (r *remembered) holds(key []byte) bool {
	if len(key) > len(r.short) {
		return r.long == string(key)
	}
	return int(r.length) == len(key) && string(r.short[:r.length]) == string(key) && r.long == ""
}

// put remembers a decision, in a place that is free or any other. Keys and refusals that are long are not remembered.
func (m *memory) put(key []byte, of owners, d Decision) {
	if len(key) > maxKey || len(d.Message)+weight(d.Details, maxRefusal) > maxRefusal {
		return
	}
	decision := &m.allow
	if !d.Allow {
		d.Remembered = true
		decision = &d
	}
	r := &remembered{hash: m.hash(key, of), owner: weak.Make(of.key), workspace: weak.Make(of.workspace), decision: decision}
	if len(key) > len(r.short) {
		r.long = string(key)
	} else {
		r.length = uint8(copy(r.short[:], key))
	}
	set := m.set(r.hash)
	place := &set[rand.IntN(ways)]
	for i := range set {
		if earlier := set[i].Load(); earlier == nil || earlier.hash == r.hash {
			place = &set[i]
			break
		}
	}
	place.Store(r)
}

// weight is about what a JSON value of Go's types takes in memory. It is not counted further than most.
func weight(value any, most int) (bytes int) {
	const (
		item  = 32  // an interface and what it points to
		entry = 64  // a name and a value, with their share of the table
		table = 300 // a map of up to eight entries
	)
	switch value := value.(type) {
	case string:
		return item + len(value)
	case json.Number:
		return item + len(value)
	case []any:
		for bytes = item; len(value) > 0 && bytes <= most; value = value[1:] {
			bytes += weight(value[0], most-bytes)
		}
		return bytes
	case map[string]any:
		if value == nil {
			return 0
		}
		bytes = table
		for name, field := range value {
			if bytes += entry + len(name) + weight(field, most-bytes); bytes > most {
				return bytes
			}
		}
		return bytes
	}
	return item
}
