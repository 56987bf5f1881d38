package limits

import (
	"context"
	"errors"
	"hash/maphash"
	"sync"
	"sync/atomic"
	"time"

	"github.com/tollgate-gateway/tollgate/caddymodule/record"
)

// DefaultMaxWorkspaces is how many workspaces a Memory follows at once where MemoryOptions say nothing else: those with
// a running window, some 250 bytes each.
const DefaultMaxWorkspaces = 1 << 20

// ErrFull is Memory's answer to a workspace it does not follow yet while it follows as many as it may, all of them with
// a running window. To forget one of those would grant its customer a second limit, to share one would take from a
// stranger's: so the newcomer is refused, loudly.
var ErrFull = errors.New("the gateway follows as many workspaces as it may: raise the limit of tracked workspaces")

// MemoryOptions are the settings of a Memory. The zero value is good.
type MemoryOptions struct {
	// Clock gives the current time; nil: time.Now. It must not run behind time.Now, by which ulule's counters judge
	// their end as well.
	Clock func() time.Time
	// MaxWorkspaces bounds the workspaces with a running window; 0: DefaultMaxWorkspaces.
	MaxWorkspaces int
	// SweepEvery is how often workspaces whose windows are all over are forgotten; 0: once a minute.
	SweepEvery time.Duration
}

// stripeCount is how many locks the workspaces are spread over: none is shared by all.
const stripeCount = 256

// Memory counts in this process, on ulule/limiter's counters. Its verdicts are exact at any concurrency: the workspace's
// stripe is locked from the check to the take.
//
// A counter is (workspace, duration): a changed limit keeps it, a changed duration starts anew, and a window that is no
// longer in the workspace's list is dropped by the next grant.
type Memory struct {
	clock         func() time.Time
	maxWorkspaces int64
	tracked       atomic.Int64
	seed          maphash.Seed
	stripes       [stripeCount]stripe
	sweeper       sweeper
}

// stripe is one lock and the workspaces under it, padded so that two locks never share a cache line.
type stripe struct {
	mu       sync.Mutex
	accounts map[string]*account
	_        [48]byte
}

// NewMemory gives an engine that can count at once. Start adds the sweeper.
func NewMemory(options MemoryOptions) *Memory {
	m := &Memory{clock: options.Clock, maxWorkspaces: int64(options.MaxWorkspaces), seed: maphash.MakeSeed()}
	if m.clock == nil {
		m.clock = time.Now
	}
	if m.maxWorkspaces == 0 {
		m.maxWorkspaces = DefaultMaxWorkspaces
	}
	for i := range m.stripes {
		m.stripes[i].accounts = map[string]*account{}
	}
	m.sweeper.every, m.sweeper.sweep = options.SweepEvery, m.sweep
	if m.sweeper.every == 0 {
		m.sweeper.every = time.Minute
	}
	return m
}

// Start launches the sweeper, once however often it is called. Without it Memory counts as exactly, and remembers
// workspaces until the bound is reached.
func (m *Memory) Start() { m.sweeper.start() }

// Stop ends the sweeper and waits for it. It may be called at any time and more than once; counting goes on.
func (m *Memory) Stop() { m.sweeper.stop() }

// Tracked is how many workspaces are followed now.
func (m *Memory) Tracked() int { return int(m.tracked.Load()) }

// Take takes the cost from all windows of the workspace, or from none. The error is ErrFull, or that of Check.
func (m *Memory) Take(_ context.Context, workspace string, windows []record.Window, cost int64) (result Result, err error) {
	if err := Check(workspace, windows, cost); err != nil {
		return result, err
	}
	s := m.stripe(workspace)
	s.mu.Lock()
	defer s.mu.Unlock()
	now := m.clock().Unix()
	a := s.accounts[workspace]
	a.state(&result.State, windows, now)
	if result.RetryAfter = result.State.Refuse(cost); result.RetryAfter > 0 {
		return result, nil
	}
	if a == nil {
		if a = m.admit(s, workspace, now); a == nil {
			return Result{}, ErrFull
		}
	}
	a.charge(windows, cost, now)
	result.State.Spend(cost)
	result.Granted = true
	return result, nil
}

// Peek is how the windows of the workspace stand; it spends nothing. The error is that of Check.
func (m *Memory) Peek(_ context.Context, workspace string, windows []record.Window) (State, error) {
	if err := Check(workspace, windows, 1); err != nil {
		return State{}, err
	}
	return m.Last(workspace, windows), nil
}

// Last is how the windows of the workspace stood last, which for Memory is now. It spends nothing.
func (m *Memory) Last(workspace string, windows []record.Window) (state State) {
	s := m.stripe(workspace)
	s.mu.Lock()
	defer s.mu.Unlock()
	s.accounts[workspace].state(&state, windows, m.clock().Unix())
	return state
}

func (m *Memory) stripe(workspace string) *stripe {
	return &m.stripes[maphash.String(m.seed, workspace)%stripeCount]
}

// admit begins to follow a workspace. It gives nil at the bound, unless the stripe holds some that are over.
func (m *Memory) admit(s *stripe, workspace string, now int64) *account {
	if m.tracked.Add(1) > m.maxWorkspaces && m.forgetEnded(s, now) == 0 {
		m.tracked.Add(-1)
		return nil
	}
	a := &account{}
	s.accounts[workspace] = a
	return a
}

// sweep forgets the workspaces whose windows are all over.
func (m *Memory) sweep() {
	for i := range m.stripes {
		s := &m.stripes[i]
		s.mu.Lock()
		m.forgetEnded(s, m.clock().Unix())
		s.mu.Unlock()
	}
}

func (m *Memory) forgetEnded(s *stripe, now int64) (forgotten int64) {
	for workspace, a := range s.accounts {
		if a.ended(now) {
			delete(s.accounts, workspace)
			forgotten++
		}
	}
	m.tracked.Add(-forgotten)
	return forgotten
}
