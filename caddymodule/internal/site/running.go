package site

import (
	"slices"
	"strings"

	"github.com/caddyserver/caddy/v2/modules/caddyhttp"
)

// Named reports whether a running server hands requests to a handler only by routes that name their hosts. No caller can then
// choose the host: it is one of the operator's.
func Named(s *caddyhttp.Server, handler caddyhttp.MiddlewareHandler) bool {
	w := namedWalk{server: s, handler: handler}
	w.routes(s.Routes, false)
	return w.found && !w.unnamed
}

type namedWalk struct {
	server         *caddyhttp.Server
	handler        caddyhttp.MiddlewareHandler
	depth          int
	found, unnamed bool
}

func (w *namedWalk) routes(routes caddyhttp.RouteList, named bool) {
	if w.depth++; w.depth > Deepest {
		w.unnamed = true
		return
	}
	defer func() { w.depth-- }()
	for n := range routes {
		route := &routes[n]
		inside := named || namesHosts(route.MatcherSets)
		for _, h := range route.Handlers {
			switch nested := h.(type) {
			case *caddyhttp.Subroute:
				w.routes(nested.Routes, inside)
			case *caddyhttp.Invoke:
				if route := w.server.NamedRoutes[nested.Name]; route != nil {
					w.routes(caddyhttp.RouteList{*route}, inside)
				}
			}
			if h == w.handler {
				w.found, w.unnamed = true, w.unnamed || !inside
			}
		}
	}
}

// namesHosts reports whether each of the sets wants a host of certain names: "*" and "*.com" are anybody's.
func namesHosts(sets caddyhttp.MatcherSets) bool {
	for _, set := range sets {
		if !slices.ContainsFunc(set, func(matcher any) bool {
			hosts, is := matcher.(*caddyhttp.MatchHost)
			return is && len(*hosts) > 0 && !slices.ContainsFunc(*hosts, anybodys)
		}) {
			return false
		}
	}
	return len(sets) > 0
}

func anybodys(host string) bool {
	labels := strings.Split(host, ".")
	return strings.Contains(host, "*") && slices.ContainsFunc(labels[max(0, len(labels)-2):], func(label string) bool { return strings.Contains(label, "*") })
}
