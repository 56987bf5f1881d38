package describe

import (
	"fmt"
	"net/http"
	"slices"
	"strconv"
	"strings"

	"github.com/tollgate-gateway/tollgate/caddymodule/openapi"
	"github.com/tollgate-gateway/tollgate/caddymodule/route"
)

// operation is a method of a route, with what the document says of it.
type operation struct {
	route  *route.Route
	method string
	// path is the template, with braces.
	path string
	// described is nil where the document says nothing.
	described *openapi.Operation
	// names are what parameters of the document are called in the path, where it is another name.
	names map[string]string
	// id is unique among all operations; "": it has none.
	id string
}

// operations are those of all routes, in the order of the table, without those that nobody is told of.
// The error names what is excepted and is none: who misspelt it would tell of what it was to hide.
func (s *Site) operations(routes []*route.Route, replaced []route.Replaced) error {
	used := make([]bool, len(s.options.Except))
	replaces := map[*route.Route][]*route.Route{}
	for _, r := range replaced {
		replaces[r.By] = append(replaces[r.By], r.Route)
	}
	shapes, ids := map[string][]string{}, map[string]bool{}
	for _, r := range routes {
		for _, method := range r.Methods {
			if own(r) || method == http.MethodOptions || slices.Contains(r.Methods, http.MethodGet) && method == http.MethodHead {
				continue
			}
			o := &operation{route: r, method: method, described: openapi.OperationOf(r)}
			from := r
			for _, other := range replaces[r] {
				if slices.Contains(other.Methods, method) && !r.Whoami { // which the gateway answers: it is not what the document tells of
					o.described, from = openapi.OperationOf(other), other
				}
			}
			o.place(from, shapes)
			if s.excepts(o, used) {
				continue
			}
			if o.described != nil && o.described.ID != "" {
				o.id = o.described.ID
				for n := 2; ids[o.id]; n++ {
					o.id = o.described.ID + "_" + strconv.Itoa(n)
				}
				ids[o.id] = true
			}
			s.of[r] = append(s.of[r], o)
		}
	}
	for n, is := range used {
		if e := &s.options.Except[n]; !is {
			return fmt.Errorf("%sno operation that callers are told of is %s %s: correct or remove it", place(e.Source), strings.Join(e.Methods, ","), e.Path)
		}
	}
	return nil
}

// excepts reports whether nobody is told of an operation, and notes by which words.
func (s *Site) excepts(o *operation, used []bool) (is bool) {
	for n := range s.options.Except {
		if s.options.Except[n].Takes(o.method, o.path) {
			used[n], is = true, true
		}
	}
	return is
}

// place is where something was written, in front of an error.
func place(source string) string {
	if source == "" {
		return ""
	}
	return source + ": "
}

// own reports whether a route is no operation of the API: what describes it, MCP, and what says how to authenticate there.
func own(r *route.Route) bool {
	return r.Describes || r.MCP
}

// place sets the path. Its literals are those that requests have, its parameters are called as the document calls them, or as the first
// operation at such a path does: OpenAPI has one name for each.
func (o *operation) place(from *route.Route, shapes map[string][]string) {
	called := map[string]string{}
	if o.described != nil {
		for n := range o.described.Parameters {
			if p := &o.described.Parameters[n]; p.In == "path" {
				called[p.Segment] = p.Name
			}
		}
	}
	var names, shape []string
	segments := strings.Split(from.Pattern, "/")
	for n, segment := range segments {
		segments[n] = route.Literal(segment)
		name, is := strings.CutPrefix(segment, ":")
		if segment == "*" && n == len(segments)-1 {
			name, is = "rest", true
		}
		shape = append(shape, segment)
		if is {
			if as := called[name]; as != "" {
				name = as
			}
			names = append(names, name)
			shape[n] = "{}"
		}
	}
	key := strings.Join(shape, "/")
	shared, known := shapes[key]
	if !known {
		shared = unlike(names)
		shapes[key] = shared
	}
	o.names = map[string]string{}
	next := 0
	for n := range shape {
		if shape[n] == "{}" {
			o.names[names[next]] = shared[next]
			segments[n] = "{" + shared[next] + "}"
			next++
		}
	}
	o.path = strings.Join(segments, "/")
}

// unlike are names of which no two are one.
func unlike(names []string) []string {
	list := slices.Clone(names)
	for n := range list {
		for i := 2; slices.Contains(list[:n], list[n]); i++ {
			list[n] = names[n] + strconv.Itoa(i)
		}
	}
	return list
}

// below reports whether the last parameter of the path stands for any number of segments.
func (o *operation) below() bool { return strings.HasSuffix(o.route.Pattern, "/*") }

// scopes are what a key needs, as people read them: "konecty.{document}.create".
func (o *operation) scopes() []string {
	list := make([]string, len(o.route.Scopes))
	for n, scope := range o.route.Scopes {
		words := strings.Split(scope, ".")
		for i, word := range words {
			if name, is := strings.CutPrefix(word, ":"); is {
				words[i] = "{" + o.parameterOf(name) + "}"
			}
		}
		list[n] = strings.Join(words, ".")
	}
	return list
}

// parameterOf is what a parameter of the route is called here.
func (o *operation) parameterOf(segment string) string {
	for n, s := range strings.Split(o.route.Pattern, "/") {
		if s == ":"+segment {
			return strings.Trim(strings.Split(o.path, "/")[n], "{}")
		}
	}
	return segment
}

// summary is what it does, in a line; "": nobody says.
func (o *operation) summary() string {
	if o.described != nil {
		return line(o.described.Summary)
	}
	if o.route.Whoami {
		return "Who the key is, what is left of its limits, and which routes it may use; spends nothing"
	}
	return ""
}

func (o *operation) deprecated() bool {
	return o.described != nil && o.described.Deprecated || o.route.Deprecation != nil && !o.route.Deprecation.Deprecated.IsZero()
}

// visible are the operations of a caller, in order.
func (s *Site) visible(c *Caller) (list []*operation) {
	for r, methods := range c.Routes {
		for _, o := range s.of[r] {
			if slices.Contains(methods, o.method) {
				list = append(list, o)
			}
		}
	}
	return list
}
