package status

import (
	"math"
	"math/bits"
	"sync/atomic"
	"time"
)

// Latency counts durations in buckets of which each is at most an eighth wider than the one before: a quantile read from it
// is right to 13 %. It reaches from 1 µs to 64 s; what is longer counts as that. The zero value is ready.
type Latency struct {
	buckets [latencyBuckets]atomic.Uint32
}

const (
	latencySteps   = 8 // buckets in which a duration doubles
	latencyBuckets = 26*latencySteps + 1
)

// Observe counts one duration.
func (l *Latency) Observe(took time.Duration) { l.buckets[latencyBucket(took)].Add(1) }

func latencyBucket(took time.Duration) int {
	micros := uint64(max(0, took.Microseconds()))
	if micros == 0 {
		return 0
	}
	doubled := bits.Len64(micros) - 1
	eighths := micros << 3 >> doubled & (latencySteps - 1)
	return min(latencyBuckets-1, 1+doubled*latencySteps+int(eighths))
}

// Spread is a sum of Latencies at one moment.
type Spread struct {
	counts [latencyBuckets]int64
	total  int64
}

// Add adds what l has counted; nil: nothing.
func (s *Spread) Add(l *Latency) {
	if l == nil {
		return
	}
	for i := range l.buckets {
		n := int64(l.buckets[i].Load())
		s.counts[i] += n
		s.total += n
	}
}

// Count is how many durations there were.
func (s *Spread) Count() int64 { return s.total }

// Milliseconds is the duration below which that part of all (0 to 1) lie; nil if there are none.
func (s *Spread) Milliseconds(part float64) *float64 {
	if s.total == 0 {
		return nil
	}
	wanted, seen := int64(math.Ceil(part*float64(s.total))), int64(0)
	for i, n := range s.counts {
		if seen += n; seen >= wanted && n > 0 {
			upper := latencyUpper(i)
			return &upper
		}
	}
	return nil
}

// latencyUpper is the end of a bucket, in milliseconds, to two digits.
func latencyUpper(bucket int) float64 {
	if bucket == 0 {
		return 0.001
	}
	doubled, eighths := (bucket-1)/latencySteps, (bucket-1)%latencySteps
	value := math.Ldexp(1+float64(eighths+1)/latencySteps, doubled) / 1000
	scale := math.Pow(10, math.Floor(math.Log10(value))-1)
	return math.Round(math.Round(value/scale)*scale*1e6) / 1e6
}
