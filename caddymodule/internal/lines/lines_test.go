package lines

import (
	"sync"
	"sync/atomic"
	"testing"
	"time"

	"github.com/stretchr/testify/require"
)

func TestPerSecond(t *testing.T) {
	p, now := NewPerSecond(1000), time.Unix(1_800_000_000, 0)
	var taken atomic.Int64
	var all sync.WaitGroup
	for range 8 {
		all.Go(func() {
			for range 1000 {
				if p.Take(now.Add(999 * time.Millisecond)) {
					taken.Add(1)
				}
			}
		})
	}
	all.Wait()
	require.EqualValues(t, 1000, taken.Load(), "exact, at any concurrency")
	require.True(t, p.Take(now.Add(time.Second)), "the next second has its own")
	require.True(t, p.Take(now), "a clock that is set back stops nobody")
	require.Zero(t, testing.AllocsPerRun(100, func() { p.Take(now) }))
}
