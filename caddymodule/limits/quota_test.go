package limits_test

import (
	"context"
	"errors"
	"fmt"
	"math/rand/v2"
	"sync"
	"sync/atomic"
	"testing"
	"testing/synctest"
	"time"

	"github.com/stretchr/testify/require"

	"github.com/tollgate-gateway/tollgate/caddymodule/limits"
	"github.com/tollgate-gateway/tollgate/caddymodule/limits/limitstest"
	"github.com/tollgate-gateway/tollgate/caddymodule/record"
)

func (c *clock) set(t time.Time) { c.nanos.Store(t.UnixNano()) }

// TestMemoryQuotasFollowTheCalendar compares random takes over 24 months and more, a leap year and every month's end among
// them, with what each day and month admits.
func TestMemoryQuotasFollowTheCalendar(t *testing.T) {
	for seed := range uint64(10) {
		t.Run(fmt.Sprint("seed ", seed), func(t *testing.T) {
			random := rand.New(rand.NewPCG(seed, 2))
			m, c := newMemory(t)
			c.set(time.Date(2103, 6, 1, 0, 0, 0, 0, time.UTC))
			w, used := limitstest.Quotas(t, "40/day", "700/month"), map[string]int64{}
			months := map[string]bool{}
			for len(months) < 26 {
				switch now := c.Now().UTC(); random.IntN(40) {
				case 0: // to a second around midnight
					midnight := time.Date(now.Year(), now.Month(), now.Day()+1, 0, 0, 0, 0, time.UTC)
					c.set(midnight.Add(time.Duration(random.IntN(3)-1) * time.Second))
				case 1: // to the month's last day
					if last := time.Date(now.Year(), now.Month()+1, 0, 23, 59, 58, 0, time.UTC); now.Before(last) {
						c.set(last)
					}
				default:
					c.Advance(time.Duration(random.Int64N(int64(2 * time.Hour))))
				}
				now, cost := c.Now().UTC(), []int64{1, 1, 7, 40}[random.IntN(4)]
				day, month := now.Format(time.DateOnly), now.Format("2006-01")
				months[month] = true
				fits := used[day]+cost <= 40 && used[month]+cost <= 700
				result := take(t, m, "ws", w, cost)
				require.Equal(t, fits, result.Granted, "%s cost %d", now, cost)
				if fits {
					used[day], used[month] = used[day]+cost, used[month]+cost
				} else {
					after := now.Add(time.Duration(result.RetryAfter) * time.Second)
					require.Equal(t, []int{0, 0, 0}, []int{after.Hour(), after.Minute(), after.Second()}, "a period ends at midnight")
					if used[month]+cost > 700 {
						require.Equal(t, 1, after.Day(), "the month's end, which is the later")
					}
				}
				require.Equal(t, []int64{40 - used[day], 700 - used[month]}, remaining(result.State)[1:])
			}
			require.True(t, months["2104-02"], "29 days")
		})
	}
}

// month is when the first month of the tests' clock ends.
var month = time.Date(2100, 2, 1, 0, 0, 0, 0, time.UTC).Unix()

func TestMemoryQuotaComesBackFromThePast(t *testing.T) {
	m, c := newMemory(t)
	l := &limitstest.Ledger{}
	l.Add("ws", record.Monthly, month, 95)
	m.SetPast(l.Past)
	w := limitstest.Quotas(t, "100/month")
	state, err := m.Peek(t.Context(), "ws", w)
	require.NoError(t, err)
	require.Equal(t, int64(5), remaining(state)[1])
	var granted atomic.Int64
	var group sync.WaitGroup
	for range 16 {
		group.Go(func() {
			for range 20 {
				if result, err := m.Take(context.Background(), "ws", w, 1); err == nil && result.Granted {
					granted.Add(1)
				}
			}
		})
	}
	group.Wait()
	require.EqualValues(t, 5, granted.Load())
	require.EqualValues(t, 1, l.Asked.Load(), "one look-up for a period")
	refused := take(t, m, "ws", w, 1)
	require.EqualValues(t, 31*86400, refused.RetryAfter)
	require.Equal(t, "month", refused.State.Status(refused.State.Violated).Window.Name())
	c.Advance(31 * 24 * time.Hour)
	require.Equal(t, int64(99), remaining(take(t, m, "ws", w, 1).State)[1])
	require.EqualValues(t, 2, l.Asked.Load())
	raised := limitstest.Quotas(t, "1000/month")
	require.Equal(t, int64(998), remaining(take(t, m, "ws", raised, 1).State)[1], "what was used stays")
	daily := limitstest.Quotas(t, "9/day", "1000/month")
	require.Equal(t, []int64{8, 997}, remaining(take(t, m, "ws", daily, 1).State)[1:], "another period begins")
	require.EqualValues(t, 3, l.Asked.Load())
}

func TestMemoryPastThatCannotBeRead(t *testing.T) {
	away := errors.New("away")
	for _, c := range []struct {
		outage  limits.Outage
		granted int64 // of 10, with a quota of 3
	}{{"", 3}, {limits.OutageLocal, 3}, {limits.OutageAllow, 10}, {limits.OutageRefuse, 0}} {
		t.Run(string(c.outage), func(t *testing.T) {
			m, _ := newMemory(t)
			l := &limitstest.Ledger{}
			l.Fail(away)
			m.SetPast(l.Past)
			if c.outage != "" {
				m.SetOutage(c.outage)
			}
			w, granted := limitstest.Quotas(t, "3/month"), int64(0)
			for range 10 {
				result, err := m.Take(t.Context(), "ws", w, 1)
				if c.outage == limits.OutageRefuse {
					require.ErrorIs(t, err, limits.ErrPast)
					require.ErrorIs(t, err, away)
				} else {
					require.NoError(t, err)
				}
				if result.Granted {
					granted++
				}
			}
			require.Equal(t, c.granted, granted)
			require.EqualValues(t, 1, l.Asked.Load(), "not at each request")
			l.Fail(nil)
			l.Add("ws", record.Monthly, month, 2)
			require.Eventually(t, func() bool { return l.Asked.Load() == 2 || take2(m, w) }, 10*time.Second, 10*time.Millisecond)
			state, err := m.Peek(t.Context(), "ws", w)
			require.NoError(t, err)
			require.Equal(t, map[bool]int64{true: 1, false: 0}[granted == 0], remaining(state)[1], "the larger of the two holds")
		})
	}
}

// take2 looks, so that the past is read again once it may be. It reports false.
func take2(m *limits.Memory, w []record.Window) bool {
	_, _ = m.Peek(context.Background(), "ws", w)
	return false
}

func TestMemoryOverAllowCountsTheExcess(t *testing.T) {
	m, _ := newMemory(t)
	w := limitstest.Quotas(t, "3/month")
	w[1].Over = true
	for n := range int64(8) {
		result := take(t, m, "ws", w, 1)
		require.True(t, result.Granted)
		require.Equal(t, n+1, result.State.Status(1).Used)
		require.Equal(t, 3-min(3, n+1), result.State.Status(1).Remaining)
	}
}

// TestMemoryWindowsOfKeys takes from the windows of two keys and of their workspace, all or nothing.
func TestMemoryWindowsOfKeys(t *testing.T) {
	m, c := newMemory(t)
	unlimited := windows(t, "10/1m")
	of := func(key string, list ...string) []record.Window {
		return limitstest.WithKey(t, unlimited, key, list...)
	}
	greedy, other := of("greedy", "4/1m", "6/1h"), of("other", "8/1m")
	count := func(w []record.Window) (granted int) {
		for take(t, m, "ws", w, 1).Granted {
			granted++
		}
		return granted
	}
	require.Equal(t, 4, count(greedy))
	refused := take(t, m, "ws", greedy, 1)
	require.Equal(t, "key-1m", refused.State.Status(refused.State.Violated).Window.Name())
	require.Equal(t, []int64{6, 0, 2}, remaining(refused.State), "the refused one took from none")
	require.Equal(t, 6, count(other), "what the first key left of the workspace's window")
	require.Zero(t, count(unlimited))
	c.Advance(time.Minute)
	require.Equal(t, 2, count(greedy), "its hour has two left")
	require.Equal(t, 8, count(unlimited))
	require.Equal(t, 1, m.Tracked())
	c.Advance(2 * time.Hour)
	require.Equal(t, 4, count(greedy))

	mixed := append(of("a", "1/1m"), of("b", "1/1m")[1])
	_, err := m.Take(t.Context(), "ws", mixed, 1)
	require.Error(t, err, "windows of two keys")
}

// TestPeriodsThatEndAtOnce: a day's and a month's past that are looked up at the same time are not taken for each other.
func TestPeriodsThatEndAtOnce(t *testing.T) {
	synctest.Test(t, func(t *testing.T) {
		var pasts limits.Pasts
		pasts.SetPast(func(_ context.Context, _ string, begin, end int64) (int64, error) {
			time.Sleep(time.Millisecond) // until both are asked
			return end - begin, nil
		})
		var both sync.WaitGroup
		for _, of := range []record.Period{record.Daily, record.Monthly} {
			begin, end := of.Bounds(month - 1)
			both.Go(func() {
				if spent, err := pasts.Spent("ws", begin, end); err != nil || spent != end-begin {
					t.Errorf("%s: %d, %v", of, spent, err)
				}
			})
		}
		both.Wait()
	})
}

// TestMemoryQuotaAfterAClockThatWasFarAhead begins anew, from the past.
func TestMemoryQuotaAfterAClockThatWasFarAhead(t *testing.T) {
	m, c := newMemory(t)
	l := &limitstest.Ledger{}
	l.Add("ws", record.Monthly, month, 7)
	l.Add("ws", record.Daily, start+24*60*60, 7)
	m.SetPast(l.Past)
	w := limitstest.Quotas(t, "10/day", "20/month")
	now := c.Now()
	c.set(now.AddDate(4, 0, 0))
	require.True(t, take(t, m, "ws", w, 9).Granted)
	c.set(now)
	require.Equal(t, []int64{2, 12}, remaining(take(t, m, "ws", w, 1).State)[1:])
	c.Advance(-20 * time.Hour) // no more than a period: what was counted holds
	require.Equal(t, []int64{1, 11}, remaining(take(t, m, "ws", w, 1).State)[1:])
}

// TestRequestsBeforeTheStart are counted from the past that is known by then, and not from nothing.
func TestRequestsBeforeTheStart(t *testing.T) {
	m, _ := newMemory(t)
	l := &limitstest.Ledger{}
	l.Add("ws", record.Monthly, month, 100)
	m.FirstPast(l.Past)
	m.FirstPast(func(context.Context, string, int64, int64) (int64, error) { return 0, nil })
	require.False(t, take(t, m, "ws", limitstest.Quotas(t, "100/month"), 1).Granted)
}
