package redis_test

import (
	"context"
	"net/http"
	"testing"
	"time"

	"github.com/stretchr/testify/require"

	"github.com/tollgate-gateway/tollgate/caddymodule/limits"
	"github.com/tollgate-gateway/tollgate/caddymodule/limits/redis"
	"github.com/tollgate-gateway/tollgate/caddymodule/record"
)

func TestGatewaysShareAWorkspacesLimit(t *testing.T) {
	_, g, o := newGateways(t, 2, patient)
	w := windows(t, "6/1h", "10/1d")
	for i, left := range []int64{5, 4, 3, 2, 1, 0} {
		result := take(t, g[i%2], "ws", w, 1)
		require.True(t, result.Granted)
		require.Equal(t, limits.FromRedis, result.Source)
		require.Equal(t, []int64{left, left + 4}, remaining(result.State))
		require.False(t, result.State.Local)
	}
	for range 3 {
		for _, gateway := range g {
			result := take(t, gateway, "ws", w, 1)
			require.False(t, result.Granted)
			require.Equal(t, 0, result.State.Violated)
			require.Equal(t, []int64{0, 4}, remaining(result.State))
			require.InDelta(t, 3600, result.RetryAfter, 5)
		}
	}
	require.Equal(t, int64(3+3+1), o[0].calls.Load()+o[1].calls.Load(), "who knows that the limit is reached asks no more")
	require.True(t, take(t, g[0], "another", w, 1).Granted)
}

func TestCosts(t *testing.T) {
	_, g, _ := newGateways(t, 2, patient)
	w := windows(t, "50/1h", "30/1d")
	require.Equal(t, []int64{30, 10}, remaining(take(t, g[0], "ws", w, 20).State))
	require.Equal(t, []int64{25, 5}, remaining(take(t, g[1], "ws", w, 5).State))
	refused := take(t, g[0], "ws", w, 20)
	require.False(t, refused.Granted)
	require.Equal(t, 1, refused.State.Violated, "a larger cost is refused for the window that lacks it")
	require.Equal(t, []int64{20, 0}, remaining(take(t, g[0], "ws", w, 5).State), "while a smaller one still fits")

	result := take(t, g[0], "fresh", w, 31)
	require.False(t, result.Granted, "a cost above a limit is never granted")
	require.Equal(t, limits.FromRemembered, result.Source)
	for _, bad := range []int64{0, -5} {
		_, err := g[0].Take(context.Background(), "ws", w, bad)
		require.Error(t, err)
	}
}

func TestARefusalWritesNothing(t *testing.T) {
	server, g, _ := newGateways(t, 1, patient)
	client := server.Client()
	defer client.Close()
	w := windows(t, "10/1h", "15/1d")
	take(t, g[0], "ws", w, 10)
	before, err := client.Info(context.Background(), "commandstats").Result()
	require.NoError(t, err)
	require.Contains(t, before, "cmdstat_set:calls=2,")

	other, _ := newEngine(t, server.URL(), patient)
	for range 5 {
		require.False(t, take(t, other, "ws", w, 1).Granted)
	}
	_, err = other.Peek(context.Background(), "ws", w)
	require.NoError(t, err)
	after, err := client.Info(context.Background(), "commandstats").Result()
	require.NoError(t, err)
	require.Contains(t, after, "cmdstat_set:calls=2,")
	require.Contains(t, after, "cmdstat_pexpireat:calls=2,")
}

func TestKeys(t *testing.T) {
	server, g, _ := newGateways(t, 1, patient)
	client := server.Client()
	defer client.Close()
	result := take(t, g[0], "ws_acme", windows(t, "10/1m", "15/1d"), 3)
	keys, err := client.Keys(context.Background(), "*").Result()
	require.NoError(t, err)
	require.ElementsMatch(t, []string{"tollgate:{ws_acme}:60", "tollgate:{ws_acme}:86400"}, keys)
	for _, status := range result.State.Statuses() {
		key := "tollgate:{ws_acme}:" + map[time.Duration]string{time.Minute: "60", record.Day: "86400"}[status.Window.Duration]
		require.Equal(t, "3", client.Get(context.Background(), key).Val())
		require.Equal(t, time.Duration(status.Reset*1000-2)*time.Millisecond, client.PExpireTime(context.Background(), key).Val())
	}
}

func TestChangedLimitsApplyAtOnce(t *testing.T) {
	_, g, _ := newGateways(t, 2, patient)
	require.True(t, take(t, g[0], "ws", windows(t, "10/1h"), 10).Granted)
	require.False(t, take(t, g[0], "ws", windows(t, "10/1h"), 1).Granted)
	for _, step := range []struct {
		name      string
		windows   []record.Window
		granted   bool
		remaining []int64
	}{
		{"a raised limit adds what it was raised by, also to who remembers that it was reached", windows(t, "20/1h"), true, []int64{9}},
		{"a limit below what was used leaves nothing, not less", windows(t, "5/1h"), false, []int64{0}},
		{"an added window begins now", windows(t, "20/1h", "8/1d"), true, []int64{8, 7}},
		{"another order keeps both counts", windows(t, "8/1d", "20/1h"), true, []int64{6, 7}},
		{"a window that is gone no longer refuses", windows(t, "20/1h"), true, []int64{6}},
		{"a changed duration starts anew", windows(t, "20/2h"), true, []int64{19}},
	} {
		t.Run(step.name, func(t *testing.T) {
			result := take(t, g[0], "ws", step.windows, 1)
			require.Equal(t, step.granted, result.Granted)
			require.Equal(t, step.remaining, remaining(result.State))
			state, err := g[1].Peek(context.Background(), "ws", step.windows)
			require.NoError(t, err)
			require.Equal(t, step.remaining, remaining(state), "the other gateway sees the same")
		})
	}
}

func TestReadsSpendNothing(t *testing.T) {
	_, g, o := newGateways(t, 2, patient)
	w := windows(t, "10/1h")
	require.Equal(t, []int64{10}, remaining(g[0].Last("ws", w)))
	take(t, g[0], "ws", w, 4)
	require.Equal(t, []int64{6}, remaining(g[0].Last("ws", w)))
	require.Equal(t, []int64{10}, remaining(g[1].Last("ws", w)), "Last asks nobody")
	require.Zero(t, o[1].calls.Load())
	for range 3 {
		state, err := g[1].Peek(context.Background(), "ws", w)
		require.NoError(t, err)
		require.Equal(t, []int64{6}, remaining(state))
	}
	require.Zero(t, o[1].requests.Load())
	_, err := g[1].Peek(context.Background(), "ws", nil)
	require.Error(t, err)
	require.Empty(t, remaining(g[1].Last("ws", make([]record.Window, limits.MaxWindows+1))))
}

func TestTheNextWindowBegins(t *testing.T) {
	t.Parallel()
	_, g, _ := newGateways(t, 1, patient)
	w := windows(t, "2/1s", "100/1h")
	took := int64(0)
	for began := time.Now(); time.Since(began) < 2500*time.Millisecond; {
		result := take(t, g[0], "ws", w, 1)
		h := http.Header{}
		values := result.State.Headers()
		values.Set(h)
		require.Regexp(t, `"1s";r=\d+;t=[01]$`, h["Ratelimit"][0])
		if result.Granted {
			took++
		} else {
			require.Equal(t, int64(1), result.RetryAfter)
		}
	}
	require.GreaterOrEqual(t, took, int64(4), "at least two whole windows")
	require.LessOrEqual(t, took, int64(8), "at most four windows of one second meet 2.5 s")
	require.Equal(t, []int64{100 - took}, remaining(g[0].Last("ws", w[1:])))
}

func TestSettings(t *testing.T) {
	for _, c := range []struct {
		name     string
		settings redis.Settings
		wrong    string
	}{
		{"defaults", redis.Settings{}, ""},
		{"all", redis.Settings{OnOutage: redis.OutageRefuse, Timeout: time.Second, Gateways: 3}, ""},
		{"unknown mode", redis.Settings{OnOutage: "open"}, `on_outage "open" is not known: write local, allow or refuse`},
		{"negative timeout", redis.Settings{Timeout: -time.Second}, "timeout -1s is out of range: write 1ms to 10s"},
		{"endless timeout", redis.Settings{Timeout: time.Minute}, "timeout 1m0s is out of range: write 1ms to 10s"},
		{"no gateway", redis.Settings{Gateways: -1}, "expected_gateways -1 is out of range: write 1 or more"},
	} {
		t.Run(c.name, func(t *testing.T) {
			if err := c.settings.Check(); c.wrong != "" {
				require.EqualError(t, err, c.wrong)
			} else {
				require.NoError(t, err)
			}
		})
	}
}
