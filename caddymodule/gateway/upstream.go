package gateway

import (
	"net/http"
	"net/textproto"
	"strings"

	"golang.org/x/net/http/httpguts"
)

// upstreamHeaders cleans a request's headers for the backend, the last thing before it is passed on. It changes them in place: what else
// holds the request, such as the access log, sees the clean ones too.
type upstreamHeaders struct {
	// prefix begins the names of the identity headers, normalised; inbound ones are removed.
	prefix string
	// keepAuthorization lets the caller's credential through to the backend.
	keepAuthorization bool
}

// never are names that may make a backend see another request than the gate judged.
var never = map[string]bool{
	"x-original-url": true, "x-original-uri": true, "x-rewrite-url": true,
	"x-http-method": true, "x-http-method-override": true, "x-method-override": true,
	"x-request-id": true, // ours replaces it
}

// fromProxies are names that only a trusted proxy may set; so are all X-Forwarded-*.
var fromProxies = map[string]bool{
	"forwarded": true, "x-real-ip": true, "x-client-ip": true, "true-client-ip": true, "cf-connecting-ip": true,
}

// defaultIdentityPrefix begins the identity headers where the site says nothing else, normalised.
const defaultIdentityPrefix = "x-tollgate-"

// clean removes what the caller must not tell the backend.
func (u *upstreamHeaders) clean(r *http.Request, trustedProxy bool) {
	websocket := isWebSocketUpgrade(r.Header)
	for _, value := range r.Header["Connection"] {
		for name := range strings.SplitSeq(value, ",") {
			if name = textproto.TrimString(name); name != "" {
				r.Header.Del(name)
			}
		}
	}
	delete(r.Header, "Connection")
	delete(r.Header, "Upgrade")
	if websocket {
		r.Header["Connection"] = []string{"Upgrade"}
		r.Header["Upgrade"] = []string{"websocket"}
	}
	r.Trailer = nil
	delete(r.Header, "Trailer")
	if !u.keepAuthorization {
		delete(r.Header, "Authorization")
	}
	for name := range r.Header {
		if u.dropped(name, trustedProxy) {
			delete(r.Header, name)
		}
	}
}

// dropped judges a header by its normalised name: backends that map names to variables take '-', '_' and '.' for the same.
func (u *upstreamHeaders) dropped(name string, trustedProxy bool) bool {
	var buffer [64]byte
	normal := normalize(buffer[:0], name)
	if strings.HasPrefix(string(normal), u.prefix) || strings.HasPrefix(string(normal), defaultIdentityPrefix) || never[string(normal)] {
		return true
	}
	if !u.keepAuthorization && string(normal) == "authorization" {
		return true
	}
	return !trustedProxy && (strings.HasPrefix(string(normal), "x-forwarded-") || fromProxies[string(normal)])
}

// normalize appends the lower-case spelling of a header's name, with '-' in place of '_' and '.'.
func normalize(into []byte, name string) []byte {
	for i := range len(name) {
		c := name[i]
		switch {
		case c >= 'A' && c <= 'Z':
			c += 'a' - 'A'
		case c == '_' || c == '.':
			c = '-'
		}
		into = append(into, c)
	}
	return into
}

// isWebSocketUpgrade reports whether a request asks for a WebSocket over HTTP/1.1, and for nothing else.
func isWebSocketUpgrade(h http.Header) bool {
	return len(h["Upgrade"]) == 1 && strings.EqualFold(textproto.TrimString(h["Upgrade"][0]), "websocket") &&
		httpguts.HeaderValuesContainsToken(h["Connection"], "Upgrade")
}
