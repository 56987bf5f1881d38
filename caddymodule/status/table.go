package status

import (
	"sync/atomic"
	"time"
)

// Table is all that a gateway remembers of what it saw. It outlives reloads of the configuration. Requests are counted
// without a lock and, but for workspaces that are new, without an allocation.
type Table struct {
	// Began is when the gateway started.
	Began      time.Time
	Hour       *Hour
	Workspaces *Workspaces
	Routes     Routes
	Refusals   Refusals
	// Evaluated and Remembered count decisions of policy: those that were worked out, and those that were known.
	Evaluated, Remembered atomic.Uint64
	// Verdicts count those about limits, by where they came from, in the order of limits.Sources.
	Verdicts [4]atomic.Uint64
}

// NewTable begins at that time. The codes and reasons are the closed sets that refusals have.
func NewTable(now time.Time, codes, reasons []string) *Table {
	return &Table{Began: now, Hour: NewHour(now, codes, reasons), Workspaces: NewWorkspaces(now)}
}

// Request is one request that came to its end.
type Request struct {
	// Outcome is one of the constants above, or the code of the gateway's refusal.
	Outcome string
	// Refusal says why the gateway refused; its Reason is empty where it did not.
	Refusal Refusal
	// Workspace is the caller's; empty: nobody known.
	Workspace string
	// Route counts for the route; nil: none matched.
	Route *Route
	// Gateway is how long the gateway itself took, and Backend the backend until its answer began (0: it was not asked).
	Gateway, Backend time.Duration
}

// Count counts a request.
func (t *Table) Count(r *Request) {
	refused := r.Refusal.Reason != ""
	t.Hour.Count(r.Outcome, r.Refusal.Reason, r.Gateway, r.Backend)
	if r.Workspace != "" {
		t.Workspaces.Count(r.Workspace, refused)
	}
	if r.Route != nil {
		r.Route.Count(refused, r.Backend)
	}
	if refused {
		t.Refusals.Add(&r.Refusal)
	}
}

// Turn forgets what is too old. It is to be called every second.
func (t *Table) Turn(now time.Time) {
	t.Hour.Turn(now)
	t.Workspaces.Turn(now)
	t.Routes.Turn(now)
}
