package redis

import (
	"context"
	"errors"
	"sync/atomic"
	"time"

	goredis "github.com/redis/go-redis/v9"

	"github.com/tollgate-gateway/tollgate/caddymodule/limits"
	"github.com/tollgate-gateway/tollgate/caddymodule/limits/internal/stripes"
	"github.com/tollgate-gateway/tollgate/caddymodule/record"
)

// ErrAway is the answer while Redis is away and on_outage says refuse. Why it is away, the Observer was told.
var ErrAway = errors.New("redis is away, and on_outage says refuse")

// Observer is told what metrics and the log need. Its methods are called on the request path, from many goroutines.
type Observer interface {
	// Called reports a round trip: for how many requests (0: only a look), how long it took, and why it failed. The error
	// holds neither the URL nor the password.
	Called(requests int64, took time.Duration, err error)
	// Away reports that the circuit breaker opened, and the error that opened it, or that it closed.
	Away(away bool, err error)
}

// Options are what an Engine keeps for its life. The zero value is good.
type Options struct {
	// Clock gives the current time, with a monotonic reading; nil: time.Now. Gateways need not agree on it: windows run
	// on Redis' clock.
	Clock func() time.Time
	// Observer is told of calls and outages; nil: nobody is.
	Observer Observer
	// MaxWorkspaces bounds the workspaces with a running window; 0: 1,048,576.
	MaxWorkspaces int
	// SweepEvery is how often workspaces whose windows are all over are forgotten; 0: once a minute.
	SweepEvery time.Duration
}

// Engine counts in Redis. It is to outlive configuration reloads: Set changes what a reload may change.
type Engine struct {
	backend  *Backend
	client   atomic.Pointer[goredis.UniversalClient]
	prefix   string // of the keys, up to the workspace
	clock    func() time.Time
	base     time.Time
	observer Observer
	settings atomic.Pointer[Settings]
	accounts *stripes.Table[*account]
	breaker  breaker
	prober   prober
	skew     atomic.Int64 // Redis' time less the engine's, in ms: at most what it really is
}

// New gives an engine that can count at once. It connects when it first counts, so that a Redis that is down hinders
// nothing. Start adds the sweeper; Close ends the connections.
func New(backend *Backend, settings Settings, options Options) (*Engine, error) {
	e := &Engine{prefix: backend.prefix + ":{", clock: options.Clock, observer: options.Observer}
	if err := e.Set(settings); err != nil {
		return nil, err
	}
	if e.clock == nil {
		e.clock = time.Now
	}
	if e.observer == nil {
		e.observer = nobody{}
	}
	e.base = e.clock()
	e.skew.Store(e.base.UnixMilli())
	e.accounts = stripes.New[*account](stripes.Options{Now: e.now, Bound: options.MaxWorkspaces, SweepEvery: options.SweepEvery})
	e.backend = backend
	client := backend.client()
	e.client.Store(&client)
	e.prober.init()
	return e, nil
}

// Set changes the settings; requests under way go on with those they began with.
func (e *Engine) Set(settings Settings) error {
	settings, err := settings.withDefaults()
	if err != nil {
		return err
	}
	e.settings.Store(&settings)
	return nil
}

// Start launches the sweeper, once however often it is called.
func (e *Engine) Start() { e.accounts.Start() }

// Stop ends the sweeper and waits for it. It may be called at any time and more than once; counting goes on.
func (e *Engine) Stop() { e.accounts.Stop() }

// Close ends the sweeper, the asking after a Redis that is away, and the connections. Requests that come later find Redis away.
func (e *Engine) Close() error {
	e.Stop()
	e.prober.stop()
	defer e.prober.wait() // a probe under way ends with its connection
	return (*e.client.Load()).Close()
}

// Tracked is how many workspaces are followed now.
func (e *Engine) Tracked() int { return e.accounts.Tracked() }

// Away reports whether the circuit breaker is open.
func (e *Engine) Away() bool { return e.breaker.open.Load() }

// Take takes the cost from all windows of the workspace, or from none. It waits for Redis no longer than the timeout
// and patience, whatever the context says: the requests that share the round trip have contexts of their own.
//
// The error is ErrAway, with the state as it was last seen, limits.ErrFull, or that of limits.Check.
func (e *Engine) Take(_ context.Context, workspace string, windows []record.Window, cost int64) (result limits.Result, err error) {
	if err := limits.Check(workspace, windows, cost); err != nil {
		return result, err
	}
	s := e.accounts.Stripe(workspace)
	s.Lock()
	if e.remembers(&result, s.Get(workspace), windows, cost) {
		s.Unlock()
		return result, nil
	}
	b, position, err := e.ask(s, workspace, windows, cost)
	switch {
	case err == nil:
		return b.verdict(position), nil
	case errors.Is(err, limits.ErrFull):
		return result, err
	}
	s.Lock()
	defer s.Unlock()
	return e.outage(s, workspace, windows, cost)
}

// Peek is how the windows of the workspace stand in Redis; it spends nothing. While Redis is away it is Last. The error
// is that of limits.Check.
func (e *Engine) Peek(_ context.Context, workspace string, windows []record.Window) (limits.State, error) {
	if err := limits.Check(workspace, windows, 1); err != nil {
		return limits.State{}, err
	}
	s := e.accounts.Stripe(workspace)
	s.Lock()
	b, _, err := e.ask(s, workspace, windows, look)
	if err != nil {
		return e.Last(workspace, windows), nil
	}
	return b.verdict(0).State, nil
}

// ask has a request answered by Redis, in the batch of all that ask the same at the time. The stripe is locked when it
// is called, and unlocked when it returns. Any error means that Redis cannot be asked.
func (e *Engine) ask(s *stripes.Stripe[*account], workspace string, windows []record.Window, cost int64) (b *batch, position int64, err error) {
	if e.Away() {
		s.Unlock()
		return nil, 0, ErrAway
	}
	a, err := e.follow(s, workspace)
	if err != nil {
		s.Unlock()
		return nil, 0, err
	}
	b, position = a.join(s, workspace, windows, cost)
	s.Unlock()
	if position == 1 {
		go e.run(b)
	}
	<-b.done
	return b, position, b.err
}

// follow is the account of a workspace, a new one if there was none. The error is limits.ErrFull.
func (e *Engine) follow(s *stripes.Stripe[*account], workspace string) (*account, error) {
	a := s.Get(workspace)
	if a != nil {
		return a, nil
	}
	a = &account{}
	return a, e.accounts.Add(s, workspace, a)
}

// remembers fills in a refusal that is known without Redis: counts never fall within a window, and a cost above the
// limit never fits.
func (e *Engine) remembers(result *limits.Result, a *account, windows []record.Window, cost int64) bool {
	now := e.now()
	result.State = e.lastShared(a, windows, now)
	result.State.Local = e.Away()
	result.RetryAfter = result.State.Refuse(cost)
	result.Source = limits.FromRemembered
	return result.RetryAfter > 0
}

// outage decides without Redis, as the settings say. The stripe is locked.
func (e *Engine) outage(s *stripes.Stripe[*account], workspace string, windows []record.Window, cost int64) (result limits.Result, err error) {
	settings, now := e.settings.Load(), e.now()
	if settings.OnOutage == OutageRefuse {
		result.State = e.lastShared(s.Get(workspace), windows, now)
		result.State.Local = true
		return result, ErrAway
	}
	a, err := e.follow(s, workspace)
	if err != nil {
		return result, err
	}
	result.Source = limits.FromLocal
	result.State = limits.NewState(second(e.unixMilli(a, now)))
	a.local(&result.State, windows, settings.Gateways, now, e.unixMilli(a, now))
	if settings.OnOutage == OutageAllow {
		result.Granted = true
		return result, nil
	}
	if result.RetryAfter = result.State.Refuse(cost); result.RetryAfter > 0 {
		return result, nil
	}
	a.grant(windows, cost, now, e.unixMilli(a, now))
	result.State.Spend(cost)
	result.Granted = true
	return result, nil
}

// Last is how the windows of the workspace stood when this gateway last saw them. It asks nobody and spends nothing.
func (e *Engine) Last(workspace string, windows []record.Window) (state limits.State) {
	if len(windows) > record.MaxWindows {
		return state
	}
	now, settings := e.now(), e.settings.Load()
	s := e.accounts.Stripe(workspace)
	s.Lock()
	defer s.Unlock()
	a := s.Get(workspace)
	if !e.Away() || settings.OnOutage != OutageLocal {
		state = e.lastShared(a, windows, now)
		state.Local = e.Away()
		return state
	}
	state = limits.NewState(second(e.unixMilli(a, now)))
	a.local(&state, windows, settings.Gateways, now, e.unixMilli(a, now))
	return state
}

// lastShared is the state that Redis was last seen in. The stripe is locked.
func (e *Engine) lastShared(a *account, windows []record.Window, now int64) limits.State {
	state := limits.NewState(second(e.unixMilli(a, now)))
	a.shared(&state, windows, now)
	return state
}

// now is the instant on the engine's monotonic clock, in nanoseconds.
func (e *Engine) now() int64 { return int64(e.clock().Sub(e.base)) }

// unixMilli is the time at an instant on the Redis that counts for an account, as far as known; never ahead of it, so that
// a retry after Retry-After is not early.
func (e *Engine) unixMilli(a *account, now int64) int64 {
	skew := e.skew.Load()
	if a != nil && a.heard {
		skew = a.skew
	}
	return now/int64(time.Millisecond) + skew
}

// second is the Unix second to which an instant in ms belongs: the last 2 ms of each belong to the next one, as in the
// script.
func second(unixMilli int64) int64 { return (unixMilli + early) / 1000 }

// nobody is the Observer of an engine that has none.
type nobody struct{}

func (nobody) Called(int64, time.Duration, error) {}
func (nobody) Away(bool, error)                   {}
