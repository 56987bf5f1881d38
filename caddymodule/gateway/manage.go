package gateway

import (
	"context"
	"encoding/json"
	"errors"
	"fmt"
	"net/http"
	"strconv"
	"strings"
	"time"

	"github.com/caddyserver/caddy/v2"
	"github.com/caddyserver/caddy/v2/caddyconfig/caddyfile"
	"github.com/caddyserver/caddy/v2/caddyconfig/httpcaddyfile"
	"github.com/caddyserver/caddy/v2/modules/caddyhttp"

	"github.com/tollgate-gateway/tollgate/caddymodule/apikey"
	"github.com/tollgate-gateway/tollgate/caddymodule/internal/dispenser"
	"github.com/tollgate-gateway/tollgate/caddymodule/internal/target"
	"github.com/tollgate-gateway/tollgate/caddymodule/keysapi"
	"github.com/tollgate-gateway/tollgate/caddymodule/record"
	"github.com/tollgate-gateway/tollgate/caddymodule/refusal"
)

func init() {
	caddy.RegisterModule(new(ManageKeys))
	httpcaddyfile.RegisterDirective("tollgate_keys", parseManageKeys)
	httpcaddyfile.RegisterDirectiveOrder("tollgate_keys", httpcaddyfile.Before, "push") // right behind the gate
}

// ManageKeys serves the management of keys over HTTP behind the gate of its site: package keysapi says who may do what.
// The gate must have routes for it, which may cost and need what they like (a key that is made stays in the store for ever:
// give POST a cost where customers are not to be trusted with that):
//
//	tollgate {
//		route GET,POST         /keys
//		route GET,PATCH,DELETE /keys/:id
//		route POST             /keys/:id/rotate
//		route GET              /keys/usage
//		route GET              /keys/workspaces
//		route GET,DELETE       /keys/workspaces/:id
//		route GET              /keys/workspaces/:id/history
//		route POST             /keys/workspaces/:id/suspend
//		route POST             /keys/workspaces/:id/resume
//	}
//	tollgate_keys /keys
type ManageKeys struct {
	// Path is where the keys are; everything below it belongs to them as well.
	Path string `json:"path"`
	// Source is the file and line it was written at, for errors.
	Source string `json:"source,omitempty"`

	api keysapi.API
}

// CaddyModule returns the module's id.
func (*ManageKeys) CaddyModule() caddy.ModuleInfo {
	return caddy.ModuleInfo{ID: "http.handlers.tollgate_keys", New: func() caddy.Module { return new(ManageKeys) }}
}

// parseManageKeys places the handler. Its word is a path, and no matcher: below the path everything is the handler's.
func parseManageKeys(h httpcaddyfile.Helper) ([]httpcaddyfile.ConfigValue, error) {
	handler := new(ManageKeys)
	if err := handler.UnmarshalCaddyfile(h.Dispenser); err != nil {
		return nil, err
	}
	return h.NewRoute(nil, handler), nil
}

// UnmarshalCaddyfile reads the directive. Syntax:
//
//	tollgate_keys <path>
func (m *ManageKeys) UnmarshalCaddyfile(d *caddyfile.Dispenser) error {
	d.Next() // tollgate_keys
	m.Source = dispenser.Source(d)
	if !d.Args(&m.Path) || d.NextArg() {
		return d.Err("tollgate_keys: write one path, such as: tollgate_keys /keys")
	}
	if err := m.Validate(); err != nil {
		return d.WrapErr(err)
	}
	if d.NextBlock(0) {
		return d.Errf("tollgate_keys: unknown option '%s': it has none", d.Val())
	}
	return nil
}

// Provision joins the app, whose key store it manages.
func (m *ManageKeys) Provision(ctx caddy.Context) error {
	joined, err := ctx.App("tollgate")
	if err != nil {
		return fmt.Errorf("joining the tollgate app: %w", err)
	}
	app := joined.(*App)
	admin, ok := app.keys.Value.Admin() // what it changes holds here from the next request on
	if !ok {
		return fmt.Errorf("%s: tollgate_keys: the key store (%s) cannot be managed: name another", m.Source, app.store.Place())
	}
	app.manages = true
	m.api = keysapi.API{Keys: admin, Prefix: app.KeyPrefix, Now: time.Now, Usage: app.usageKeeper()}
	return app.lookAround(ctx, ctx.Logger(), m.Source)
}

// Validate refuses a path that no request could have, or that is a pattern.
func (m *ManageKeys) Validate() error {
	if strings.ContainsAny(m.Path, "{}:*?#") || strings.HasSuffix(m.Path, "/") {
		return fmt.Errorf("tollgate_keys: path '%s' is not valid: write it without placeholders, parameters and a final '/', such as /keys", m.Path)
	}
	if _, err := target.Parse(m.Path, m.Path); err != nil {
		return fmt.Errorf("tollgate_keys: path '%s' is not valid: %w", m.Path, err)
	}
	return nil
}

// ServeHTTP answers what is below the path. Errors go back to the gate, which renders them.
func (m *ManageKeys) ServeHTTP(w http.ResponseWriter, r *http.Request, next caddyhttp.Handler) error {
	rest, found := strings.CutPrefix(r.URL.Path, m.Path)
	if !found || rest != "" && rest[0] != '/' {
		return next.ServeHTTP(w, r)
	}
	c, err := m.admitted(r)
	if err != nil {
		return err
	}
	caddyhttp.SetVar(r.Context(), managedVar, true)
	answer, refused := m.api.Answer(r.Context(), &keysapi.Request{
		Method: r.Method, Path: rest, Query: r.URL.RawQuery,
		Body:   func() ([]byte, *refusal.Refusal) { return managementBody(c, r) },
		Caller: c.told.identity, Confirm: c.confirm,
	})
	if refused != nil {
		return refused
	}
	return sendJSON(w, answer)
}

// admitted is the call that the gate let through. Without a gate in front nobody knows who asks: nothing is answered then.
func (m *ManageKeys) admitted(r *http.Request) (*call, error) {
	c, _ := caddyhttp.GetVar(r.Context(), judgedVar).(*call)
	if c == nil || !c.passing {
		return nil, caddyhttp.Error(http.StatusInternalServerError,
			errors.New("tollgate_keys stands behind no gate: put a tollgate directive before it, with routes for "+m.Path))
	}
	if c.told.identity == nil {
		return nil, &refusal.Refusal{Kind: refusal.Internal,
			Cause: errors.New("tollgate_keys is reached by a public route, where nobody knows who asks: make it a route")}
	}
	return c, nil
}

// managedVar marks a request that tollgate_keys answers. No proxy comes behind that, which may still read the variables.
const managedVar = "tollgate.managed"

// confirm asks the key store, and no cache, whose the request's credential is now.
func (c *call) confirm(ctx context.Context) (*record.Identity, error) {
	token, _ := apikey.FromAuthorization(c.credential, c.handler.BareKeys)
	return c.handler.app.keys.Value.Store().Lookup(ctx, record.SumOf(token))
}

// String is what a placeholder for the request's variable shows of a call: nothing of its request.
func (c *call) String() string { return c.told.decision("") }

// managementBody reads a body of JSON. The request may be another than the gate saw: handlers in between may bound its body.
func managementBody(c *call, r *http.Request) ([]byte, *refusal.Refusal) {
	body := requestBody{r, &c.inbound, c.body.under}
	data, refused := body.read(keysapi.MaxBody)
	if refused == nil && len(data) > 0 && !isJSON(r.Header) {
		return nil, malformedBody(errors.New("send it as application/json, without a content encoding"))
	}
	return data, refused
}

func sendJSON(w http.ResponseWriter, answer *keysapi.Answer) error {
	body, err := json.Marshal(answer)
	if err != nil {
		return fmt.Errorf("writing an answer about keys: %w", err)
	}
	h := w.Header()
	h.Set("Content-Type", "application/json")
	h.Set("Content-Length", strconv.Itoa(len(body)))
	h.Set("Cache-Control", "no-store")
	w.WriteHeader(answer.Status)
	_, err = w.Write(body)
	return err
}

// Interface guards
var (
	_ caddy.Provisioner           = (*ManageKeys)(nil)
	_ caddy.Validator             = (*ManageKeys)(nil)
	_ caddyhttp.MiddlewareHandler = (*ManageKeys)(nil)
	_ caddyfile.Unmarshaler       = (*ManageKeys)(nil)
)
