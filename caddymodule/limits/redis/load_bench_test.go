package redis_test

import (
	"context"
	"fmt"
	"sync"
	"sync/atomic"
	"syscall"
	"testing"
	"time"

	"github.com/tollgate-gateway/tollgate/caddymodule/record"
)

// processCPU is the CPU time that this process has used; redis-server is another one.
func processCPU() time.Duration {
	var usage syscall.Rusage
	if err := syscall.Getrusage(syscall.RUSAGE_SELF, &usage); err != nil {
		panic(err)
	}
	return time.Duration(usage.Utime.Nano() + usage.Stime.Nano())
}

// BenchmarkLoad drives an engine as 32 connections do, over so many workspaces.
func BenchmarkLoad(b *testing.B) {
	for _, c := range []struct {
		name                    string
		connections, workspaces int
	}{{"32 connections, 100 workspaces", 32, 100}, {"32 connections, 1 workspace", 32, 1}, {"1 connection, 1 workspace", 1, 1}} {
		b.Run(c.name, func(b *testing.B) {
			_, g, o := newGateways(b, 1, patient)
			w := windows(b, "1000000000/1m", "1000000000/1h")
			names := make([]string, c.workspaces)
			lists := make([][]record.Window, c.workspaces)
			for i := range names {
				names[i], lists[i] = fmt.Sprint("ws_", i), w
				take(b, g[0], names[i], w, 1)
			}
			before, calls := processCPU(), o[0].calls.Load()
			var next atomic.Int64
			var all sync.WaitGroup
			b.ReportAllocs()
			b.ResetTimer()
			for range c.connections {
				all.Go(func() {
					for {
						n := next.Add(1)
						if n > int64(b.N) {
							return
						}
						i := int(n*7919) % c.workspaces
						if _, err := g[0].Take(context.Background(), names[i], lists[i], 1); err != nil {
							panic(err)
						}
					}
				})
			}
			all.Wait()
			b.ReportMetric(float64(processCPU()-before)/float64(b.N), "cpu-ns/op")
			b.ReportMetric(float64(o[0].calls.Load()-calls)/float64(b.N), "calls/op")
		})
	}
}
