package redis

import (
	"slices"
	"time"

	"github.com/tollgate-gateway/tollgate/caddymodule/limits"
	"github.com/tollgate-gateway/tollgate/caddymodule/record"
)

// account is what this gateway knows of a workspace. It is guarded by the lock of its stripe.
type account struct {
	windows []window
	// waiting are the batches that requests may still join, sent those whose round trip is under way.
	waiting, sent []*batch
	// heard says that Redis has answered, and skew is that reply's.
	heard bool
	skew  int64
}

// window is one window of a workspace: Redis' count as last seen, and what was granted without Redis. Ends are instants
// on the engine's clock, resets Unix seconds on Redis' clock.
type window struct {
	duration time.Duration

	seen, reset, ends  int64
	granted, grantEnds int64
}

// Ended reports that no window runs and nobody waits.
func (a *account) Ended(now int64) bool {
	for i := range a.windows {
		if w := &a.windows[i]; now < w.ends || now < w.grantEnds {
			return false
		}
	}
	return len(a.waiting) == 0 && len(a.sent) == 0
}

// window finds the window of a duration; nil: nothing is known of it.
func (a *account) window(d time.Duration) *window {
	if a != nil {
		for i := range a.windows {
			if a.windows[i].duration == d {
				return &a.windows[i]
			}
		}
	}
	return nil
}

// begin gives the window of a duration, in the place of one that is over where there is such a one.
func (a *account) begin(d time.Duration, now int64) *window {
	if w := a.window(d); w != nil {
		return w
	}
	for i := range a.windows {
		if w := &a.windows[i]; now >= w.ends && now >= w.grantEnds {
			*w = window{duration: d}
			return w
		}
	}
	a.windows = append(a.windows, window{duration: d})
	return &a.windows[len(a.windows)-1]
}

// shared fills in the state that Redis was last seen in. The state's Now is set already.
func (a *account) shared(s *limits.State, windows []record.Window, now int64) {
	for _, limit := range windows {
		if w := a.window(limit.Duration); w != nil && now < w.ends {
			s.Add(limit, w.seen, w.reset)
		} else {
			s.Add(limit, 0, 0)
		}
	}
}

// local fills in the state of this gateway's share: floor((limit − last seen) / gateways), less what was granted of it.
func (a *account) local(s *limits.State, windows []record.Window, gateways, now, unixMilli int64) {
	s.Local = true
	for _, limit := range windows {
		var seen, granted, reset int64
		if w := a.window(limit.Duration); w != nil {
			if now < w.ends {
				seen, reset = w.seen, w.reset
			}
			if now < w.grantEnds {
				granted = w.granted
				if w.grantEnds > w.ends || reset == 0 {
					left := (w.grantEnds - now + int64(time.Millisecond) - 1) / int64(time.Millisecond)
					reset = max(reset, (unixMilli+left+early+999)/1000)
				}
			}
		}
		left := max(0, limit.Limit-seen)/gateways - granted
		s.Add(limit, limit.Limit-max(0, left), reset)
	}
}

// grant counts a cost that was granted without Redis. The window of the grants is the one Redis was seen in, else it
// begins now.
func (a *account) grant(windows []record.Window, cost, now, unixMilli int64) {
	for _, limit := range windows {
		w := a.begin(limit.Duration, now)
		switch {
		case now < w.grantEnds:
			w.granted += cost
			continue
		case now < w.ends:
			w.grantEnds = w.ends
		default:
			reset := second(unixMilli) + int64(limit.Duration/time.Second)
			w.grantEnds = now + (reset*1000-early-unixMilli)*int64(time.Millisecond)
		}
		w.granted = cost
	}
}

// learn keeps what Redis said of the windows. Counts never fall within a window, so that of two replies which came in
// the wrong order the larger holds.
func (a *account) learn(windows []record.Window, r *reply, now int64) {
	a.heard, a.skew = true, r.skew
	for i, limit := range windows {
		count, reset := r.window(i)
		if reset == 0 {
			continue
		}
		ends := r.instant(reset)
		w := a.begin(limit.Duration, now)
		switch {
		case reset == w.reset:
			w.seen, w.ends = max(w.seen, count), max(w.ends, ends)
		case reset > w.reset || now >= w.ends:
			w.seen, w.reset, w.ends = count, reset, ends
		}
	}
}

// same finds the batches of the same windows and cost: the oldest, the newest, and how many there are.
func same(batches []*batch, windows []record.Window, cost int64) (oldest, newest *batch, n int) {
	for _, b := range batches {
		if b.cost != cost || !slices.Equal(b.windows, windows) {
			continue
		}
		if newest = b; oldest == nil {
			oldest = b
		}
		n++
	}
	return oldest, newest, n
}

// remove takes a batch out of a list.
func remove(batches []*batch, b *batch) []*batch {
	if i := slices.Index(batches, b); i >= 0 {
		return slices.Delete(batches, i, i+1)
	}
	return batches
}
