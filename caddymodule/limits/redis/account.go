package redis

import (
	"time"

	"github.com/tollgate-gateway/tollgate/caddymodule/limits"
	"github.com/tollgate-gateway/tollgate/caddymodule/limits/internal/stripes"
	"github.com/tollgate-gateway/tollgate/caddymodule/record"
)

// account is what this gateway knows of a workspace. It is guarded by the lock of its stripe.
type account struct {
	windows []window
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

	seen, reset      int64
	ends, endsLatest int64 // at the earliest, at the latest
	granted          int64 // without Redis, until grantEnds
	grantEnds        int64
	owed             int64 // of what was granted: is to be charged to Redis, which did answer
}

// Ends is when the last window ends, with Redis or without, unless somebody waits for an answer.
func (a *account) Ends(int64) (ends int64) {
	if a.unsettled > 0 {
		return stripes.Pending
	}
	for i := range a.windows {
		ends = max(ends, a.windows[i].ends, a.windows[i].grantEnds)
	}
	return ends
}

// runs reports whether the window has not ended yet, with Redis or without.
func (w *window) runs(now int64) bool { return now < w.ends || now < w.grantEnds }

// window finds the window of a duration, or gives nil.
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
		if w := &a.windows[i]; !w.runs(now) {
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
// the wrong order the larger holds. After a jump of Redis' clock the ends that it names have no order: the last one holds.
func (a *account) learn(windows []record.Window, r *reply, now int64) {
	jumped := a.heard && (r.skew > a.skewMax+clockJump || r.skewMax < a.skew-clockJump)
	a.heard, a.skew, a.skewMax, a.stuck = true, r.skew, r.skewMax, false
	for i, limit := range windows {
		count, reset := r.window(i)
		if reset == 0 {
			continue
		}
		earliest, latest := r.instants(reset)
		w := a.begin(limit.Duration, now)
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
