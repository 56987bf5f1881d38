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
