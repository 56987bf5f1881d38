package gateway

import (
	"crypto/rand"
	"net"
	"net/http"
	"net/netip"
	"strings"

	"github.com/caddyserver/caddy/v2"
	"github.com/caddyserver/caddy/v2/modules/caddyhttp"

	"github.com/tollgate-gateway/tollgate/caddymodule/gate"
	"github.com/tollgate-gateway/tollgate/caddymodule/policy"
)

// Facts reads from a request what the gate judges by: the one place where a path, an address and a host are read.
func Facts(r *http.Request) gate.Request {
	vars, _ := r.Context().Value(caddyhttp.VarsCtxKey).(map[string]any)
	var facts gate.Request
	read(r, vars, &facts)
	return facts
}

// read is Facts, with Caddy's variables of the request.
func read(r *http.Request, vars map[string]any, into *gate.Request) {
	target, came := r.RequestURI, r.URL
	if original, ok := r.Context().Value(caddyhttp.OriginalRequestCtxKey).(http.Request); ok {
		target, came = original.RequestURI, original.URL
	}
	into.Facts = policy.Facts{
		Method:   method(r),
		Host:     Host(r.Host),
		Path:     r.URL.EscapedPath(),
		RawQuery: r.URL.RawQuery,
		Header:   r.Header,
		ClientIP: clientIP(vars),
	}
	into.Target, into.TargetPath = target, came.EscapedPath()
}

// Host is the name that Caddy's host matchers compare: without the port, in lower case. It has no dot at its end.
func Host(s string) string {
	s = withoutFinalDot(s)
	if strings.IndexByte(s, ':') >= 0 { // the error of a name without a port costs more than all the rest
		if name, _, err := net.SplitHostPort(s); err == nil {
			s = name
		}
	}
	return strings.ToLower(strings.Trim(s, "[]"))
}

// withoutFinalDot takes the dots off the end of a host's name: with and without one it is the same name (RFC 1034,
// section 3.1), but Caddy's host matchers, and backends, tell the two apart. The port stays.
func withoutFinalDot(host string) string {
	name, port := host, ""
	if colon := strings.LastIndexByte(host, ':'); colon > strings.LastIndexByte(host, ']') {
		name, port = host[:colon], host[colon:]
	}
	if trimmed := strings.TrimRight(name, "."); trimmed != name {
		return trimmed + port
	}
	return host
}

// method is the request's, but GET for a WebSocket over HTTP/2 and HTTP/3, which comes as an extended CONNECT
// (RFC 8441, RFC 9220).
func method(r *http.Request) string {
	if r.Method == http.MethodConnect &&
		(r.ProtoMajor == 2 && r.Header.Get(":protocol") == "websocket" || r.ProtoMajor == 3 && r.Proto == "websocket") {
		return http.MethodGet
	}
	return r.Method
}

// clientIP is the address that Caddy determined by trusted_proxies and client_ip_headers; the zero Addr if it cannot be
// parsed, which no allowlist lets in.
func clientIP(vars map[string]any) netip.Addr {
	text, _ := vars[caddyhttp.ClientIPVarKey].(string)
	addr, err := netip.ParseAddr(text)
	if err != nil {
		return netip.Addr{}
	}
	return addr.Unmap().WithZone("")
}

// warnLeftmost says once that the server takes the leftmost address, where that was not seen when it was loaded.
func (h *Handler) warnLeftmost(r *http.Request, vars map[string]any) {
	if !fromTrustedProxy(vars) {
		return
	}
	if server, ok := r.Context().Value(caddyhttp.ServerCtxKey).(*caddyhttp.Server); ok && server.TrustedProxiesStrict == 0 {
		h.leftmost.Do(func() {
			if !trustsProxies(server) {
				h.logger.Warn(leftmostWarning)
			}
		})
	}
}

// fromTrustedProxy reports whether the peer is one of the configured trusted proxies.
func fromTrustedProxy(vars map[string]any) bool {
	trusted, _ := vars[caddyhttp.TrustedProxyVarKey].(bool)
	return trusted
}

// requestID is the id of the request in logs, in the answer and upstream: Caddy's, or the one that a trusted proxy gave.
type requestID struct {
	text string
	// made says that the gateway made it, and that Caddy's access log does not know it under the name it has there.
	made bool
}

// find looks for the id. Where nobody has asked Caddy for one yet the gateway makes it, at a third of the cost, and it is
// the value of {http.request.uuid} from then on.
func (id *requestID) find(r *http.Request, vars map[string]any, repl *caddy.Replacer) {
	const placeholder = "http.request.uuid"
	switch given := r.Header["X-Request-Id"]; {
	case len(given) == 1 && fromTrustedProxy(vars) && isRequestID(given[0]):
		id.text = given[0]
	case vars["uuid"] != nil || vars[judgedVar] != nil:
		id.text, _ = repl.GetString(placeholder)
	default:
		id.text, id.made = newUUID(), true
		repl.Set(placeholder, id.text)
	}
}

// newUUID is a random UUID (RFC 9562, version 4), as Caddy's are.
func newUUID() string {
	var (
		random [16]byte
		text   [36]byte
	)
	_, _ = rand.Read(random[:]) // it never fails
	random[6], random[8] = random[6]&0x0f|0x40, random[8]&0x3f|0x80
	at := 0
	for i, b := range random {
		if i == 4 || i == 6 || i == 8 || i == 10 {
			text[at] = '-'
			at++
		}
		const digits = "0123456789abcdef"
		text[at], text[at+1] = digits[b>>4], digits[b&15]
		at += 2
	}
	return string(text[:])
}

func isRequestID(s string) bool {
	if len(s) < 1 || len(s) > 128 {
		return false
	}
	for i := range len(s) {
		c := s[i]
		if (c < 'a' || c > 'z') && (c < 'A' || c > 'Z') && (c < '0' || c > '9') && c != '.' && c != '_' && c != '-' {
			return false
		}
	}
	return true
}
