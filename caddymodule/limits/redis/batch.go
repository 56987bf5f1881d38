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

// slack is how much longer than the timeout a request may wait in all.
const slack = 40 * time.Millisecond

// inFlight is how many round trips of one workspace, the same windows and the same cost may be under way without the next
// one waiting for the oldest: each holds a connection.
const inFlight = 2

// batch is one round trip for concurrent requests of one workspace, the same windows and the same cost. They are granted
// in the order in which they joined: the script takes the cost as often as it fits, and says how often that was.
type batch struct {
	stripe    *stripes.Stripe[*account]
	account   *account
	workspace string
	windows   []record.Window
	cost      int64

	n       int64         // requests; guarded by the stripe's lock until the batch is sent
	settled bool          // it is known how it ends; guarded by the stripe's lock
	done    chan struct{} // closed when reply and err are there
	reply   *reply
	err     error
	// before is the batch that this one waits for: the newest, for a while, or the oldest of so many that it must be back.
	before *batch
	must   bool
}

// join adds a request to the batch that is waiting to be sent, or begins one, which its caller then has to run. The
// stripe is locked.
func (a *account) join(s *stripes.Stripe[*account], workspace string, windows []record.Window, cost int64) (b *batch, position int64) {
	if b, _, _ = same(a.waiting, windows, cost); b != nil {
		b.n++
		return b, b.n
	}
	b = &batch{stripe: s, account: a, workspace: workspace, windows: windows, cost: cost, n: 1, done: make(chan struct{})}
	oldest, newest, sent := same(a.sent, windows, cost)
	if b.before = newest; sent >= inFlight {
		b.before, b.must = oldest, true
	}
	a.waiting = append(a.waiting, b)
	return b, 1
}

// run sends the batch after the one before it. When that one failed, this one fails with it: nobody waits twice. It has a
// goroutine of its own, for the call may outlive the requests that wait for it.
func (e *Engine) run(b *batch) {
	defer e.recovered(b)
	joined := e.now()
	failed := b.wait()
	b.stripe.Lock()
	b.account.waiting = remove(b.account.waiting, b)
	b.account.sent = append(b.account.sent, b)
	seen := b.account.seen(b.windows, e.now())
	b.stripe.Unlock()
	b.before = nil // else each would keep all those before it
	if failed != nil {
		e.settle(b, nil, unsent, failed)
		return
	}
	cost, n := b.cost, b.n
	if cost == look {
		cost, n = 1, 0
	}
	timeout, began := e.settings.Load().Timeout, e.now()
	left := min(timeout, timeout+slack-time.Duration(began-joined))
	late := time.AfterFunc(left, func() {
		defer e.recovered(b)
		e.settle(b, nil, left, errLate)
	})
	ctx, cancel := context.WithTimeout(e.prober.ends, timeout+connecting)
	defer cancel()
	reply, err := e.call(ctx, e.prefix+b.workspace+"}:", b.windows, seen, cost, n)
	late.Stop()
	e.settle(b, reply, time.Duration(e.now()-began), err)
}

// recovered makes a panic on the way an error like any other: no request behind it would be told, and the process would end.
func (e *Engine) recovered(b *batch) {
	if panicked := recover(); panicked != nil {
		e.settle(b, nil, unsent, fmt.Errorf("calling redis: panic: %v", panicked))
	}
}

// wait is for the batch before this one. It gives the error that ended it, or nil: it is back, there is none, or it takes
// too long.
func (b *batch) wait() error {
	if b.before == nil {
		return nil
	}
	if b.must {
		<-b.before.done
		return b.before.err
	}
	enough := time.NewTimer(patience)
	defer enough.Stop()
	select {
	case <-b.before.done:
		return b.before.err
	case <-enough.C:
		return nil
	}
}

// unsent is how long a call took that there was not.
const unsent = -1

// settle tells those who wait how the batch ended, once. What a late reply says is learnt all the same.
func (e *Engine) settle(b *batch, reply *reply, took time.Duration, err error) {
	if !b.settle(reply, e.now()) {
		return
	}
	b.reply, b.err = reply, err
	defer close(b.done)
	if e.prober.ends.Err() != nil {
		return // the engine was closed: nobody is away
	}
	if took != unsent {
		requests := b.n
		if b.cost == look {
			requests = 0
		}
		e.observer.Called(requests, took, err)
	}
	e.judge(b.workspace, b.n, err)
}

// settle learns what a reply says. It reports whether the batch was not settled before.
func (b *batch) settle(reply *reply, now int64) (first bool) {
	b.stripe.Lock()
	defer b.stripe.Unlock()
	first = !b.settled
	b.settled = true
	b.account.waiting, b.account.sent = remove(b.account.waiting, b), remove(b.account.sent, b)
	if reply != nil {
		b.account.learn(b.windows, reply, now)
	}
	return first
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
