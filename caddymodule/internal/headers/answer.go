package headers

import (
	"net/http"
	"net/textproto"
	"strings"

	"github.com/tollgate-gateway/tollgate/caddymodule/limits"
)

// SetOurs makes what is the gateway's to say the only thing that an answer says under its names: limits and request id.
func SetOurs(h http.Header, limit *limits.Headers, requestID []string) {
	for name := range h {
		if isOurs(name) {
			delete(h, name)
		}
	}
	limit.Set(h)
	h["X-Request-Id"] = requestID
}

// WithoutOurs takes the names that are ours to set out of a Trailer header.
func WithoutOurs(announced []string) []string {
	var kept []string
	for _, value := range announced {
		for name := range strings.SplitSeq(value, ",") {
			if name = textproto.TrimString(name); name != "" && !isOurs(name) {
				kept = append(kept, name)
			}
		}
	}
	return kept
}

// isOurs tells the names on an answer that only the gateway sets, in any spelling.
func isOurs(name string) bool {
	return limits.IsLimitHeader(name) || namesRequestID(strings.TrimPrefix(name, http.TrailerPrefix))
}

func namesRequestID(name string) bool {
	const ours = "x-request-id"
	if len(name) != len(ours) {
		return false
	}
	var spelt [len(ours)]byte
	return string(Normalize(spelt[:0], name)) == ours
}
