package limits

import (
	"hash/maphash"
	"sync"
)

// slotStripes is how many locks the workspaces are spread over.
const slotStripes = 64

// Slots counts the requests of workspaces that are under way in this process. It holds no more workspaces than there are such
// requests. Its methods are safe for concurrent use.
type Slots struct {
	seed    maphash.Seed
	stripes [slotStripes]slotStripe
}

// slotStripe is one lock and the counts under it, padded so that two locks never share a cache line.
type slotStripe struct {
	sync.Mutex
	taken map[string]int64
	_     [48]byte
}

// NewSlots gives one in which nothing is under way.
func NewSlots() *Slots {
	s := &Slots{seed: maphash.MakeSeed()}
	for i := range s.stripes {
		s.stripes[i].taken = map[string]int64{}
	}
	return s
}

// Take begins a request where fewer than the limit are under way, and says how many more could begin. Every one that is granted ends
// with one Give.
func (s *Slots) Take(workspace string, limit int64) (remaining int64, granted bool) {
	stripe := s.of(workspace)
	stripe.Lock()
	defer stripe.Unlock()
	taken := stripe.taken[workspace]
	if taken >= limit {
		return 0, false
	}
	stripe.taken[workspace] = taken + 1
	return limit - taken - 1, true
}

// Give ends a request.
func (s *Slots) Give(workspace string) {
	stripe := s.of(workspace)
	stripe.Lock()
	defer stripe.Unlock()
	if stripe.taken[workspace]--; stripe.taken[workspace] <= 0 {
		delete(stripe.taken, workspace)
	}
}

// Taken is how many requests of a workspace are under way.
func (s *Slots) Taken(workspace string) int64 {
	stripe := s.of(workspace)
	stripe.Lock()
	defer stripe.Unlock()
	return stripe.taken[workspace]
}

func (s *Slots) of(workspace string) *slotStripe {
	return &s.stripes[maphash.String(s.seed, workspace)%slotStripes]
}
