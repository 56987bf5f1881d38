package keystore

import (
	"errors"
	"sync/atomic"
	"time"
)

// probeEvery is how often a store that failed is asked again, by one caller.
const probeEvery = 250 * time.Millisecond

// errNoAnswer is the answer of a query that panicked.
var errNoAnswer = errors.New("asking the key store: the query panicked")

// breaker keeps callers from waiting for a store that does not answer: while it is open one of them probes, the
// others go by what is known.
type breaker struct {
	cause atomic.Pointer[error] // of the last failure; nil: closed
	next  atomic.Int64          // when the next probe is due, on the cache's clock
}

func (b *breaker) open(now int64) bool { return b.cause.Load() != nil && now < b.next.Load() }

// refuses gives the last failure to everybody but the one caller that shall probe.
func (b *breaker) refuses(now int64) error {
	cause := b.cause.Load()
	if cause == nil {
		return nil
	}
	if next := b.next.Load(); now >= next && b.next.CompareAndSwap(next, now+int64(probeEvery)) {
		return nil
	}
	return *cause
}

// fail opens the breaker and reports whether it was closed.
func (b *breaker) fail(now int64, cause error) (opened bool) {
	b.next.Store(now + int64(probeEvery))
	return b.cause.Swap(&cause) == nil
}

// succeed closes the breaker and reports whether it was open.
func (b *breaker) succeed() (closed bool) {
	if b.cause.Load() == nil {
		return false
	}
	return b.cause.Swap(nil) != nil
}
