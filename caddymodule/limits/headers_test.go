package limits_test

import (
	"math/rand/v2"
	"net/http"
	"testing"
	"time"

	"github.com/stretchr/testify/require"

	"github.com/tollgate-gateway/tollgate/caddymodule/limits"
	"github.com/tollgate-gateway/tollgate/caddymodule/record"
)

func TestSetHeaders(t *testing.T) {
	state := func(violated int, local bool, statuses ...limits.Status) limits.State {
		s := limits.NewState(start)
		for _, status := range statuses {
			s.Add(&status.Window, status.Window.Limit-status.Remaining, status.Reset)
		}
		s.Violated, s.Local = violated, local
		return s
	}
	oneMinute := limits.Status{Window: record.Window{Limit: 60, Duration: time.Minute}, Remaining: 12, Reset: start + 31}
	oneHour := limits.Status{Window: record.Window{Limit: 1000, Duration: time.Hour}, Reset: start + 1800}
	auth := limits.NewThrottle[string](limits.AuthPolicy, func() time.Time { return time.Unix(start, 0) })

	for _, c := range []struct {
		name  string
		state limits.State
		want  http.Header
	}{
		{"of the first window", state(-1, false, oneMinute), http.Header{
			"X-Ratelimit-Limit": {"60"}, "X-Ratelimit-Remaining": {"12"}, "X-Ratelimit-Reset": {"4102444831"},
			"Ratelimit-Policy": {`"1m";q=60;w=60`}, "Ratelimit": {`"1m";r=12;t=31`},
		}},
		{"of the violated window, the IETF fields of all", state(1, false, oneMinute, oneHour), http.Header{
			"X-Ratelimit-Limit": {"1000"}, "X-Ratelimit-Remaining": {"0"}, "X-Ratelimit-Reset": {"4102446600"},
			"Ratelimit-Policy": {`"1m";q=60;w=60`, `"1h";q=1000;w=3600`}, "Ratelimit": {`"1m";r=12;t=31`, `"1h";r=0;t=1800`},
		}},
		{"that say when the gateway counts alone", state(-1, true, oneMinute), http.Header{
			"X-Ratelimit-Limit": {"60"}, "X-Ratelimit-Remaining": {"12"}, "X-Ratelimit-Reset": {"4102444831"}, "X-Ratelimit-Mode": {"local"},
			"Ratelimit-Policy": {`"1m";q=60;w=60`}, "Ratelimit": {`"1m";r=12;t=31`},
		}},
		{"of a denied plan: nothing of nothing", limits.Denied(time.Unix(start, 0)), http.Header{
			"X-Ratelimit-Limit": {"0"}, "X-Ratelimit-Remaining": {"0"}, "X-Ratelimit-Reset": {"4102444860"},
			"Ratelimit-Policy": {`"denied";q=0;w=60`}, "Ratelimit": {`"denied";r=0;t=60`},
		}},
		{"of a throttle, under its name", auth.Count("a", record.Window{Limit: 30, Duration: time.Minute}).State, http.Header{
			"X-Ratelimit-Limit": {"30"}, "X-Ratelimit-Remaining": {"29"}, "X-Ratelimit-Reset": {"4102444860"},
			"Ratelimit-Policy": {`"auth";q=30;w=60`}, "Ratelimit": {`"auth";r=29;t=60`},
		}},
		{"none without a window", limits.State{}, http.Header{}},
		{"a window that is over has no time left, not less", state(-1, false, limits.Status{Window: oneMinute.Window, Reset: start - 5}), http.Header{
			"X-Ratelimit-Limit": {"60"}, "X-Ratelimit-Remaining": {"0"}, "X-Ratelimit-Reset": {"4102444795"},
			"Ratelimit-Policy": {`"1m";q=60;w=60`}, "Ratelimit": {`"1m";r=0;t=0`},
		}},
	} {
		t.Run(c.name, func(t *testing.T) {
			h := http.Header{}
			values := c.state.Headers()
			values.Set(h)
			require.Equal(t, c.want, h)
			for name := range h {
				require.True(t, limits.IsLimitHeader(name), name)
			}
			before := h.Clone()
			h.Add("X-Ratelimit-Limit", "of somebody else")
			require.Equal(t, before["X-Ratelimit-Remaining"], h["X-Ratelimit-Remaining"], "values do not share memory for writing")
		})
	}
}

func TestHeadersOfTheLongestPlan(t *testing.T) {
	s := limits.NewState(start)
	for i := range limits.MaxWindows {
		s.Add(&record.Window{Limit: record.MaxLimit, Duration: record.MaxWindow - time.Duration(i+1)*time.Second}, 0, 0)
	}
	h := http.Header{}
	values := s.Headers()
	values.Set(h)
	require.Len(t, h["Ratelimit-Policy"], limits.MaxWindows)
	require.Equal(t, `"365d23h59m52s";r=1099511627776;t=31622392`, h["Ratelimit"][7])
}

func TestWindowsAreNamedLikeInTheConfiguration(t *testing.T) {
	random := rand.New(rand.NewPCG(1, 1))
	durations := []time.Duration{time.Second, 59 * time.Second, time.Minute, 61 * time.Second, time.Hour, time.Hour + time.Second,
		time.Hour + time.Minute, record.Day - time.Second, record.Day, record.Day + time.Second, record.Day + time.Hour, record.MaxWindow}
	for range 2000 {
		durations = append(durations, time.Duration(1+random.IntN(366*86400))*time.Second)
	}
	for _, d := range durations {
		w := record.Window{Limit: 1, Duration: d}
		s, h := limits.NewState(start), http.Header{}
		s.Add(&w, 0, 0)
		values := s.Headers()
		values.Set(h)
		require.Regexp(t, `^"`+w.Name()+`";`, h.Get("RateLimit"))
	}
}

func TestIsLimitHeader(t *testing.T) {
	for _, name := range []string{
		"X-RateLimit-Limit", "x-ratelimit-limit", "X-RATELIMIT-REMAINING", "X_RateLimit_Reset", "x.ratelimit.mode", "X-Rate-Limit-Limit",
		"RateLimit", "ratelimit-policy", "Rate-Limit", "RateLimit-Limit", "RateLimit-Remaining", "RATELIMIT_RESET",
		http.TrailerPrefix + "X-RateLimit-Remaining",
	} {
		t.Run("is "+name, func(t *testing.T) { require.True(t, limits.IsLimitHeader(name)) })
	}
	for _, name := range []string{"Retry-After", "X-RateLimit-Remaining-Things", "X-Request-Id", "Rate", "", "-", "X-RateLimited", "Ratelimiter"} {
		t.Run("is not "+name, func(t *testing.T) { require.False(t, limits.IsLimitHeader(name)) })
	}
}
