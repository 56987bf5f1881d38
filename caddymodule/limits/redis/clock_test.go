package redis_test

import (
	"context"
	"testing"
	"time"

	"github.com/stretchr/testify/require"

	"github.com/tollgate-gateway/tollgate/caddymodule/limits"
	"github.com/tollgate-gateway/tollgate/caddymodule/limits/redis"
	"github.com/tollgate-gateway/tollgate/caddymodule/services"
)

// TestAClockThatWasSetLeavesNoWindowLonger sets the clock of Redis between the requests of gateways that each saw a part of
// it. Whoever waits for Retry-After is granted by all of them.
func TestAClockThatWasSetLeavesNoWindowLonger(t *testing.T) {
	t.Parallel()
	for _, c := range []struct {
		name string
		jump time.Duration // after the first spending
		back time.Duration // after the second
	}{
		{"an hour forward and back", time.Hour, 0},
		{"an hour back", 0, -time.Hour},
		{"a day forward and two back", 24 * time.Hour, -24 * time.Hour},
		{"five seconds back", 0, -5 * time.Second},
		{"an hour forward", 0, time.Hour},
	} {
		t.Run(c.name, func(t *testing.T) {
			t.Parallel()
			server, set := services.RedisWithClock(t)
			client := server.Client()
			defer client.Close()
			first, _ := newEngine(t, server.URL(), patient)
			second, _ := newEngine(t, server.URL(), patient)
			fresh, _ := newEngine(t, server.URL(), patient)
			w := windows(t, "6/3s", "1000/1h", "100000/1d")
			spendAll := func(e *redis.Engine) {
				result := take(t, e, "ws", w, 1)
				for ; result.Granted; result = take(t, e, "ws", w, 1) {
					require.Equal(t, limits.FromRedis, result.Source)
				}
			}
			spendAll(first)
			set(c.jump)
			spendAll(second)
			set(c.back)
			refused := take(t, second, "ws", w, 1)
			require.False(t, refused.Granted)
			assertNoLonger(t, refused.State)
			require.LessOrEqual(t, refused.RetryAfter, int64(3))
			<-time.After(time.Duration(refused.RetryAfter) * time.Second)
			for _, e := range []*redis.Engine{fresh, first, second} {
				result := take(t, e, "ws", w, 1)
				require.True(t, result.Granted, "refused after Retry-After")
				require.Equal(t, limits.FromRedis, result.Source)
				assertNoLonger(t, result.State)
			}
			for _, seconds := range []string{"3", "3600", "86400"} {
				d, err := time.ParseDuration(seconds + "s")
				require.NoError(t, err)
				require.LessOrEqual(t, client.PTTL(context.Background(), "tollgate:{ws}:"+seconds).Val(), d)
			}
		})
	}
}

// assertNoLonger finds that no window ends later than a duration from now.
func assertNoLonger(t *testing.T, s limits.State) {
	t.Helper()
	for _, status := range s.Statuses() {
		require.LessOrEqual(t, status.Reset-s.Now, int64(status.Window.Duration/time.Second))
	}
}
