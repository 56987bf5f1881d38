package redis

import (
	"slices"
	"time"
)

// A reply can be late for two reasons that a clock cannot tell apart: Redis says nothing, or this process does not get to
// run, and the reply lies in the socket unread. So the watch measures silence by a time of its own, which goes on only
// while this process runs, and only while a link waits for the network and for nothing else. When that has lasted for the
// timeout, the socket is looked at before anything is given up.
//
// On a saturated machine that is not enough where Redis runs on it too: Redis may wait for a processor, or the kernel's own
// threads do, which carry what both write. So a step is excused, for maxExcuse at most, where Redis is seen to wait or the
// tick itself came much too late.

// step is how far the shard's own time goes on between two looks. However late a look is, it counts as one step.
func step(timeout time.Duration) time.Duration {
	return min(max(timeout/5, time.Millisecond), 8*time.Millisecond)
}

// grace is how much longer than the timeout a flight that was given up lives on: the requests have been decided without it,
// but what its replies say is learnt.
const grace = time.Second

// lateFlights is how many flights that were given up may live on beside those of new links.
const lateFlights = 8

// watch begins to watch a flight.
func (s *shard) watch(f *flight) {
	s.mu.Lock()
	defer s.mu.Unlock()
	f.began = s.own.Load()
	s.flights = append(s.flights, f)
	s.flying.Add(1)
	if s.closed {
		f.link.breakOff()
	}
	if s.ticking || s.closed {
		return
	}
	s.ticking, s.ticked = true, s.engine.now()
	d := step(s.engine.settings.Load().Timeout)
	if s.ticker == nil {
		s.ticker = time.AfterFunc(d, s.tick)
	} else {
		s.ticker.Reset(d)
	}
}

// unwatch ends that. It reports whether the flight was given up, and whether another link took the place of its own.
func (s *shard) unwatch(f *flight) (late, taken bool) {
	s.mu.Lock()
	defer s.mu.Unlock()
	i := slices.Index(s.flights, f)
	s.flights = slices.Delete(s.flights, i, i+1)
	if f.late {
		s.late--
	} else {
		s.flying.Add(-1)
	}
	return f.late, f.taken
}

// tick looks at all flights, and gives up those to which nothing has come back.
func (s *shard) tick() {
	timeout := s.engine.settings.Load().Timeout
	d := step(timeout)
	own, now := s.own.Add(int64(d)), s.engine.now()
	var silent, slow []*flight
	s.mu.Lock()
	late := now-s.ticked > int64(muchTooLate*d)
	s.ticked = now
	at := machine{starved: late, known: late, neighbour: s.neighbour.Load(), step: d}
	for _, f := range s.flights {
		mute := f.link.mute(own, now, timeout, d, &at)
		switch {
		case f.late && own-f.lateAt < int64(grace):
		case f.late && (mute || own-f.lateAt >= 2*int64(grace)):
			f.link.breakOff()
		case f.late:
		case mute:
			silent = append(silent, f)
		case own-f.began >= int64(timeout+grace+f.link.excused):
			slow = append(slow, f)
		}
	}
	given := silent
	if len(slow) > 0 {
		given = slices.Concat(silent, slow)
	}
	for _, f := range given {
		f.late, f.lateAt = true, own
		f.link.late.Store(true)
		s.late++
		s.flying.Add(-1)
		if f.taken = s.late <= lateFlights; f.taken {
			s.idle <- newLink(s)
		}
	}
	stuck := s.late >= lateFlights+cap(s.idle)
	if s.ticking = len(s.flights) > 0 && !s.closed; s.ticking {
		s.ticker.Reset(d)
	}
	s.mu.Unlock()
	s.giveUp(slow, false)
	if len(silent) > 0 || stuck {
		s.giveUp(silent, true)
	}
	if s.queue.Load() != nil {
		s.dispatch()
	}
}

// machine is this machine at a tick. Whether it, or the Redis on it, gets no processor is found out once, if anybody asks.
type machine struct {
	starved, known bool
	neighbour      *neighbour
	step           time.Duration
}

func (m *machine) starves() bool {
	if !m.known {
		m.starved, m.known = m.neighbour != nil && m.neighbour.waits(m.step), true
	}
	return m.starved
}

// mute reports whether the link has waited for the network for the timeout, and nothing has come back from the node
// meanwhile, on this link or on another one. Steps in which the node or this machine is starved do not count.
func (l *link) mute(own, now int64, timeout, d time.Duration, machine *machine) bool {
	since := l.waiting.Load()
	if since == resting {
		return false
	}
	if from := max(since, l.shard.heard.Load()); from != l.silentFrom {
		l.silentFrom, l.silentSince, l.excused = from, now, 0
	}
	silent := time.Duration(own - l.silentFrom)
	if silent > d && now-l.silentSince < int64(maxExcuse) && machine.starves() {
		l.excused += d
	}
	if silent-l.excused < timeout+d {
		return false
	}
	if l.ready() {
		l.waiting.CompareAndSwap(since, own) // it goes on once who waits has run
		return false
	}
	return l.waiting.Load() == since
}

// maxExcuse is for how long a Redis may say nothing because the machine is saturated.
const maxExcuse = 5 * time.Second

// muchTooLate is by how many steps a tick comes too late on a machine that is saturated.
const muchTooLate = 4

// giveUp lets the requests of flights be decided without them. Where Redis said nothing at all, those that are queued are
// told the same: they would only wait for it once more.
func (s *shard) giveUp(flights []*flight, silent bool) {
	e := s.engine
	for _, f := range flights {
		e.observer.Called(f.requests, time.Duration(e.now()-f.departed), errLate)
		for _, c := range f.calls {
			if silent {
				s.judge(c.batch, errLate)
			}
			c.batch.settle(nil, errLate, e.now())
		}
	}
	if silent {
		s.failQueue(errLate)
	}
}
