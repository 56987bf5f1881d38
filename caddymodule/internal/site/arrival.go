package site

import (
	"encoding/json"
	"slices"

	"github.com/caddyserver/caddy/v2/modules/caddyhttp"
)

// Arrival is a handler that answers, and by which ways requests come to it.
type Arrival struct {
	Handler
	// Hosts are the names that the routes around it match, and Paths the paths of the innermost of them that names some; none: any.
	Hosts, Paths []string
	// Gated says that requests come to it through a gate, Ungated that some come past all gates. Preflights, which carry no
	// key, do not count.
	Gated, Ungated bool
}

// Arrivals tells of the handlers of the server to which requests come that they answer.
func (s *Server) Arrivals() ([]Arrival, error) {
	w := &follower{server: s, groups: map[string]int{}}
	if _, _, err := w.list(s.Routes, []flow{{}}, &stop{}); err != nil {
		return nil, err
	}
	return w.arrivals, nil
}

// arrive notes how requests come to a handler that answers them.
func (w *follower) arrive(s *stop, in []flow) {
	if w.dead > 0 {
		return
	}
	a := Arrival{Handler: s.Handler, Hosts: s.hosts, Paths: paths(s.around)}
	preflights := slices.ContainsFunc(s.around, takesPreflightsOnly)
	for _, f := range in {
		if f.answered == nil {
			a.Gated = a.Gated || f.gate != nil
			a.Ungated = a.Ungated || f.gate == nil && !preflights
		}
	}
	if a.Gated || a.Ungated {
		w.arrivals = append(w.arrivals, a)
	}
}

// paths are those of the innermost route that matches nothing but named paths.
func paths(around []*caddyhttp.Route) (all []string) {
	for _, route := range slices.Backward(around) {
		for _, set := range route.MatcherSetsRaw {
			var some []string
			_ = json.Unmarshal(set["path"], &some) // where it cannot be read, none is named
			all = append(all, some...)
		}
		if len(all) > 0 {
			return all
		}
	}
	return nil
}
