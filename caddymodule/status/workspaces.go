package status

import (
	"cmp"
	"hash/maphash"
	"slices"
	"strings"
	"sync/atomic"
	"time"
)

const (
	// slots is for how many workspaces a half of the time that is looked back on has room. It is a power of 2.
	slots = 1 << 17
	// probes is how many places a workspace may have in it.
	probes = 128
	// halfLife is how long a half is.
	halfLife = 30 * time.Minute
)

// Workspaces counts requests and refusals by workspace, over the last half hour to hour. It holds up to 131,072
// workspaces; what comes beyond that is counted as one.
type Workspaces struct {
	seed    maphash.Seed
	current atomic.Pointer[half]
	before  atomic.Pointer[half]
}

// half is half of the time that is looked back on.
type half struct {
	began  time.Time
	others slot
	slots  [slots]slot
}

// slot counts for one workspace. It is empty while hash is 0.
type slot struct {
	hash     atomic.Uint64
	name     atomic.Pointer[string]
	requests atomic.Uint32
	refused  atomic.Uint32
}

// NewWorkspaces begins to count at that time.
func NewWorkspaces(now time.Time) *Workspaces {
	w := &Workspaces{seed: maphash.MakeSeed()}
	w.current.Store(&half{began: now})
	return w
}

// Count counts a request of a workspace. It allocates only for a workspace that was not seen for half an hour.
func (w *Workspaces) Count(workspace string, refused bool) {
	s := w.current.Load().slot(w.hash(workspace), workspace)
	s.requests.Add(1)
	if refused {
		s.refused.Add(1)
	}
}

// hash is a workspace's, never 0.
func (w *Workspaces) hash(workspace string) uint64 { return maphash.String(w.seed, workspace) | 1 }

// slot is the one of a workspace: a new one where it has none yet.
func (h *half) slot(hash uint64, workspace string) *slot {
	for i := range uint64(probes) {
		s := &h.slots[place(hash, i)]
		switch known := s.hash.Load(); {
		case known == hash:
			return s
		case known == 0 && s.hash.CompareAndSwap(0, hash):
			name := strings.Clone(workspace)
			s.name.Store(&name)
			return s
		case s.hash.Load() == hash: // somebody else was faster, for the same workspace
			return s
		}
	}
	return &h.others
}

// place is the i-th place that a workspace may have. The steps differ by workspace: nearly full, neighbours would else crowd.
func place(hash, i uint64) uint64 { return (hash>>1 + i*(hash>>40|1)) % slots }

// find is the slot of a workspace; nil if it has none. It may be called for a nil half.
func (h *half) find(hash uint64) *slot {
	if h == nil {
		return nil
	}
	for i := range uint64(probes) {
		switch s := &h.slots[place(hash, i)]; s.hash.Load() {
		case hash:
			return s
		case 0:
			return nil
		}
	}
	return nil
}

// Turn forgets what is older than an hour. It is to be called every minute or so.
func (w *Workspaces) Turn(now time.Time) {
	if current := w.current.Load(); now.Sub(current.began) >= halfLife {
		w.before.Store(current)
		w.current.Store(&half{began: now})
	}
}

// Workspace is what was counted for one.
type Workspace struct {
	ID       string `json:"id"`
	Requests int64  `json:"requests"`
	Refused  int64  `json:"refused"`
}

// Since is from when on requests are counted.
func (w *Workspaces) Since() time.Time {
	if before := w.before.Load(); before != nil {
		return before.began
	}
	return w.current.Load().began
}

// Of is what was counted for one workspace.
func (w *Workspaces) Of(workspace string) Workspace {
	one, hash := Workspace{ID: workspace}, w.hash(workspace)
	w.current.Load().find(hash).addTo(&one)
	w.before.Load().find(hash).addTo(&one)
	return one
}

// Busiest are the workspaces with the most requests, and those with the most refusals, up to n of each. Counted is how many
// workspaces there are.
func (w *Workspaces) Busiest(n int) (busiest, mostRefused []Workspace, counted int) {
	requests, refused := top{n: n}, top{n: n, refused: true}
	current, before := w.current.Load(), w.before.Load()
	for _, h := range []*half{current, before} {
		if h == nil {
			continue
		}
		for i := range h.slots {
			s := &h.slots[i]
			name, hash := s.name.Load(), s.hash.Load()
			if name == nil || h == before && current.find(hash) != nil {
				continue // empty, or counted already
			}
			one := Workspace{ID: *name}
			s.addTo(&one)
			if h == current {
				before.find(hash).addTo(&one)
			}
			counted++
			requests.offer(&one)
			refused.offer(&one)
		}
	}
	return requests.sorted(), refused.sorted(), counted
}

// addTo adds what the slot counted. It may be called for a nil slot.
func (s *slot) addTo(one *Workspace) {
	if s != nil {
		one.Requests += int64(s.requests.Load())
		one.Refused += int64(s.refused.Load())
	}
}

// top keeps the n workspaces with the highest counts, of those that have one.
type top struct {
	n       int
	refused bool // by refusals; else by requests
	list    []Workspace
	last    Workspace // of the n so far, once there are so many
}

func (t *top) by(one *Workspace) int64 {
	if t.refused {
		return one.Refused
	}
	return one.Requests
}

// offer takes a workspace into the list, if it belongs there. The list grows to twice n before it is cut.
func (t *top) offer(one *Workspace) {
	if t.by(one) == 0 || t.last.ID != "" && t.compare(*one, t.last) > 0 {
		return
	}
	if t.list = append(t.list, *one); len(t.list) >= 2*t.n+16 {
		t.sort()
		t.list = t.list[:t.n]
		if t.n > 0 {
			t.last = t.list[t.n-1]
		}
	}
}

func (t *top) sort() { slices.SortFunc(t.list, t.compare) }

// compare puts the higher count first, and of equal ones the id.
func (t *top) compare(a, b Workspace) int {
	return cmp.Or(cmp.Compare(t.by(&b), t.by(&a)), strings.Compare(a.ID, b.ID))
}

// sorted is the list, the highest first; never nil.
func (t *top) sorted() []Workspace {
	t.sort()
	return append([]Workspace{}, t.list[:min(t.n, len(t.list))]...)
}
