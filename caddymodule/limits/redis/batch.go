package redis

import (
	"context"
	"errors"
	"fmt"
	"time"

	"github.com/tollgate-gateway/tollgate/caddymodule/limits"
	"github.com/tollgate-gateway/tollgate/caddymodule/limits/internal/stripes"
	"github.com/tollgate-gateway/tollgate/caddymodule/record"
)

// patience is how long a batch waits for the one before it before it is sent all the same. A request waits no longer than
// that and the timeout.
const patience = 20 * time.Millisecond

// connecting is how much longer than the timeout a call lives on, for the sake of those that follow: the requests are told
// when the timeout is over, but what the reply says is learnt, and a new connection is there then.
const connecting = time.Second

// errLate is the end of a call that took longer than the timeout.
var errLate = errors.New("redis did not answer in time")

// look is the cost of requests that only want to know how the windows stand.
const look = 0

// batch is one round trip for concurrent requests of one workspace, the same windows and the same cost. They are granted
// in the order in which they joined: the script takes the cost as often as it fits, and says how often that was.
type batch struct {
	windows  []record.Window
	cost     int64
	n        int64 // requests; guarded by the stripe's lock until the batch is sent
	previous *batch
	settled  bool          // it is known how it ends; guarded by the stripe's lock
	done     chan struct{} // closed when reply and err are there
	reply    *reply
	err      error // errReply until then, so that a panic on the way is no verdict
}

// join adds a request to the batch that is waiting to be sent, or begins one, which its caller then has to run. The
// stripe is locked.
func (a *account) join(windows []record.Window, cost int64) (b *batch, position int64) {
	if b = find(a.waiting, windows, cost); b != nil {
		b.n++
		return b, b.n
	}
	b = &batch{windows: windows, cost: cost, n: 1, err: errReply, done: make(chan struct{}), previous: find(a.sent, windows, cost)}
	a.waiting = append(a.waiting, b)
	return b, 1
}

// run sends the batch after the one before it is back. When that one failed, this one fails with it: nobody waits twice.
// It has a goroutine of its own, for the call may outlive the requests that wait for it.
func (e *Engine) run(b *batch, s *stripes.Stripe[*account], a *account, workspace string) {
	defer func() {
		if panicked := recover(); panicked != nil {
			e.settle(b, s, a, workspace, nil, 0, fmt.Errorf("calling redis: panic: %v", panicked))
		}
	}()
	failed := b.previous.wait()
	s.Lock()
	a.waiting = remove(a.waiting, b)
	b.previous = nil // else each would keep all those before it
	a.sent = append(a.sent, b)
	seen := a.seen(b.windows, e.now())
	s.Unlock()
	if failed != nil {
		e.settle(b, s, a, workspace, nil, 0, failed)
		return
	}
	cost, n := b.cost, b.n
	if cost == look {
		cost, n = 1, 0
	}
	timeout, began := e.settings.Load().Timeout, e.now()
	late := time.AfterFunc(timeout, func() { e.settle(b, s, a, workspace, nil, timeout, errLate) })
	ctx, cancel := context.WithTimeout(e.prober.ends, timeout+connecting)
	defer cancel()
	reply, err := e.call(ctx, e.prefix+workspace+"}:", b.windows, seen, cost, n)
	late.Stop()
	e.settle(b, s, a, workspace, reply, time.Duration(e.now()-began), err)
}

// wait is for the batch before another one. It gives the error that ended it, or nil: it is back, there is none, or it
// takes too long.
func (b *batch) wait() error {
	if b == nil {
		return nil
	}
	select {
	case <-b.done:
		return b.err
	default:
	}
	enough := time.NewTimer(patience)
	defer enough.Stop()
	select {
	case <-b.done:
		return b.err
	case <-enough.C:
		return nil
	}
}

// settle tells those who wait how the batch ended, once. What a late reply says is learnt all the same.
func (e *Engine) settle(b *batch, s *stripes.Stripe[*account], a *account, workspace string, reply *reply, took time.Duration, err error) {
	s.Lock()
	if reply != nil {
		a.learn(b.windows, reply, e.now())
	}
	settled := b.settled
	b.settled = true
	a.waiting, a.sent = remove(a.waiting, b), remove(a.sent, b)
	s.Unlock()
	if settled {
		return
	}
	requests := b.n
	if b.cost == look {
		requests = 0
	}
	e.observer.Called(requests, took, err)
	e.judge(workspace, b.n, err)
	b.reply, b.err = reply, err
	close(b.done)
}

// verdict is that of the request at a position in the batch, from 1; position 0 is the state after all of them.
func (b *batch) verdict(position int64) (result limits.Result) {
	r := b.reply
	result.Source = limits.FromRedis
	result.State = limits.NewState(second(r.unixMilli()))
	result.Granted = 0 < position && position <= r.granted()
	later := int64(0) // granted to those behind this one
	if result.Granted {
		later = (r.granted() - position) * b.cost
	}
	for i, w := range b.windows {
		count, reset := r.window(i)
		result.State.Add(w, count-later, reset)
	}
	if position > r.granted() {
		result.RetryAfter = max(1, result.State.Refuse(b.cost))
	}
	return result
}

// seen is what to tell Redis of the windows that run.
func (a *account) seen(windows []record.Window, now int64) []window {
	list := make([]window, len(windows))
	for i, limit := range windows {
		if w := a.window(limit.Duration); w != nil && now < w.ends {
			list[i] = *w
		}
	}
	return list
}
