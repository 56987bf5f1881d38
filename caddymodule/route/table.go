package route

import (
	"errors"
	"fmt"
	"net/http"
	"slices"
	"strings"

	"github.com/tollgate-gateway/tollgate/caddymodule/record"
)

// Table finds routes. It is immutable and may be used by any number of goroutines.
type Table struct {
	root   node
	routes []*Route
}

// Routes are all of them, in the order in which they were given: the very ones that a Match names.
func (t *Table) Routes() []*Route { return t.routes }

// node is a place in the tree: what comes after certain segments, literals taken in folded form.
type node struct {
	literals map[string]*node // by the folded literal, and by the literal itself
	param    *node
	ends     []*entry // the routes whose templates end here, with or without a final slash
	tails    []*entry // the routes whose templates end here in '*'
}

// entry is a route as the table keeps it.
type entry struct {
	route   Route
	pattern pattern
	filled  bool // there are parameters in its scopes
	// standsBack says that another route may take its place.
	standsBack bool
}

// New checks the routes and builds their table.
func New(routes []*Route) (*Table, error) {
	t, _, err := NewOver(routes, nil)
	return t, err
}

// Replaced is a route that stands back behind another one, which matches its requests with the same precision.
type Replaced struct{ Route, By *Route }

// NewOver checks the routes and builds their table, with others that stand back: a route by which all requests of one of the
// others are matched with the same precision takes its place.
func NewOver(routes, others []*Route) (t *Table, replaced []Replaced, err error) {
	if n := len(routes) + len(others); n > MaxRoutes {
		return nil, nil, fmt.Errorf("building the route table: %d routes are too many, at most %d are allowed", n, MaxRoutes)
	}
	t = &Table{}
	for n, r := range slices.Concat(routes, others) {
		e, err := newEntry(r)
		if err == nil {
			e.standsBack = n >= len(routes)
			var by *entry
			if by, err = t.add(e); r.Closed {
				err = nil // there is a route for these requests
			} else if by != nil {
				replaced = append(replaced, Replaced{&e.route, &by.route})
			}
		}
		if err != nil {
			prefix := ""
			if r.Source != "" {
				prefix = r.Source + ": "
			}
			return nil, nil, fmt.Errorf("%sreading route %q: %w", prefix, r.Pattern, err)
		}
	}
	return t, replaced, nil
}

func newEntry(r *Route) (*entry, error) {
	if err := checkMethods(r.Methods); err != nil {
		return nil, err
	}
	p, err := parsePattern(r.Pattern)
	if err != nil {
		return nil, err
	}
	filled, err := checkScopes(r.Scopes, &p)
	if err != nil {
		return nil, err
	}
	if err := checkNeeds(r); err != nil {
		return nil, err
	}
	e := &entry{route: *r, pattern: p, filled: filled}
	e.route.Methods, e.route.Scopes = slices.Clone(r.Methods), slices.Clone(r.Scopes)
	if r.Deprecation != nil {
		if e.route.Deprecation, err = r.Deprecation.ready(); err != nil {
			return nil, err
		}
	}
	if e.route.Cost == 0 && !r.Public && !r.Whoami && !r.Describes && !r.MCP {
		e.route.Cost = 1
	}
	return e, nil
}

func checkMethods(methods []string) error {
	if len(methods) == 0 {
		return errors.New("it has no method: write at least one, such as GET")
	}
	for i, method := range methods {
		switch {
		case method == "*" || strings.EqualFold(method, "ANY") || strings.EqualFold(method, "ALL"):
			return fmt.Errorf("%q is not a method, and there is no word for all of them: list those that the route takes, such as GET,POST,PUT,PATCH,DELETE", method)
		case method == http.MethodTrace, method == http.MethodConnect:
			return fmt.Errorf("method %s cannot be routed: APIs do not use it", method)
		case method == "" || strings.Trim(method, "ABCDEFGHIJKLMNOPQRSTUVWXYZ-") != "":
			return fmt.Errorf("method %q is not valid: write capitals, such as GET or GET,POST", method)
		case slices.Contains(methods[:i], method):
			return fmt.Errorf("method %s is listed twice: keep one of them", method)
		}
	}
	return nil
}

// checkNeeds checks what the route asks of a request: cost and body, and that nothing is asked where it would not be heeded.
func checkNeeds(r *Route) error {
	kind := "a public"
	switch {
	case r.Whoami:
		kind = "a whoami"
	case r.Describes:
		kind = "a describing"
	}
	switch {
	case r.Public && r.Whoami:
		return errors.New("a whoami route cannot be public: it tells a key about itself")
	case r.Describes && (r.Public || r.Whoami):
		return errors.New("a route that describes is neither public nor whoami: it tells each caller something else")
	case r.Cost < 0 || r.Cost > record.MaxLimit:
		return fmt.Errorf("cost %d is not valid: write 1 to %d", r.Cost, int64(record.MaxLimit))
	case r.BodyLimit < 0:
		return fmt.Errorf("body limit %d is not valid: write a size of at least 1 byte", r.BodyLimit)
	case r.Limit != (record.Window{}) && !r.Public && !r.Describes:
		return errors.New("a limit by client address is for public routes: what a key may use, the windows of its plan say")
	case r.MCP && (r.Whoami || r.Describes || len(r.Scopes) > 0 || r.BodyLimit > 0):
		return errors.New("a route of mcp is no whoami and does not describe, and takes neither scopes nor body")
	case !r.Public && !r.Whoami && !r.Describes:
		return nil
	case len(r.Scopes) > 0:
		return fmt.Errorf("%s route needs no scopes: remove %s", kind, strings.Join(r.Scopes, " "))
	case r.Cost > 0:
		return fmt.Errorf("%s route spends nothing: remove the cost", kind)
	case r.BodyLimit > 0:
		return fmt.Errorf("%s route asks no policy: remove the body limit", kind)
	}
	return nil
}

// add puts the route in its place. Where another route matches the same requests with the same precision it fails, or, if e
// stands back and all of its requests are matched, leaves it out and returns the other.
func (t *Table) add(e *entry) (by *entry, err error) {
	n := &t.root
	place := &n.ends
	for _, s := range e.pattern.segments {
		if s.name == wildcard {
			place = &n.tails
			break
		}
		n = n.grow(s)
		place = &n.ends
	}
	for _, other := range *place {
		if method := e.shares(other); method != "" && e.pattern.equal(&other.pattern) {
			if e.standsBack && !other.standsBack && !slices.ContainsFunc(e.route.Methods, func(m string) bool { return !other.takes(m) }) {
				return other, nil
			}
			return nil, fmt.Errorf("%s requests match route %q of %s with the same precision: remove one of them",
				method, other.route.Pattern, other.source())
		}
	}
	*place = append(*place, e)
	if !e.route.Closed {
		t.routes = append(t.routes, &e.route)
	}
	return nil, nil
}

// grow gives the node behind a segment, made where it is missing.
func (n *node) grow(s segment) *node {
	if s.name != "" {
		if n.param == nil {
			n.param = &node{}
		}
		return n.param
	}
	if n.literals == nil {
		n.literals = map[string]*node{}
	}
	folded := fold(s.literal)
	child := n.literals[folded]
	if child == nil {
		child = &node{}
		n.literals[folded] = child
	}
	n.literals[s.literal] = child
	return child
}

// takes reports whether the route takes a method. HEAD counts as GET.
func (e *entry) takes(method string) bool {
	return slices.Contains(e.route.Methods, method) ||
		method == http.MethodHead && slices.Contains(e.route.Methods, http.MethodGet)
}

// shares gives a method that both routes take, or "".
func (e *entry) shares(other *entry) string {
	for _, method := range append(slices.Clone(e.route.Methods), http.MethodHead) {
		if e.takes(method) && other.takes(method) {
			return method
		}
	}
	return ""
}

// source is where the route was written, for errors.
func (e *entry) source() string {
	if e.route.Source == "" {
		return "the same table"
	}
	return e.route.Source
}
