package status

import (
	"slices"
	"sync"
	"sync/atomic"
	"time"
)

// minutes is over how many minutes requests are counted.
const minutes = 60

// Outcomes a request may have, beside the codes of refusals.
const (
	// OutcomeOK: the backend answered, or the gateway itself, without an error.
	OutcomeOK = "ok"
	// OutcomeBackend4xx and OutcomeBackend5xx: the backend answered with an error.
	OutcomeBackend4xx = "backend_4xx"
	OutcomeBackend5xx = "backend_5xx"
)

// Hour counts requests by outcome, refusals by reason and the time they took, minute by minute, over the last hour. Its
// outcomes and reasons are closed sets, given when it is made.
type Hour struct {
	outcomes, reasons []string
	outcome, reason   map[string]int
	current           atomic.Pointer[minute]

	mu   sync.Mutex
	past []*minute // the oldest first, without the current one
}

// minute counts what came to its end in one minute.
type minute struct {
	began    int64 // Unix seconds
	outcomes []atomic.Uint32
	reasons  []atomic.Uint32
	backend  Latency
	gateway  Latency
}

// NewHour begins to count at that time. The outcomes are the three above and the codes; the last reason given stands for all
// that are not in the list.
func NewHour(now time.Time, codes, reasons []string) *Hour {
	h := &Hour{
		outcomes: append([]string{OutcomeOK, OutcomeBackend4xx, OutcomeBackend5xx}, codes...), reasons: reasons,
		outcome: map[string]int{}, reason: map[string]int{},
	}
	for i, name := range h.outcomes {
		h.outcome[name] = i
	}
	for i, name := range reasons {
		h.reason[name] = i
	}
	h.current.Store(h.minute(now))
	return h
}

func (h *Hour) minute(now time.Time) *minute {
	return &minute{
		began: now.Unix() - now.Unix()%60, outcomes: make([]atomic.Uint32, len(h.outcomes)), reasons: make([]atomic.Uint32, len(h.reasons)),
	}
}

// Count counts one request that came to its end: its outcome, the reason for which it was refused (empty: it was not), how
// long the gateway itself took, and the backend until its answer began (0: it was not asked).
func (h *Hour) Count(outcome, reason string, gateway, backend time.Duration) {
	m := h.current.Load()
	m.outcomes[h.outcome[outcome]].Add(1)
	if reason != "" {
		i, known := h.reason[reason]
		if !known {
			i = len(h.reasons) - 1
		}
		m.reasons[i].Add(1)
	}
	m.gateway.Observe(gateway)
	if backend > 0 {
		m.backend.Observe(backend)
	}
}

// Turn begins a new minute when the present one is over. It is to be called every second or so.
func (h *Hour) Turn(now time.Time) {
	h.mu.Lock()
	defer h.mu.Unlock()
	current := h.current.Load()
	if now.Unix() < current.began+60 {
		return
	}
	h.past = append(h.past, current)
	h.past = slices.DeleteFunc(h.past, func(m *minute) bool { return m.began <= now.Unix()-minutes*60 })
	h.current.Store(h.minute(now))
}

// Traffic is what an Hour has counted.
type Traffic struct {
	// Minutes are those in which something was counted, the oldest first; the last one is under way.
	Minutes []Minute `json:"minutes"`
	// Outcomes and Reasons are the sums over all minutes, without those that are 0.
	Outcomes map[string]int64 `json:"outcomes"`
	Reasons  map[string]int64 `json:"reasons"`
	// Gateway and Backend are how long they took, over all minutes.
	Gateway Quantiles `json:"gateway"`
	Backend Quantiles `json:"backend"`
}

// Minute is one minute of the traffic.
type Minute struct {
	// At is when it began, in Unix seconds.
	At int64 `json:"at"`
	// Outcomes are how many requests ended so, without those that are 0.
	Outcomes map[string]int64 `json:"outcomes"`
	Backend  Quantiles        `json:"backend"`
}

// Quantiles are in milliseconds; null: nothing was measured.
type Quantiles struct {
	P50 *float64 `json:"p50_ms"`
	P99 *float64 `json:"p99_ms"`
}

// Quantiles are the spread's.
func (s *Spread) Quantiles() Quantiles { return Quantiles{s.Milliseconds(0.5), s.Milliseconds(0.99)} }

// Traffic is the present state, of the last n minutes and the one under way.
func (h *Hour) Traffic(n int) Traffic {
	h.mu.Lock()
	list := append(slices.Clone(h.past[max(0, len(h.past)-n):]), h.current.Load())
	h.mu.Unlock()
	t := Traffic{Minutes: []Minute{}, Outcomes: map[string]int64{}, Reasons: map[string]int64{}}
	var gateway, backend Spread
	for _, m := range list {
		one, own := Minute{At: m.began, Outcomes: sums(m.outcomes, h.outcomes, nil)}, Spread{}
		own.Add(&m.backend)
		one.Backend = own.Quantiles()
		t.Minutes = append(t.Minutes, one)
		sums(m.outcomes, h.outcomes, t.Outcomes)
		sums(m.reasons, h.reasons, t.Reasons)
		gateway.Add(&m.gateway)
		backend.Add(&m.backend)
	}
	t.Gateway, t.Backend = gateway.Quantiles(), backend.Quantiles()
	return t
}

// sums adds counts to a map by their names, without those that are 0.
func sums(counts []atomic.Uint32, names []string, into map[string]int64) map[string]int64 {
	if into == nil {
		into = map[string]int64{}
	}
	for i := range counts {
		if n := counts[i].Load(); n > 0 {
			into[names[i]] += int64(n)
		}
	}
	return into
}
