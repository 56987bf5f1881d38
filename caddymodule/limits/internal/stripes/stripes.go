// Package stripes is the table in which the engines follow workspaces: a bounded number of them, under many locks none
// of which is shared by all, and with a sweeper that forgets those that have ended.
package stripes

import (
	"errors"
	"hash/maphash"
	"math"
	"sync"
	"sync/atomic"
	"time"
)

// DefaultBound is how many workspaces a table follows where nothing else is said.
const DefaultBound = 1 << 20

// ErrFull is the answer to a workspace that is not followed yet while the table follows as many as it may, none of
// which has ended. To forget one of those would grant its customer a second limit, to share one would take from a
// stranger's: so the newcomer is refused, loudly.
var ErrFull = errors.New("the gateway counts for as many workspaces as it may: raise max_workspaces of counters")

// stripeCount is how many locks the workspaces are spread over.
const stripeCount = 256

// Value is what is followed of one workspace.
type Value interface {
	comparable
	// Ends is when nothing is left to remember: now or earlier where that is so already, Pending where it is not known
	// yet. It is called under the lock of the workspace.
	Ends(now int64) int64
}

// Pending is the end of a value of which nobody knows yet when it ends.
const Pending = math.MaxInt64

// Options are the settings of a Table.
type Options struct {
	// Now is the instant that Value.Ends is asked about, in the values' own unit, of which Second are a second.
	Now    func() int64
	Second int64
	// Bound is how many workspaces may be followed, until SetBound says something else; 0: DefaultBound.
	Bound int
	// Full is told that a workspace was refused because the table is full: once, and again when there was room in between.
	// It may be nil.
	Full func(bound int64)
	// SweepEvery is how often ended ones are forgotten; 0: once a minute.
	SweepEvery time.Duration
}

// Table follows workspaces. Make it by New.
type Table[V Value] struct {
	now     func() int64
	second  int64
	full    func(bound int64)
	bound   atomic.Int64
	tracked atomic.Int64
	told    atomic.Bool // that the table is full
	seed    maphash.Seed
	stripes [stripeCount]Stripe[V]
	sweeper sweeper

	added    atomic.Bool // since the table was last swept
	sweeping sync.Mutex  // guards the rest
	swept    int64       // when it last was
	soonest  int64       // the first end of those that were left then
}

// Stripe is one lock and the workspaces under it, padded so that two locks never share a cache line.
type Stripe[V Value] struct {
	sync.Mutex
	values map[string]V
	_      [48]byte
}

// New gives a table that works at once. Start adds the sweeper.
func New[V Value](o Options) *Table[V] {
	t := &Table[V]{now: o.Now, second: o.Second, full: o.Full, seed: maphash.MakeSeed(), swept: o.Now() - o.Second}
	t.SetBound(o.Bound)
	for i := range t.stripes {
		t.stripes[i].values = map[string]V{}
	}
	t.sweeper.every, t.sweeper.sweep = o.SweepEvery, t.sweep
	if t.sweeper.every == 0 {
		t.sweeper.every = time.Minute
	}
	return t
}

// SetBound changes how many workspaces may be followed; 0: DefaultBound. Nobody who is followed is forgotten for it.
func (t *Table[V]) SetBound(bound int) {
	if bound == 0 {
		bound = DefaultBound
	}
	t.bound.Store(int64(bound))
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
	bound := t.bound.Load()
	if tracked := t.tracked.Add(1); tracked > bound {
		if forgotten, _ := t.forgetEnded(s, t.now()); tracked-forgotten > bound {
			t.tracked.Add(-1)
			if t.full != nil && t.told.CompareAndSwap(false, true) {
				t.full(bound)
			}
			return ErrFull
		}
	}
	s.values[workspace] = value
	if !t.added.Load() {
		t.added.Store(true)
	}
	return nil
}

// RetryAfter is in how many seconds the first of those that are followed ends, for a workspace that found the table full;
// 0: there is room now. No lock of a stripe may be held: those that have ended are forgotten, at most once a second.
func (t *Table[V]) RetryAfter() int64 {
	t.sweeping.Lock()
	defer t.sweeping.Unlock()
	now := t.now()
	if now-t.swept >= t.second && (now >= t.soonest || t.added.Load()) {
		t.forgetAll(now)
	}
	switch {
	case t.tracked.Load() < t.bound.Load():
		return 0
	case t.soonest == Pending:
		return 1
	}
	return max(1, (t.soonest-now+t.second-1)/t.second)
}

func (t *Table[V]) sweep() {
	t.sweeping.Lock()
	defer t.sweeping.Unlock()
	t.forgetAll(t.now())
}

// forgetAll forgets all that have ended, and finds out when the next one does.
func (t *Table[V]) forgetAll(now int64) {
	t.swept, t.soonest = now, Pending
	t.added.Store(false)
	for i := range t.stripes {
		s := &t.stripes[i]
		s.Lock()
		_, soonest := t.forgetEnded(s, now)
		s.Unlock()
		t.soonest = min(t.soonest, soonest)
	}
	if bound := t.bound.Load(); t.tracked.Load() < bound-bound/10 {
		t.told.Store(false)
	}
}

func (t *Table[V]) forgetEnded(s *Stripe[V], now int64) (forgotten, soonest int64) {
	soonest = Pending
	for workspace, value := range s.values {
		if ends := value.Ends(now); ends <= now {
			delete(s.values, workspace)
			forgotten++
		} else {
			soonest = min(soonest, ends)
		}
	}
	t.tracked.Add(-forgotten)
	return forgotten, soonest
}
