package redis

import (
	"context"
	"errors"
	"fmt"
	"sync/atomic"
	"time"

	"github.com/tollgate-gateway/tollgate/caddymodule/limits"
	"github.com/tollgate-gateway/tollgate/caddymodule/limits/internal/stripes"
	"github.com/tollgate-gateway/tollgate/caddymodule/record"
)

// ErrAway is the answer while Redis is away and on_outage says refuse. Why it is away, the Observer was told.
var ErrAway = errors.New("redis is away, and on_outage says refuse")

// Observer is told what metrics and the log need. Its methods are called on the request path, from many goroutines.
type Observer interface {
	// Called reports a round trip: how many requests it decides (0: it only looks), how long it took, and why it failed or
	// was given up. The error holds neither the URL nor the password.
	Called(requests int64, took time.Duration, err error)
	// Away reports that the circuit breaker of a node opened, and the error that opened it, or that it closed. The node is
	// named by its address in a Redis Cluster; elsewhere it is the only one, and its name is empty.
	Away(node string, away bool, err error)
	// Full reports that a workspace was refused because as many as may be are followed: once, and again when there was room
	// in between.
	Full(maxWorkspaces int64)
}

// noopObserver is used where no Observer was given.
type noopObserver struct{}

func (noopObserver) Called(int64, time.Duration, error) {}
func (noopObserver) Away(string, bool, error)           {}
func (noopObserver) Full(int64)                         {}

// Options are what an Engine keeps for its life. The zero value is good.
type Options struct {
	// Clock gives the current time, with a monotonic reading; nil: time.Now. Gateways need not agree on it: windows run
	// on Redis' clock.
	Clock func() time.Time
	// Observer is told of calls and outages. It may be nil.
	Observer Observer
	// SweepEvery is how often workspaces whose windows are all over are forgotten; 0: once a minute.
	SweepEvery time.Duration
}

// Engine counts in Redis. It is to outlive configuration reloads: Set changes what a reload may change.
type Engine struct {
	limits.Pasts
	backend  *Backend
	nodes    nodes
	prefix   string // of the keys, up to the workspace
	clock    func() time.Time
	base     time.Time
	observer Observer
	settings atomic.Pointer[Settings]
	accounts *stripes.Table[*account]
	away     atomic.Int64    // circuit breakers that are open
	skew     atomic.Int64    // Redis' time less the engine's, in ms: at most what it really is
	ends     context.Context // with Close
	end      context.CancelFunc
}

// New gives an engine that can count at once. It connects when it first counts, so that a Redis that is down hinders
// nothing. Start adds the sweeper; Close ends the connections.
func New(backend *Backend, settings Settings, options Options) (*Engine, error) {
	quiet()
	e := &Engine{backend: backend, prefix: backend.prefix + ":{", clock: options.Clock, observer: options.Observer}
	if e.clock == nil {
		e.clock = time.Now
	}
	if e.observer == nil {
		e.observer = noopObserver{}
	}
	e.base = e.clock()
	e.skew.Store(e.base.UnixMilli())
	e.accounts = stripes.New[*account](stripes.Options{
		Now: e.now, Second: int64(time.Second), Full: e.observer.Full, SweepEvery: options.SweepEvery,
	})
	if err := e.Set(settings); err != nil {
		return nil, err
	}
	e.ends, e.end = context.WithCancel(context.Background())
	if backend.cluster != nil {
		e.nodes = newCluster(e)
	} else {
		e.nodes = newSingle(e, backend.connect)
	}
	return e, nil
}

// Set changes the settings; requests under way go on with those they began with.
func (e *Engine) Set(settings Settings) error {
	settings, err := settings.withDefaults()
	if err != nil {
		return err
	}
	e.settings.Store(&settings)
	e.accounts.SetBound(settings.MaxWorkspaces)
	return nil
}

// Start launches the sweeper, once however often it is called.
func (e *Engine) Start() { e.accounts.Start() }

// Stop ends the sweeper and waits for it. It may be called at any time and more than once; counting goes on.
func (e *Engine) Stop() { e.accounts.Stop() }

// Close ends the sweeper, the asking after a Redis that is away, and the connections. Requests that come later find Redis
// away. The error says that the engine was closed before.
func (e *Engine) Close() error {
	e.Stop()
	if e.closed() {
		return errClosed
	}
	e.end()
	e.nodes.close()
	return nil
}

func (e *Engine) closed() bool { return e.ends.Err() != nil }

// Tracked is how many workspaces are followed now.
func (e *Engine) Tracked() int { return e.accounts.Tracked() }

// Away reports whether a circuit breaker is open: that of the only node, or of any node of a Redis Cluster.
func (e *Engine) Away() bool { return e.away.Load() > 0 }

// Breakers gives, for each node of a Redis Cluster that counts, or the only node, whose name is empty, whether its circuit
// breaker is open. A Cluster has one more without a name, for as long as it is not known which nodes there are.
func (e *Engine) Breakers(give func(node string, open bool)) {
	e.nodes.each(func(s *shard) { give(s.address, s.away()) })
}

// Take takes the cost from all windows of the workspace, or from none. It waits for Redis whatever the context says: the
// requests that share the round trip have contexts of their own. It does not wait for a Redis that has said nothing for
// the timeout.
//
// The error is ErrAway, with the state as it was last seen, limits.ErrPast, limits.ErrFull, with RetryAfter, or that of limits.Check.
func (e *Engine) Take(_ context.Context, workspace string, windows []record.Window, cost int64) (result limits.Result, err error) {
	if err := limits.Check(workspace, windows, cost); err != nil {
		return result, err
	}
	result, err = e.take(workspace, windows, cost)
	if errors.Is(err, limits.ErrFull) && result.RetryAfter == 0 {
		if wait := e.accounts.RetryAfter(); wait > 0 {
			return limits.Result{RetryAfter: wait}, err
		}
		result, err = e.take(workspace, windows, cost)
	}
	return result, err
}

func (e *Engine) take(workspace string, windows []record.Window, cost int64) (result limits.Result, err error) {
	s, node := e.accounts.Stripe(workspace), e.nodes.of(workspace)
	for tries := range maxTries {
		s.Lock()
		a := s.Get(workspace)
		if e.remembers(&result, a, node, windows, cost) {
			s.Unlock()
			return result, nil
		}
		if node.away() {
			result, err = e.outage(s, node, workspace, windows, cost)
			s.Unlock()
			return result, err
		}
		if a, err = e.follow(s, workspace, a); err != nil {
			s.Unlock()
			return result, err
		}
		b, position := a.join(s, workspace, windows, cost, tries > 0)
		s.Unlock()
		if position == 1 {
			node.enqueue(b)
		}
		b.done.Wait()
		if b.err == nil && !b.reply.unknown() {
			return b.verdict(b.reply, position), nil
		}
		if b.err == nil {
			err = e.recall(b)
		}
		if b.err != nil || err != nil || tries == maxTries-1 {
			return e.alone(b, position, node, err)
		}
	}
	return result, err
}

// alone decides about the request at a position in a batch that Redis did not decide: as the settings say, unless its reply came
// after the end, and before this request looked. Past, if any, is why the past of a quota cannot be read.
func (e *Engine) alone(b *batch, position int64, node *shard, past error) (limits.Result, error) {
	b.stripe.Lock()
	defer b.stripe.Unlock()
	if b.late != nil && !b.late.unknown() {
		return b.verdict(b.late, position), nil
	}
	result, err := e.outage(b.stripe, node, b.workspace, b.windows, b.cost)
	if b.err != nil {
		b.alone = append(b.alone, decision{position, result.Granted})
	}
	switch {
	case errors.Is(err, limits.ErrFull):
		result.RetryAfter = 1 // Redis was asked: it is not asked a second time
	case errors.Is(err, ErrAway) && past != nil:
		err = fmt.Errorf("%w: %w", limits.ErrPast, past)
	}
	return result, err
}

// Peek is how the windows of the workspace stand in Redis; it spends nothing. While Redis is away it is Last. The error
// is that of limits.Check.
func (e *Engine) Peek(_ context.Context, workspace string, windows []record.Window) (limits.State, error) {
	if err := limits.Check(workspace, windows, 1); err != nil {
		return limits.State{}, err
	}
	s, node := e.accounts.Stripe(workspace), e.nodes.of(workspace)
	for tries := range maxTries {
		s.Lock()
		if node.away() {
			s.Unlock()
			return e.Last(workspace, windows), nil
		}
		a, err := e.follow(s, workspace, s.Get(workspace))
		if err != nil {
			s.Unlock()
			return e.Last(workspace, windows), nil
		}
		b, position := a.join(s, workspace, windows, peekCost, tries > 0)
		s.Unlock()
		if position == 1 {
			node.enqueue(b)
		}
		b.done.Wait()
		if b.err == nil && !b.reply.unknown() {
			return b.verdict(b.reply, 0).State, nil
		}
		if b.err != nil || e.recall(b) != nil {
			break
		}
	}
	return e.Last(workspace, windows), nil
}

// charge tells Redis what a workspace owes. Nobody waits for it.
func (e *Engine) charge(late *batch) {
	late.stripe.Lock()
	b, position := late.account.join(late.stripe, late.workspace, late.windows, peekCost, false)
	late.stripe.Unlock()
	if position == 1 {
		e.nodes.of(late.workspace).enqueue(b)
	}
}

// follow is the account of a workspace, a new one if it is nil. The error is limits.ErrFull.
func (e *Engine) follow(s *stripes.Stripe[*account], workspace string, a *account) (*account, error) {
	if a != nil {
		return a, nil
	}
	a = &account{}
	return a, e.accounts.Add(s, workspace, a)
}

// remembers fills in a refusal that is known without Redis: counts never fall within a window, and a cost above the
// limit never fits.
func (e *Engine) remembers(result *limits.Result, a *account, node *shard, windows []record.Window, cost int64) bool {
	result.State = e.lastShared(a, node, windows, e.now())
	result.State.Local = node.away()
	result.RetryAfter = result.State.Refuse(cost)
	result.Source = limits.FromRemembered
	return result.RetryAfter > 0
}

// outage decides without Redis, as the settings say. The stripe is locked.
func (e *Engine) outage(s *stripes.Stripe[*account], node *shard, workspace string, windows []record.Window, cost int64) (result limits.Result, err error) {
	settings, now := e.settings.Load(), e.now()
	a := s.Get(workspace)
	if settings.OnOutage == OutageRefuse {
		result.State = e.lastShared(a, node, windows, now)
		result.State.Local = true
		return result, ErrAway
	}
	if a, err = e.follow(s, workspace, a); err != nil {
		return result, err
	}
	unixMilli := node.unixMilli(a, now)
	result.Source = limits.FromLocal
	result.State = limits.NewState(second(unixMilli))
	a.local(&result.State, windows, settings.Gateways, now, unixMilli)
	if settings.OnOutage == OutageAllow {
		result.Granted = true
		return result, nil
	}
	if result.RetryAfter = result.State.Refuse(cost); result.RetryAfter > 0 {
		return result, nil
	}
	a.grant(windows, cost, now, unixMilli)
	result.State.Spend(cost)
	result.Granted = true
	return result, nil
}

// Last is how the windows of the workspace stood when this gateway last saw them. It asks nobody and spends nothing.
func (e *Engine) Last(workspace string, windows []record.Window) (state limits.State) {
	if len(windows) > limits.MaxWindows {
		return state
	}
	now, settings, node := e.now(), e.settings.Load(), e.nodes.of(workspace)
	s := e.accounts.Stripe(workspace)
	s.Lock()
	defer s.Unlock()
	a := s.Get(workspace)
	if !node.away() || settings.OnOutage != OutageLocal {
		state = e.lastShared(a, node, windows, now)
		state.Local = node.away()
		return state
	}
	unixMilli := node.unixMilli(a, now)
	state = limits.NewState(second(unixMilli))
	a.local(&state, windows, settings.Gateways, now, unixMilli)
	return state
}

// lastShared is the state that Redis was last seen in. The stripe is locked.
func (e *Engine) lastShared(a *account, node *shard, windows []record.Window, now int64) limits.State {
	state := limits.NewState(second(node.unixMilli(a, now)))
	a.seen(&state, windows, now)
	return state
}

// now is the instant on the engine's monotonic clock, in nanoseconds.
func (e *Engine) now() int64 { return int64(e.clock().Sub(e.base)) }

// unixMilli is the time at an instant on the Redis that counts for an account, as far as known; never ahead of it, so that
// a retry after Retry-After is not early.
func (s *shard) unixMilli(a *account, now int64) int64 {
	skew := s.skew.Load()
	if a != nil && a.heard {
		skew = a.skew
	}
	return now/int64(time.Millisecond) + skew
}

// second is the Unix second to which an instant in ms belongs: the last 2 ms of each belong to the next one, as in the
// script.
func second(unixMilli int64) int64 { return (unixMilli + early) / 1000 }
