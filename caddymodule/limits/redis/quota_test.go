package redis_test

import (
	"context"
	"errors"
	"slices"
	"sync"
	"sync/atomic"
	"testing"
	"time"

	"github.com/stretchr/testify/require"

	"github.com/tollgate-gateway/tollgate/caddymodule/limits"
	"github.com/tollgate-gateway/tollgate/caddymodule/limits/limitstest"
	"github.com/tollgate-gateway/tollgate/caddymodule/limits/redis"
	"github.com/tollgate-gateway/tollgate/caddymodule/record"
	"github.com/tollgate-gateway/tollgate/caddymodule/services"
)

// TestPeriodsAreThoseOfTheCalendar sets the clock of Redis to every day's and month's edge of three years, with a leap year.
func TestPeriodsAreThoseOfTheCalendar(t *testing.T) {
	t.Parallel()
	server, set := services.RedisWithClock(t)
	w := limitstest.Quotas(t, "5/day", "9/month")
	for day := time.Date(2026, 12, 30, 0, 0, 0, 0, time.UTC); day.Year() < 2030; day = day.AddDate(0, 0, 1) {
		if month := day.Day(); month > 2 && month < 28 && day.YearDay()%50 != 0 {
			continue // the days within a month are alike
		}
		set(time.Until(day.Add(12 * time.Hour)).Truncate(time.Second))
		e, _ := newEngine(t, server.URL(), patient)
		state, err := e.Peek(t.Context(), day.Format(time.DateOnly), w)
		require.NoError(t, err)
		require.Equal(t, day.AddDate(0, 0, 1), time.Unix(state.Status(1).Reset, 0).UTC())
		require.Equal(t, time.Date(day.Year(), day.Month()+1, 1, 0, 0, 0, 0, time.UTC), time.Unix(state.Status(2).Reset, 0).UTC())
	}
}

// TestQuotasAreExactAcrossAnEdge lets gateways with clocks of their own spend while Redis' clock passes the end of a month.
func TestQuotasAreExactAcrossAnEdge(t *testing.T) {
	t.Parallel()
	server, set := services.RedisWithClock(t)
	edge := time.Date(2028, 3, 1, 0, 0, 0, 0, time.UTC)
	set(time.Until(edge.Add(-3 * time.Second)).Truncate(time.Second))
	backend, err := redis.ParseBackend(server.URL(), "")
	require.NoError(t, err)
	const limit = 3000
	w, l := limitstest.Quotas(t, "3000/month"), &limitstest.Ledger{}
	var spenders sync.WaitGroup
	var mu sync.Mutex
	granted := map[time.Time]int{}
	for _, skew := range []time.Duration{0, -90 * time.Minute, 26 * time.Hour, 40 * 24 * time.Hour} {
		e, err := redis.New(backend, patient, redis.Options{Clock: func() time.Time { return time.Now().Add(skew) }})
		require.NoError(t, err)
		defer e.Close()
		e.SetPast(l.Past)
		for range 16 {
			spenders.Go(func() {
				for {
					result, err := e.Take(context.Background(), "ws", w, 1)
					ends := time.Unix(result.State.Status(1).Reset, 0).UTC()
					switch {
					case err != nil:
						t.Error(err)
						return
					case result.Granted:
						mu.Lock()
						granted[ends]++
						mu.Unlock()
					case ends.After(edge):
						return // of the next month, too, all is spent
					default:
						<-time.After(time.Duration(result.RetryAfter) * time.Second)
					}
				}
			})
		}
	}
	spenders.Wait()
	require.Equal(t, map[time.Time]int{edge: limit, edge.AddDate(0, 1, 0): limit}, granted, "never one too many, none refused that fits")
	require.LessOrEqual(t, l.Asked.Load(), int64(4*2*4), "gateways look up where the period is new, and not at each request")
}

// TestAQuotaComesBackFromThePast empties Redis and restarts gateways while they spend.
func TestAQuotaComesBackFromThePast(t *testing.T) {
	t.Parallel()
	server := services.Redis(t)
	client := server.Client()
	defer client.Close()
	w, l := limitstest.Quotas(t, "1000/month"), &limitstest.Ledger{}
	granted := 0
	var engines []*redis.Engine
	for round := range 12 {
		for len(engines) < 3 {
			e, _ := newEngine(t, server.URL(), patient)
			e.SetPast(l.Past)
			engines = append(engines, e)
		}
		asked := l.Asked.Load()
		for n := range 60 {
			result := take(t, engines[n%len(engines)], "ws", w, 2)
			if result.Granted {
				granted += 2
				l.Add("ws", record.Monthly, result.State.Status(1).Reset, 2)
			}
			require.Equal(t, int64(max(0, 1000-granted)), result.State.Status(1).Remaining)
		}
		require.LessOrEqual(t, l.Asked.Load()-asked, int64(1), "one look-up")
		if round%3 == 0 {
			engines = engines[1:]
		}
		require.NoError(t, client.FlushAll(t.Context()).Err())
	}
	require.Equal(t, 1000, granted)
	require.Equal(t, []string{"tollgate:{ws}:1", "tollgate:{ws}:month"}, func() []string {
		_ = take(t, engines[0], "ws", w[:1], 1)
		_, err := engines[0].Peek(t.Context(), "ws", w)
		require.NoError(t, err)
		fresh, _ := newEngine(t, server.URL(), patient)
		take(t, fresh, "ws", w, 1)
		names := client.Keys(t.Context(), "*").Val()
		slices.Sort(names)
		return names
	}())
}

// TestTheEndOfAQuotaIsTheCalendarsWhileRedisIsAway: to the second, whatever of a millisecond the clocks were read at.
func TestTheEndOfAQuotaIsTheCalendarsWhileRedisIsAway(t *testing.T) {
	t.Parallel()
	w := limitstest.Quotas(t, "1000000/day", "10000000/month")
	e, _ := newEngine(t, "redis://"+services.Address(services.FreePort(t)), redis.Settings{})
	e.SetPast((&limitstest.Ledger{}).Past)
	for range 2000 {
		state := take(t, e, "ws", w, 1).State
		require.True(t, state.Local)
		for i := 1; i < len(w); i++ {
			require.Equal(t, w[i].Ends(state.Now), state.Status(i).Reset, w[i])
		}
	}
}

func TestAPastThatCannotBeRead(t *testing.T) {
	t.Parallel()
	away := errors.New("away")
	for _, c := range []struct {
		outage  redis.Outage
		granted int64 // of 10, with a quota of 6 and two gateways expected
	}{{"", 3}, {redis.OutageAllow, 10}, {redis.OutageRefuse, 0}} {
		t.Run(string(c.outage), func(t *testing.T) {
			t.Parallel()
			server := services.Redis(t)
			e, o := newEngine(t, server.URL(), redis.Settings{Timeout: 5 * time.Second, OnOutage: c.outage, Gateways: 2})
			l := &limitstest.Ledger{}
			l.Fail(away)
			e.SetPast(l.Past)
			w, granted := limitstest.Quotas(t, "6/month"), int64(0)
			for range 10 {
				result, err := e.Take(t.Context(), "ws", w, 1)
				if c.outage == redis.OutageRefuse {
					require.ErrorIs(t, err, limits.ErrPast)
					require.ErrorIs(t, err, away)
				} else {
					require.NoError(t, err)
					require.True(t, result.State.Local)
				}
				if result.Granted {
					granted++
				}
			}
			require.Equal(t, c.granted, granted)
			require.Empty(t, o.outages(), "Redis is not away")
			l.Fail(nil)
			require.Eventually(t, func() bool {
				result, err := e.Take(context.Background(), "ws", w, 1)
				return err == nil && result.Source == limits.FromRedis && result.Granted
			}, 10*time.Second, 20*time.Millisecond)
		})
	}
}

// TestWindowsOfKeys takes from the windows of keys and of their workspace on two gateways, all or nothing.
func TestWindowsOfKeys(t *testing.T) {
	t.Parallel()
	server, g, _ := newGateways(t, 2, patient)
	hour := windows(t, "1000/1h")
	greedy, other := limitstest.WithKey(t, hour, "greedy", "50/1h"), limitstest.WithKey(t, hour, "other", "900/1h", "2000/1d")
	var spenders sync.WaitGroup
	var granted [2]atomic.Int64
	for n := range 32 {
		spenders.Go(func() {
			for range 60 {
				if result, err := g[n%2].Take(context.Background(), "ws", greedy, 1); err == nil && result.Granted {
					granted[0].Add(1)
				}
			}
		})
	}
	spenders.Wait()
	for result := take(t, g[0], "ws", other, 10); result.Granted; result = take(t, g[1], "ws", other, 10) {
		granted[1].Add(10)
	}
	require.EqualValues(t, 50, granted[0].Load())
	require.EqualValues(t, 900, granted[1].Load())
	state, err := g[0].Peek(t.Context(), "ws", greedy)
	require.NoError(t, err)
	require.Equal(t, []int64{50, 0}, remaining(state), "refusals took from none")
	require.Equal(t, int64(50), remaining(take(t, g[1], "ws", hour, 1).State)[0]+1)
	client := server.Client()
	defer client.Close()
	names := client.Keys(t.Context(), "*").Val()
	slices.Sort(names)
	require.Equal(t, []string{"tollgate:{ws}:3600", "tollgate:{ws}:key:greedy:3600", "tollgate:{ws}:key:other:3600", "tollgate:{ws}:key:other:86400"}, names)
}

func TestOverAllowCountsTheExcess(t *testing.T) {
	t.Parallel()
	_, g, _ := newGateways(t, 2, patient)
	w := limitstest.Quotas(t, "3/month")
	w[1].Over = true
	for n := range int64(8) {
		result := take(t, g[n%2], "ws", w, 1)
		require.True(t, result.Granted)
		require.Equal(t, n+1, result.State.Status(1).Used)
	}
}
