package redis

import (
	"time"

	"github.com/tollgate-gateway/tollgate/caddymodule/limits"
	"github.com/tollgate-gateway/tollgate/caddymodule/limits/internal/stripes"
	"github.com/tollgate-gateway/tollgate/caddymodule/record"
)

// account is what this gateway knows of a workspace. It is guarded by the lock of its stripe.
type account struct {
	shared tally            // of the windows that its keys share, quotas among them
	keys   map[string]tally // of the own windows of each key
	// joinable are the batches that requests may still join, unsettled those whose end is not known yet.
	joinable  *batch
	unsettled int
	// heard says that Redis has answered, skew and skewMax are that reply's.
	heard         bool
	skew, skewMax int64
	stuck         bool // on its way from one node to another for longer than a request may wait
}

// window is one window of a workspace: Redis' count as last seen, and what was granted without Redis. Resets are Unix
// seconds on Redis' clock, all other ends instants on the engine's.
type window struct {
	duration time.Duration
	period   record.Period
	// recalled is the end of the quota's period whose past was looked up last, and recalledAt when.
	recalled, recalledAt int64

	seen, reset      int64
	ends, endsLatest int64 // at the earliest, at the latest
	granted          int64 // without Redis, until grantEnds
	grantEnds        int64
	owed             int64 // of what was granted: is to be charged to Redis, which did answer
}

// tally holds windows in no order.
type tally []window

// Ends is when the last window ends, with Redis or without, unless somebody waits for an answer. Keys of which no window runs
// are forgotten.
func (a *account) Ends(now int64) (ends int64) {
	if a.unsettled > 0 {
		return stripes.Pending
	}
	ends = a.shared.ends()
	for key, keyed := range a.keys {
		end := keyed.ends()
		if end <= now {
			delete(a.keys, key)
		}
		ends = max(ends, end)
	}
	return ends
}

func (t tally) ends() (ends int64) {
	for i := range t {
		ends = max(ends, t[i].ends, t[i].grantEnds)
	}
	return ends
}

// runs reports whether the window has not ended yet, with Redis or without.
func (w *window) runs(now int64) bool { return now < w.ends || now < w.grantEnds }

// of is where the windows of the workspace are, or those of a key.
func (a *account) of(key string) tally {
	switch {
	case a == nil:
		return nil
	case key == "":
		return a.shared
	}
	return a.keys[key]
}

// window finds what is known of a window, or gives nil.
func (a *account) window(limit *record.Window) *window {
	t := a.of(limit.Key)
	for i := range t {
		if t[i].duration == limit.Duration && t[i].period == limit.Period {
			return &t[i]
		}
	}
	return nil
}

// begin is window, in the place of one that is over where there is none.
func (a *account) begin(limit *record.Window, now int64) *window {
	if w := a.window(limit); w != nil {
		return w
	}
	t, fresh := a.of(limit.Key), window{duration: limit.Duration, period: limit.Period}
	for i := range t {
		if w := &t[i]; !w.runs(now) {
			*w = fresh
			return w
		}
	}
	t = append(t, fresh)
	if limit.Key == "" {
		a.shared = t
	} else {
		if a.keys == nil {
			a.keys = map[string]tally{}
		}
		a.keys[limit.Key] = t
	}
	return &t[len(t)-1]
}

// seen fills in the state that Redis was last seen in. The state's Now is set already.
func (a *account) seen(s *limits.State, windows []record.Window, now int64) {
	for i := range windows {
		limit := &windows[i]
		if w := a.window(limit); w != nil && now < w.ends {
			s.Add(limit, w.seen, w.reset)
		} else {
			s.Add(limit, 0, 0)
		}
	}
}

// local fills in the state of this gateway's share: floor((limit − last seen) / gateways), less what was granted of it.
func (a *account) local(s *limits.State, windows []record.Window, gateways, now, unixMilli int64) {
	s.Local = true
	for i := range windows {
		limit := &windows[i]
		var seen, granted, reset int64
		if w := a.window(limit); w != nil {
			if now < w.ends {
				seen, reset = w.seen, w.reset
			}
			if now < w.grantEnds {
				granted = w.granted
				if w.grantEnds > w.ends || reset == 0 {
					left := (w.grantEnds - now + int64(time.Millisecond) - 1) / int64(time.Millisecond)
					ends := (unixMilli + left + early + 999) / 1000
					if limit.Period != 0 {
						ends = limit.Ends(ends - 2) // the clocks were read at different times: the calendar knows the second
					}
					reset = max(reset, ends)
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
	for i := range windows {
		w := a.begin(&windows[i], now)
		switch {
		case now < w.grantEnds:
			w.granted += cost
			continue
		case now < w.ends:
			w.grantEnds = w.ends
		default:
			reset := windows[i].Ends(second(unixMilli))
			w.grantEnds = now + (reset*1000-early-unixMilli)*int64(time.Millisecond)
		}
		w.granted = cost
	}
}

// learn keeps what Redis said of the windows. Counts never fall within a window, so that of two replies which came in
// the wrong order the larger holds. After a jump of Redis' clock the ends that it names have no order: the last one holds.
func (a *account) learn(windows []record.Window, r *reply, now int64) {
	jumped := a.heard && (r.skew > a.skewMax+clockJump || r.skewMax < a.skew-clockJump)
	a.heard, a.skew, a.skewMax, a.stuck = true, r.skew, r.skewMax, false
	for i := range windows {
		count, reset := r.window(i)
		if reset == 0 {
			continue
		}
		earliest, latest := r.instants(reset)
		w := a.begin(&windows[i], now)
		switch {
		case now < w.ends && reset == w.reset:
			w.seen, w.ends, w.endsLatest = max(w.seen, count), max(w.ends, earliest), latest
		case now < w.ends && jumped:
			w.seen, w.reset, w.ends, w.endsLatest = max(w.seen, count), reset, earliest, latest
		case now >= w.ends || reset > w.reset:
			w.seen, w.reset, w.ends, w.endsLatest = count, reset, earliest, latest
		}
	}
}

// clockJump is by how many ms more than a round trip explains Redis' clock must differ from what it was to have been set.
const clockJump = 1000
