package gateway

import (
	"context"
	"testing"
	"testing/synctest"
	"time"

	"github.com/stretchr/testify/require"
)

func TestStoppingWaitsForWatchersButNotForEver(t *testing.T) {
	synctest.Test(t, func(t *testing.T) {
		var none, willing, stuck watchers
		require.True(t, none.stop(), "none was started")

		ended := false
		willing.start(func(ctx context.Context) {
			<-ctx.Done()
			<-time.After(stopPatience / 2) // what a load that was interrupted still takes
			ended = true
		})
		require.True(t, willing.stop())
		require.True(t, ended)
		require.True(t, willing.stop(), "once more")

		release := make(chan struct{})
		stuck.start(func(context.Context) { <-release })
		began := time.Now()
		require.False(t, stuck.stop())
		require.Equal(t, stopPatience, time.Since(began))
		close(release)
	})
}
