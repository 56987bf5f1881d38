package limits_test

import (
	"context"
	"strconv"
	"testing"
	"time"

	"github.com/stretchr/testify/require"

	"github.com/tollgate-gateway/tollgate/caddymodule/limits"
	"github.com/tollgate-gateway/tollgate/caddymodule/record"
)

func TestMemoryGrantsTheLimitAndNoMore(t *testing.T) {
	m, _ := newMemory(t)
	w := windows(t, "3/1m")
	for left := int64(2); left >= 0; left-- {
		result := take(t, m, "ws", w, 1)
		require.True(t, result.Granted)
		require.Zero(t, result.RetryAfter)
		require.Equal(t, limits.FromMemory, result.Source)
		require.Equal(t, []int64{left}, remaining(result.State))
		require.Equal(t, -1, result.State.Violated)
	}
	for range 5 {
		result := take(t, m, "ws", w, 1)
		require.False(t, result.Granted)
		require.Equal(t, int64(60), result.RetryAfter)
		require.Equal(t, []int64{0}, remaining(result.State))
		require.Equal(t, 0, result.State.Violated)
	}
	require.True(t, take(t, m, "another", w, 1).Granted, "workspaces do not affect each other")
}

func TestMemoryWindows(t *testing.T) {
	t.Run("begin with the first grant, floored to the second, and end a duration later", func(t *testing.T) {
		m, c := newMemory(t)
		w := windows(t, "2/1m")
		c.Advance(90*time.Second + 700*time.Millisecond)
		require.Equal(t, []int64{150}, resets(take(t, m, "ws", w, 1).State))
		c.Advance(59*time.Second + 299*time.Millisecond)
		result := take(t, m, "ws", w, 1)
		require.Equal(t, []int64{150}, resets(result.State))
		require.Equal(t, []int64{0}, remaining(result.State))
		result = take(t, m, "ws", w, 1)
		require.False(t, result.Granted)
		require.Equal(t, int64(1), result.RetryAfter)
		c.Advance(time.Millisecond)
		result = take(t, m, "ws", w, 1)
		require.True(t, result.Granted)
		require.Equal(t, []int64{1}, remaining(result.State))
		require.Equal(t, []int64{210}, resets(result.State))
	})
	t.Run("a refusal spends nothing from any window and begins none", func(t *testing.T) {
		m, c := newMemory(t)
		w := windows(t, "10/1m", "4/1h")
		require.True(t, take(t, m, "ws", w, 3).Granted)
		c.Advance(time.Minute)
		result := take(t, m, "ws", w, 2)
		require.False(t, result.Granted)
		require.Equal(t, 1, result.State.Violated)
		require.Equal(t, []int64{10, 1}, remaining(result.State))
		c.Advance(30 * time.Second)
		result = take(t, m, "ws", w, 1)
		require.True(t, result.Granted)
		require.Equal(t, []int64{9, 0}, remaining(result.State))
		require.Equal(t, []int64{150, 3600}, resets(result.State))
	})
	t.Run("of two violated windows the one that ends last is named, and a retry then is granted", func(t *testing.T) {
		m, c := newMemory(t)
		w := windows(t, "2/1m", "2/1h", "9/1d")
		require.True(t, take(t, m, "ws", w, 2).Granted)
		c.Advance(400 * time.Millisecond)
		result := take(t, m, "ws", w, 1)
		require.Equal(t, 1, result.State.Violated)
		require.Equal(t, int64(3600), result.RetryAfter)
		c.Advance(time.Duration(result.RetryAfter) * time.Second)
		require.True(t, take(t, m, "ws", w, 1).Granted)
	})
	t.Run("a cost above a limit is refused for ever, and begins nothing", func(t *testing.T) {
		m, c := newMemory(t)
		for range 3 {
			result := take(t, m, "ws", windows(t, "5/1m"), 6)
			require.False(t, result.Granted)
			require.Equal(t, int64(60), result.RetryAfter)
			require.Zero(t, m.Tracked())
			c.Advance(time.Minute)
		}
		require.False(t, take(t, m, "ws", windows(t, "5/1m"), 1<<62).Granted)
	})
	t.Run("a call that makes no sense is an error, never a grant", func(t *testing.T) {
		m, _ := newMemory(t)
		for _, c := range []struct {
			workspace string
			windows   []record.Window
			cost      int64
		}{{"", windows(t, "5/1m"), 1}, {"ws", nil, 1}, {"ws", make([]record.Window, 9), 1}, {"ws", windows(t, "5/1m"), 0}, {"ws", windows(t, "5/1m"), -5},
			{"ws", []record.Window{{Limit: 5}}, 1}, {"ws", []record.Window{{Limit: 5, Duration: time.Millisecond}}, 1}, {"ws", []record.Window{{Limit: 5, Duration: 1 << 62}}, 1}} {
			result, err := m.Take(context.Background(), c.workspace, c.windows, c.cost)
			require.Error(t, err)
			require.False(t, result.Granted)
		}
		_, err := m.Peek(context.Background(), "ws", nil)
		require.Error(t, err)
	})
}

func TestMemoryChangedLimitsApplyAtOnce(t *testing.T) {
	m, c := newMemory(t)
	require.True(t, take(t, m, "ws", windows(t, "10/1m"), 6).Granted)
	for _, step := range []struct {
		name      string
		windows   []record.Window
		granted   bool
		remaining []int64
	}{
		{"a raised limit adds what it was raised by", windows(t, "20/1m"), true, []int64{13}},
		{"a limit below what was used leaves nothing, not less", windows(t, "5/1m"), false, []int64{0}},
		{"an added window begins now", windows(t, "20/1m", "8/1h"), true, []int64{12, 7}},
		{"another order keeps both counts", windows(t, "8/1h", "20/1m"), true, []int64{6, 11}},
		{"a window that is gone no longer refuses", windows(t, "20/1m"), true, []int64{10}},
		{"and was dropped, when it is back", windows(t, "20/1m", "8/1h"), true, []int64{9, 7}},
		{"a changed duration starts anew", windows(t, "20/2m"), true, []int64{19}},
	} {
		t.Run(step.name, func(t *testing.T) {
			c.Advance(time.Second)
			result := take(t, m, "ws", step.windows, 1)
			require.Equal(t, step.granted, result.Granted)
			require.Equal(t, step.remaining, remaining(result.State))
		})
	}
}

func TestMemoryReadsSpendNothing(t *testing.T) {
	m, c := newMemory(t)
	w := windows(t, "10/1m", "20/1h")
	for range 3 {
		require.Equal(t, []int64{10, 20}, remaining(m.Last("ws", w)))
		require.Zero(t, m.Tracked())
	}
	take(t, m, "ws", w, 4)
	c.Advance(20 * time.Second)
	for range 3 {
		state, err := m.Peek(context.Background(), "ws", w)
		require.NoError(t, err)
		require.Equal(t, m.Last("ws", w), state)
		require.Equal(t, []int64{6, 16}, remaining(state))
		require.Equal(t, []int64{60, 3600}, resets(state))
		require.Equal(t, int64(start+20), state.Now)
	}
}

func TestMemoryClockSetBackLocksNobodyOut(t *testing.T) {
	m, c := newMemory(t)
	w := windows(t, "10/1m")
	c.Advance(time.Hour)
	take(t, m, "ws", w, 9)
	c.Advance(-time.Hour)
	result := take(t, m, "ws", w, 1)
	require.True(t, result.Granted)
	require.Equal(t, []int64{0}, remaining(result.State), "what was counted still counts")
	require.Equal(t, []int64{60}, resets(result.State), "but for no longer than the window")
	c.Advance(time.Minute)
	require.Equal(t, []int64{9}, remaining(take(t, m, "ws", w, 1).State))
}

func TestMemoryBound(t *testing.T) {
	c := newClock()
	var full []int64
	m := limits.NewMemory(limits.MemoryOptions{Clock: c.Now, MaxWorkspaces: 1000, Full: func(n int64) { full = append(full, n) }})
	w := windows(t, "1/1m")
	for i := range 1000 {
		require.True(t, take(t, m, "ws_"+strconv.Itoa(i), w, 1).Granted)
	}
	t.Run("a workspace beyond it gets an error, never a grant", func(t *testing.T) {
		for i := range 1000 {
			result, err := m.Take(context.Background(), "more_"+strconv.Itoa(i), w, 1)
			require.ErrorIs(t, err, limits.ErrFull)
			require.Equal(t, limits.Result{RetryAfter: 60}, result, "when the first of them ends")
		}
		require.Equal(t, 1000, m.Tracked())
	})
	t.Run("it is told once, and again when there was room in between", func(t *testing.T) {
		require.Equal(t, []int64{1000}, full)
	})
	t.Run("a raised bound makes room at once, a lowered one forgets nobody", func(t *testing.T) {
		m.SetMaxWorkspaces(1001)
		require.True(t, take(t, m, "one_more", w, 1).Granted)
		m.SetMaxWorkspaces(10)
		require.False(t, take(t, m, "one_more", w, 1).Granted)
		m.SetMaxWorkspaces(1000)
	})
	t.Run("nobody that is followed is granted extra", func(t *testing.T) {
		for i := range 1000 {
			require.False(t, take(t, m, "ws_"+strconv.Itoa(i), w, 1).Granted)
		}
	})
	t.Run("ended workspaces make room without a sweeper", func(t *testing.T) {
		c.Advance(time.Minute)
		granted := 0
		for i := range 1000 {
			result, err := m.Take(context.Background(), "more_"+strconv.Itoa(i), w, 1)
			if err == nil && result.Granted {
				granted++
			}
		}
		require.Greater(t, granted, 500, "the stripes of some newcomers hold nobody whose place they could take")
		require.LessOrEqual(t, m.Tracked(), 1000)
	})
}
