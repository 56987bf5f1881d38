// Package explain tells what would happen to a request and why: it takes the request through the matchers and rewrites of
// a configuration to its gate, and through the gate for the holder of a key. It spends nothing and runs no other handler.
// What stands behind the gate it names and does not follow.
package explain

import (
	"context"
	"crypto/tls"
	"fmt"
	"net"
	"net/http"
	"net/netip"
	"net/url"

	"github.com/caddyserver/caddy/v2"
	"github.com/caddyserver/caddy/v2/modules/caddyhttp"

	"github.com/tollgate-gateway/tollgate/caddymodule/gateway"
	"github.com/tollgate-gateway/tollgate/caddymodule/internal/config"
	"github.com/tollgate-gateway/tollgate/caddymodule/record"
)

// Question is the request that is asked about, as somebody wrote it.
type Question struct {
	// Method is the request's.
	Method string
	// Address is a path, where the configuration has one site, or a URL.
	Address string
	// Query is the query, unless the address has it; nil: none.
	Query *string
	// IP is the client's address.
	IP string
	// Body is what is sent as application/json; empty: none.
	Body []byte
	// KeyID is the key whose holder asks, by its id.
	KeyID string
	// Caller says who asks, in place of KeyID; nil: nobody but the holder of the key does.
	Caller *Caller
	// Host is the host that the request names, where the address is a path; empty: one that the site answers to.
	Host string
	// Header are the request's header fields; nil: nobody says which it has.
	Header http.Header
}

// Caller is somebody who is described, and need not be in the store.
type Caller struct {
	// Identity is whose key is sent; nil: the request is judged by its Authorization header, and nobody has the key in it.
	Identity *record.Identity
}

// asked is a question that has been read, with all that became of it.
type asked struct {
	Question
	target   string
	client   netip.Addr
	app      *gateway.App
	identity *record.Identity
	walk     walk
	// What follows is set where the request comes to a gate.
	windows windows
	outcome *gateway.Rehearsed
}

// Explain answers the question out of a configuration. The configuration's gateway need not run; if it does, its admin
// endpoint is asked what is left of the windows. Any verdict is an answer.
func Explain(ctx context.Context, c *config.Configuration, q Question) (*Answer, error) {
	a := &asked{Question: q}
	if err := a.read(ctx, c, nil); err != nil {
		return nil, err
	}
	s, err := Open(ctx, c)
	if err != nil {
		return nil, err
	}
	defer s.Close()
	return s.explain(a, func() windows { return findWindows(ctx, c, s.app, a.identity) })
}

// Running answers the question for the gateway that runs in this process with that configuration: by its own policies,
// store and counters, of which it changes nothing. The error is a *StoreError where the store does not answer; any other is about the
// question.
func Running(ctx context.Context, c *config.Configuration, app *gateway.App, q Question) (*Answer, error) {
	a := &asked{Question: q}
	if err := a.read(ctx, c, nil); err != nil {
		return nil, err
	}
	store, err := config.Running(app)
	if err != nil {
		return nil, &StoreError{err}
	}
	active := caddy.ActiveContext()
	active.Context = ctx
	// The function that ends the new context also calls what the running configuration has for its own end (Caddy 2.11.9,
	// NewContextWithCause): it is not called. The context ends with ctx; matchers and rewrites have nothing else to end.
	modules, _ := caddy.NewContext(active)
	s := &Session{config: c, app: app, modules: modules, store: store}
	return s.explain(a, func() windows { return windowsHere(ctx, app, a.identity) })
}

// read reads the request, and finds the server that it would come to. The layout may be known already.
func (a *asked) read(ctx context.Context, c *config.Configuration, known *layout) error {
	if err := checkMethod(a.Method); err != nil {
		return err
	}
	address, err := parseAddress(a.Address)
	if err != nil {
		return err
	}
	if a.Query != nil {
		if address.hasQuery {
			return fmt.Errorf("the query is given twice: write it in the path, or with --query")
		}
		address.target += "?" + *a.Query
	}
	client, err := netip.ParseAddr(a.IP)
	if err != nil {
		return fmt.Errorf("reading --ip: '%s' is not an IP address", a.IP)
	}
	a.client, a.target = client.Unmap(), address.target // unmapped, as a listener writes it
	u, err := url.ParseRequestURI(address.target)
	if err != nil {
		return fmt.Errorf("the server itself refuses this request target with 400, before the gateway sees it: %w", err)
	}
	if known == nil {
		if known, err = readLayout(c); err != nil {
			return err
		}
	}
	if a.walk.server, err = known.destination(&address, a.Host); err != nil {
		return err
	}
	a.walk.places = known.places[a.walk.server]
	a.walk.request = a.synthetic(ctx, u, &address)
	return nil
}

// synthetic is the request as Caddy hands it to its routes: with all that a server knows of a request, so that matchers,
// rewrites and the gate read it as they read any other.
func (a *asked) synthetic(ctx context.Context, u *url.URL, to *address) *http.Request {
	request := &http.Request{
		Method: a.Method, URL: u, RequestURI: a.target, Host: to.host, RemoteAddr: net.JoinHostPort(a.client.String(), "0"),
		Proto: "HTTP/1.1", ProtoMajor: 1, ProtoMinor: 1, Header: http.Header{}, Body: http.NoBody,
	}
	if a.Header != nil {
		request.Header, request.ContentLength, a.walk.headersKnown = a.Header.Clone(), int64(len(a.Body)), true
	}
	if to.scheme == "https" {
		request.TLS = &tls.ConnectionState{HandshakeComplete: true, ServerName: gateway.Host(to.host)}
	}
	return caddyhttp.PrepareRequest(request.WithContext(ctx), caddy.NewReplacer(), unread{}, a.walk.server.Server)
}

// label names the site that the request came to, for people.
func (a *asked) label() string { return a.walk.server.Label(a.walk.hosts) }
