package allowance

import (
	"testing"
	"time"

	"github.com/stretchr/testify/require"
)

func TestWorkEndsWhenItHasUsedItsTime(t *testing.T) {
	t.Parallel()
	a := Begin(20 * time.Millisecond)
	for !a.Cancelled() {
	}
	require.False(t, a.End())
}

func TestWorkThatGotNoCoreIsNotLate(t *testing.T) {
	t.Parallel()
	if _, told := ThreadTime(); !told {
		t.Skip("this system does not tell how long a thread has run")
	}
	a := Begin(20 * time.Millisecond)
	for range 4 {
		<-time.After(20 * time.Millisecond)
		require.False(t, a.Cancelled())
	}
	require.True(t, a.End())
}

func TestWorkEndsWhenItIsCancelled(t *testing.T) {
	t.Parallel()
	a := Begin(time.Hour)
	require.False(t, a.Cancelled())
	a.Cancel()
	require.True(t, a.Cancelled())
	require.True(t, a.End(), "it was not late")
}

// TestWorkThatDoesNotAskIsLateAllTheSame: what it used since it last asked counts at its end.
func TestWorkThatDoesNotAskIsLateAllTheSame(t *testing.T) {
	t.Parallel()
	a := Begin(20 * time.Millisecond)
	for !a.due.Load() {
	}
	require.False(t, a.Cancelled()) // from here on its time is measured, where the system tells it
	used := func() time.Duration {
		if ran, told := ThreadTime(); told {
			return ran
		}
		return time.Duration(a.passed.Load()) * a.step
	}
	for began := used(); used()-began < 40*time.Millisecond; {
	}
	require.False(t, a.End())
}
