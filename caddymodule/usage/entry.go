package usage

import (
	"cmp"
	"time"
)

// Entry is one line of the ledger: what was used in an hour.
type Entry struct {
	Cell
	Sum
	// MCP is how much of the Sum came as calls of MCP tools. It is no field of the Cell: which way requests came is known of every
	// entry, however coarse, and makes no entry more.
	MCP Sum
}

// The ways in which requests come in, as the access log and the status name them.
const (
	WayHTTP = "http"
	WayMCP  = "mcp"
)

// Ways gives what came in each way in which something came.
func (e *Entry) Ways(yield func(way string, sum Sum) bool) {
	rest := Sum{e.Requests - e.MCP.Requests, e.Cost - e.MCP.Cost}
	if (rest == Sum{} || yield(WayHTTP, rest)) && e.MCP != (Sum{}) {
		yield(WayMCP, e.MCP)
	}
}

// Cell is what an Entry's sum is of. Any of key, route and outcome is Merged where the ledger had to become coarser.
type Cell struct {
	// Hour is the hour in which the requests were granted, by the clock that their limits are counted by, or refused, in hours
	// since 1970-01-01T00:00:00Z.
	Hour int64
	// Workspace is the id of the caller's workspace.
	Workspace string
	// Key is the id of the caller's key.
	Key string
	// Route is the pattern of the route; empty where the request matched none.
	Route string
	// Outcome is the class of the answer's status, such as 2xx, for what was granted, and the code of the error, such as
	// RATE_LIMITED, for what the gateway refused.
	Outcome string
}

// Sum is how much.
type Sum struct {
	// Requests is how many there were.
	Requests int64 `json:"requests"`
	// Cost is what they took from the workspace's limits: nothing for a refused one.
	Cost int64 `json:"cost"`
}

// Merged stands for any key, route or outcome. It is not an id, a pattern, or an outcome.
const Merged = "*"

// classes are the outcomes of what was granted.
var classes = [...]string{1: "1xx", 2: "2xx", 3: "3xx", 4: "4xx", 5: "5xx"}

// Granted is the outcome of a request that was granted, by the status of its answer.
func Granted(status int) string {
	if class := status / 100; class >= 1 && class < len(classes) {
		return classes[class]
	}
	return classes[5] // no answer was seen
}

// HourOf is the hour of an instant.
func HourOf(t time.Time) int64 { return floorDiv(t.Unix(), 3600) }

func floorDiv(a, b int64) int64 {
	q := a / b
	if a%b < 0 {
		q--
	}
	return q
}

func (c Cell) compare(d Cell) int {
	return cmp.Or(cmp.Compare(c.Hour, d.Hour), cmp.Compare(c.Workspace, d.Workspace), cmp.Compare(c.Key, d.Key),
		cmp.Compare(c.Route, d.Route), cmp.Compare(c.Outcome, d.Outcome))
}

// Batch are entries that are booked together, once.
type Batch struct {
	// Instance is the random name of the ledger that made the batch.
	Instance string
	// Number counts the batches of the instance, from 1.
	Number int64
	// Entries are sorted by cell, each cell once: two writers that lock the same rows do so in the same order.
	Entries []Entry
}
