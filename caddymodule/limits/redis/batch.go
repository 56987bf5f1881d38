package redis

import (
	"errors"
	"slices"
	"sync"

	"github.com/tollgate-gateway/tollgate/caddymodule/limits"
	"github.com/tollgate-gateway/tollgate/caddymodule/limits/internal/stripes"
	"github.com/tollgate-gateway/tollgate/caddymodule/record"
)

// peekCost is the cost of requests that only want to know how the windows stand.
const peekCost = 0

// errLate is the end of a batch to which Redis said nothing in time.
var errLate = errors.New("redis did not answer in time")

// batch is one call of the script for concurrent requests of one workspace, the same windows and the same cost. They are
// granted in the order in which they joined: the script takes the cost as often as it fits, and says how often that was.
type batch struct {
	stripe    *stripes.Stripe[*account]
	account   *account
	workspace string
	suffix    string // of the keys, between the workspace and the duration
	windows   []record.Window
	cost      int64
	recalled  bool // the past of the quotas has been looked up for it
	probe     bool // asks whether Redis counts, also while the breaker is open

	done  sync.WaitGroup // until reply or err is there
	ended chan struct{}  // of a probe: closed then
	reply *reply
	err   error

	// Guarded by the stripe's lock:
	n       int64 // requests
	settled bool  // it is known how it ends
	sibling *batch
	late    *reply     // came after the end
	alone   []decision // requests that were decided after the end, and before the reply

	// Of whoever sends it:
	next   *batch // in the queue
	asking bool   // a node that only imports the slot is asked
	hops   int    // how often it was sent on to another node
	putOff int64  // when it was put off first; 0: it was not
	answer reply
	values [2 + 2*2]int64 // of the answer, if there is room: of two windows
}

// room is where a reply of so many numbers may be kept.
func (b *batch) room(n int) []int64 {
	if n > len(b.values) {
		return make([]int64, 0, n)
	}
	return b.values[:0]
}

// decision is about the request at a position in a batch, without Redis.
type decision struct {
	position int64
	granted  bool
}

// Where the duration of a window follows in the name of its key.
const (
	countSuffix = "}:"
	probeSuffix = "}:probe:"
	keySuffix   = "key:" // and then the key's id
)

// join adds a request to the batch that is waiting to be sent, or begins one, which its caller then has to send. The
// stripe is locked.
func (a *account) join(s *stripes.Stripe[*account], workspace string, windows []record.Window, cost int64, recalled bool) (b *batch, position int64) {
	for b = a.joinable; b != nil; b = b.sibling {
		if b.cost == cost && b.recalled == recalled && slices.Equal(b.windows, windows) {
			b.n++
			return b, b.n
		}
	}
	b = &batch{
		stripe: s, account: a, workspace: workspace, suffix: countSuffix, windows: windows, cost: cost, recalled: recalled,
		n: 1, sibling: a.joinable,
	}
	b.done.Add(1)
	a.joinable = b
	a.unsettled++
	return b, 1
}

// leave ends the time in which requests may join the batch. The stripe is locked.
func (a *account) leave(b *batch) {
	for at := &a.joinable; *at != nil; at = &(*at).sibling {
		if *at == b {
			*at, b.sibling = b.sibling, nil
			return
		}
	}
}

// size is how many requests have joined so far.
func (b *batch) size() int64 {
	b.stripe.Lock()
	defer b.stripe.Unlock()
	return b.n
}

// requests is how many the batch decides. The stripe is locked.
func (b *batch) requests() int64 {
	if b.cost == peekCost || b.probe {
		return 0
	}
	return b.n
}

// settle tells those who wait how the batch ended, once. A reply is learnt whenever it comes: it reports whether the
// workspace then owes Redis what was granted meanwhile.
func (b *batch) settle(r *reply, err error, now int64) (owes bool) {
	b.stripe.Lock()
	defer b.stripe.Unlock()
	a := b.account
	if r != nil {
		a.learn(b.windows, r, now)
	}
	if !b.settled {
		b.settled = true
		b.reply, b.err = r, err
		a.leave(b)
		a.unsettled--
		b.done.Done()
		if b.ended != nil {
			close(b.ended)
		}
		return false
	}
	if r != nil && b.late == nil {
		b.late = r
		owes = a.cover(b, r, now)
	}
	return owes
}

// verdict is that of the request at a position in the batch, from 1, by a reply; position 0 is the state after all of them.
func (b *batch) verdict(r *reply, position int64) (result limits.Result) {
	result.Source = limits.FromRedis
	result.State = limits.NewState(second(r.unixMilli()))
	result.Granted = 0 < position && position <= r.granted()
	later := int64(0) // granted to those behind this one
	if result.Granted {
		later = (r.granted() - position) * b.cost
	}
	for i := range b.windows {
		count, reset := r.window(i)
		result.State.Add(&b.windows[i], count-later, reset)
	}
	if position > r.granted() {
		result.RetryAfter = max(1, result.State.Refuse(b.cost))
	}
	return result
}
