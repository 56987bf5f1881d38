package status

import (
	"net/netip"
	"slices"
	"strings"
	"sync/atomic"
)

const (
	// kept is how many refusals are remembered.
	kept = 500
	// Bounds of what a refusal remembers of the scopes that a key lacks: they may hold parameters of the path.
	keptScopes, keptScope = 8, 200
)

// Refusal is one request that the gateway refused, for operators. It holds no secret, no path, no query and no body.
type Refusal struct {
	// Number counts the refusals since the gateway started, from 1.
	Number uint64 `json:"number"`
	// At is when, in Unix milliseconds.
	At        int64  `json:"at"`
	RequestID string `json:"request_id"`
	// TraceID is that of the request's trace; empty: it has none.
	TraceID string `json:"trace_id,omitempty"`
	// Method is one of Methods.
	Method string `json:"method"`
	// Way is "mcp" if it is the call of a tool; empty: it came over HTTP.
	Way string `json:"way,omitempty"`
	// Route is the route's pattern; empty: none matched.
	Route     string `json:"route"`
	Workspace string `json:"workspace"`
	// Key is the key's id: of the caller, or of the key that is expired, revoked or disabled.
	Key string `json:"key"`
	// Address is the client's; null if it could not be read.
	Address netip.Addr `json:"address"`
	Status  int        `json:"status"`
	Code    string     `json:"code"`
	Reason  string     `json:"reason"`
	// File and Line are the policy's rule that refused; empty: none did.
	File string `json:"file,omitempty"`
	Line int    `json:"line,omitempty"`
	// MissingScopes are the scopes that the key lacks.
	MissingScopes []string `json:"missing_scopes,omitempty"`
}

// Refusals remembers the last 500. The zero value is ready. Nobody who adds waits for anybody, and nothing is allocated.
type Refusals struct {
	next  atomic.Uint64
	slots [kept]refusalSlot
}

// refusalSlot is one remembered refusal. Whoever reads or writes it holds busy; nobody waits for it.
type refusalSlot struct {
	busy atomic.Bool
	one  Refusal
}

// Add remembers a copy of a refusal. Where somebody reads the place that it would take, it takes the next one.
func (r *Refusals) Add(one *Refusal) {
	for range 4 {
		number := r.next.Add(1)
		s := &r.slots[(number-1)%kept]
		if !s.busy.CompareAndSwap(false, true) {
			continue
		}
		s.one = *one
		s.one.Number, s.one.MissingScopes = number, bounded(one.MissingScopes)
		s.busy.Store(false)
		return
	}
}

// bounded keeps what a caller wrote into its path from filling the memory.
func bounded(scopes []string) []string {
	tooLong := func(scope string) bool { return len(scope) > keptScope }
	if len(scopes) <= keptScopes && !slices.ContainsFunc(scopes, tooLong) {
		return scopes
	}
	short := slices.Clone(scopes[:min(keptScopes, len(scopes))])
	for i, scope := range short {
		if tooLong(scope) {
			short[i] = strings.Clone(scope[:keptScope]) + "…"
		}
	}
	return short
}

// Last are copies of the last refusals, the newest first, up to n of those that match.
func (r *Refusals) Last(n int, matches func(*Refusal) bool) []Refusal {
	list := []Refusal{}
	newest := r.next.Load()
	for i := uint64(0); i < kept && i < newest && len(list) < n; i++ {
		s := &r.slots[(newest-i-1)%kept]
		if !s.busy.CompareAndSwap(false, true) {
			continue // somebody else has it at this moment
		}
		one := s.one
		s.busy.Store(false)
		// A place that was left out holds an older one, or none; a place that was taken since holds a newer one.
		if one.Number == newest-i && matches(&one) {
			list = append(list, one)
		}
	}
	return list
}

// Total is how many there were since the gateway started.
func (r *Refusals) Total() uint64 { return r.next.Load() }

// methods are the methods that a refusal names. What else a caller writes is "other": a method may be as long as a header.
var methods = [...]string{"GET", "HEAD", "POST", "PUT", "PATCH", "DELETE", "OPTIONS"}

// Method is the method's name, or "other". It shares no memory with the request.
func Method(method string) string {
	for _, known := range methods {
		if method == known {
			return known
		}
	}
	return "other"
}
