package redis

import (
	"sync"
	"sync/atomic"
	"testing"
	"time"

	"github.com/stretchr/testify/require"
)

func TestBreaker(t *testing.T) {
	t.Run("opens when the fifth request in a row has failed, and says so once", func(t *testing.T) {
		var b breaker
		for range 4 {
			require.False(t, b.failed(1, 0))
			require.True(t, allows(&b, 0))
		}
		require.True(t, b.failed(1, 0))
		require.False(t, b.failed(1, 0))
		require.False(t, allows(&b, 0))
	})
	t.Run("counts the requests that shared a round trip", func(t *testing.T) {
		var b breaker
		require.True(t, b.failed(64, 0))
	})
	t.Run("a success in between starts the count anew", func(t *testing.T) {
		var b breaker
		for range 100 {
			require.False(t, b.failed(4, 0))
			require.False(t, b.succeeded())
		}
	})
	t.Run("allows one probe in 250 ms, to one of many", func(t *testing.T) {
		var b breaker
		b.failed(5, 0)
		probes := 0
		for now := int64(0); now <= int64(time.Second); now += int64(time.Millisecond) {
			var (
				allowed atomic.Int64
				all     sync.WaitGroup
			)
			for range 4 {
				all.Go(func() {
					if _, probe := b.allows(now); probe {
						allowed.Add(1)
					}
				})
			}
			all.Wait()
			require.LessOrEqual(t, allowed.Load(), int64(1))
			probes += int(allowed.Load())
			b.failed(allowed.Load(), now)
		}
		require.Equal(t, 4, probes)
	})
	t.Run("closes with the first success, and says so once", func(t *testing.T) {
		var b breaker
		b.failed(5, 0)
		require.True(t, b.succeeded())
		require.False(t, b.succeeded())
		require.True(t, allows(&b, 0))
	})
}

func allows(b *breaker, now int64) bool {
	allowed, _ := b.allows(now)
	return allowed
}
