package openapi

import (
	"fmt"
	"slices"
	"strings"

	"github.com/tollgate-gateway/tollgate/caddymodule/route"
)

// isVariant reports whether an operation is told from another one only by a query or a fragment in its path, "/files/{id}#rename", and
// needs the same: its requests are those of the other. One that needs something else stays, and is an error.
func (m *maker) isVariant(o *operation, full string) bool {
	template, _, cut := strings.Cut(strings.Replace(o.template, "?", "#", 1), "#")
	if !cut || !m.chosen(o.method, full) {
		return false
	}
	at := slices.IndexFunc(m.operations, func(other *operation) bool { return other.method == o.method && other.template == template })
	if at < 0 {
		return false
	}
	of, is := m.asked(m.operations[at]), m.asked(o)
	if of == nil || is == nil || !sameNeeds(of, is) || !m.chosen(o.method, strings.TrimSuffix(full, o.template)+template) {
		return false
	}
	m.variants = append(m.variants, fmt.Sprintf("%s: %s %s", o.source(), o.method, full))
	return true
}

// asked is what an operation needs, as a route; nil: that is an error, which is told elsewhere.
func (m *maker) asked(o *operation) *route.Route {
	n, err := m.needs(o)
	if err != nil {
		return nil
	}
	r := &route.Route{Scopes: n.scopes, Public: n.open && m.options.Public}
	if o.extend(r) != nil {
		return nil
	}
	return r
}

func sameNeeds(a, b *route.Route) bool {
	return slices.Equal(a.Scopes, b.Scopes) && a.Public == b.Public && a.Cost == b.Cost && a.Limit == b.Limit && a.BodyLimit == b.BodyLimit
}

// summed tells the first few of a list, and how many more there are; nil: there are none.
func summed(list []string, what string) (lines []string) {
	const most = 5
	for n, text := range list {
		if n == most {
			lines = append(lines, fmt.Sprintf("%d more: %s", len(list)-most, what))
			break
		}
		lines = append(lines, text+": "+what)
	}
	return lines
}
