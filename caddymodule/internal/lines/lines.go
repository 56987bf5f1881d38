// Package lines keeps logs from growing without end: a flood of requests, or a store that comes and goes, must not fill a
// disk. What it leaves out is counted.
package lines

import (
	"sync/atomic"
	"time"
)

// PerSecond lets through up to so many lines in each second of the clock. It may be used by many goroutines at once, and
// none of them waits.
type PerSecond struct {
	most  uint64
	state atomic.Uint64 // the second, and in its lower bits how many lines that had
}

const countBits = 20

// NewPerSecond lets most lines through, which is at most 1,048,575.
func NewPerSecond(most int) *PerSecond { return &PerSecond{most: uint64(min(most, 1<<countBits-1))} }

// Take reports whether one more line may be written now.
func (p *PerSecond) Take(now time.Time) bool {
	second := uint64(now.Unix()) << countBits
	for {
		before := p.state.Load()
		next := before + 1
		switch {
		case before>>countBits<<countBits != second:
			next = second + 1
		case before-second >= p.most:
			return false
		}
		if p.state.CompareAndSwap(before, next) {
			return true
		}
	}
}
