package redis

import (
	"context"
	"sync"
	"time"

	"github.com/tollgate-gateway/tollgate/caddymodule/limits/internal/stripes"
	"github.com/tollgate-gateway/tollgate/caddymodule/record"
)

// probeEvery is how often a shard asks whether its node is back.
const probeEvery = 250 * time.Millisecond

// prober asks whether a node is back, in a goroutine that lives for as long as the circuit breaker is open: no request
// waits for the answer.
type prober struct {
	ends   context.Context // with the engine
	sooner chan struct{}

	mu      sync.Mutex
	probing bool
	running sync.WaitGroup
}

func (p *prober) init(ends context.Context) { p.ends, p.sooner = ends, make(chan struct{}, 1) }

// start begins to call probe every probeEvery for as long as away says so. It does nothing where that is under way, or the
// engine was closed.
func (p *prober) start(away func() bool, probe func()) {
	p.mu.Lock()
	defer p.mu.Unlock()
	if p.probing || p.ends.Err() != nil {
		return
	}
	p.probing = true
	p.running.Go(func() {
		tick := time.NewTicker(probeEvery)
		defer tick.Stop()
		for p.goOn(away) {
			select {
			case <-tick.C:
				probe()
			case <-p.sooner:
				probe()
			case <-p.ends.Done():
			}
		}
	})
}

// hurry asks at once, if anybody asks at all.
func (p *prober) hurry() {
	select {
	case p.sooner <- struct{}{}:
	default:
	}
}

// goOn reports whether to probe on. Under the lock, so that an outage that begins now either sees that nobody probes, or
// is seen.
func (p *prober) goOn(away func() bool) bool {
	p.mu.Lock()
	defer p.mu.Unlock()
	p.probing = away() && p.ends.Err() == nil
	return p.probing
}

func (p *prober) wait() { p.running.Wait() }

// probeWindows is what a probe takes one of. No workspace has it, and it is over in a second.
var probeWindows = []record.Window{{Limit: record.MaxLimit, Duration: record.MinWindow}}

// probe asks whether the node counts for a workspace, in time. It takes from a window of its own: a Redis that reads and
// refuses to write is away, and one that was stopped executes what it was sent meanwhile, when it goes on.
func (s *shard) probe(ctx context.Context, workspace string) error {
	b := &batch{
		stripe: new(stripes.Stripe[*account]), account: &account{unsettled: 1}, workspace: workspace, suffix: probeSuffix,
		windows: probeWindows, cost: 1, n: 1, probe: true, ended: make(chan struct{}),
	}
	b.done.Add(1)
	s.enqueue(b)
	select {
	case <-b.ended:
	case <-ctx.Done():
		return ctx.Err()
	}
	if b.err != nil {
		s.renew()
	}
	return b.err
}

// endOutage ends an outage if the node counts again for the workspace that found it away, or if another node counts for
// that workspace now.
func (s *shard) endOutage(workspace string) {
	moved := s.nodes.moved(s, workspace)
	if (moved || s.probe(s.engine.ends, workspace) == nil) && s.breaker.close() {
		s.ended()
	}
	if moved {
		s.nodes.forget(s)
	}
}

// ended tells that an outage is over.
func (s *shard) ended() {
	s.engine.away.Add(-1)
	s.engine.observer.Away(s.address, false, nil)
}
