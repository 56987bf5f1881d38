package redis

import (
	"context"
	"sync"
	"time"

	goredis "github.com/redis/go-redis/v9"

	"github.com/tollgate-gateway/tollgate/caddymodule/record"
)

// probeEvery is how often an engine asks whether Redis is back.
const probeEvery = 250 * time.Millisecond

// prober asks whether Redis is back, in a goroutine that lives for as long as the circuit breaker is open: no request
// waits for the answer.
type prober struct {
	ends context.Context // with the engine
	end  context.CancelFunc

	mu      sync.Mutex
	probing bool
	running sync.WaitGroup
}

func (p *prober) init() { p.ends, p.end = context.WithCancel(context.Background()) }

// start begins to call probe every probeEvery for as long as away says so. It does nothing where that is under way, or the
// prober was stopped.
func (p *prober) start(away func() bool, probe func(context.Context)) {
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
				probe(p.ends)
			case <-p.ends.Done():
			}
		}
	})
}

// goOn reports whether to probe on. Under the lock, so that an outage that begins now either sees that nobody probes, or
// is seen.
func (p *prober) goOn(away func() bool) bool {
	p.mu.Lock()
	defer p.mu.Unlock()
	p.probing = away() && p.ends.Err() == nil
	return p.probing
}

// stop tells the goroutine to end, for good. wait waits until it has.
func (p *prober) stop() {
	p.mu.Lock()
	defer p.mu.Unlock()
	p.end()
}

func (p *prober) wait() { p.running.Wait() }

// renew gives up the connections that there are, after a probe that had no answer: they may lead nowhere, without anybody
// having said so, and each would have to be found out by another one that waits for it in vain.
func (e *Engine) renew() {
	client := e.backend.client()
	_ = (*e.client.Swap(&client)).Close() // of those that are closed anyway
	if e.prober.ends.Err() != nil {
		_ = client.Close() // the engine was closed meanwhile, and perhaps only the other one with it
	}
}

// probeWindows is what a probe takes one of: nobody's, over in a second.
var probeWindows = []record.Window{{Limit: record.MaxLimit, Duration: record.MinWindow}}

// probe asks whether Redis counts for a workspace, in time. It takes from a window of its own: a Redis that reads and
// refuses to write is away, and one that was stopped executes what it was sent meanwhile, when it goes on.
func (e *Engine) probe(ctx context.Context, workspace string) error {
	timeout := e.settings.Load().Timeout
	ctx, cancel := context.WithTimeout(ctx, timeout+connecting)
	defer cancel()
	began := e.now()
	_, err := e.call(ctx, e.prefix+workspace+"}:probe:", probeWindows, make([]window, 1), 1, 1)
	took := time.Duration(e.now() - began)
	switch {
	case err != nil:
		e.renew()
	case took > timeout:
		err = errLate // but there is a connection now
	}
	e.observer.Called(0, took, err)
	return err
}

// judge tells the breaker how a call for so many requests of a workspace ended.
func (e *Engine) judge(workspace string, requests int64, err error) {
	switch {
	case err == nil:
		e.breaker.succeeded()
	case goredis.HasErrorPrefix(err, "TRYAGAIN"): // this key's slot is on its way to another node of a Cluster: no outage
	case e.breaker.failed(requests):
		e.observer.Away(true, err)
		e.prober.start(e.Away, func(ctx context.Context) { e.endOutage(ctx, workspace) })
	}
}

// endOutage ends an outage if Redis counts again for the workspace that found it away: in a Redis Cluster others may be
// elsewhere.
func (e *Engine) endOutage(ctx context.Context, workspace string) {
	if e.probe(ctx, workspace) == nil && e.breaker.close() {
		e.observer.Away(false, nil)
	}
}
