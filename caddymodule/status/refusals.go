package status

import "sync/atomic"

// kept is how many refusals are remembered.
const kept = 500

// Refusal is one request that the gateway refused, for operators. It holds no secret, no query and no body.
type Refusal struct {
	// At is when, in Unix milliseconds.
	At        int64  `json:"at"`
	RequestID string `json:"request_id"`
	// TraceID is that of the request's trace; empty: it has none.
	TraceID string `json:"trace_id,omitempty"`
	Method  string `json:"method"`
	// Route is the route's pattern; empty: none matched.
	Route     string `json:"route"`
	Workspace string `json:"workspace"`
	// Key is the key's id: of the caller, or of the key that is expired, revoked or disabled.
	Key     string `json:"key"`
	Address string `json:"address"`
	Status  int    `json:"status"`
	Code    string `json:"code"`
	Reason  string `json:"reason"`
	// File and Line are the policy's rule that refused; empty: none did.
	File string `json:"file,omitempty"`
	Line int    `json:"line,omitempty"`
	// MissingScopes are the scopes that the key lacks.
	MissingScopes []string `json:"missing_scopes,omitempty"`
}

// Refusals remembers the last 500. The zero value is ready.
type Refusals struct {
	next atomic.Uint64
	ring [kept]atomic.Pointer[Refusal]
}

// Add remembers a refusal, which must not be changed any more.
func (r *Refusals) Add(one *Refusal) { r.ring[(r.next.Add(1)-1)%kept].Store(one) }

// Last are the last refusals, the newest first, up to n of those that match.
func (r *Refusals) Last(n int, matches func(*Refusal) bool) []*Refusal {
	list := []*Refusal{}
	newest := r.next.Load()
	for i := uint64(1); i <= kept && i <= newest && len(list) < n; i++ {
		if one := r.ring[(newest-i)%kept].Load(); one != nil && matches(one) {
			list = append(list, one)
		}
	}
	return list
}

// Total is how many there were since the gateway started.
func (r *Refusals) Total() uint64 { return r.next.Load() }
