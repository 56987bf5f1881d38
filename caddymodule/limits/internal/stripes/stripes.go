// Package stripes is the table in which the engines follow workspaces: a bounded number of them, under many locks none
// of which is shared by all, and with a sweeper that forgets those that have ended.
package stripes

import (
	"errors"
	"hash/maphash"
	"sync"
	"sync/atomic"
	"time"
)

// DefaultBound is how many workspaces a table follows where its Options say nothing else.
const DefaultBound = 1 << 20

// ErrFull is the answer to a workspace that is not followed yet while the table follows as many as it may, none of
// which has ended. To forget one of those would grant its customer a second limit, to share one would take from a
// stranger's: so the newcomer is refused, loudly.
var ErrFull = errors.New("the gateway follows as many workspaces as it may: raise the limit of tracked workspaces")

// stripeCount is how many locks the workspaces are spread over.
const stripeCount = 256

// Value is what is followed of one workspace.
type Value interface {
	comparable
	// Ended reports that nothing is left to remember. It is called under the lock of the workspace.
	Ended(now int64) bool
}

// Options are the settings of a Table.
type Options struct {
	// Now is the instant that Value.Ended is asked about, in the values' own unit.
	Now func() int64
	// Bound is how many workspaces may be followed; 0: DefaultBound.
	Bound int
	// SweepEvery is how often ended ones are forgotten; 0: once a minute.
	SweepEvery time.Duration
}

// Table follows workspaces. Make it by New.
type Table[V Value] struct {
	now     func() int64
	bound   int64
	tracked atomic.Int64
	seed    maphash.Seed
	stripes [stripeCount]Stripe[V]
	sweeper sweeper
}

// Stripe is one lock and the workspaces under it, padded so that two locks never share a cache line.
type Stripe[V Value] struct {
	sync.Mutex
	values map[string]V
	_      [48]byte
}

// New gives a table that works at once. Start adds the sweeper.
func New[V Value](o Options) *Table[V] {
	t := &Table[V]{now: o.Now, bound: int64(o.Bound), seed: maphash.MakeSeed()}
	if t.bound == 0 {
		t.bound = DefaultBound
	}
	for i := range t.stripes {
		t.stripes[i].values = map[string]V{}
	}
	t.sweeper.every, t.sweeper.sweep = o.SweepEvery, t.sweep
	if t.sweeper.every == 0 {
		t.sweeper.every = time.Minute
	}
	return t
}

// Start launches the sweeper, once however often it is called, and never after Stop.
func (t *Table[V]) Start() { t.sweeper.start() }

// Stop ends the sweeper and waits for it. It may be called at any time and more than once.
func (t *Table[V]) Stop() { t.sweeper.stop() }

// Tracked is how many workspaces are followed now.
func (t *Table[V]) Tracked() int { return int(t.tracked.Load()) }

// Stripe is where the workspace is followed. Its lock guards Get, Add and the value.
func (t *Table[V]) Stripe(workspace string) *Stripe[V] {
	return &t.stripes[maphash.String(t.seed, workspace)%stripeCount]
}

// Get is what is followed of the workspace, or the zero V.
func (s *Stripe[V]) Get(workspace string) V { return s.values[workspace] }

// Add begins to follow a workspace. The error is ErrFull, unless ended ones in the stripe can make room.
func (t *Table[V]) Add(s *Stripe[V], workspace string, value V) error {
	if t.tracked.Add(1) > t.bound && t.forgetEnded(s) == 0 {
		t.tracked.Add(-1)
		return ErrFull
	}
	s.values[workspace] = value
	return nil
}

func (t *Table[V]) sweep() {
	for i := range t.stripes {
		s := &t.stripes[i]
		s.Lock()
		t.forgetEnded(s)
		s.Unlock()
	}
}

func (t *Table[V]) forgetEnded(s *Stripe[V]) (forgotten int64) {
	now := t.now()
	for workspace, value := range s.values {
		if value.Ended(now) {
			delete(s.values, workspace)
			forgotten++
		}
	}
	t.tracked.Add(-forgotten)
	return forgotten
}
