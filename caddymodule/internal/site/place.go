package site

import (
	"slices"

	"github.com/caddyserver/caddy/v2/modules/caddyhttp"
)

// Place is a gate where it stands among the handlers of its server.
type Place struct {
	Server *Server
	// Gate is the gate's handler.
	Gate Handler
	// Hosts are the names that the routes around the gate match, "*.example.com" among them; none: any.
	Hosts []string
	// Before and Behind are the handlers that a request of the gate may come to before and behind it, in their order.
	// Subroutes are not among them; what stands in them is.
	Before, Behind []Step
}

// Step is a handler on the way of a gate's requests.
type Step struct {
	Handler
	// Conditional says that a matcher decides whether a request of the gate comes to the handler.
	Conditional bool
}

// String names the place with its ports, for people.
func (p *Place) String() string { return p.Server.Label(p.Hosts) }

// Places finds the gates of the server, in their order.
func (s *Server) Places() ([]*Place, error) {
	r := reader{server: s}
	if err := r.routes(s.Routes, nil, nil); err != nil {
		return nil, err
	}
	var places []*Place
	for at := range r.found {
		if gate := &r.found[at]; gate.Effect() == Gate {
			places = append(places, r.place(at))
		}
	}
	return places, nil
}

// reader flattens the routes of a server.
type reader struct {
	server *Server
	depth  int
	found  []node
}

// node is a handler with the routes around it, the outermost first.
type node struct {
	Handler
	around []*caddyhttp.Route
	hosts  []string
}

func (r *reader) routes(routes caddyhttp.RouteList, around []*caddyhttp.Route, hosts []string) error {
	if r.depth++; r.depth > Deepest {
		return ErrTooDeep
	}
	defer func() { r.depth-- }()
	for n := range routes {
		route := &routes[n]
		inner, names := append(slices.Clip(around), route), Hosts(route, hosts)
		for _, raw := range route.HandlersRaw {
			h, err := Read(raw)
			if err != nil {
				return err
			}
			if err := r.handler(h, inner, names); err != nil {
				return err
			}
		}
	}
	return nil
}

func (r *reader) handler(h Handler, around []*caddyhttp.Route, hosts []string) error {
	switch h.Effect() {
	case Nests:
		return r.routes(h.Routes, around, hosts)
	case NestsNamed:
		routes, err := r.server.NamedRoute(h.Invokes)
		if err != nil {
			return nil // loading the configuration says so
		}
		return r.routes(routes, around, hosts)
	}
	r.found = append(r.found, node{Handler: h, around: around, hosts: hosts})
	return nil
}

// place gathers what stands before and behind the gate at an index.
func (r *reader) place(at int) *Place {
	gate := &r.found[at]
	p := &Place{Server: r.server, Gate: gate.Handler, Hosts: gate.hosts}
	for i := range r.found {
		other := &r.found[i]
		switch {
		case i == at || exclusive(other.around, gate.around):
		case i < at && !ends(other.around, gate.around):
			p.Before = append(p.Before, Step{other.Handler, mayPassBy(other.around, gate.around)})
		case i > at && !ends(gate.around, other.around):
			p.Behind = append(p.Behind, Step{other.Handler, mayPassBy(other.around, gate.around)})
		}
	}
	return p
}

// exclusive reports whether no request comes to both: two routes of one group, of which only the first that matches runs.
func exclusive(a, b []*caddyhttp.Route) bool {
	for _, one := range a {
		if one.Group == "" {
			continue
		}
		for _, other := range b {
			if one != other && one.Group == other.Group {
				return true
			}
		}
	}
	return false
}

// ends reports whether a request's way ends in the routes around the first handler, before it comes to the second.
func ends(first, second []*caddyhttp.Route) bool {
	return slices.ContainsFunc(first, func(route *caddyhttp.Route) bool {
		return route.Terminal && !slices.Contains(second, route)
	})
}

// mayPassBy reports whether matchers decide if a request of the gate comes to a handler: those of the routes around it
// which are not around the gate as well.
func mayPassBy(handler, gate []*caddyhttp.Route) bool {
	return slices.ContainsFunc(handler, func(route *caddyhttp.Route) bool {
		return conditional(route) && !slices.Contains(gate, route)
	})
}
