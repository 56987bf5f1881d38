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
	"github.com/tollgate-gateway/tollgate/caddymodule/internal/site"
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
	if err := a.read(ctx, c); err != nil {
		return nil, err
	}
	app, err := c.App()
	if err != nil {
		return nil, err
	}
	modules, free, err := config.Modules(ctx)
	if err != nil {
		return nil, err
	}
	defer free()
	defer func() { _ = app.Cleanup() }() // gives back what Provision took; nothing of it was started
	if err := app.Provision(modules); err != nil {
		return nil, c.Wrong(err)
	}
	s, err := config.OpenProvisioned(app)
	if err != nil {
		return nil, err
	}
	defer s.Close()
	return a.explain(modules, c, app, s, func() windows { return findWindows(ctx, c, app, a.identity) })
}

// Running answers the question for the gateway that runs in this process with that configuration: by its own policies,
// store and counters, of which it changes nothing.
func Running(ctx context.Context, c *config.Configuration, app *gateway.App, q Question) (*Answer, error) {
	a := &asked{Question: q}
	if err := a.read(ctx, c); err != nil {
		return nil, err
	}
	s, err := config.Running(app)
	if err != nil {
		return nil, err
	}
	active := caddy.ActiveContext()
	active.Context = ctx
	// The function that ends the new context also calls what the running configuration has for its own end (Caddy 2.11.9,
	// NewContextWithCause): it is not called. The context ends with ctx; matchers and rewrites have nothing else to end.
	modules, _ := caddy.NewContext(active)
	return a.explain(modules, c, app, s, func() windows { return windowsHere(ctx, app, a.identity) })
}

// explain takes the request to its gate, and through it for the holder of the key.
func (a *asked) explain(modules caddy.Context, c *config.Configuration, app *gateway.App, s *config.Store, left func() windows) (*Answer, error) {
	var err error
	a.app, a.walk.ctx = app, modules
	if a.identity, err = holder(modules, s, a.KeyID); err != nil {
		return nil, err
	}
	if err := a.walk.start(); err != nil {
		return nil, err
	}
	if a.walk.gate == nil {
		return a.answer(), nil
	}
	return a.judged(modules, c, left)
}

// judged takes the request through the gate that it came to.
func (a *asked) judged(ctx context.Context, c *config.Configuration, left func() windows) (*Answer, error) {
	own, err := a.walk.gate.Config()
	if err != nil {
		return nil, c.Wrong(err)
	}
	handler, err := gateway.ReadHandler(own, a.app)
	if err != nil {
		return nil, c.Wrong(err)
	}
	a.windows = left()
	a.outcome = handler.Rehearse(ctx, &gateway.Rehearsal{
		Request: a.walk.facts, Identity: a.identity, Body: a.Body, Windows: a.windows.state,
	})
	return a.answer(), nil
}

// read reads the request, and finds the server that it would come to.
func (a *asked) read(ctx context.Context, c *config.Configuration) error {
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
	if a.walk.server, err = destination(c, &address); err != nil {
		return err
	}
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
	if to.scheme == "https" {
		request.TLS = &tls.ConnectionState{HandshakeComplete: true, ServerName: gateway.Host(to.host)}
	}
	return caddyhttp.PrepareRequest(request.WithContext(ctx), caddy.NewReplacer(), unread{}, a.walk.server.Server)
}

// holder is the identity behind a key's id.
func holder(ctx context.Context, s *config.Store, id string) (*record.Identity, error) {
	id, err := s.KeyID(ctx, id)
	if err != nil {
		return nil, err
	}
	key, err := s.Key(ctx, id)
	if err != nil {
		return nil, err
	}
	workspace, err := s.Workspace(ctx, key.Workspace)
	return &record.Identity{Key: &key.Key, Workspace: workspace}, err
}

// label names the site that the request came to, for people.
func (a *asked) label() string { return a.walk.server.Label(a.walk.hosts) }

// places are all gates of the configuration, each name once.
func places(c *config.Configuration) (servers []*site.Server, gates []*site.Place, err error) {
	if servers, err = c.Servers(); err != nil {
		return nil, nil, err
	}
	seen := make(map[string]bool)
	for _, s := range servers {
		all, err := s.Places()
		if err != nil {
			return nil, nil, c.Wrong(err)
		}
		for _, p := range all {
			if name := p.String(); !seen[name] {
				seen[name] = true
				gates = append(gates, p)
			}
		}
	}
	return servers, gates, nil
}
