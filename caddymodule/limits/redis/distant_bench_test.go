package redis_test

import (
	"context"
	"fmt"
	"slices"
	"sync"
	"sync/atomic"
	"testing"
	"time"

	"github.com/tollgate-gateway/tollgate/caddymodule/services"
)

// BenchmarkDistant shows how long requests wait for a Redis that is 1 ms away.
func BenchmarkDistant(b *testing.B) {
	for _, workspaces := range []int{100, 1} {
		b.Run(fmt.Sprint(workspaces, " workspaces"), func(b *testing.B) {
			delay := &atomic.Int64{}
			delay.Store(int64(time.Millisecond))
			e, _ := newEngine(b, distant(b, services.Redis(b), delay), patient)
			w := windows(b, "1000000000/1m", "1000000000/1h")
			took := make([]time.Duration, b.N)
			var next atomic.Int64
			var all sync.WaitGroup
			b.ResetTimer()
			for range 32 {
				all.Go(func() {
					for n := next.Add(1); n <= int64(b.N); n = next.Add(1) {
						began := time.Now()
						if _, err := e.Take(context.Background(), fmt.Sprint("ws_", int(n*7919)%workspaces), w, 1); err != nil {
							panic(err)
						}
						took[n-1] = time.Since(began)
						<-time.After(5 * time.Millisecond)
					}
				})
			}
			all.Wait()
			slices.Sort(took)
			b.ReportMetric(float64(took[len(took)/2].Microseconds())/1000, "p50-ms")
			b.ReportMetric(float64(took[len(took)*99/100].Microseconds())/1000, "p99-ms")
		})
	}
}
