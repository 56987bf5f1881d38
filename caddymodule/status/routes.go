package status

import (
	"sync"
	"sync/atomic"
	"time"
)

// Route counts for one route of one site. Its requests and refusals are those since the gateway first had the route; its
// latency is that of the last half hour to hour.
type Route struct {
	requests atomic.Uint64
	refused  atomic.Uint64
	current  atomic.Pointer[routeHalf]
	before   atomic.Pointer[routeHalf]
	callers  callers
}

type routeHalf struct {
	began   time.Time
	backend Latency
}

// Count counts one request: whether the gateway refused it, and how long the backend took; 0: it was not asked.
func (r *Route) Count(refused bool, backend time.Duration) {
	r.requests.Add(1)
	if refused {
		r.refused.Add(1)
	}
	if backend > 0 {
		r.current.Load().backend.Observe(backend)
	}
}

// RouteCounts is what a Route has counted.
type RouteCounts struct {
	Requests uint64 `json:"requests"`
	Refused  uint64 `json:"refused"`
	// Backend is how long the backend took until its answer began.
	Backend Quantiles `json:"backend"`
}

// Counts is the present state.
func (r *Route) Counts() RouteCounts {
	var spread Spread
	for _, h := range []*routeHalf{r.current.Load(), r.before.Load()} {
		if h != nil {
			spread.Add(&h.backend)
		}
	}
	return RouteCounts{r.requests.Load(), r.refused.Load(), spread.Quantiles()}
}

// Routes holds the counts of routes over reloads of the configuration. The zero value is ready.
type Routes struct {
	mu     sync.Mutex
	byName map[string]*Route
}

// Get gives the counts of the route of that name, which says its site, methods and pattern.
func (r *Routes) Get(name string, now time.Time) *Route {
	r.mu.Lock()
	defer r.mu.Unlock()
	if known := r.byName[name]; known != nil {
		return known
	}
	if r.byName == nil {
		r.byName = map[string]*Route{}
	}
	one := new(Route)
	one.current.Store(&routeHalf{began: now})
	r.byName[name] = one
	return one
}

// Keep forgets all routes but those of these names.
func (r *Routes) Keep(names map[string]bool) {
	r.mu.Lock()
	defer r.mu.Unlock()
	for name := range r.byName {
		if !names[name] {
			delete(r.byName, name)
		}
	}
}

// Turn forgets latencies that are older than an hour. It is to be called every minute or so.
func (r *Routes) Turn(now time.Time) {
	r.mu.Lock()
	defer r.mu.Unlock()
	for _, one := range r.byName {
		if current := one.current.Load(); now.Sub(current.began) >= halfLife {
			one.before.Store(current)
			one.current.Store(&routeHalf{began: now})
		}
	}
}
