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
	probes = 32
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
	s := w.current.Load().slot(maphash.String(w.seed, workspace), workspace)
	s.requests.Add(1)
	if refused {
		s.refused.Add(1)
	}
}

// slot is the one of a workspace: a new one where it has none yet.
func (h *half) slot(hash uint64, workspace string) *slot {
	hash |= 1 // never 0
	for i := range uint64(probes) {
		s := &h.slots[(hash>>1+i)%slots]
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

// Busiest are the workspaces with the most requests, and MostRefused those with the most refusals, up to n of each.
func (w *Workspaces) Busiest(n int) (busiest, mostRefused []Workspace) {
	all := make(map[string]Workspace)
	for _, h := range []*half{w.current.Load(), w.before.Load()} {
		if h != nil {
			h.addTo(all)
		}
	}
	list := make([]Workspace, 0, len(all))
	for _, one := range all {
		list = append(list, one)
	}
	by := func(count func(*Workspace) int64) []Workspace {
		slices.SortFunc(list, func(a, b Workspace) int {
			return cmp.Or(cmp.Compare(count(&b), count(&a)), strings.Compare(a.ID, b.ID))
		})
		top := slices.Clone(list[:min(n, len(list))])
		return slices.DeleteFunc(top, func(one Workspace) bool { return count(&one) == 0 })
	}
	return by(func(one *Workspace) int64 { return one.Requests }), by(func(one *Workspace) int64 { return one.Refused })
}

func (h *half) addTo(all map[string]Workspace) {
	for i := range h.slots {
		s := &h.slots[i]
		name := s.name.Load()
		if name == nil {
			continue
		}
		one := all[*name]
		one.ID = *name
		one.Requests += int64(s.requests.Load())
		one.Refused += int64(s.refused.Load())
		all[*name] = one
	}
}
