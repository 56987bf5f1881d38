package status

import (
	"cmp"
	"slices"
	"strings"
	"sync"
	"time"
)

// maxCallers is how many workspaces a deprecated route remembers, and maxListed how many of them are listed.
const (
	maxCallers = 10_000
	maxListed  = 100
)

// callers counts who still calls a deprecated route.
type callers struct {
	mu          sync.Mutex
	byWorkspace map[string]*Caller
	others      int64
}

// Caller is a workspace that still calls a deprecated route.
type Caller struct {
	// Workspace is its id; empty: callers of a public route, of whom nobody knows who they are.
	Workspace string `json:"workspace"`
	// Requests are those since the gateway first had the route as a deprecated one, and Last is when the last of them ended, in Unix
	// seconds.
	Requests int64 `json:"requests"`
	Last     int64 `json:"last"`
}

// CallerCounts is who still calls a deprecated route.
type CallerCounts struct {
	// Workspaces is how many do, up to 10,000, and Others how many requests came from further ones.
	Workspaces int   `json:"workspaces"`
	Others     int64 `json:"others"`
	// Callers are those with the most requests, up to 100.
	Callers []Caller `json:"callers"`
}

func (c *callers) count(workspace string, now time.Time) {
	c.mu.Lock()
	defer c.mu.Unlock()
	one := c.byWorkspace[workspace]
	switch {
	case one != nil:
	case len(c.byWorkspace) >= maxCallers:
		c.others++
		return
	default:
		one = &Caller{Workspace: strings.Clone(workspace)}
		if c.byWorkspace == nil {
			c.byWorkspace = map[string]*Caller{}
		}
		c.byWorkspace[one.Workspace] = one
	}
	one.Requests++
	one.Last = now.Unix()
}

// Called counts a request to the route, which is deprecated, of a workspace.
func (r *Route) Called(workspace string, now time.Time) { r.callers.count(workspace, now) }

// Callers is who calls the route although it is deprecated.
func (r *Route) Callers() CallerCounts {
	c := &r.callers
	c.mu.Lock()
	defer c.mu.Unlock()
	counts := CallerCounts{Workspaces: len(c.byWorkspace), Others: c.others, Callers: make([]Caller, 0, len(c.byWorkspace))}
	for _, one := range c.byWorkspace {
		counts.Callers = append(counts.Callers, *one)
	}
	slices.SortFunc(counts.Callers, func(a, b Caller) int {
		return cmp.Or(cmp.Compare(b.Requests, a.Requests), strings.Compare(a.Workspace, b.Workspace))
	})
	counts.Callers = counts.Callers[:min(maxListed, len(counts.Callers))]
	return counts
}
