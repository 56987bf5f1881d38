package limits

import (
	"context"
	"errors"
	"fmt"
	"slices"
	"sync/atomic"
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
//
// Of a quota, whose period began before this process did, the rest is looked up once: SetPast says where.
type Memory struct {
	Pasts
	clock    func() time.Time
	accounts *stripes.Table[*account]
	outage   atomic.Pointer[Outage]
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

// SetOutage says what happens to requests while the past of a quota cannot be read; "": OutageLocal, which counts from what
// this process knows, and reads again.
func (m *Memory) SetOutage(outage Outage) { m.outage.Store(&outage) }

// Start launches the sweeper, once however often it is called. Without it Memory counts as exactly, and remembers
// workspaces until the bound is reached.
func (m *Memory) Start() { m.accounts.Start() }

// Stop ends the sweeper and waits for it. It may be called at any time and more than once; counting goes on.
func (m *Memory) Stop() { m.accounts.Stop() }

// Tracked is how many workspaces are followed now.
func (m *Memory) Tracked() int { return m.accounts.Tracked() }

// Take takes the cost from all windows of the workspace, or from none. The error is ErrFull, with RetryAfter, ErrPast, or
// that of Check.
func (m *Memory) Take(_ context.Context, workspace string, windows []record.Window, cost int64) (result Result, err error) {
	if err := Check(workspace, windows, cost); err != nil {
		return result, err
	}
	err = m.try(&result, workspace, windows, cost)
	if !errors.Is(err, ErrFull) {
		return result, err
	}
	if wait := m.accounts.RetryAfter(); wait > 0 {
		return Result{RetryAfter: wait}, err
	}
	if err = m.try(&result, workspace, windows, cost); errors.Is(err, ErrFull) {
		return Result{RetryAfter: 1}, err // another one was faster
	}
	return result, err
}

// try fills in the result, and looks up before where that is needed. The error is ErrFull or ErrPast.
func (m *Memory) try(result *Result, workspace string, windows []record.Window, cost int64) error {
	err := m.take(result, workspace, windows, cost, false)
	if !errors.Is(err, errUnknown) {
		return err
	}
	if windows, err = m.recall(workspace, windows); err != nil {
		return err
	}
	return m.take(result, workspace, windows, cost, true)
}

// errUnknown says that the past of a quota is to be looked up first.
var errUnknown = errors.New("what was used of a quota is not known")

// take fills in the result. The error is ErrFull, or errUnknown unless the past was asked for.
func (m *Memory) take(result *Result, workspace string, windows []record.Window, cost int64, asked bool) error {
	s := m.accounts.Stripe(workspace)
	s.Lock()
	defer s.Unlock()
	now := m.now()
	a := s.Get(workspace)
	for i := 0; !asked && i < len(windows); i++ {
		if !a.knows(&windows[i], now) {
			return errUnknown
		}
	}
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

// recall looks up what was used of the quotas among the windows that are not known. It gives the windows as they are to be
// counted: where a look-up fails, on_outage decides. The error is ErrFull or ErrPast.
func (m *Memory) recall(workspace string, windows []record.Window) ([]record.Window, error) {
	s, now := m.accounts.Stripe(workspace), m.now()
	for i := range windows {
		w := &windows[i]
		s.Lock()
		known := s.Get(workspace).knows(w, now)
		s.Unlock()
		if known {
			continue
		}
		begin, end := w.Period.Bounds(now)
		spent, failed := m.Spent(workspace, begin, end)
		switch outage := m.outage.Load(); {
		case failed == nil || outage == nil:
		case *outage == OutageRefuse:
			return nil, fmt.Errorf("%w: %w", ErrPast, failed)
		case *outage == OutageAllow:
			windows = slices.Clone(windows)
			w = &windows[i]
			w.Over = true
		}
		if err := m.keepPast(s, workspace, w, spent, end, failed != nil); err != nil {
			return nil, err
		}
	}
	return windows, nil
}

// keepPast puts what was looked up into the workspace's account. The error is ErrFull.
func (m *Memory) keepPast(s *stripes.Stripe[*account], workspace string, w *record.Window, spent, end int64, guessed bool) error {
	s.Lock()
	defer s.Unlock()
	a := s.Get(workspace)
	if a == nil {
		a = &account{}
		if err := m.accounts.Add(s, workspace, a); err != nil {
			return err
		}
	}
	a.recall(w, spent, end, guessed)
	return nil
}

// Peek is how the windows of the workspace stand; it spends nothing. The error is ErrPast or that of Check.
func (m *Memory) Peek(_ context.Context, workspace string, windows []record.Window) (State, error) {
	if err := Check(workspace, windows, 1); err != nil {
		return State{}, err
	}
	if _, err := m.recall(workspace, windows); err != nil && !errors.Is(err, ErrFull) {
		return State{}, err
	}
	return m.Last(workspace, windows), nil
}

// Last is how the windows of the workspace stood last, which for Memory is now. It spends nothing. A list that no
// configuration can hold gives a state without windows.
func (m *Memory) Last(workspace string, windows []record.Window) (state State) {
	if len(windows) > MaxWindows {
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
