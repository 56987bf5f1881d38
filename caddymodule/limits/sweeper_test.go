package limits_test

import (
	"strconv"
	"testing"
	"testing/synctest"
	"time"

	"github.com/stretchr/testify/require"
	"go.uber.org/goleak"

	"github.com/tollgate-gateway/tollgate/caddymodule/limits"
)

func TestMain(m *testing.M) { goleak.VerifyTestMain(m) }

func TestSweeper(t *testing.T) {
	t.Run("forgets workspaces when their last window is over, and no earlier", func(t *testing.T) {
		synctest.Test(t, func(t *testing.T) {
			m := limits.NewMemory(limits.MemoryOptions{SweepEvery: time.Second})
			m.Start()
			m.Start()
			defer m.Stop()
			for i := range 100 {
				take(t, m, "minute_"+strconv.Itoa(i), windows(t, "5/1m"), 1)
				take(t, m, "hour_"+strconv.Itoa(i), windows(t, "5/1m", "5/1h"), 1)
			}
			require.Equal(t, 200, m.Tracked())
			time.Sleep(58 * time.Second)
			synctest.Wait()
			require.Equal(t, 200, m.Tracked())
			time.Sleep(4 * time.Second)
			synctest.Wait()
			require.Equal(t, 100, m.Tracked())
			require.Equal(t, []int64{5, 4}, remaining(m.Last("hour_7", windows(t, "5/1m", "5/1h"))))
			time.Sleep(time.Hour)
			synctest.Wait()
			require.Zero(t, m.Tracked())
		})
	})
	t.Run("runs only between Start and Stop", func(t *testing.T) {
		defer goleak.VerifyNone(t)
		limits.NewMemory(limits.MemoryOptions{}).Stop()
		m := limits.NewMemory(limits.MemoryOptions{})
		goleak.VerifyNone(t)
		m.Start()
		m.Stop()
		m.Stop()
		m.Start()
		goleak.VerifyNone(t)
		require.True(t, take(t, m, "ws", windows(t, "5/1m"), 1).Granted, "counting goes on after Stop")
	})
}
