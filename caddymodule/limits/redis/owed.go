package redis

import "time"

// A request whose batch was given up is decided without Redis. If Redis answers the batch after all, it did not go away, and
// what was granted meanwhile counts: the script took the cost for as many of the batch's requests as its reply says, and
// what was granted beyond them is owed. It is charged at once, whatever the limit says, so that longer windows and other
// gateways know of it. What was granted to requests that Redis was never asked about, while the breaker was open, is not.

// cover settles what was granted without Redis to requests of a batch that Redis has answered late. It reports whether
// something is owed. The stripe is locked.
func (a *account) cover(b *batch, r *reply, now int64) (owes bool) {
	var granted, taken int64 // requests
	for _, d := range b.alone {
		if d.granted {
			granted++
		}
		if d.position <= r.granted() {
			taken++
		}
	}
	paid := min(granted, taken)
	for i := range b.windows {
		w := a.begin(&b.windows[i], now)
		if now < w.grantEnds {
			w.granted = max(0, w.granted-paid*b.cost) // it is in Redis' count
		}
		w.owed += (granted - paid) * b.cost
	}
	return granted > paid
}

// tell says what the script has to know of a window, and hands over what is owed: it is never charged twice, even if nobody
// hears whether it was.
func (w *window) tell(t *told, now int64) {
	if now < w.ends {
		t.seen, t.seenEnd = w.seen, w.reset
		t.known = max(1, (w.endsLatest-now)/int64(time.Millisecond))
	}
	if w.runs(now) {
		t.owed = w.owed
		w.granted = max(0, w.granted-w.owed) // Redis will count it
	}
	w.owed = 0
}

// takeBack gives back to the account what the script was told is owed, where it was not run.
func (c *call) takeBack(now int64) {
	b := c.batch
	b.stripe.Lock()
	defer b.stripe.Unlock()
	for i := range b.windows {
		if owed := c.windows[i].owed; owed > 0 {
			w := b.account.begin(&b.windows[i], now)
			w.owed += owed
			w.granted += owed
		}
	}
}
