package redis

import "sync/atomic"

// breakerFailures is how many requests in a row must have waited for Redis in vain before no more do.
const breakerFailures = 5

// breaker keeps requests from waiting for a Redis that is away.
type breaker struct {
	failures atomic.Int64 // requests in a row
	open     atomic.Bool
}

// failed counts requests that waited in vain, all those that shared the round trip. It reports whether that opened the
// breaker.
func (b *breaker) failed(requests int64) (opened bool) {
	return b.failures.Add(requests) >= breakerFailures && b.open.CompareAndSwap(false, true)
}

// succeeded closes the breaker. It reports whether it was open.
func (b *breaker) succeeded() (closed bool) {
	if b.failures.Load() == 0 {
		return false
	}
	b.failures.Store(0)
	return b.open.CompareAndSwap(true, false)
}
