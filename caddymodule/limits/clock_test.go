package limits_test

import (
	"context"
	"sync/atomic"
	"testing"
	"time"

	"github.com/stretchr/testify/require"

	"github.com/tollgate-gateway/tollgate/caddymodule/limits"
	"github.com/tollgate-gateway/tollgate/caddymodule/record"
)

// start is ahead of any real clock, as ulule's counters want it.
const start = 4_102_444_800 // 2100-01-01

// clock is a clock that stands still until it is moved.
type clock struct{ nanos atomic.Int64 }

func newClock() *clock {
	c := &clock{}
	c.nanos.Store(start * int64(time.Second))
	return c
}

func (c *clock) Now() time.Time          { return time.Unix(0, c.nanos.Load()) }
func (c *clock) Advance(d time.Duration) { c.nanos.Add(int64(d)) }

func newMemory(t *testing.T) (*limits.Memory, *clock) {
	c := newClock()
	return limits.NewMemory(limits.MemoryOptions{Clock: c.Now}), c
}

func windows(t testing.TB, list ...string) []record.Window {
	parsed, err := record.ParseWindows(list)
	require.NoError(t, err)
	return parsed
}

func take(t testing.TB, m *limits.Memory, workspace string, windows []record.Window, cost int64) limits.Result {
	result, err := m.Take(context.Background(), workspace, windows, cost)
	require.NoError(t, err)
	return result
}

// remaining is what is left of every window.
func remaining(s limits.State) []int64 {
	list := []int64{}
	for _, status := range s.Statuses() {
		list = append(list, status.Remaining)
	}
	return list
}

// resets is when every window ends, in seconds after start.
func resets(s limits.State) []int64 {
	list := []int64{}
	for _, status := range s.Statuses() {
		list = append(list, status.Reset-start)
	}
	return list
}
