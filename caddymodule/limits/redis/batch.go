package redis

import (
	"context"
	"time"

	"github.com/tollgate-gateway/tollgate/caddymodule/limits"
	"github.com/tollgate-gateway/tollgate/caddymodule/limits/internal/stripes"
	"github.com/tollgate-gateway/tollgate/caddymodule/record"
)

// batchSlack is how much longer than the timeout a request may wait in all: it may have had to wait for the round trip
// before its own.
const batchSlack = 25 * time.Millisecond

// look is the cost of requests that only want to know how the windows stand.
const look = 0

// batch is one round trip for concurrent requests of one workspace, the same windows and the same cost. They are granted
// in the order in which they joined: the script takes the cost as often as it fits, and says how often that was.
type batch struct {
	windows []record.Window
	cost    int64
	began   int64 // when the first request joined, on the engine's clock

	n        int64 // requests; guarded by the stripe's lock until the batch is sent
	previous *batch
	done     chan struct{} // closed when reply and err are there
	reply    *reply
	err      error // errReply until then, so that a panic on the way is no verdict
}

// join adds a request to the batch that is waiting to be sent, or begins one, which its caller then has to run. The
// stripe is locked.
func (a *account) join(windows []record.Window, cost, now int64) (b *batch, position int64) {
	if b = find(a.waiting, windows, cost); b != nil {
		b.n++
		return b, b.n
	}
	b = &batch{windows: windows, cost: cost, began: now, n: 1, err: errReply, done: make(chan struct{}), previous: find(a.sent, windows, cost)}
	a.waiting = append(a.waiting, b)
	return b, 1
}

// run sends the batch after the one before it is back. When that one failed, this one fails with it: nobody waits twice.
func (e *Engine) run(b *batch, s *stripes.Stripe[*account], a *account, workspace string) {
	defer close(b.done)
	if b.previous != nil {
		<-b.previous.done
	}
	s.Lock()
	a.waiting = remove(a.waiting, b)
	if b.previous != nil && b.previous.err != nil {
		b.err = b.previous.err
		s.Unlock()
		e.judge(workspace, b.windows, b.n, b.err)
		return
	}
	b.previous = nil // else each would keep all those before it
	a.sent = append(a.sent, b)
	seen := a.seen(b.windows, e.now())
	s.Unlock()

	defer func() {
		s.Lock()
		a.sent = remove(a.sent, b)
		if b.err == nil {
			a.learn(b.windows, b.reply, e.now())
		}
		s.Unlock()
		e.judge(workspace, b.windows, b.n, b.err)
	}()
	cost, n := b.cost, b.n
	if cost == look {
		cost, n = 1, 0
	}
	timeout := e.settings.Load().Timeout
	left := min(timeout, timeout+batchSlack-time.Duration(e.now()-b.began))
	ctx, cancel := context.WithTimeout(context.Background(), left)
	defer cancel()
	b.reply, b.err = e.call(ctx, workspace, b.windows, seen, cost, n)
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
