package redis_test

import (
	"context"
	"fmt"
	"sync"
	"sync/atomic"
	"testing"
	"time"

	"github.com/stretchr/testify/require"
)

// TestARetryAtResetIsGrantedByTheOtherGateway exhausts a hundred workspaces on one gateway, has the other one learn
// that, and sends one request to the other one at the very second that Reset says.
func TestARetryAtResetIsGrantedByTheOtherGateway(t *testing.T) {
	t.Parallel()
	_, g, _ := newGateways(t, 2, patient)
	w := windows(t, "1/2s", "1000/1h")
	rounds := 2
	if long() {
		rounds = 20
	}
	for round := range rounds {
		var (
			granted atomic.Int64
			all     sync.WaitGroup
		)
		for i := range 100 {
			all.Go(func() {
				<-time.After(time.Duration(i) * 10 * time.Millisecond)
				workspace := fmt.Sprintf("ws_%d_%d", round, i)
				first := take(t, g[0], workspace, w, 1)
				refused := take(t, g[1], workspace, w, 1)
				if !first.Granted || refused.Granted {
					t.Errorf("%s: the first is granted, the second refused", workspace)
					return
				}
				reset := refused.State.Statuses()[0].Reset
				<-time.After(time.Until(time.Unix(reset, 0)))
				if take(t, g[1], workspace, w, 1).Granted {
					granted.Add(1)
				}
			})
		}
		all.Wait()
		require.Equal(t, int64(100), granted.Load())
	}
}

// TestARetryAfterRetryAfterIsGranted waits as long as Retry-After says, also where the refusal was remembered.
func TestARetryAfterRetryAfterIsGranted(t *testing.T) {
	t.Parallel()
	_, g, _ := newGateways(t, 2, patient)
	w := windows(t, "3/1s", "1000/1h")
	var all sync.WaitGroup
	for i := range 100 {
		all.Go(func() {
			<-time.After(time.Duration(i) * 10 * time.Millisecond)
			workspace := fmt.Sprint("ws_", i)
			take(t, g[0], workspace, w, 3)
			for n := range 3 {
				refused, err := g[n%2].Take(context.Background(), workspace, w, 2)
				for ; err == nil && refused.Granted; refused, err = g[n%2].Take(context.Background(), workspace, w, 2) {
				}
				if err != nil || refused.RetryAfter != 1 {
					t.Errorf("%s: Retry-After is %d s (%v), of a window of 1 s", workspace, refused.RetryAfter, err)
				}
				<-time.After(time.Duration(refused.RetryAfter) * time.Second)
				if !take(t, g[(n+1)%2], workspace, w, 2).Granted {
					t.Errorf("%s: refused after %d s", workspace, refused.RetryAfter)
				}
			}
		})
	}
	all.Wait()
}
