package redis

import (
	"context"
	"errors"
	"runtime"
	"sync"
	"sync/atomic"
	"time"

	goredis "github.com/redis/go-redis/v9"
)

// errClosed is the end of batches that come after the engine was closed.
var errClosed = errors.New("the counters are closed")

// shard is one node of Redis that counts, as this gateway sees it: the only one, the master that Sentinels name, or a
// master of a Cluster. Batches queue up while all its links are in use; the next free link takes all that wait.
type shard struct {
	engine  *Engine
	address string                 // of a node of a Cluster; else ""
	connect func() *goredis.Client // makes the client of a link
	nodes   nodes
	// find, if any, looks for the shard that a workspace's batches are to be sent to, instead of sending them.
	find func(ctx context.Context, workspace string) (*shard, error)

	queue   atomic.Pointer[batch] // the newest first
	idle    chan *link
	breaker breaker
	prober  prober
	skew    atomic.Int64 // Redis' time less the engine's, in ms: at most what it really is

	// own is the shard's own time. It goes on by a step at each tick, and so stands still while this process does not run.
	// heard is when, by that time, anything last came back from the node in time.
	own, heard atomic.Int64
	near       bool // the address is one of this machine; others may be as well
	neighbour  atomic.Pointer[neighbour]

	flying   atomic.Int64 // flights that were not given up
	departed atomic.Int64 // the last one, on the engine's clock

	mu      sync.Mutex // guards the rest
	flights []*flight
	late    int // of the flights
	ticker  *time.Timer
	ticking bool
	ticked  int64 // the last tick, an instant on the engine's clock
	closed  bool
	sending sync.WaitGroup
}

// newShard gives the shard of a node at an address, which is "" where it is not known.
func newShard(e *Engine, n nodes, address string, links int, connect func() *goredis.Client) *shard {
	s := &shard{engine: e, nodes: n, address: address, near: isNear(address), connect: connect, idle: make(chan *link, links)}
	s.prober.init(e.ends)
	s.skew.Store(e.skew.Load())
	for range links {
		s.idle <- newLink(s)
	}
	return s
}

// away reports whether the circuit breaker keeps requests from waiting for the node.
func (s *shard) away() bool { return s.breaker.open.Load() }

// enqueue has a batch sent, at once where a link is free.
func (s *shard) enqueue(b *batch) {
	for {
		b.next = s.queue.Load()
		if s.queue.CompareAndSwap(b.next, b) {
			break
		}
	}
	if s.away() && !b.probe {
		s.failQueue(ErrAway) // it opened meanwhile
	}
	if s.flying.Load() > 0 && s.engine.now()-s.departed.Load() < int64(gather) {
		return // whoever waits for that flight takes it next
	}
	s.dispatch()
}

// gather is how long after a flight's departure batches wait for it to land, instead of taking another link, and how long a
// link waits at most for requests that are about to ask: the next flight carries them all. On a Redis that is near, nearly
// all flights are that short. What a round trip costs is mostly the system calls and the waking of whoever waits, however many
// requests it carries; with longer waits fewer requests were answered.
const gather = 250 * time.Microsecond

// rounds is how often a link at most lets everything else that can run do so before it departs.
const rounds = 4

// settleDown lets requests that can run now join the next flight. On a machine that has nothing else to do it is over at once.
func (s *shard) settleDown() {
	began := s.engine.now()
	for range rounds {
		newest := s.queue.Load()
		runtime.Gosched()
		if s.queue.Load() == newest || s.engine.now()-began >= int64(gather) {
			return
		}
	}
}

// dispatch lets a free link take what waits.
func (s *shard) dispatch() {
	select {
	case l := <-s.idle:
		s.mu.Lock()
		closed := s.closed
		if !closed {
			s.sending.Add(1)
		}
		s.mu.Unlock()
		if closed {
			s.idle <- l
			s.failQueue(errClosed)
			return
		}
		go s.send(l)
	default:
	}
}

// send takes what waits, again and again, until nothing does.
func (s *shard) send(l *link) {
	defer s.sending.Done()
	for {
		s.settleDown()
		batches := s.takeAll()
		if batches == nil {
			s.idle <- l
			if s.queue.Load() == nil {
				return
			}
			select { // a batch came in between, and found no link
			case l = <-s.idle:
				continue
			default:
				return
			}
		}
		if s.find != nil {
			l = l.seek(batches)
		} else if f := l.depart(batches); f != nil {
			l = l.land(f, l.exchange(f))
		}
		if l == nil {
			return // another one has taken its place
		}
	}
}

// takeAll empties the queue, and gives the oldest batch with the next ones behind it.
func (s *shard) takeAll() (oldest *batch) {
	for b := s.queue.Swap(nil); b != nil; {
		next := b.next
		b.next, oldest = oldest, b
		b = next
	}
	return oldest
}

// failQueue ends what waits with an error. A probe goes on while the breaker is open.
func (s *shard) failQueue(err error) {
	for b := s.takeAll(); b != nil; {
		next := b.next
		b.next = nil
		if b.probe && err == ErrAway {
			s.enqueue(b)
		} else {
			if err == errLate {
				s.judge(b, err)
			}
			b.settle(nil, err, s.engine.now())
		}
		b = next
	}
}

// judge tells the breaker how a batch ended, and begins an outage where it opens.
func (s *shard) judge(b *batch, err error) {
	switch {
	case b.probe || s.engine.closed():
	case err == nil:
		s.breaker.succeeded()
	case s.breaker.failed(b.size()):
		s.engine.away.Add(1)
		s.engine.observer.Away(s.address, true, err)
		s.renew()
		s.failQueue(ErrAway)
		s.prober.start(s.away, func() { s.endOutage(b.workspace) })
	}
}

// renew gives up the connections that nobody uses: they may lead nowhere, without anybody having said so, and each would
// have to be found out by a request that waits for it in vain.
func (s *shard) renew() {
	for range cap(s.idle) {
		select {
		case l := <-s.idle:
			l.end()
			s.idle <- newLink(s)
		default:
			return
		}
	}
}

// close breaks everything off and waits until it has ended.
func (s *shard) close() {
	s.mu.Lock()
	s.closed = true
	for _, f := range s.flights {
		f.link.breakOff()
	}
	if s.ticker != nil {
		s.ticker.Stop()
	}
	s.mu.Unlock()
	s.failQueue(errClosed)
	s.prober.wait() // a probe under way ends with its link
	s.sending.Wait()
	s.renew()
}
