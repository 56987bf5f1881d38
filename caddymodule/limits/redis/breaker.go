package redis

import (
	"sync/atomic"
	"time"
)

const (
	// breakerFailures is how many requests in a row must have waited for Redis in vain before no more do.
	breakerFailures = 5
	// probeEvery is how often one request may ask whether Redis is back. It waits for the answer, no other does.
	probeEvery = 250 * time.Millisecond
)

// breaker keeps requests from waiting for a Redis that is away. All instants are nanoseconds on the engine's clock.
type breaker struct {
	failures  atomic.Int64 // requests in a row
	open      atomic.Bool
	nextProbe atomic.Int64
}

// allows reports whether a request may call Redis now. While the breaker is open, that is the one which has to probe
// first whether Redis is back.
func (b *breaker) allows(now int64) (allowed, probe bool) {
	if !b.open.Load() {
		return true, false
	}
	at := b.nextProbe.Load()
	probe = now >= at && b.nextProbe.CompareAndSwap(at, now+int64(probeEvery))
	return probe, probe
}

// failed counts requests that waited in vain, all those that shared the round trip. It reports whether that opened the
// breaker.
func (b *breaker) failed(requests, now int64) (opened bool) {
	if b.failures.Add(requests) < breakerFailures || b.open.Load() {
		return false
	}
	b.nextProbe.Store(now + int64(probeEvery))
	return b.open.CompareAndSwap(false, true)
}

// succeeded closes the breaker. It reports whether it was open.
func (b *breaker) succeeded() (closed bool) {
	if b.failures.Load() == 0 {
		return false
	}
	b.failures.Store(0)
	return b.open.CompareAndSwap(true, false)
}
