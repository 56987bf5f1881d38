package route

import "strings"

// Match finds the route of a method and a path, the Path of a target.Target, and fills m with it. It reports false for
// an unknown route, and leaves m.Route nil.
//
// The one error is ErrScopeParam, for a parameter that cannot stand in a needed scope. Then nothing is found either, so
// that no caller takes the request for one that needs no scope, but m.Route and m.Params tell which route it was.
func (t *Table) Match(method, path string, m *Match) (found bool, err error) {
	m.Route, m.Scopes, m.Params = nil, nil, m.Params[:0]
	if path == "" {
		return false, nil
	}
	s := search{method: method, path: path, params: m.Params}
	e, _ := s.below(&t.root, path[1:])
	if e != nil && e.route.Closed { // a route that does not stand back may take its requests
		s = search{method: method, path: path, params: m.Params, firm: true}
		e, _ = s.below(&t.root, path[1:])
	}
	if e == nil {
		return false, nil
	}
	m.Route, m.Params = &e.route, s.params
	if e.filled {
		if err := fillScopes(e.route.Scopes, m); err != nil {
			return false, err
		}
		return true, nil
	}
	m.Scopes = e.route.Scopes
	return true, nil
}

// search is the walk of one request through the tree.
type search struct {
	method, path string
	params       []Param
	firm         bool // routes that stand back are not looked at
	entered      int  // nodes; the tests hold it against the size of the tree
}

// below looks for the rest of a path below a node, in the order of precision; a final slash makes no difference here. It
// reports decided once a place settles the request, for a route or, e being nil, as unknown.
func (s *search) below(n *node, rest string) (e *entry, decided bool) {
	s.entered++
	if rest == "" {
		e, decided = s.at(n.ends)
		return e, decided || len(n.ends) == 0 && len(n.tails) > 0 // "/a" and "/a/" below "/a/*"
	}
	segment, after, _ := strings.Cut(rest, "/")
	if child := n.child(segment); child != nil {
		if e, decided = s.below(child, after); decided {
			return e, true
		}
	}
	if n.param != nil {
		if e, decided = s.below(n.param, after); decided {
			return e, true
		}
	}
	return s.at(n.tails)
}

// at chooses among the routes of one place: they have the same precision, and their templates match the path in some
// spelling. A route in the path's own spelling that takes the method is found. Where only the method is in the way, less
// precise routes may follow; where a route has another spelling, none may, whatever the methods.
func (s *search) at(entries []*entry) (e *entry, decided bool) {
	for _, e := range entries {
		if s.firm && e.standsBack {
			continue
		}
		params, exact := e.pattern.read(s.path, s.params[:0])
		switch {
		case !exact:
			decided = true
		case e.takes(s.method):
			s.params = params
			return e, true
		}
	}
	return nil, decided
}
