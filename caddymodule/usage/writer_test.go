package usage

import (
	"context"
	"errors"
	"fmt"
	"math"
	"sync"
	"testing"
	"testing/synctest"
	"time"

	"github.com/stretchr/testify/require"
)

// books keeps what is booked in memory, by the rules of a Store, and fails on demand before or after the commit.
type books struct {
	mu      sync.Mutex
	numbers map[string]int64
	cells   map[Cell]*amount
	calls   int
	folds   int
	before  error
	after   error
	folding time.Duration // how long that takes
}

func (b *books) Book(_ context.Context, batch Batch) error {
	b.mu.Lock()
	defer b.mu.Unlock()
	b.calls++
	if b.before != nil {
		return b.before
	}
	if b.numbers == nil {
		b.numbers, b.cells = map[string]int64{}, map[Cell]*amount{}
	}
	if batch.Number > b.numbers[batch.Instance] {
		b.numbers[batch.Instance] = batch.Number
		for _, e := range batch.Entries {
			book(b.cells, math.MaxInt, &e)
		}
	}
	return b.after
}

func (b *books) Fold(ctx context.Context, _ Keep) error {
	select {
	case <-time.After(b.folding):
	case <-ctx.Done():
	}
	b.mu.Lock()
	defer b.mu.Unlock()
	b.folds++
	return b.before
}

// fail makes it fail from now on, before or after the commit, and counts the calls from now on.
func (b *books) fail(before, after error) {
	b.mu.Lock()
	defer b.mu.Unlock()
	b.before, b.after, b.calls = before, after, 0
}

// seen is what was booked, and in how many calls and foldings.
func (b *books) seen() (requests int64, cells, calls, folds int) {
	b.mu.Lock()
	defer b.mu.Unlock()
	return sumOf(b.cells, func(Cell) bool { return true }).Requests, len(b.cells), b.calls, b.folds
}

func (b *books) requests() int64 { requests, _, _, _ := b.seen(); return requests }
func (b *books) called() int     { _, _, calls, _ := b.seen(); return calls }

func TestAWriterBooksEveryFewSeconds(t *testing.T) {
	synctest.Test(t, func(t *testing.T) {
		l, b := NewLedger(0), &books{}
		w := NewWriter(l, b, func(err error) { require.NoError(t, err) })
		w.Start()
		l.Add(used("ws_a", "key_1", "/leads", "2xx", 1))
		time.Sleep(WriteEvery - time.Nanosecond)
		synctest.Wait()
		require.Zero(t, b.called())
		time.Sleep(time.Nanosecond)
		synctest.Wait()
		require.EqualValues(t, 1, b.requests())
		time.Sleep(10 * WriteEvery)
		require.Equal(t, 1, b.called(), "nothing to say, nothing said")

		l.Add(used("ws_a", "key_1", "/leads", "2xx", 1))
		w.Close()
		w.Close()
		require.EqualValues(t, 2, b.requests(), "at the end as well")
	})
}

// TestFoldingHoldsUpNothing: what is used meanwhile is booked.
func TestFoldingHoldsUpNothing(t *testing.T) {
	synctest.Test(t, func(t *testing.T) {
		l, b := NewLedger(0), &books{folding: 50 * time.Second}
		w := NewWriter(l, b, func(err error) { require.NoError(t, err) })
		w.Start()
		for n := range int64(8) {
			l.Add(used("ws_a", "key_1", "/leads", "2xx", 1))
			time.Sleep(WriteEvery)
			synctest.Wait()
			require.Equal(t, n+1, b.requests())
		}
		w.Close()
	})
}

func TestABatchWhoseCommitIsUnknownCountsOnce(t *testing.T) {
	synctest.Test(t, func(t *testing.T) {
		l, b := NewLedger(0), &books{after: errors.New("connection lost")}
		var said []error
		w := NewWriter(l, b, func(err error) { said = append(said, err) })
		w.Start()
		for range 3 {
			l.Add(used("ws_a", "key_1", "/leads", "2xx", 1))
			time.Sleep(WriteEvery)
			synctest.Wait()
		}
		require.EqualValues(t, 1, b.requests(), "the same batch again")
		require.True(t, w.Behind())
		b.fail(nil, nil)
		time.Sleep(WriteEvery)
		synctest.Wait()
		require.EqualValues(t, 3, b.requests())
		require.False(t, w.Behind())
		require.Len(t, said, 2, "once that it fails, once that it works")
		require.ErrorContains(t, said[0], "writing what was used: connection lost")
		require.NoError(t, said[1])
		w.Close()
		require.Zero(t, w.Dropped())
	})
}

func TestWhileTheStoreIsAwayUsesAreKeptAndThenBookedInParts(t *testing.T) {
	synctest.Test(t, func(t *testing.T) {
		l, b := NewLedger(0), &books{before: errors.New("no route to host")}
		w := NewWriter(l, b, func(error) {})
		w.Start()
		const cells = 3*batchSize + 1
		for range 2 {
			for n := range cells {
				l.Add(used(fmt.Sprint("ws_", n), fmt.Sprint("key_", n), "/leads", "2xx", 1))
			}
			time.Sleep(WriteEvery)
			synctest.Wait()
		}
		b.fail(nil, nil)
		time.Sleep(WriteEvery)
		synctest.Wait()
		require.EqualValues(t, 2*cells, b.requests())
		_, booked, calls, folds := b.seen()
		require.Equal(t, cells, booked)
		require.Equal(t, 1, folds, "once an hour")
		require.Equal(t, 5, calls, "the first batch as it was, the rest in parts")
		w.Close()
	})
}

func TestWhatIsLeftWhenTheStoreStaysAwayIsCounted(t *testing.T) {
	l, b := NewLedger(0), &books{before: errors.New("no route to host")}
	w := NewWriter(l, b, func(error) {})
	l.Add(used("ws_a", "key_1", "/leads", "2xx", 1))
	w.Close()
	require.EqualValues(t, int64(1), w.Dropped())
}
