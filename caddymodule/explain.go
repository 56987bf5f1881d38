package caddymodule

import (
	"fmt"
	"net/http"
	"net/netip"
	"net/url"
	"os"

	caddycmd "github.com/caddyserver/caddy/v2/cmd"
	"github.com/spf13/cobra"

	"github.com/tollgate-gateway/tollgate/caddymodule/gate"
	"github.com/tollgate-gateway/tollgate/caddymodule/record"
)

func explainCommand() caddycmd.Command {
	return caddycmd.Command{
		Name: "explain", Usage: "METHOD PATH_OR_URL", Short: "Tells what would happen to a request, and why; spends nothing",
		Long: `Takes a request through the gateway's steps as the configuration has them, for the holder of a key, and tells what
each of them says: the route, the policies that refuse with file and line and the values they read, the windows.
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

// rehearsal is a site's gate in the hands of explain, and the request it is asked about.
type rehearsal struct {
	site     *site
	handler  *Handler
	identity *record.Identity
	request  gate.Request
	windows  counts
	policies explainedPolicy
	verdict  gate.Verdict
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
	if r.handler, err = r.site.handler(app); err != nil {
		return fmt.Errorf("reading configuration %s: %w", c.file, err)
	}
	if r.identity, err = i.holder(app); err != nil {
		return err
	}
	r.windows = i.counts(c, app, r.identity)
	r.judge(i)
	return r.print(i)
}

// judge runs the very gate, with nothing in it that spends.
func (r *rehearsal) judge(i *invocation) {
	g := r.handler.gate
	g.AuthThrottle.Window, g.RefusalThrottle.Window = record.Window{}, record.Window{}
	g.Counters = &r.windows
	r.policies.engine = r.handler.app.policies
	g.Policy = &r.policies
	r.request.As = r.identity
	g.Judge(i, &r.request, &r.verdict)
}

// read reads the request from the command line, and finds the site it would come to.
func (r *rehearsal) read(i *invocation, c *configuration) error {
	method := i.args[0]
	if err := checkMethod(method); err != nil {
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
	if r.site, err = c.site(address); err != nil {
		return err
	}
	client, err := netip.ParseAddr(i.text("ip"))
	if err != nil {
		return fmt.Errorf("reading --ip: '%s' is no IP address", i.text("ip"))
	}
	u, err := url.ParseRequestURI(address.target)
	if err != nil {
		return fmt.Errorf("the server itself refuses this request target with 400, before the gateway sees it: %w", err)
	}
	r.request = gate.Request{
		Method: method, Target: address.target, TargetPath: u.EscapedPath(), Path: u.EscapedPath(),
		RawQuery: u.RawQuery, Host: address.host, Header: http.Header{}, ClientIP: client.Unmap().WithZone(""),
	}
	if r.request.Host == "" {
		r.request.Host = r.site.host()
	}
	if !i.given("body") {
		return nil
	}
	body, err := os.ReadFile(i.text("body"))
	if err != nil {
		return fmt.Errorf("reading --body: %w", err)
	}
	r.request.Body = bodyText(body)
	return nil
}

// holder is the identity behind --key-id.
func (i *invocation) holder(app *App) (*record.Identity, error) {
	s, err := openLoaded(app, app.store, false)
	if err != nil {
		return nil, err
	}
	defer func() { _ = s.Store.Close() }() // only read
	key, err := s.Key(i, i.text("key-id"))
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
)
