package limits

import (
	"fmt"
	"sync"
	"sync/atomic"
	"testing"

	"github.com/stretchr/testify/require"
)

func TestSlotsAreGivenBack(t *testing.T) {
	t.Parallel()
	s := NewSlots()
	for left := int64(2); left >= 0; left-- {
		remaining, granted := s.Take("ws_a", 3)
		require.True(t, granted)
		require.Equal(t, left, remaining)
	}
	_, granted := s.Take("ws_a", 3)
	require.False(t, granted)
	_, granted = s.Take("ws_b", 3)
	require.True(t, granted, "another workspace's are its own")
	_, granted = s.Take("ws_a", 4)
	require.True(t, granted, "a limit that was raised holds at once")
	s.Give("ws_a")
	_, granted = s.Take("ws_a", 3)
	require.False(t, granted, "and one that was lowered")
	for range 3 {
		s.Give("ws_a")
	}
	require.Zero(t, s.Taken("ws_a"))
	for i := range s.stripes {
		require.LessOrEqual(t, len(s.stripes[i].taken), 1, "nothing is kept of who has nothing under way")
	}
}

func TestNoMoreSlotsThanThereAre(t *testing.T) {
	t.Parallel()
	s := NewSlots()
	var under, most atomic.Int64
	var all sync.WaitGroup
	for range 16 {
		all.Go(func() {
			for n := range 2000 {
				workspace := fmt.Sprint("ws_", n%2)
				if _, granted := s.Take(workspace, 5); !granted {
					continue
				}
				if workspace == "ws_0" {
					if now := under.Add(1); now > most.Load() {
						most.Store(now)
					}
					under.Add(-1)
				}
				s.Give(workspace)
			}
		})
	}
	all.Wait()
	require.LessOrEqual(t, most.Load(), int64(5))
	require.Zero(t, s.Taken("ws_0")+s.Taken("ws_1"))
}

func BenchmarkSlots(b *testing.B) {
	b.ReportAllocs()
	s := NewSlots()
	s.Take("ws_acme", 20)
	for b.Loop() {
		s.Take("ws_acme", 20)
		s.Give("ws_acme")
	}
}
