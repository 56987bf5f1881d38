package redis

import (
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
			require.False(t, b.succeeded())
		}
	})
	t.Run("closes with the first success, and says so once", func(t *testing.T) {
		var b breaker
		b.failed(5)
		require.True(t, b.succeeded())
		require.False(t, b.succeeded())
		require.False(t, b.open.Load())
	})
}
