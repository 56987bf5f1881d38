package limits_test

import (
	"fmt"
	"math/rand/v2"
	"testing"
	"time"

	"github.com/stretchr/testify/require"

	"github.com/tollgate-gateway/tollgate/caddymodule/record"
)

// model is the engine's promise in its plainest form: what was used of a window, and when it ends.
type model map[string]map[time.Duration]*struct{ used, reset int64 }

// take gives the verdict and what remains of every window after it.
func (m model) take(workspace string, windows []record.Window, cost, now int64) (granted bool, left []int64) {
	if m[workspace] == nil {
		m[workspace] = map[time.Duration]*struct{ used, reset int64 }{}
	}
	counters := m[workspace]
	granted = true
	for _, w := range windows {
		c := counters[w.Duration]
		if c == nil || now >= c.reset {
			c = &struct{ used, reset int64 }{reset: now + int64(w.Duration.Seconds())}
			counters[w.Duration] = c
		}
		granted = granted && c.used+cost <= w.Limit
	}
	for _, w := range windows {
		c := counters[w.Duration]
		if granted {
			c.used += cost
		}
		left = append(left, max(0, w.Limit-c.used))
		if c.used == 0 {
			delete(counters, w.Duration)
		}
	}
	if granted {
		for d := range counters {
			if !holds(windows, d) {
				delete(counters, d)
			}
		}
	}
	return granted, left
}

func holds(windows []record.Window, d time.Duration) bool {
	for _, w := range windows {
		if w.Duration == d {
			return true
		}
	}
	return false
}

// TestMemoryFollowsTheModel compares random sequences of takes, changed plans and passing time.
func TestMemoryFollowsTheModel(t *testing.T) {
	durations := []time.Duration{time.Second, 10 * time.Second, time.Minute, time.Hour}
	for seed := range uint64(40) {
		t.Run(fmt.Sprint("seed ", seed), func(t *testing.T) {
			random := rand.New(rand.NewPCG(seed, 1))
			engine, clock := newMemory(t)
			model := model{}
			plan := func() (list []record.Window) {
				for _, i := range random.Perm(len(durations))[:1+random.IntN(3)] {
					list = append(list, record.Window{Limit: 1 + random.Int64N(30), Duration: durations[i]})
				}
				return list
			}
			plans := [][]record.Window{plan(), plan(), plan()}
			for range 1000 {
				if random.IntN(50) == 0 {
					plans[random.IntN(len(plans))] = plan()
				}
				clock.Advance(time.Duration(random.Int64N(int64(3 * time.Second))))
				i, cost := random.IntN(len(plans)), []int64{1, 1, 1, 5, 20}[random.IntN(5)]
				workspace := fmt.Sprint("ws_", i)
				result := take(t, engine, workspace, plans[i], cost)
				granted, left := model.take(workspace, plans[i], cost, clock.Now().Unix())
				require.Equal(t, granted, result.Granted)
				require.Equal(t, left, remaining(result.State))
				require.Equal(t, granted, result.RetryAfter == 0)
				if !granted && cost <= plans[i][result.State.Violated].Limit && random.IntN(4) == 0 {
					fits := true
					for _, w := range plans[i] {
						fits = fits && cost <= w.Limit
					}
					clock.Advance(time.Duration(result.RetryAfter) * time.Second)
					require.Equal(t, fits, take(t, engine, workspace, plans[i], cost).Granted, "a retry after Retry-After is granted")
					model.take(workspace, plans[i], cost, clock.Now().Unix())
				}
			}
		})
	}
}
