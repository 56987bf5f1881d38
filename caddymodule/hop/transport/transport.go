// Package transport is the transport "tollgate" of Caddy's reverse_proxy: package hop for what it serves, and Caddy's own transport
// "http" for everything else.
package transport

import (
	"net/http"
	"slices"

	"github.com/caddyserver/caddy/v2"
	"github.com/caddyserver/caddy/v2/caddyconfig/caddyfile"
	"github.com/caddyserver/caddy/v2/modules/caddyhttp"
	"github.com/caddyserver/caddy/v2/modules/caddyhttp/reverseproxy"

	"github.com/tollgate-gateway/tollgate/caddymodule/hop"
)

func init() {
	caddy.RegisterModule(new(Transport))
}

// Transport takes the options of Caddy's transport "http", and serves as that does. Requests that go to the backend by plain HTTP/1.1
// over TCP, and have no body or one of at most 64 KiB that the gateway has read for a policy or a document, are written and their answers
// read in the goroutine of the request, which costs less. All others go through the transport "http", and so do all requests that go on by TLS
// or a forward proxy, or where "keepalive off", max_conns_per_host, proxy_protocol, h2c or HTTP/3 is configured.
//
// Each of the two transports keeps idle connections of its own, as many as the options say.
//
// A request that does not say what encodings it accepts is sent as it is: Caddy's transport would ask the backend for gzip on its own
// account and decode it.
type Transport struct {
	reverseproxy.HTTPTransport

	own *hop.Transport
}

// CaddyModule returns the module's id and how it is made.
func (*Transport) CaddyModule() caddy.ModuleInfo {
	return caddy.ModuleInfo{
		ID:  "http.reverse_proxy.transport.tollgate",
		New: func() caddy.Module { return new(Transport) },
	}
}

// UnmarshalCaddyfile reads the options of Caddy's transport "http". Syntax:
//
//	transport tollgate {
//		<what may stand in "transport http">
//	}
func (t *Transport) UnmarshalCaddyfile(d *caddyfile.Dispenser) error {
	return t.HTTPTransport.UnmarshalCaddyfile(d)
}

// Provision makes both transports.
func (t *Transport) Provision(ctx caddy.Context) error {
	if err := t.HTTPTransport.Provision(ctx); err != nil {
		return err
	}
	options, ok := hop.FromStandard(t.HTTPTransport.Transport)
	if ok && t.ProxyProtocol == "" && !slices.Contains(t.Versions, "3") {
		t.own = hop.New(options)
	}
	return nil
}

// RoundTrip implements http.RoundTripper.
func (t *Transport) RoundTrip(r *http.Request) (*http.Response, error) {
	if t.serves(r) {
		return t.own.RoundTrip(r)
	}
	return t.HTTPTransport.RoundTrip(r)
}

func (t *Transport) serves(r *http.Request) bool {
	if t.own == nil {
		return false
	}
	t.SetScheme(r)
	// Connections are kept by the URL's host: it must be what is dialled.
	to, ok := reverseproxy.GetDialInfo(r.Context())
	if !ok || to.Network != "tcp" || to.Address != r.URL.Host || !hop.Serves(r, caddyhttp.GetVar(r.Context(), hop.BodyRead) == true) {
		return false
	}
	proxy, err := t.HTTPTransport.Transport.Proxy(r)
	return proxy == nil && err == nil
}

// Cleanup ends the connections that no request uses.
func (t *Transport) Cleanup() error {
	if t.own != nil {
		t.own.Close()
	}
	return t.HTTPTransport.Cleanup()
}

// Interface guards.
var (
	_ caddy.Provisioner                                = (*Transport)(nil)
	_ caddy.CleanerUpper                               = (*Transport)(nil)
	_ caddyfile.Unmarshaler                            = (*Transport)(nil)
	_ http.RoundTripper                                = (*Transport)(nil)
	_ reverseproxy.TLSTransport                        = (*Transport)(nil)
	_ reverseproxy.H2CTransport                        = (*Transport)(nil)
	_ reverseproxy.HealthCheckSchemeOverriderTransport = (*Transport)(nil)
	_ reverseproxy.ProxyProtocolTransport              = (*Transport)(nil)
	_ reverseproxy.RequestHeaderOpsTransport           = (*Transport)(nil)
)
