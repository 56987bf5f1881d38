package headers

import (
	"net/http"
	"net/textproto"
	"strings"

	"github.com/tollgate-gateway/tollgate/caddymodule/limits"
)

// Ours is what the gateway alone says on an answer.
type Ours struct {
	limits limits.Headers
	// values are X-Request-Id and X-Tollgate-Secret-Ends. No two answers share them, nor the room for those of the limits:
	// whoever replaces the text of a header writes into them.
	values [2]string
	room   [7]string // enough for two windows
}

// Make fills in what is to be said: the limits, the request's id, and until when the secret of the caller works, after a
// rotation of its key; empty: as long as the key.
func (o *Ours) Make(state *limits.State, requestID, secretEnds string) {
	o.limits = state.HeadersIn(o.room[:])
	o.values = [...]string{requestID, secretEnds}
}

// Set makes what is the gateway's to say the only thing that an answer says under its names.
func (o *Ours) Set(h http.Header) {
	for name := range h {
		if isOurs(name) {
			delete(h, name)
		}
	}
	o.limits.Set(h)
	h["X-Request-Id"] = o.values[0:1:1]
	if o.values[1] != "" {
		h["X-Tollgate-Secret-Ends"] = o.values[1:2:2]
	}
}

// WithoutOurs takes the names that are ours to set out of a Trailer header, and those that also tells; nil: no others.
func WithoutOurs(announced []string, also func(name string) bool) []string {
	var kept []string
	for _, value := range announced {
		for name := range strings.SplitSeq(value, ",") {
			if name = textproto.TrimString(name); name != "" && !isOurs(name) && (also == nil || !also(name)) {
				kept = append(kept, name)
			}
		}
	}
	return kept
}

// isOurs tells the names on an answer that only the gateway sets, in any spelling.
func isOurs(name string) bool {
	if !mayBeOurs(name) {
		return false
	}
	plain := strings.TrimPrefix(name, http.TrailerPrefix)
	return limits.IsLimitHeader(name) || spells(plain, "x-request-id") || spells(plain, "x-tollgate-secret-ends")
}

// mayBeOurs tells by the first letter most names that are not ours: ours begin with X or R, or with a separator that counts for
// nothing, and T is net/http's prefix for trailers.
func mayBeOurs(name string) bool {
	if name == "" {
		return false
	}
	switch name[0] {
	case 'x', 'X', 'r', 'R', 't', 'T', '-', '_', '.':
		return true
	}
	return false
}

// spells reports whether a name is that one, by Normalize.
func spells(name, ours string) bool {
	var spelt [32]byte
	return len(name) == len(ours) && string(Normalize(spelt[:0], name)) == ours
}
