package limits

import (
	"time"

	"github.com/ulule/limiter/v3/drivers/store/memory"

	"github.com/tollgate-gateway/tollgate/caddymodule/record"
)

// account holds the counters of one workspace, in the order of its windows. It is guarded by its stripe's lock. A nil
// account is that of a workspace which has spent nothing.
type account struct{ counters []counter }

// counter is one window: ulule's counter, whose expiration is the window's end.
type counter struct {
	duration time.Duration
	hits     memory.Counter
}

// state fills in how the windows stand at the Unix second now.
func (a *account) state(s *State, windows []record.Window, now int64) {
	*s = NewState(now)
	for i := range windows {
		var used, reset int64
		if c := a.counter(windows[i].Duration, i); c != nil {
			used, reset = c.at(now)
		}
		s.Add(windows[i], used, reset)
	}
}

// charge adds the cost to the counters of the windows, and keeps no others.
func (a *account) charge(windows []record.Window, cost, now int64) {
	if !a.fits(windows) {
		a.arrange(windows, now)
	}
	for i := range a.counters {
		a.counters[i].add(cost, now)
	}
}

// Ends is the Unix second at which the last window ends; now or earlier: none runs.
func (a *account) Ends(now int64) (ends int64) {
	for i := range a.counters {
		_, reset := a.counters[i].at(now)
		ends = max(ends, reset)
	}
	return ends
}

// counter finds the counter of a duration, most likely at the window's own place.
func (a *account) counter(d time.Duration, likely int) *counter {
	if a == nil {
		return nil
	}
	if likely < len(a.counters) && a.counters[likely].duration == d {
		return &a.counters[likely]
	}
	for i := range a.counters {
		if a.counters[i].duration == d {
			return &a.counters[i]
		}
	}
	return nil
}

func (a *account) fits(windows []record.Window) bool {
	if len(a.counters) != len(windows) {
		return false
	}
	for i := range windows {
		if a.counters[i].duration != windows[i].Duration {
			return false
		}
	}
	return true
}

// arrange makes counters for a changed list of windows; those whose duration is still there keep their count.
func (a *account) arrange(windows []record.Window, now int64) {
	counters := make([]counter, len(windows))
	for i := range counters {
		counters[i].duration = windows[i].Duration
		if old := a.counter(windows[i].Duration, i); old != nil {
			if used, reset := old.at(now); reset != 0 {
				counters[i].hits.Increment(used, unixNano(reset))
			}
		}
	}
	a.counters = counters
}

// at is what was used of the window that runs at the Unix second now, and when it ends; 0, 0: none runs.
func (c *counter) at(now int64) (used, reset int64) {
	if reset = c.end(); now >= reset {
		return 0, 0
	}
	used = c.hits.Value()
	// A clock that was set back must not lock a customer out for the difference: the window ends no later than one that
	// began now, with what it has counted.
	if latest := now + int64(c.duration/time.Second); reset > latest {
		reset = latest
		c.begin(used, reset)
	}
	return used, reset
}

// add counts a cost, in a new window where none runs.
func (c *counter) add(cost, now int64) {
	if reset := c.end(); now < reset {
		c.hits.Increment(cost, unixNano(reset))
		return
	}
	c.begin(cost, now+int64(c.duration/time.Second))
}

// end is the Unix second at which the window ends or ended.
func (c *counter) end() int64 { return c.hits.Expiration() / int64(time.Second) }

// begin starts ulule's counter anew: a fresh one takes the value and the end that it is given.
func (c *counter) begin(used, reset int64) {
	c.hits = memory.Counter{}
	c.hits.Increment(used, unixNano(reset))
}

func unixNano(second int64) int64 { return second * int64(time.Second) }
