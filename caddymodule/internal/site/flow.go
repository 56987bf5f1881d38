package site

import (
	"encoding/json"
	"slices"
	"strings"

	"github.com/caddyserver/caddy/v2/modules/caddyhttp"
)

// flow stands for all requests that come to a place in the routes by ways of one kind. Flows of requests that were answered
// before are followed all the same: they tell what stands in front of what.
type flow struct {
	// gate is the gate that the requests have passed, and answered the handler that has answered them, behind that gate or,
	// where it is nil, unchecked.
	gate, answered *stop
	// passed is the last gate on the way, whether or not they had been answered before.
	passed *stop
	// groups are the groups of which a route was taken already, each in front of a line end.
	groups string
}

// stop is a handler with the routes around it, the outermost first, and the hosts that these match.
type stop struct {
	Handler
	around []*caddyhttp.Route
	// conditions are those of the routes that requests may pass by: for their matchers, or for another of their group.
	conditions []*caddyhttp.Route
	hosts      []string
}

// taken reports whether a route of the group was taken already.
func (f *flow) taken(group string) bool {
	return group != "" && strings.Contains("\n"+f.groups, "\n"+group+"\n")
}

// follower follows the flows through a server's routes, and looks at what comes to gates.
type follower struct {
	server *Server
	depth  int
	groups map[string]int // how many routes of the group there are in the lists around and the present one
	// dead is above 0 in routes to which no request comes: flows then show who takes them all before.
	dead     int
	findings []Finding
	arrivals []Arrival
}

// list follows the flows through routes, and gives those that come out at the end, and those whose way ends within.
func (w *follower) list(routes caddyhttp.RouteList, in []flow, at *stop) (out, ended []flow, err error) {
	if w.depth++; w.depth > Deepest {
		return nil, nil, ErrTooDeep
	}
	defer func() { w.depth-- }()
	for n := range routes {
		w.groups[routes[n].Group]++
	}
	out = in
	for n := range routes {
		var within []flow
		if out, within, err = w.route(&routes[n], out, ended, at); err != nil {
			return nil, nil, err
		}
		ended = append(ended, within...)
	}
	for n := range routes {
		w.groups[routes[n].Group]--
	}
	return w.forgetGroups(out), ended, nil
}

// route follows the flows through a route, those that enter it and those that pass by.
func (w *follower) route(route *caddyhttp.Route, in, endedBefore []flow, at *stop) (out, ended []flow, err error) {
	enter := slices.DeleteFunc(slices.Clone(in), func(f flow) bool { return f.taken(route.Group) })
	out = slices.DeleteFunc(slices.Clone(in), func(f flow) bool { return !f.taken(route.Group) })
	if len(enter) == 0 {
		w.dead++
		defer func() { w.dead-- }()
		_, _, err = w.handlers(route, slices.Concat(in, endedBefore), at)
		return out, nil, err
	}
	if conditional(route) {
		out = append(out, enter...)
	}
	if route.Group != "" {
		enter = slices.Clone(enter)
		for n := range enter {
			enter[n].groups += route.Group + "\n"
		}
	}
	through, ended, err := w.handlers(route, enter, at)
	if err != nil {
		return nil, nil, err
	}
	if route.Terminal {
		return distinct(out), append(ended, through...), nil
	}
	return distinct(append(out, through...)), ended, nil
}

// handlers follows the flows through the handlers of a route.
func (w *follower) handlers(route *caddyhttp.Route, flows []flow, at *stop) (out, ended []flow, err error) {
	here := stop{around: append(slices.Clip(at.around), route), conditions: at.conditions, hosts: Hosts(route, at.hosts)}
	if conditional(route) || w.groups[route.Group] > 1 && route.Group != "" {
		here.conditions = append(slices.Clip(at.conditions), route)
	}
	for _, raw := range route.HandlersRaw {
		h, err := Read(raw)
		if err != nil {
			return nil, nil, err
		}
		s, within := &stop{h, here.around, here.conditions, here.hosts}, []flow(nil)
		switch h.Effect() {
		case Nests:
			flows, within, err = w.list(h.Routes, flows, s)
		case NestsNamed:
			if routes, missing := w.server.NamedRoute(h.Invokes); missing == nil {
				flows, within, err = w.list(routes, flows, s)
			}
		case Gate:
			flows = w.gate(s, flows)
		case Manages:
			w.keys(s, flows)
		case Answers:
			w.arrive(s, flows)
			flows = answered(s, flows)
		}
		if err != nil {
			return nil, nil, err
		}
		ended = append(ended, within...)
	}
	return flows, ended, nil
}

// answered are the flows behind a handler that answers all that comes to it.
func answered(s *stop, in []flow) []flow {
	out := slices.Clone(in)
	for n := range out {
		if out[n].answered == nil {
			out[n].answered = s
		}
	}
	return distinct(out)
}

// forgetGroups takes the groups out of the flows that no list around has routes of.
func (w *follower) forgetGroups(flows []flow) []flow {
	for n := range flows {
		var kept string
		for group := range strings.Lines(flows[n].groups) {
			if w.groups[strings.TrimSuffix(group, "\n")] > 0 {
				kept += group
			}
		}
		flows[n].groups = kept
	}
	return distinct(flows)
}

// distinct are the flows, each once.
func distinct(flows []flow) []flow {
	seen := make(map[flow]bool, len(flows))
	return slices.DeleteFunc(flows, func(f flow) bool {
		twice := seen[f]
		seen[f] = true
		return twice
	})
}

// conditional reports whether matchers decide if a request that comes to the route enters it.
func conditional(route *caddyhttp.Route) bool {
	always := func(set map[string]json.RawMessage) bool {
		for name, raw := range set {
			if name != "path" || !matchesEveryPath(raw) {
				return false
			}
		}
		return true
	}
	for _, set := range route.MatcherSetsRaw {
		if always(set) {
			return false
		}
	}
	return len(route.MatcherSetsRaw) > 0
}

func matchesEveryPath(raw json.RawMessage) bool {
	var paths []string
	return json.Unmarshal(raw, &paths) == nil && (slices.Contains(paths, "*") || slices.Contains(paths, "/*"))
}

// takesPreflightsOnly reports whether nothing but the method OPTIONS enters the route.
func takesPreflightsOnly(route *caddyhttp.Route) bool {
	for _, set := range route.MatcherSetsRaw {
		var methods []string
		if json.Unmarshal(set["method"], &methods) != nil || len(methods) == 0 ||
			slices.ContainsFunc(methods, func(m string) bool { return m != "OPTIONS" }) {
			return false
		}
	}
	return len(route.MatcherSetsRaw) > 0
}
