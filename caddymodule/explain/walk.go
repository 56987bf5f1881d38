package explain

import (
	"bytes"
	"encoding/json"
	"fmt"
	"maps"
	"net/http"
	"slices"

	"github.com/caddyserver/caddy/v2"
	"github.com/caddyserver/caddy/v2/modules/caddyhttp"

	"github.com/tollgate-gateway/tollgate/caddymodule/gate"
	"github.com/tollgate-gateway/tollgate/caddymodule/gateway"
	"github.com/tollgate-gateway/tollgate/caddymodule/internal/site"
)

// walk follows a request through a server's routes to its gate, as Caddy would: one handler after the other, each route's
// matchers judged when the request comes to it. Matchers are Caddy's own. Handlers that only compute something about the
// request do so; all others are named and not run, for explain answers nobody and calls nobody.
type walk struct {
	ctx     caddy.Context
	server  *site.Server
	request *http.Request

	// gate is the handler that the request came to, as it is written; nil: it came to none.
	gate *site.Handler
	// facts are the request's when it came to the gate.
	facts gate.Request
	// hosts are the names that the routes around the gate match.
	hosts []string
	// answer is the handler that answers a request that comes to no gate; empty: none does for certain.
	answer string
	// unasked are the handlers on the way that could change the verdict.
	unasked []string
	// headers says that a matcher on the way looked at the request's headers, of which nobody had said which it has.
	headers bool
	// headersKnown says that somebody did.
	headersKnown bool

	places []*site.Place // of the server
	groups map[string]bool
	depth  int
	err    error
}

// start takes the request to the server's routes.
func (w *walk) start() error {
	w.groups = make(map[string]bool)
	w.routes(slices.Clone(w.server.Routes)) // provisioning a route takes its matchers' JSON away: others read it again
	if w.err != nil {
		return fmt.Errorf("explain cannot follow the request through the routes of the configuration: %w", w.err)
	}
	return nil
}

// routes follows the request through routes. It reports whether its way ends there.
func (w *walk) routes(routes caddyhttp.RouteList) (ended bool) {
	if w.depth++; w.depth > site.Deepest {
		return w.fail(site.ErrTooDeep)
	}
	defer func() { w.depth-- }()
	for n := range routes {
		if w.route(&routes[n]) {
			return true
		}
	}
	return false
}

// route follows the request through a route, if it matches: of a group only the first one that does is taken.
func (w *walk) route(route *caddyhttp.Route) (ended bool) {
	if route.Group != "" && w.groups[route.Group] {
		return false
	}
	around := w.hosts
	hosts := site.Hosts(route, around) // first: matchers that are provisioned can be read no more
	if matches, ended := w.matches(route); ended || !matches {
		return ended
	}
	if route.Group != "" {
		w.groups[route.Group] = true
	}
	w.hosts = hosts
	for _, raw := range route.HandlersRaw {
		if w.handler(raw) {
			return true
		}
	}
	w.hosts = around
	return route.Terminal
}

// matches judges a route's matchers. An error of theirs ends the request's way, as it does in Caddy.
func (w *walk) matches(route *caddyhttp.Route) (matches, ended bool) {
	if !w.headers && !w.headersKnown {
		w.headers = slices.ContainsFunc(route.MatcherSetsRaw, w.dependsOnHeaders)
	}
	if route.MatcherSets == nil {
		if err := route.ProvisionMatchers(w.ctx); err != nil {
			return false, w.fail(err)
		}
	}
	matches, err := route.MatcherSets.AnyMatchWithError(w.request)
	if err != nil {
		return false, w.end("an error of the server, because a matcher fails (" + err.Error() + ")")
	}
	return matches, false
}

// dependsOnHeaders reports whether headers, of which the request has none, could change what matchers say: whether some of
// them look at headers and all the others match.
func (w *walk) dependsOnHeaders(set caddy.ModuleMap) bool {
	others := maps.Clone(set)
	maps.DeleteFunc(others, looksAtHeaders)
	if len(others) == len(set) {
		return false
	}
	rest := caddyhttp.Route{MatcherSetsRaw: caddyhttp.RawMatcherSets{others}}
	if err := rest.ProvisionMatchers(w.ctx); err != nil {
		return true // the route itself says what is wrong
	}
	matches, err := rest.MatcherSets.AnyMatchWithError(w.request)
	return matches || err != nil
}

// looksAtHeaders tells matchers whose answer may depend on headers.
func looksAtHeaders(name string, raw json.RawMessage) bool {
	switch name {
	case "header", "header_regexp":
		return true
	case "not", "expression", "vars", "vars_regexp":
		return bytes.Contains(raw, []byte("header")) || bytes.Contains(raw, []byte("http.request.cookie."))
	}
	return false
}

// handler takes the request through a handler.
func (w *walk) handler(raw json.RawMessage) (ended bool) {
	h, err := site.Read(raw)
	if err != nil {
		return w.fail(err)
	}
	switch h.Effect() {
	case site.Gate:
		w.gate, w.facts = &h, gateway.Facts(w.request)
		w.facts.Header = w.request.Header.Clone()
		return true
	case site.Nests:
		return w.routes(h.Routes)
	case site.NestsNamed:
		routes, err := w.server.NamedRoute(h.Invokes)
		if err != nil {
			return w.end("an error of the server, because it has no route named " + h.Invokes)
		}
		return w.routes(routes)
	case site.Rewrites:
		return w.run(&h)
	case site.Answers:
		return w.end(h.String())
	case site.Passes:
		return false
	}
	w.unasked = append(w.unasked, h.String())
	return false
}

// run lets a handler do its work that only computes: it rewrites the request, or sets variables and headers, and then
// hands it on.
func (w *walk) run(h *site.Handler) (ended bool) {
	own, err := h.Config()
	if err != nil {
		return w.fail(err)
	}
	module, err := w.ctx.LoadModuleByID("http.handlers."+h.Name, own)
	if err != nil {
		return w.fail(err)
	}
	handler, ok := module.(caddyhttp.MiddlewareHandler)
	if !ok {
		return w.fail(fmt.Errorf("module %T is not a handler", module))
	}
	next := caddyhttp.HandlerFunc(func(_ http.ResponseWriter, r *http.Request) error {
		w.request = r
		return nil
	})
	if err := handler.ServeHTTP(unread{}, w.request, next); err != nil {
		return w.end("an error of the server, because " + h.Name + " fails (" + err.Error() + ")")
	}
	return false
}

// end ends the request's way with an answer.
func (w *walk) end(answer string) (ended bool) {
	w.answer = answer
	return true
}

// fail ends the walk: where the request goes cannot be told.
func (w *walk) fail(err error) (ended bool) {
	w.err = err
	return true
}

// behind are the handlers that the configuration has behind the gate. A matcher may keep the request from some of them.
func (w *walk) behind() []site.Step {
	if w.gate == nil {
		return nil
	}
	for _, p := range w.places {
		if bytes.Equal(p.Gate.Raw, w.gate.Raw) {
			return p.Behind
		}
	}
	return nil
}

// unread is an answer that nobody gets.
type unread struct{}

func (unread) Header() http.Header         { return http.Header{} }
func (unread) Write(p []byte) (int, error) { return len(p), nil }
func (unread) WriteHeader(int)             {}

// Interface guards
var _ http.ResponseWriter = unread{}
