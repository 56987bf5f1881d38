package meter

import (
	"sync"
	"sync/atomic"
)

// mostPatterns is how many route patterns have series of their own in a process. What comes later is "other".
const mostPatterns = 500

// patterns are the route patterns that have series of their own. Reading takes no lock.
type patterns struct {
	mu    sync.Mutex
	known map[string]bool
	// full is a copy of known from when there was no more room; nil: all that were admitted are known.
	full atomic.Pointer[map[string]bool]
}

// Admit gives patterns of a configuration series of their own, as long as there is room.
func (m *Meters) Admit(list ...string) { m.routes.admit(list) }

func (p *patterns) admit(list []string) {
	p.mu.Lock()
	defer p.mu.Unlock()
	if p.known == nil {
		p.known = map[string]bool{}
	}
	for _, pattern := range list {
		switch {
		case p.known[pattern]:
		case len(p.known) < mostPatterns:
			p.known[pattern] = true
		default:
			p.full.CompareAndSwap(nil, &p.known) // which is not changed any more
			return
		}
	}
}

// label is the pattern, or "other".
func (p *patterns) label(pattern string) string {
	if known := p.full.Load(); known != nil && !(*known)[pattern] {
		return "other"
	}
	return pattern
}
