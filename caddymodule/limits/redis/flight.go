package redis

import "time"

// flight is a pipeline on its way: the calls of batches that were ready together, in one write and one read.
type flight struct {
	link            *link
	calls           []*call
	requests        int64
	departed        int64 // an instant on the engine's clock, as the next two
	sentAt, heardAt int64
	said            error // by Redis to the last of the calls, or while it was connecting
	began           int64 // by the shard's own time

	// Guarded by the shard's lock:
	late   bool  // it was given up: the requests have been decided without it
	lateAt int64 // by the shard's own time
	taken  bool  // another link has taken the place of this one
}

// depart makes the batches a flight. It gives nil where all of them were given up meanwhile.
func (l *link) depart(batches *batch) *flight {
	s, now := l.shard, l.shard.engine.now()
	f := &l.flight
	*f = flight{link: l, calls: f.calls[:0], departed: now}
	for b := batches; b != nil; {
		next := b.next
		b.next = nil
		b.stripe.Lock()
		if !b.settled {
			b.account.leave(b)
			c := l.call(len(b.windows))
			c.prepare(b, s.engine.prefix, now)
			f.calls = append(f.calls, c)
			f.requests += b.requests()
		}
		b.stripe.Unlock()
		b = next
	}
	if len(f.calls) == 0 {
		return nil
	}
	s.departed.Store(now)
	s.watch(f)
	return f
}

// land ends a flight: the observer, the breaker and then the requests that wait are told what Redis said. It returns the
// link that goes on in the place of this one, or nil if another one already does.
func (l *link) land(f *flight, broken error) *link {
	s, e := l.shard, l.shard.engine
	late, taken := s.unwatch(f)
	var failed error
	for _, c := range f.calls {
		if l.read(f, c, broken, late); c.err != nil && !c.sentOn {
			failed = c.err
		}
	}
	if !late && !e.closed() {
		e.observer.Called(f.requests, time.Duration(f.heardAt-f.departed), failed)
		for _, c := range f.calls {
			if !c.sentOn && !c.ofSlot {
				s.judge(c.batch, c.err)
			}
		}
	}
	for _, c := range f.calls {
		if !c.sentOn && c.batch.settle(c.answer, c.err, e.now()) {
			e.charge(c.batch)
		}
	}
	if late && failed == nil {
		s.prober.hurry() // Redis is there
	}
	if broken == nil && !late {
		l.keep(f.calls)
		return l
	}
	l.end()
	if taken {
		return nil
	}
	return newLink(s)
}

// read finds out what a call came to, and sends its batch on where another node is to be asked.
func (l *link) read(f *flight, c *call, broken error, late bool) {
	s, e := l.shard, l.shard.engine
	c.sentOn, c.ofSlot = false, false
	if c.answer, c.err = c.reply(f); c.err == nil {
		s.skew.Store(c.answer.skew)
		e.skew.Store(c.answer.skew)
		if c.answer.unknown() {
			c.takeBack(e.now()) // nothing was charged
		}
		return
	}
	if broken != nil {
		if !said(c.err) {
			c.err = broken
		}
		return
	}
	var send func()
	send, c.ofSlot = s.nodes.redirect(s, c.batch, c.err)
	if c.ofSlot {
		c.takeBack(e.now())
	}
	if send != nil && !late { // else its requests have been decided
		c.sentOn = true
		send()
	}
}

// seek sends batches on to the shards that count for their workspaces, once it is known which those are.
func (l *link) seek(batches *batch) *link {
	s, e := l.shard, l.shard.engine
	f := &flight{link: l, departed: e.now()}
	for b := batches; b != nil; b = b.next {
		f.calls = append(f.calls, &call{batch: b})
		b.stripe.Lock()
		f.requests += b.requests()
		b.stripe.Unlock()
	}
	s.watch(f)
	l.wait(false)
	_, err := s.find(l.open, batches.workspace)
	l.rest()
	late, taken := s.unwatch(f)
	switch {
	case err == nil && s.breaker.close():
		s.ended()
	case err != nil && !late && !e.closed():
		e.observer.Called(f.requests, time.Duration(e.now()-f.departed), err)
		for _, c := range f.calls {
			s.judge(c.batch, err)
		}
	}
	for _, c := range f.calls {
		if err != nil {
			c.batch.settle(nil, err, e.now())
		} else if to, err := s.find(l.open, c.batch.workspace); err != nil {
			c.batch.settle(nil, err, e.now())
		} else {
			to.enqueue(c.batch)
		}
	}
	if taken {
		return nil
	}
	return newLink(s)
}
