package site

import (
	"encoding/json"

	"github.com/caddyserver/caddy/v2"
	"github.com/caddyserver/caddy/v2/caddyconfig"
	"github.com/caddyserver/caddy/v2/modules/caddyhttp"
)

// Loading reads a server that Caddy is loading, at the moment when one of its handlers is. Caddy forgets the text of a route's
// matchers and handlers once it has made them: of those that are made already it is written anew, as far as this package
// asks for it. The server itself is not touched.
func Loading(s *caddyhttp.Server) *Server {
	written := &caddyhttp.Server{Listen: s.Listen, Routes: rewritten(s.Routes), NamedRoutes: map[string]*caddyhttp.Route{}}
	for name, route := range s.NamedRoutes {
		if route != nil {
			again := rewrittenRoute(route)
			written.NamedRoutes[name] = &again
		}
	}
	return &Server{Name: s.Name(), Server: written}
}

func rewritten(routes caddyhttp.RouteList) caddyhttp.RouteList {
	again := make(caddyhttp.RouteList, len(routes))
	for n := range routes {
		again[n] = rewrittenRoute(&routes[n])
	}
	return again
}

func rewrittenRoute(route *caddyhttp.Route) caddyhttp.Route {
	again := caddyhttp.Route{Group: route.Group, Terminal: route.Terminal, MatcherSetsRaw: route.MatcherSetsRaw, HandlersRaw: route.HandlersRaw}
	if again.MatcherSetsRaw == nil {
		for _, set := range route.MatcherSets {
			again.MatcherSetsRaw = append(again.MatcherSetsRaw, rewrittenMatchers(set))
		}
	}
	if again.HandlersRaw == nil {
		for _, handler := range route.Handlers {
			again.HandlersRaw = append(again.HandlersRaw, rewrittenHandler(handler))
		}
	}
	return again
}

// rewrittenMatchers are the matchers of a set by their names. What is written of them is of use for those that are lists.
func rewrittenMatchers(set caddyhttp.MatcherSet) caddy.ModuleMap {
	again := caddy.ModuleMap{}
	for _, matcher := range set {
		name, raw := nameOf(matcher), json.RawMessage("null")
		switch matcher.(type) {
		case *caddyhttp.MatchHost, *caddyhttp.MatchPath, *caddyhttp.MatchMethod:
			raw = caddyconfig.JSON(matcher, nil)
		}
		again[name] = raw
	}
	return again
}

func rewrittenHandler(handler caddyhttp.MiddlewareHandler) json.RawMessage {
	name := nameOf(handler)
	if subroute, ok := handler.(*caddyhttp.Subroute); ok {
		handler = &caddyhttp.Subroute{Routes: rewritten(subroute.Routes)}
	}
	switch name {
	case "subroute", "invoke", "static_response", "error", "file_server", "reverse_proxy": // of which Read reads more than the name
		if own, err := json.Marshal(handler); err == nil {
			return withName(name, own)
		}
	}
	return withName(name, json.RawMessage("{}"))
}

// withName puts the word by which Caddy finds its module into a handler's JSON.
func withName(name string, own json.RawMessage) json.RawMessage {
	members := map[string]json.RawMessage{}
	if json.Unmarshal(own, &members) != nil || members == nil {
		members = map[string]json.RawMessage{}
	}
	members["handler"] = caddyconfig.JSON(name, nil)
	return caddyconfig.JSON(members, nil)
}

// nameOf is the last part of a module's id.
func nameOf(module any) string {
	if m, ok := module.(caddy.Module); ok {
		return m.CaddyModule().ID.Name()
	}
	return ""
}
