package limits

import (
	"time"

	"github.com/ulule/limiter/v3/drivers/store/memory"

	"github.com/tollgate-gateway/tollgate/caddymodule/record"
)

// account holds the counters of one workspace: of the windows that its keys share, quotas among them, and of the own windows
// of each key. It is guarded by its stripe's lock. A nil account is that of a workspace which has spent nothing.
type account struct {
	shared tally
	keys   map[string]tally
}

// tally holds counters in the order of their windows.
type tally []counter

// counter is one window: ulule's counter, whose expiration is the window's end.
type counter struct {
	duration time.Duration
	period   record.Period
	// guessed says that the past of a quota's period could not be read: only what this process granted is counted.
	guessed bool
	hits    memory.Counter
}

// state fills in how the windows stand at the Unix second now.
func (a *account) state(s *State, windows []record.Window, now int64) {
	*s = NewState(now)
	if a == nil {
		for i := range windows {
			s.Add(&windows[i], 0, 0)
		}
		return
	}
	shared, own := byKey(windows)
	a.shared.state(s, shared, now)
	if len(own) > 0 {
		a.keys[own[0].Key].state(s, own, now)
	}
}

// charge adds the cost to the counters of the windows, and keeps no others of the workspace or of this key.
func (a *account) charge(windows []record.Window, cost, now int64) {
	shared, own := byKey(windows)
	a.shared.charge(shared, cost, now)
	if len(own) == 0 {
		return
	}
	keyed := a.keys[own[0].Key]
	keyed.charge(own, cost, now)
	if a.keys == nil {
		a.keys = map[string]tally{}
	}
	a.keys[own[0].Key] = keyed
}

// byKey divides windows into those that the keys of the workspace share and those of one key.
func byKey(windows []record.Window) (shared, own []record.Window) {
	n := len(windows)
	for n > 0 && windows[n-1].Key != "" {
		n--
	}
	return windows[:n], windows[n:]
}

// Ends is the Unix second at which the last window ends; now or earlier: none runs. Keys of which none runs are forgotten.
func (a *account) Ends(now int64) (ends int64) {
	ends = a.shared.ends(now)
	for key, keyed := range a.keys {
		end := keyed.ends(now)
		if end <= now {
			delete(a.keys, key)
		}
		ends = max(ends, end)
	}
	return ends
}

// knows reports whether a window needs no past: it is not a quota, or what was spent in its present period is known.
func (a *account) knows(w *record.Window, now int64) bool {
	if w.Period == 0 {
		return true
	}
	if a == nil {
		return false
	}
	c := a.shared.counter(w, 0)
	return c != nil && !c.guessed && now < c.end() && !c.stale(now)
}

// recall puts the past of a quota's period into its counter: the larger of it and what is counted already holds. A guess
// stays one.
func (a *account) recall(quota *record.Window, spent, end int64, guessed bool) {
	c := a.shared.counter(quota, 0)
	if c == nil {
		a.shared = append(a.shared, counter{period: quota.Period})
		c = &a.shared[len(a.shared)-1]
	}
	if c.end() >= end && !c.stale(end-1) {
		spent = max(spent, c.hits.Value())
		end = c.end()
	}
	c.begin(spent, end)
	c.guessed = guessed
}

func (t tally) state(s *State, windows []record.Window, now int64) {
	for i := range windows {
		var used, reset int64
		if c := t.counter(&windows[i], i); c != nil {
			used, reset = c.at(now)
		}
		s.Add(&windows[i], used, reset)
	}
}

func (t *tally) charge(windows []record.Window, cost, now int64) {
	if !t.fits(windows) {
		t.arrange(windows, now)
	}
	for i := range *t {
		(*t)[i].add(&windows[i], cost, now)
	}
}

func (t tally) ends(now int64) (ends int64) {
	for i := range t {
		_, reset := t[i].at(now)
		ends = max(ends, reset)
	}
	return ends
}

// is reports whether the counter is the window's.
func (c *counter) is(w *record.Window) bool { return c.duration == w.Duration && c.period == w.Period }

// counter finds the counter of a window, most likely at the window's own place.
func (t tally) counter(w *record.Window, likely int) *counter {
	if likely < len(t) && t[likely].is(w) {
		return &t[likely]
	}
	for i := range t {
		if t[i].is(w) {
			return &t[i]
		}
	}
	return nil
}

func (t tally) fits(windows []record.Window) bool {
	if len(t) != len(windows) {
		return false
	}
	for i := range windows {
		if !t[i].is(&windows[i]) {
			return false
		}
	}
	return true
}

// arrange makes counters for a changed list of windows; those whose duration or period is still there keep their count.
func (t *tally) arrange(windows []record.Window, now int64) {
	counters := make(tally, len(windows))
	for i := range counters {
		c := &counters[i]
		c.duration, c.period = windows[i].Duration, windows[i].Period
		if old := t.counter(&windows[i], i); old != nil {
			c.guessed = old.guessed
			if used, reset := old.at(now); reset != 0 {
				c.hits.Increment(used, unixNano(reset))
			}
		}
	}
	*t = counters
}

// at is what was used of the window that runs at the Unix second now, and when it ends; 0, 0: none runs.
func (c *counter) at(now int64) (used, reset int64) {
	if reset = c.end(); now >= reset || c.stale(now) {
		return 0, 0
	}
	used = c.hits.Value()
	if c.period != 0 {
		return used, reset
	}
	// A clock that was set back must not lock a customer out for the difference: the window ends no later than one that
	// began now, with what it has counted.
	if latest := now + int64(c.duration/time.Second); reset > latest {
		reset = latest
		c.begin(used, reset)
	}
	return used, reset
}

// add counts a cost, in a new window where none runs.
func (c *counter) add(w *record.Window, cost, now int64) {
	if reset := c.end(); now < reset && !c.stale(now) {
		c.hits.Increment(cost, unixNano(reset))
		return
	}
	c.begin(cost, w.Ends(now))
}

// stale reports that a quota's counter ends more than a period after the present one: it began while the clock was far ahead.
func (c *counter) stale(now int64) bool {
	const day = 24 * 60 * 60
	return c.period == record.Daily && c.end()-now > 2*day || c.period == record.Monthly && c.end()-now > 62*day
}

// end is the Unix second at which the window ends or ended.
func (c *counter) end() int64 { return c.hits.Expiration() / int64(time.Second) }

// begin starts ulule's counter anew: a fresh one takes the value and the end that it is given.
func (c *counter) begin(used, reset int64) {
	c.hits = memory.Counter{}
	c.hits.Increment(used, unixNano(reset))
}

func unixNano(second int64) int64 { return second * int64(time.Second) }
