package lines

import (
	"fmt"
	"slices"
	"sync"
	"testing"
	"testing/synctest"
	"time"

	"github.com/stretchr/testify/require"
)

func TestChangesAreBoundAndTheLastOneIsTold(t *testing.T) {
	t.Parallel()
	synctest.Test(t, func(t *testing.T) {
		var c Changes
		var mu sync.Mutex
		var all []string
		say := func(state string) {
			c.Say(func(leftOut int) {
				mu.Lock()
				defer mu.Unlock()
				all = append(all, fmt.Sprint(state, " ", leftOut))
			})
		}
		told := func() []string {
			mu.Lock()
			defer mu.Unlock()
			return slices.Clone(all)
		}
		for n := range 25 {
			say(fmt.Sprint("state", n))
			time.Sleep(time.Second)
		}
		require.Len(t, told(), burst)
		require.Equal(t, "state9 0", told()[burst-1])
		time.Sleep(time.Minute)
		synctest.Wait()
		require.Equal(t, "state24 14", told()[burst], "the present state, a minute after the first at the latest")
		require.Len(t, told(), burst+1)
		time.Sleep(time.Minute)
		for n := range burst {
			say(fmt.Sprint("later", n))
		}
		require.Len(t, told(), 2*burst+1, "a calm minute has room again")
		require.Equal(t, "later9 0", told()[2*burst])
	})
}
