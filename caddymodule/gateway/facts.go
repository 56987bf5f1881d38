package gateway

import (
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
	came, ok := r.Context().Value(caddyhttp.OriginalRequestCtxKey).(http.Request)
	if !ok {
		came = *r
	}
	return gate.Request{
		Facts: policy.Facts{
			Method:   method(r),
			Host:     Host(r.Host),
			Path:     r.URL.EscapedPath(),
			RawQuery: r.URL.RawQuery,
			Header:   r.Header,
			ClientIP: clientIP(r),
		},
		Target:     came.RequestURI,
		TargetPath: came.URL.EscapedPath(),
	}
}

// Host is the name that Caddy's host matchers compare: without the port, in lower case. It has no dot at its end.
func Host(s string) string {
	s = withoutFinalDot(s)
	if name, _, err := net.SplitHostPort(s); err == nil {
		s = name
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
func clientIP(r *http.Request) netip.Addr {
	text, _ := caddyhttp.GetVar(r.Context(), caddyhttp.ClientIPVarKey).(string)
	addr, err := netip.ParseAddr(text)
	if err != nil {
		return netip.Addr{}
	}
	return addr.Unmap().WithZone("")
}

// warnLeftmost says once that the server takes the leftmost address, where that was not seen when it was loaded.
func (h *Handler) warnLeftmost(r *http.Request) {
	server, ok := r.Context().Value(caddyhttp.ServerCtxKey).(*caddyhttp.Server)
	if ok && server.TrustedProxiesStrict == 0 && fromTrustedProxy(r) {
		h.leftmost.Do(func() {
			if !trustsProxies(server) {
				h.logger.Warn(leftmostWarning)
			}
		})
	}
}

// fromTrustedProxy reports whether the peer is one of the configured trusted proxies.
func fromTrustedProxy(r *http.Request) bool {
	trusted, _ := caddyhttp.GetVar(r.Context(), caddyhttp.TrustedProxyVarKey).(bool)
	return trusted
}

// requestID is the id of the request in logs, in the answer and upstream: Caddy's, or the one that a trusted proxy gave.
func requestID(r *http.Request, repl *caddy.Replacer) string {
	if given := r.Header["X-Request-Id"]; len(given) == 1 && fromTrustedProxy(r) && isRequestID(given[0]) {
		return given[0]
	}
	id, _ := repl.GetString("http.request.uuid")
	return id
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
