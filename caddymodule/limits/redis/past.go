package redis

import (
	"time"

	"github.com/tollgate-gateway/tollgate/caddymodule/record"
)

// Where Redis has no count of a quota, because the period is new or Redis has lost its data, the script takes nothing until
// somebody has looked up what was used. The larger of that and of what this gateway saw is what Redis goes on from.

// maxTries is how often a request asks Redis at most: again where the past of a quota had to be looked up first, and once more
// where its period ended meanwhile.
const maxTries = 3

// peekFresh is how old the past may be for who only looks, and leaves no count in Redis: the ledger is written no more often.
const peekFresh = 5 * time.Second

// recall looks up what was used of the quotas of a batch in the period that its reply names, once for all of its requests. The
// error says that it cannot be read.
func (e *Engine) recall(b *batch) error {
	for i := range b.windows {
		quota := &b.windows[i]
		if quota.Period == 0 {
			continue
		}
		_, end := b.reply.window(i)
		b.stripe.Lock()
		w := b.account.window(quota)
		known := w != nil && w.recalled == end &&
			(w.recalledAt >= b.reply.sentAt || b.cost == peekCost && e.now()-w.recalledAt < int64(peekFresh))
		b.stripe.Unlock()
		if known {
			continue
		}
		begin, _ := quota.Period.Bounds(end - 1)
		spent, err := e.Spent(b.workspace, begin, end)
		if err != nil {
			return err
		}
		b.stripe.Lock()
		b.account.recall(quota, spent, end, b.reply, e.now())
		b.stripe.Unlock()
	}
	return nil
}

// recall keeps what a quota's past says of the period that a reply named. The larger of it and what was seen holds.
func (a *account) recall(quota *record.Window, spent, end int64, r *reply, now int64) {
	w := a.begin(quota, now)
	earliest, latest := r.instants(end)
	if w.reset != end {
		w.seen = 0
	}
	w.seen, w.reset, w.ends, w.endsLatest = max(w.seen, spent), end, earliest, latest
	w.recalled, w.recalledAt = end, now
}
