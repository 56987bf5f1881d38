package limitstest

import (
	"context"
	"sync"
	"sync/atomic"
	"testing"

	"github.com/stretchr/testify/require"

	"github.com/tollgate-gateway/tollgate/caddymodule/record"
)

// Ledger is a limits.Past in memory. Its zero value knows that nothing was spent.
type Ledger struct {
	// Asked is how often somebody looked up.
	Asked atomic.Int64

	mu     sync.Mutex
	spent  map[period]int64
	failed error
}

// period is one of a workspace.
type period struct {
	workspace  string
	begin, end int64
}

// Past is what was added to the period. It is a limits.Past.
func (l *Ledger) Past(_ context.Context, workspace string, begin, end int64) (int64, error) {
	l.Asked.Add(1)
	l.mu.Lock()
	defer l.mu.Unlock()
	return l.spent[period{workspace, begin, end}], l.failed
}

// Add adds a cost that a workspace spent in the period that ends then.
func (l *Ledger) Add(workspace string, of record.Period, end, cost int64) {
	l.mu.Lock()
	defer l.mu.Unlock()
	if l.spent == nil {
		l.spent = map[period]int64{}
	}
	begin, _ := of.Bounds(end - 1)
	l.spent[period{workspace, begin, end}] += cost
}

// Fail makes look-ups fail from now on; nil: no more.
func (l *Ledger) Fail(err error) {
	l.mu.Lock()
	defer l.mu.Unlock()
	l.failed = err
}

// Quotas are windows of calendar periods, behind one that is wide.
func Quotas(t testing.TB, list ...string) []record.Window {
	t.Helper()
	windows, err := record.ParseWindows([]string{"1000000/1s"})
	require.NoError(t, err)
	quotas, err := record.ParseQuotas(list)
	require.NoError(t, err)
	for _, q := range quotas {
		windows = append(windows, q.Window(false))
	}
	return windows
}

// WithKey are a workspace's windows and, behind them, those of a key's own.
func WithKey(t testing.TB, shared []record.Window, key string, list ...string) []record.Window {
	t.Helper()
	own, err := record.ParseKeyWindows(list)
	require.NoError(t, err)
	all := append([]record.Window{}, shared...)
	for _, w := range own {
		w.Key = key
		all = append(all, w)
	}
	return all
}
