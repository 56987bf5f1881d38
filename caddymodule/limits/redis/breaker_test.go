package redis

import (
	"sync"
	"testing"

	"github.com/stretchr/testify/require"
)

func TestBreaker(t *testing.T) {
	t.Run("opens when the fifth request in a row has failed, and says so once", func(t *testing.T) {
		var b breaker
		for range 4 {
			require.False(t, b.failed(1))
			require.False(t, b.open.Load())
		}
		require.True(t, b.failed(1))
		require.False(t, b.failed(1))
		require.True(t, b.open.Load())
	})
	t.Run("counts the requests that shared a round trip", func(t *testing.T) {
		var b breaker
		require.True(t, b.failed(64))
	})
	t.Run("a success in between starts the count anew", func(t *testing.T) {
		var b breaker
		for range 100 {
			require.False(t, b.failed(4))
			b.succeeded()
		}
	})
	t.Run("once open it is closed by whoever asked, and by no success", func(t *testing.T) {
		var b breaker
		b.failed(5)
		b.succeeded()
		require.True(t, b.open.Load())
		require.True(t, b.close())
		require.False(t, b.close())
		require.False(t, b.open.Load())
	})
	t.Run("can always be closed, whatever comes at the same time", func(t *testing.T) {
		for range 2000 {
			var (
				b   breaker
				all sync.WaitGroup
			)
			for range 4 {
				all.Go(func() { b.failed(3) })
				all.Go(b.succeeded)
				all.Go(func() { b.close() })
			}
			all.Wait()
			b.close()
			require.False(t, b.open.Load())
			require.False(t, b.failed(4))
		}
	})
}
