package redis

import (
	"sync"
	"sync/atomic"
)

// breakerFailures is how many requests in a row must have waited for Redis in vain before no more do.
const breakerFailures = 5

// breaker keeps requests from waiting for a Redis that is away. It opens by itself; only who asks whether Redis is back
// closes it: a reply to a call that began earlier says nothing of now.
type breaker struct {
	open     atomic.Bool
	failures atomic.Int64 // requests in a row

	mu sync.Mutex // guards changes of both
}

// failed counts requests that waited in vain, all those that shared the round trip. It reports whether that opened the
// breaker.
func (b *breaker) failed(requests int64) (opened bool) {
	b.mu.Lock()
	defer b.mu.Unlock()
	return b.failures.Add(requests) >= breakerFailures && b.open.CompareAndSwap(false, true)
}

// succeeded starts the count anew.
func (b *breaker) succeeded() {
	if b.failures.Load() != 0 {
		b.mu.Lock()
		defer b.mu.Unlock()
		b.failures.Store(0)
	}
}

// close lets requests call again. It reports whether they could not.
func (b *breaker) close() (closed bool) {
	b.mu.Lock()
	defer b.mu.Unlock()
	b.failures.Store(0)
	return b.open.CompareAndSwap(true, false)
}
