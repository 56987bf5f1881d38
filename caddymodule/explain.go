package caddymodule

import (
	"context"
	"crypto/tls"
	"encoding/json"
	"fmt"
	"net"
	"net/http"
	"net/netip"
	"net/url"
	"os"

	"github.com/caddyserver/caddy/v2"
	caddycmd "github.com/caddyserver/caddy/v2/cmd"
	"github.com/caddyserver/caddy/v2/modules/caddyhttp"
	"github.com/spf13/cobra"
	"go.uber.org/zap"

	"github.com/tollgate-gateway/tollgate/caddymodule/gate"
	"github.com/tollgate-gateway/tollgate/caddymodule/record"
	"github.com/tollgate-gateway/tollgate/caddymodule/refusal"
)

func explainCommand() caddycmd.Command {
	return caddycmd.Command{
		Name: "explain", Usage: "METHOD PATH_OR_URL", Short: "Tells what would happen to a request, and why; spends nothing",
		Long: `Takes a request through the matchers and rewrites of the configuration to its gate, and through the gateway's steps, for
the holder of a key, and tells what each of them says: the route, the policies that refuse with file and line and the
values they read, the windows. A request that comes to no gate is said to be so. Handlers in front of the gate that could
change the verdict are named; none of them is run.
It needs no running gateway. If one runs, its admin endpoint is asked what is left of the windows. Nothing is spent.`,
		CobraFunc: func(cmd *cobra.Command) {
			runnable(cmd, explain)
			cmd.Flags().String("key-id", "", "key whose holder asks, by its id")
			cmd.Flags().String("ip", "127.0.0.1", "client's address")
			cmd.Flags().String("query", "", "query, unless the path has it")
			cmd.Flags().String("body", "", "file with the body")
			_ = cmd.MarkFlagRequired("key-id") // fails only for flags that do not exist
		},
	}
}

// rehearsal is a configuration in the hands of explain, and the request it is asked about.
type rehearsal struct {
	// method, target and client are the request's as it comes to the server.
	method, target string
	client         netip.Addr
	body           gate.Body
	walk           walk
	identity       *record.Identity
	plans          record.Plans
	// What follows is set where the request comes to a gate.
	handler  *Handler
	request  gate.Request
	windows  counts
	policies explainedPolicy
	verdict  gate.Verdict
	// behind is why a request that passes the gate is refused all the same; nil: it is not.
	behind *refusal.Refusal
}

func explain(i *invocation) error {
	c, err := i.configuration()
	if err != nil {
		return err
	}
	r := &rehearsal{}
	if err := r.read(i, c); err != nil {
		return err
	}
	app, err := c.app()
	if err != nil {
		return err
	}
	ctx, free, err := i.modules()
	if err != nil {
		return err
	}
	defer free()
	defer func() { _ = app.Cleanup() }() // gives back what Provision took; nothing of it was started
	if err := app.Provision(ctx); err != nil {
		return fmt.Errorf("reading configuration %s: %w", c.file, err)
	}
	if r.identity, err = i.holder(app); err != nil {
		return err
	}
	r.walk.ctx, r.plans = ctx, app.planTable
	if err := r.walk.start(); err != nil {
		return err
	}
	if r.walk.gate == nil {
		return r.print(i)
	}
	if r.handler, err = gateOf(r.walk.gate, app); err != nil {
		return fmt.Errorf("reading configuration %s: %w", c.file, err)
	}
	r.windows = i.counts(c, app, r.identity)
	r.judge(i)
	return r.print(i)
}

// gateOf builds a gate's handler, as loading the configuration would.
func gateOf(raw json.RawMessage, app *App) (*Handler, error) {
	own, err := withoutName(raw)
	if err != nil {
		return nil, err
	}
	h := &Handler{logger: zap.NewNop()} // no request will come
	if err := caddy.StrictUnmarshalJSON(own, h); err != nil {
		return nil, err
	}
	return h, h.join(app)
}

// judge runs the very gate, with nothing in it that spends.
func (r *rehearsal) judge(i *invocation) {
	g := r.handler.gate
	g.AuthThrottle.Window, g.RefusalThrottle.Window = record.Window{}, record.Window{}
	g.Counters = &r.windows
	r.policies.engine = r.handler.app.policies
	g.Policy = &r.policies
	r.request = r.walk.facts
	r.request.As, r.request.Body, r.request.Upstream = r.identity, r.body, r
	g.Judge(i, &r.request, &r.verdict)
	if whoami := r.verdict.Match.Route != nil && r.verdict.Match.Route.Whoami; r.verdict.Refusal == nil && !whoami {
		r.behind = r.walk.refusalBehind()
	}
}

// Ready looks whether the configured headers can be set; what it sets goes nowhere. It is gate.Upstream.
func (r *rehearsal) Ready() *refusal.Refusal {
	c := &call{handler: r.handler, request: &http.Request{Header: http.Header{}}, repl: caddy.NewReplacer(), verdict: r.verdict}
	c.placeholders()
	refused := c.inject()
	if refused != nil {
		r.walk.unready = refused.Cause
	}
	return refused
}

// refusalBehind is why the gate refuses what it let through: no handler answers, or it comes to a second gate.
func (w *walk) refusalBehind() *refusal.Refusal {
	switch {
	case w.nested: // what the inner gate says about that is a 5xx, whose text no caller sees
		return &refusal.Refusal{Kind: refusal.Internal}
	case w.answer == "" && len(w.behind) == 0:
		return &refusal.Refusal{Kind: refusal.NoHandler}
	}
	return nil
}

// read reads the request from the command line, and finds the server it would come to.
func (r *rehearsal) read(i *invocation, c *configuration) error {
	r.method = i.args[0]
	if err := checkMethod(r.method); err != nil {
		return err
	}
	address, err := parseAddress(i.args[1])
	if err != nil {
		return err
	}
	if i.given("query") {
		if address.hasQuery {
			return fmt.Errorf("the query is given twice: write it in the path, or with --query")
		}
		address.target += "?" + i.text("query")
	}
	client, err := netip.ParseAddr(i.text("ip"))
	if err != nil {
		return fmt.Errorf("reading --ip: '%s' is no IP address", i.text("ip"))
	}
	r.client = client.Unmap() // as a listener writes it
	r.target = address.target
	u, err := url.ParseRequestURI(address.target)
	if err != nil {
		return fmt.Errorf("the server itself refuses this request target with 400, before the gateway sees it: %w", err)
	}
	found, err := c.destination(address)
	if err != nil {
		return err
	}
	r.walk.server, r.walk.redirected = found.server, found.redirected
	r.walk.request = r.synthetic(i, u, &found.address)
	if !i.given("body") {
		return nil
	}
	body, err := os.ReadFile(i.text("body"))
	if err != nil {
		return fmt.Errorf("reading --body: %w", err)
	}
	r.body = bodyText(body)
	return nil
}

// synthetic is the request as Caddy hands it to its routes: with all that a server knows of a request, so that matchers,
// rewrites and the gate read it as they read any other.
func (r *rehearsal) synthetic(ctx context.Context, u *url.URL, a *address) *http.Request {
	request := &http.Request{
		Method: r.method, URL: u, RequestURI: r.target, Host: a.host, RemoteAddr: net.JoinHostPort(r.client.String(), "0"),
		Proto: "HTTP/1.1", ProtoMajor: 1, ProtoMinor: 1, Header: http.Header{}, Body: http.NoBody,
	}
	if a.scheme == "https" {
		request.TLS = &tls.ConnectionState{HandshakeComplete: true, ServerName: host(a.host)}
	}
	return caddyhttp.PrepareRequest(request.WithContext(ctx), caddy.NewReplacer(), unread{}, r.walk.server.Server)
}

// holder is the identity behind --key-id.
func (i *invocation) holder(app *App) (*record.Identity, error) {
	s, err := openLoaded(app, app.store, false)
	if err != nil {
		return nil, err
	}
	defer func() { _ = s.Store.Close() }() // only read
	id, err := i.keyID(s, i.text("key-id"))
	if err != nil {
		return nil, err
	}
	key, err := s.Key(i, id)
	if err != nil {
		return nil, err
	}
	workspace, err := s.Workspace(i, key.Workspace)
	return &record.Identity{Key: &key.Key, Workspace: workspace}, err
}

// Interface guards
var (
	_ gate.Policy   = (*explainedPolicy)(nil)
	_ gate.Counters = (*counts)(nil)
	_ gate.Body     = bodyText(nil)
	_ gate.Upstream = (*rehearsal)(nil)
)
