package usage

import (
	"hash/maphash"
	"sync"
	"sync/atomic"
	"time"
)

const (
	// stripeCount is how many locks the cells are spread over.
	stripeCount = 64
	// DefaultBound is how many cells a Ledger keeps where nothing else is said: about 30 MB.
	DefaultBound = 1 << 17
)

// Use is one request that was answered.
type Use struct {
	// At is when it was granted or refused.
	At time.Time
	// Workspace, Key, Route and Outcome are as in Cell.
	Workspace, Key, Route, Outcome string
	// Cost is what it took from the workspace's limits.
	Cost int64
	// MCP says that it came as a call of an MCP tool.
	MCP bool
}

// Ledger adds up what was used until it is taken. Its methods are safe for concurrent use.
type Ledger struct {
	seed    maphash.Seed
	stripes [stripeCount]stripe
	bound   int
	dropped atomic.Int64
}

// stripe is one lock and the cells under it, padded so that two locks never share a cache line.
type stripe struct {
	sync.Mutex
	cells map[Cell]*amount
	_     [48]byte
}

// NewLedger makes one that keeps up to bound cells at once; 0: DefaultBound.
func NewLedger(bound int) *Ledger {
	if bound <= 0 {
		bound = DefaultBound
	}
	l := &Ledger{seed: maphash.MakeSeed(), bound: max(1, bound/stripeCount)}
	for i := range l.stripes {
		l.stripes[i].cells = map[Cell]*amount{}
	}
	return l
}

// Add adds a request. It allocates nothing for a cell that there is already.
func (l *Ledger) Add(u *Use) {
	s := &l.stripes[maphash.String(l.seed, u.Key)%stripeCount]
	e := Entry{
		Cell: Cell{Hour: HourOf(u.At), Workspace: u.Workspace, Key: u.Key, Route: u.Route, Outcome: u.Outcome},
		Sum:  Sum{Requests: 1, Cost: u.Cost},
	}
	if u.MCP {
		e.MCP = e.Sum
	}
	s.Lock()
	defer s.Unlock()
	if !book(s.cells, l.bound, &e) {
		l.dropped.Add(1)
	}
}

// Dropped is how many requests were not counted for want of room, since the start.
func (l *Ledger) Dropped() int64 { return l.dropped.Load() }

// Take gives all entries, in no order, and begins anew.
func (l *Ledger) Take() (entries []Entry) {
	for i := range l.stripes {
		s := &l.stripes[i]
		s.Lock()
		var cells map[Cell]*amount // nobody else's from here on
		if len(s.cells) > 0 {
			cells, s.cells = s.cells, map[Cell]*amount{}
		}
		s.Unlock()
		for cell, a := range cells {
			entries = append(entries, a.of(cell))
		}
	}
	return entries
}
