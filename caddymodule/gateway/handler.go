package gateway

import (
	"fmt"
	"net/http"
	"sync"
	"time"

	"github.com/caddyserver/caddy/v2"
	"github.com/caddyserver/caddy/v2/caddyconfig/caddyfile"
	"github.com/caddyserver/caddy/v2/modules/caddyhttp"
	"go.uber.org/zap"

	"github.com/tollgate-gateway/tollgate/caddymodule/envelope"
	"github.com/tollgate-gateway/tollgate/caddymodule/gate"
	"github.com/tollgate-gateway/tollgate/caddymodule/internal/headers"
	"github.com/tollgate-gateway/tollgate/caddymodule/internal/lines"
	"github.com/tollgate-gateway/tollgate/caddymodule/internal/pool"
	"github.com/tollgate-gateway/tollgate/caddymodule/internal/watch"
	"github.com/tollgate-gateway/tollgate/caddymodule/openapi"
)

func init() { caddy.RegisterModule(new(Handler)) }

// Handler is the gate of a site: what it lets through goes to the handlers behind it, and every error, theirs too,
// leaves in one shape.
type Handler struct {
	// Routes are the site's routes. A request that matches none of them is refused.
	Routes []*Route `json:"routes,omitempty"`
	// OpenAPI gives routes of a document; one of Routes for the same requests stands in place of the document's.
	OpenAPI *OpenAPI `json:"openapi,omitempty"`
	// MCP serves the operations of the document as tools of the Model Context Protocol. Default: there is no such endpoint.
	MCP *MCP `json:"mcp,omitempty"`
	// Describe tells callers what they may do: SKILL.md, openapi.json, llms.txt. Default: nothing does.
	Describe *Describe `json:"describe,omitempty"`
	// IdentityHeaders begins the names of the headers that tell the backend who is calling, or is "off". Default: X-Tollgate-.
	IdentityHeaders string `json:"identity_headers,omitempty"`
	// Inject sets request headers for the backend.
	Inject []Inject `json:"inject,omitempty"`
	// ForwardAuthorization leaves the caller's Authorization in the request. Default: the backend never sees it.
	ForwardAuthorization bool `json:"forward_authorization,omitempty"`
	// BareKeys also takes "Authorization: <key>", without a scheme.
	BareKeys bool `json:"bare_keys,omitempty"`
	// Errors says how backend errors are mapped.
	Errors Errors `json:"errors,omitzero"`
	// Decisions is what the decision log tells: "refusals", or "all" requests. Default: nothing. It is the logger
	// http.handlers.tollgate.decisions, with at most 1,000 lines a second.
	Decisions string `json:"decisions,omitempty"`
	// Source is the file and line it was written at, for errors.
	Source string `json:"source,omitempty"`
	// Sources are the files and lines of words about which findings say something.
	Sources map[string]string `json:"sources,omitempty"`

	app      *App
	gate     gate.Gate
	mayCall  gate.MayCall
	upstream headers.Upstream
	names    *headers.Identity // nil: off
	// injects says what inject does, by injectsAuthorization and injectsSecrets.
	injects   struct{ authorization, secrets bool }
	mapper    *envelope.Mapper
	logger    *zap.Logger
	leftmost  sync.Once
	live      liveRoutes
	document  pool.Lease[*document] // its value is nil where there is none
	changes   lines.Changes         // of the document
	reading   loading               // of the document
	texts     *watch.Files          // beside it; nil: there are none
	decisions *zap.Logger
	responses *zap.Logger
}

// CaddyModule returns the module's id.
func (*Handler) CaddyModule() caddy.ModuleInfo {
	return caddy.ModuleInfo{ID: "http.handlers.tollgate", New: func() caddy.Module { return new(Handler) }}
}

// Provision builds the route table and joins the app, whose counters and keys all sites share.
func (h *Handler) Provision(ctx caddy.Context) error {
	h.logger = ctx.Logger()
	h.decisions, h.responses = h.logger.Named("decisions"), h.logger.Named("responses")
	app, err := ctx.App("tollgate")
	if err != nil {
		return fmt.Errorf("joining the tollgate app: %w", err)
	}
	h.lookAtTexts()
	described, err := h.openDocument()
	if err != nil {
		return err
	}
	if err := h.join(app.(*App), described); err != nil {
		return err
	}
	h.app.sites = append(h.app.sites, h)
	h.live.Load().warn(h.app.warn)
	return h.app.lookAround(ctx, h.logger, h.Source)
}

// join builds the site's gate out of its own routes, those of its document, if it has one, and what the app shares.
func (h *Handler) join(app *App, described *openapi.Document) error {
	h.app = app
	if err := checkDecisions(h.Decisions); err != nil {
		return err
	}
	if err := h.takeAtFirst(described); err != nil {
		return err
	}
	if err := h.provisionHeaders(); err != nil {
		return err
	}
	if err := h.checkSecrets(); err != nil {
		return err
	}
	var err error
	if h.mapper, err = h.Errors.mapper(); err != nil {
		return err
	}
	h.mayCall.Policy = h.app.policies
	h.gate = gate.Gate{
		Routes: &h.live, Keys: meters.Keys(guestName(h.app.store), h.app.keys.Value), KeyPrefix: h.app.KeyPrefix, BareKeys: h.BareKeys, Policy: meters.Policy(h.app.policies),
		Plans: h.app.planTable, Counters: h.app.counters, AuthThrottle: h.app.auth, RefusalThrottle: h.app.refusals,
		OutsiderThrottle: h.app.outsiders, Slots: h.app.throttles.Value.slots,
		Visitors: h.live.visitors,
		Now:      time.Now,
	}
	return nil
}

func (h *Handler) provisionHeaders() error {
	prefix := h.IdentityHeaders
	if prefix == "" {
		prefix = "X-Tollgate-"
	}
	if err := checkIdentityPrefix(prefix); err != nil {
		return fmt.Errorf("reading identity_headers: %w", err)
	}
	h.upstream = headers.Upstream{Prefix: headers.DefaultIdentityPrefix, KeepAuthorization: h.ForwardAuthorization}
	if prefix != "off" {
		h.upstream.Prefix = string(headers.Normalize(nil, prefix))
		names := headers.NewIdentity(prefix)
		h.names = &names
	}
	if err := h.checkInject(); err != nil {
		return fmt.Errorf("inject: %w", err)
	}
	h.injects.authorization, h.injects.secrets = h.injectsAuthorization(), h.injectsSecrets()
	return nil
}

// ServeHTTP takes a request through the gate and, if it may pass, to the next handler.
func (h *Handler) ServeHTTP(w http.ResponseWriter, r *http.Request, next caddyhttp.Handler) error {
	c := h.begin(w, r)
	defer c.end()
	c.judge()
	if c.verdict.Refusal == nil && c.verdict.Match.Route.Whoami {
		return c.whoami()
	}
	if c.verdict.Refusal == nil && c.verdict.Match.Route.Describes {
		return c.describe()
	}
	if c.verdict.Refusal != nil {
		c.pointToDescription()
		c.writer.Refuse(c.challenge(c.verdict.Refusal))
		return nil
	}
	switch route := c.verdict.Match.Route; {
	case route.MCP && route.Public:
		return c.metadata()
	case route.MCP:
		return c.mcp(next)
	}
	return c.pass(next)
}

// Cleanup gives back what Provision took.
func (h *Handler) Cleanup() error { return h.leaveDocument() }

// Interface guards
var (
	_ caddy.Provisioner           = (*Handler)(nil)
	_ caddy.CleanerUpper          = (*Handler)(nil)
	_ caddyhttp.MiddlewareHandler = (*Handler)(nil)
	_ caddyfile.Unmarshaler       = (*Handler)(nil)
)
