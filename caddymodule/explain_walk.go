package caddymodule

import (
	"bytes"
	"encoding/json"
	"errors"
	"fmt"
	"maps"
	"net/http"
	"slices"

	"github.com/caddyserver/caddy/v2"
	"github.com/caddyserver/caddy/v2/modules/caddyhttp"

	"github.com/tollgate-gateway/tollgate/caddymodule/gate"
)

// walk follows a request through a server's routes to its gate and to what stands behind it, as Caddy would: one handler
// after the other, each route's matchers judged when the request comes to it. Matchers are Caddy's own. Handlers that only
// compute something about the request do so; all others are named and not run, for explain answers nobody and calls nobody.
type walk struct {
	ctx     caddy.Context
	server  *server
	request *http.Request
	// redirected says that Caddy may redirect the request to HTTPS before any of the server's own routes.
	redirected bool

	// gate is the handler that the request came to, as it is written; nil: it came to none.
	gate json.RawMessage
	// facts are the request's when it came to the gate.
	facts gate.Request
	// unready is why the gateway could not pass the request on; nil: it could.
	unready error
	// nested says that another gate stands behind that one.
	nested bool
	// hosts are the names that the routes around the gate match.
	hosts []string
	// answer is the handler that answers the request; empty: none does for certain.
	answer string
	// unasked are the handlers before the gate that could change the verdict, and behind are those behind it.
	unasked, behind []string
	// headers says that a matcher before the gate looked at the request's headers.
	headers bool

	groups map[string]bool
	depth  int
	err    error
}

// deepest is how many routes may stand within each other: named routes can invoke themselves.
const deepest = 100

var errTooDeep = errors.New("routes stand too deep within each other: does a named route invoke itself?")

// start takes the request to the server's routes.
func (w *walk) start() error {
	w.groups = make(map[string]bool)
	w.routes(w.server.Routes)
	if w.err != nil {
		return fmt.Errorf("explain cannot follow the request through the routes of the configuration: %w", w.err)
	}
	return nil
}

// routes follows the request through routes. It reports whether its way ends there.
func (w *walk) routes(routes caddyhttp.RouteList) (ended bool) {
	if w.depth++; w.depth > deepest {
		return w.fail(errTooDeep)
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
	hosts := hostsOf(route, w.hosts)
	if matches, ended := w.matches(route); ended || !matches {
		return ended
	}
	if route.Group != "" {
		w.groups[route.Group] = true
	}
	if w.gate == nil {
		around := w.hosts
		w.hosts = hosts
		defer func() {
			if w.gate == nil {
				w.hosts = around
			}
		}()
	}
	for _, raw := range route.HandlersRaw {
		if w.handler(raw) {
			return true
		}
	}
	return route.Terminal
}

// matches judges a route's matchers. An error of theirs ends the request's way, as it does in Caddy.
func (w *walk) matches(route *caddyhttp.Route) (matches, ended bool) {
	if w.gate == nil && !w.headers {
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
	h, err := readHandler(raw)
	if err != nil {
		return w.fail(err)
	}
	switch h.Handler {
	case "tollgate":
		return w.enter(raw)
	case "subroute":
		return w.routes(h.Routes)
	case "invoke":
		route := w.server.NamedRoutes[h.Name]
		if route == nil {
			return w.end("an error of the server, because it has no route named " + h.Name)
		}
		return w.routes(caddyhttp.RouteList{*route})
	case "rewrite", "vars", "map", "headers":
		return w.run(h.Handler, raw)
	}
	if h.answers() {
		return w.end(h.String())
	}
	switch h.Handler {
	case "encode", "templates", "tracing", "log_append", "push": // whatever they do, they do not stop the request
		return false
	}
	if w.gate == nil {
		w.unasked = append(w.unasked, h.String())
	} else {
		w.behind = append(w.behind, h.String())
	}
	return false
}

// enter brings the request to a gate. Behind it the way goes on, as for a request that passes.
func (w *walk) enter(raw json.RawMessage) (ended bool) {
	if w.gate != nil {
		w.nested = true
		return true
	}
	w.gate, w.facts = raw, facts(w.request)
	w.facts.Header = w.request.Header.Clone()
	return false
}

// run lets a handler do its work that only computes: it rewrites the request, or sets variables and headers, and then
// hands it on.
func (w *walk) run(name string, raw json.RawMessage) (ended bool) {
	own, err := withoutName(raw)
	if err != nil {
		return w.fail(err)
	}
	module, err := w.ctx.LoadModuleByID("http.handlers."+name, own)
	if err != nil {
		return w.fail(err)
	}
	handler, ok := module.(caddyhttp.MiddlewareHandler)
	if !ok {
		return w.fail(fmt.Errorf("module %T is no handler", module))
	}
	next := caddyhttp.HandlerFunc(func(_ http.ResponseWriter, r *http.Request) error {
		w.request = r
		return nil
	})
	if err := handler.ServeHTTP(unread{}, w.request, next); err != nil {
		return w.end("an error of the server, because " + name + " fails (" + err.Error() + ")")
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

// unread is an answer that nobody gets.
type unread struct{}

func (unread) Header() http.Header         { return http.Header{} }
func (unread) Write(p []byte) (int, error) { return len(p), nil }
func (unread) WriteHeader(int)             {}

// Interface guards
var _ http.ResponseWriter = unread{}
