package turns

import (
	"context"
	"errors"
	"fmt"
	"math/rand/v2"
	"runtime"
	"sync"
	"sync/atomic"
	"testing"
	"testing/synctest"
	"time"

	"github.com/stretchr/testify/require"
)

func TestTurnsAreGivenToSoManyAtOnce(t *testing.T) {
	const atOnce, requests = 3, 200
	turns := New(atOnce)
	var running, most atomic.Int64
	var all sync.WaitGroup
	for n := range requests {
		all.Go(func() {
			if err := turns.Take(t.Context(), fmt.Sprint("ws_", n%7), time.Minute); err != nil {
				t.Error(err)
				return
			}
			defer turns.Done()
			now := running.Add(1)
			for seen := most.Load(); now > seen && !most.CompareAndSwap(seen, now); seen = most.Load() {
			}
			runtime.Gosched()
			running.Add(-1)
		})
	}
	all.Wait()
	require.LessOrEqual(t, most.Load(), int64(atOnce))
	require.Equal(t, atOnce, turns.free)
	require.Empty(t, turns.lines)
	require.Empty(t, turns.order)
}

// TestAWorkspaceHoldsUpItsOwnOnly has one workspace with many requests before those of two others.
func TestAWorkspaceHoldsUpItsOwnOnly(t *testing.T) {
	synctest.Test(t, func(t *testing.T) {
		turns := New(1)
		require.NoError(t, turns.Take(t.Context(), "many", time.Hour))
		var order []string
		var all sync.WaitGroup
		for _, workspace := range []string{"many", "many", "many", "many", "one", "other", "one"} {
			all.Go(func() {
				if err := turns.Take(t.Context(), workspace, time.Hour); err != nil {
					t.Error(err)
				}
				order = append(order, workspace) // one at a time
				turns.Done()
			})
			synctest.Wait()
		}
		turns.Done()
		all.Wait()
		require.Equal(t, []string{"many", "one", "other", "many", "one", "many", "many"}, order)
	})
}

func TestWaitingEnds(t *testing.T) {
	synctest.Test(t, func(t *testing.T) {
		turns, gone := New(1), errors.New("the client has gone")
		require.NoError(t, turns.Take(t.Context(), "a", time.Second))
		began := time.Now()
		err := turns.Take(t.Context(), "a", time.Second)
		require.ErrorIs(t, err, ErrBusy)
		require.Equal(t, time.Second, time.Since(began))
		ctx, leave := context.WithCancelCause(t.Context())
		time.AfterFunc(time.Millisecond, func() { leave(gone) })
		require.ErrorIs(t, turns.Take(ctx, "b", time.Second), gone)
		turns.Done()
		require.Equal(t, 1, turns.free, "who has left gets no turn")
		require.Empty(t, turns.lines)
		require.Empty(t, turns.order)
		require.NoError(t, turns.Take(t.Context(), "c", time.Second))
	})
}

// TestNoTurnIsLost has requests leave at random while turns are passed on.
func TestNoTurnIsLost(t *testing.T) {
	const atOnce = 2
	turns := New(atOnce)
	var all sync.WaitGroup
	for n := range 8 {
		all.Go(func() {
			random := rand.New(rand.NewPCG(uint64(n), 1))
			for range 500 {
				ctx, leave := context.WithTimeout(t.Context(), time.Duration(random.IntN(20))*time.Microsecond)
				if turns.Take(ctx, fmt.Sprint(random.IntN(3)), time.Duration(random.IntN(20))*time.Microsecond) == nil {
					runtime.Gosched()
					turns.Done()
				}
				leave()
			}
		})
	}
	all.Wait()
	require.Equal(t, atOnce, turns.free)
	require.Empty(t, turns.lines)
	require.Empty(t, turns.order)
}
