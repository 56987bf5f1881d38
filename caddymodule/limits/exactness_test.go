package limits_test

import (
	"fmt"
	"sync"
	"testing"

	"github.com/stretchr/testify/require"
)

// TestMemoryIsExactUnderConcurrency sends far more than the limits admit, from many goroutines, with mixed costs: what is
// granted fills the tighter window to the last unit, and no two grants end at the same place.
func TestMemoryIsExactUnderConcurrency(t *testing.T) {
	const goroutines, workspaces, rounds = 32, 5, 400
	for _, costs := range [][]int64{{1}, {5}, {20}, {1, 5, 20}} {
		t.Run(fmt.Sprint("costs ", costs), func(t *testing.T) {
			m, _ := newMemory(t)
			w := windows(t, "1000/1h", "1500/1d")
			var (
				mu        sync.Mutex
				positions = [workspaces]map[int64]int64{}
				all       sync.WaitGroup
			)
			for i := range positions {
				positions[i] = map[int64]int64{}
			}
			for g := range goroutines {
				all.Go(func() {
					for i := range rounds {
						at := (g + i) % workspaces
						cost := costs[(g+i/workspaces)%len(costs)]
						result := take(t, m, fmt.Sprint("ws_", at), w, cost)
						if !result.Granted {
							continue
						}
						left := remaining(result.State)
						mu.Lock()
						if _, taken := positions[at][left[0]]; taken || left[1] != left[0]+500 {
							t.Errorf("remaining %v was given before, or its windows disagree", left)
						}
						positions[at][left[0]] = cost
						mu.Unlock()
					}
				})
			}
			all.Wait()
			for _, taken := range positions {
				spent := int64(0)
				for left, cost := range taken {
					spent += cost
					for inside := left + 1; inside < left+cost; inside++ {
						require.NotContains(t, taken, inside, "grants overlap")
					}
				}
				require.Equal(t, int64(1000), spent, "exactly the limit, whatever the order of costs")
			}
		})
	}
}
