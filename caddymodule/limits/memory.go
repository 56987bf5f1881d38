package limits

import (
	"context"
	"time"

	"github.com/tollgate-gateway/tollgate/caddymodule/limits/internal/stripes"
	"github.com/tollgate-gateway/tollgate/caddymodule/record"
)

// ErrFull is an engine's answer to a workspace that it does not follow yet while it follows as many as it may, all of
// them with a running window: it neither forgets one of those, which would grant its customer extra, nor lets two share
// a counter.
var ErrFull = stripes.ErrFull

// How many workspaces with a running window an engine follows where nothing else is said, and at most.
const (
	DefaultMaxWorkspaces = stripes.DefaultBound
	MostWorkspaces       = 100_000_000
)

// MemoryOptions are the settings of a Memory. The zero value is good.
type MemoryOptions struct {
	// Clock gives the current time; nil: time.Now. It must not run behind time.Now, by which ulule's counters judge
	// their end as well.
	Clock func() time.Time
	// MaxWorkspaces bounds the workspaces with a running window, some 250 bytes each, until SetMaxWorkspaces changes it;
	// 0: DefaultMaxWorkspaces.
	MaxWorkspaces int
	// Full is told that a workspace was refused because as many as may be are followed: once, and again when there was room
	// in between. It is called on the request path, and may be nil.
	Full func(maxWorkspaces int64)
	// SweepEvery is how often workspaces whose windows are all over are forgotten; 0: once a minute.
	SweepEvery time.Duration
}

// Memory counts in this process, on ulule/limiter's counters. Its verdicts are exact at any concurrency: the workspace
// is locked from the check to the take, by one of many locks.
//
// A counter is (workspace, duration): a changed limit keeps it, a changed duration starts anew, and a window that is no
// longer in the workspace's list is dropped by the next grant.
type Memory struct {
	clock    func() time.Time
	accounts *stripes.Table[*account]
}

// NewMemory gives an engine that can count at once. Start adds the sweeper.
func NewMemory(options MemoryOptions) *Memory {
	m := &Memory{clock: options.Clock}
	if m.clock == nil {
		m.clock = time.Now
	}
	m.accounts = stripes.New[*account](stripes.Options{
		Now: m.now, Second: 1, Bound: options.MaxWorkspaces, Full: options.Full, SweepEvery: options.SweepEvery,
	})
	return m
}

// SetMaxWorkspaces changes how many workspaces may be followed; 0: DefaultMaxWorkspaces. No count is lost.
func (m *Memory) SetMaxWorkspaces(n int) { m.accounts.SetBound(n) }

// Start launches the sweeper, once however often it is called. Without it Memory counts as exactly, and remembers
// workspaces until the bound is reached.
func (m *Memory) Start() { m.accounts.Start() }

// Stop ends the sweeper and waits for it. It may be called at any time and more than once; counting goes on.
func (m *Memory) Stop() { m.accounts.Stop() }

// Tracked is how many workspaces are followed now.
func (m *Memory) Tracked() int { return m.accounts.Tracked() }

// Take takes the cost from all windows of the workspace, or from none. The error is ErrFull, with RetryAfter, or that of
// Check.
func (m *Memory) Take(_ context.Context, workspace string, windows []record.Window, cost int64) (result Result, err error) {
	if err := Check(workspace, windows, cost); err != nil {
		return result, err
	}
	if err = m.take(&result, workspace, windows, cost); err != nil {
		wait := m.accounts.RetryAfter()
		if wait > 0 {
			return Result{RetryAfter: wait}, err
		}
		if err = m.take(&result, workspace, windows, cost); err != nil {
			return Result{RetryAfter: 1}, err // another one was faster
		}
	}
	return result, nil
}

// take fills in the result. The error is ErrFull.
func (m *Memory) take(result *Result, workspace string, windows []record.Window, cost int64) error {
	s := m.accounts.Stripe(workspace)
	s.Lock()
	defer s.Unlock()
	now := m.now()
	a := s.Get(workspace)
	a.state(&result.State, windows, now)
	if result.RetryAfter = result.State.Refuse(cost); result.RetryAfter > 0 {
		return nil
	}
	if a == nil {
		a = &account{}
		if err := m.accounts.Add(s, workspace, a); err != nil {
			return err
		}
	}
	a.charge(windows, cost, now)
	result.State.Spend(cost)
	result.Granted = true
	return nil
}

// Peek is how the windows of the workspace stand; it spends nothing. The error is that of Check.
func (m *Memory) Peek(_ context.Context, workspace string, windows []record.Window) (State, error) {
	if err := Check(workspace, windows, 1); err != nil {
		return State{}, err
	}
	return m.Last(workspace, windows), nil
}

// Last is how the windows of the workspace stood last, which for Memory is now. It spends nothing. A list that no
// configuration can hold gives a state without windows.
func (m *Memory) Last(workspace string, windows []record.Window) (state State) {
	if len(windows) > record.MaxWindows {
		return state
	}
	s := m.accounts.Stripe(workspace)
	s.Lock()
	defer s.Unlock()
	s.Get(workspace).state(&state, windows, m.now())
	return state
}

// now is the current Unix second.
func (m *Memory) now() int64 { return m.clock().Unix() }
