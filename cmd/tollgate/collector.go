package main

import (
	"os"
	"runtime"
	"runtime/debug"
	"runtime/metrics"

	"github.com/caddyserver/caddy/v2"
	"github.com/spf13/cobra"
	"go.uber.org/zap"
)

// How much garbage the gateway lets lie before it collects, in percent of the memory in use: Go's own 100 for a large heap, and more
// for a small one, where collecting costs a proxy a tenth of all it does.
const (
	leastGarbage, mostGarbage = 100, 400
	// roomForGarbage is what the garbage beyond Go's own 100 percent may take, in bytes.
	roomForGarbage = 256 << 20
)

// collectSeldom makes "run" collect garbage less often, unless the environment says how often: GOGC is the operator's word. Memory
// limits hold whatever it says: Caddy takes nine tenths of the container's or the machine's memory, or GOMEMLIMIT, and Go
// collects sooner where that is near.
func collectSeldom(root *cobra.Command) {
	for _, cmd := range root.Commands() {
		if cmd.Name() != "run" || cmd.RunE == nil {
			continue
		}
		run := cmd.RunE
		cmd.RunE = func(cmd *cobra.Command, args []string) error {
			if os.Getenv("GOGC") == "" {
				c := &collector{percent: mostGarbage}
				debug.SetGCPercent(c.percent)
				c.follow()
				caddy.Log().Info("collecting garbage less often than Go does by itself, while the heap is small",
					zap.Int("gogc", c.percent), zap.Int64("room_bytes", roomForGarbage), zap.String("do", "set GOGC to say how often"))
			}
			return run(cmd, args)
		}
	}
}

// collector follows the size of the heap.
type collector struct{ percent int }

// follow looks again after every collection: the object that nobody holds is then gone.
func (c *collector) follow() {
	runtime.SetFinalizer(new(marker), func(*marker) {
		live := []metrics.Sample{{Name: "/gc/heap/live:bytes"}}
		metrics.Read(live)
		if percent := garbage(live[0].Value.Uint64()); percent/10 != c.percent/10 { // to set it stops the world for a moment
			c.percent = percent
			debug.SetGCPercent(percent)
		}
		c.follow()
	})
}

// marker holds a pointer: what holds none shares its memory with others.
type marker struct{ _ *marker }

// garbage is how much may lie, in percent, beside so many bytes in use.
func garbage(live uint64) int {
	return int(min(mostGarbage, max(leastGarbage, roomForGarbage*100/max(1, live))))
}
