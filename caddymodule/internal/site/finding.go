package site

import (
	"fmt"
	"slices"

	"github.com/caddyserver/caddy/v2/modules/caddyhttp"
)

// Finding is something about the place of a gate, or of tollgate_keys, that opens or closes an API by mistake.
type Finding struct {
	// Fatal findings leave an API open, or a gate or tollgate_keys that can never work. Others may be meant so.
	Fatal bool
	// Place is where it is, and Text says that first, then what it is, and what to do.
	Place, Text string
}

// Findings looks at what stands before each gate of the server, and before each tollgate_keys. What matchers have in common
// is not known: of two handlers that stand behind matchers of their own it says nothing.
func (s *Server) Findings() ([]Finding, error) {
	w := &follower{server: s, groups: map[string]int{}}
	if _, _, err := w.list(s.Routes, []flow{{}}, &stop{}); err != nil {
		return nil, err
	}
	return w.findings, nil
}

func (w *follower) find(fatal bool, at *stop, format string, args ...any) {
	found := Finding{Fatal: fatal, Place: w.place(at), Text: w.place(at) + ": " + fmt.Sprintf(format, args...)}
	if !slices.Contains(w.findings, found) {
		w.findings = append(w.findings, found)
	}
}

// place is the file and line of a handler of ours, or, where the configuration was not made from a Caddyfile, its site.
func (w *follower) place(at *stop) string {
	if at.Source != "" {
		return at.Source
	}
	return fmt.Sprintf("server %s, %s of %s", w.server.Name, at.Name, w.server.Label(at.hosts))
}

// gate looks at what comes to a gate, and gives the flows behind it.
func (w *follower) gate(g *stop, in []flow) []flow {
	waiting := slices.ContainsFunc(in, func(f flow) bool { return f.answered == nil })
	unchecked := slices.ContainsFunc(in, func(f flow) bool { return f.answered != nil && f.gate == nil })
	for _, f := range in {
		switch {
		case f.gate != nil:
			if w.dead == 0 && (f.answered == nil || !waiting && !unchecked) && meet(f.gate, g) {
				w.find(true, g, "this gate stands behind the one at %s in the same chain, and refuses all that comes to it: keep one of the two, or put each into a handle of its own", w.place(f.gate))
			}
		case f.answered == nil:
		case !waiting:
			w.unreached(g, f.answered)
		case w.dead == 0 && meet(f.answered, g) && !f.answered.refuses() && !f.answered.answersPreflights(g):
			w.find(false, g, "%s stands before this gate and answers unchecked what its matcher takes: put the gate before it, and write what is public as public routes", f.answered)
		}
	}
	out := slices.Clone(in)
	for n := range out {
		if out[n].passed = g; out[n].answered == nil {
			out[n].gate = g
		}
	}
	return distinct(out)
}

// unreached tells of a gate to which no request comes, because a handler answers them all.
func (w *follower) unreached(g, by *stop) {
	if by.refuses() {
		w.find(false, g, "%s stands before this gate and answers every request: none comes to the gate", by)
		return
	}
	w.find(true, g, "%s stands before this gate and answers every request unchecked, so that the gate protects nothing: put the gate before it", by)
}

// meet reports whether some requests come to both handlers for certain: all that come to one of them come to the other.
// Where each stands behind matchers of its own, these may exclude each other, and nothing is said.
func meet(one, other *stop) bool {
	return one.within(other.around) || other.within(one.around)
}

// within reports whether all that comes through routes comes to the handler, unless it was answered or turned off before.
func (s *stop) within(routes []*caddyhttp.Route) bool {
	return !slices.ContainsFunc(s.conditions, func(route *caddyhttp.Route) bool { return !slices.Contains(routes, route) })
}

// keys looks at what comes to tollgate_keys.
func (w *follower) keys(k *stop, in []flow) {
	if w.dead == 0 && !slices.ContainsFunc(in, func(f flow) bool { return f.passed != nil }) {
		w.find(true, k, "tollgate_keys stands behind no gate, so that nobody knows who asks: put a tollgate directive before it, with routes for its path")
	}
}

// answersPreflights reports whether a handler before a gate is there for CORS preflights alone, which carry no key.
func (s *stop) answersPreflights(gate *stop) bool {
	return slices.ContainsFunc(s.around, func(route *caddyhttp.Route) bool {
		return !slices.Contains(gate.around, route) && takesPreflightsOnly(route)
	})
}
