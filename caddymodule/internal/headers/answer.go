package headers

import (
	"net/http"
	"net/textproto"
	"strings"

	"github.com/tollgate-gateway/tollgate/caddymodule/limits"
)

// Ours is what the gateway alone says on an answer.
type Ours struct {
	Limits limits.Headers
	// RequestID is X-Request-Id, one value.
	RequestID []string
	// SecretEnds is X-Tollgate-Secret-Ends, one value: until when the secret of the caller works, after a rotation of its key;
	// nil: as long as the key.
	SecretEnds []string
}

// Set makes what is the gateway's to say the only thing that an answer says under its names.
func (o *Ours) Set(h http.Header) {
	for name := range h {
		if isOurs(name) {
			delete(h, name)
		}
	}
	o.Limits.Set(h)
	h["X-Request-Id"] = o.RequestID
	if o.SecretEnds != nil {
		h["X-Tollgate-Secret-Ends"] = o.SecretEnds
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
	plain := strings.TrimPrefix(name, http.TrailerPrefix)
	return limits.IsLimitHeader(name) || spells(plain, "x-request-id") || spells(plain, "x-tollgate-secret-ends")
}

// spells reports whether a name is that one, by Normalize.
func spells(name, ours string) bool {
	var spelt [32]byte
	return len(name) == len(ours) && string(Normalize(spelt[:0], name)) == ours
}
