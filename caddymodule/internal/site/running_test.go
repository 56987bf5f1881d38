package site

import (
	"net/http"
	"testing"

	"github.com/caddyserver/caddy/v2/modules/caddyhttp"
	"github.com/stretchr/testify/require"
)

// passing is a handler to look for.
type passing struct{ _ int }

func (*passing) ServeHTTP(w http.ResponseWriter, r *http.Request, next caddyhttp.Handler) error {
	return next.ServeHTTP(w, r)
}

func TestNamed(t *testing.T) {
	t.Parallel()
	gate, other := &passing{}, &passing{}
	for name, c := range map[string]struct {
		hosts [][]string // of the sets of the route around the gate; nil in place of one: it matches no host
		more  caddyhttp.RouteList
		want  bool
	}{
		"a name":               {[][]string{{"api.example.com"}}, nil, true},
		"two sets":             {[][]string{{"a.example.com"}, {"b.example.com"}}, nil, true},
		"below a name":         {[][]string{{"*.example.com"}}, nil, true},
		"any":                  {nil, nil, false},
		"any in one set":       {[][]string{{"a.example.com"}, nil}, nil, false},
		"of one label":         {[][]string{{"*"}}, nil, false},
		"anybody's":            {[][]string{{"a.example.com", "*.com"}}, nil, false},
		"also without a name":  {[][]string{{"a.example.com"}}, caddyhttp.RouteList{{Handlers: []caddyhttp.MiddlewareHandler{gate}}}, false},
		"another without name": {[][]string{{"a.example.com"}}, caddyhttp.RouteList{{Handlers: []caddyhttp.MiddlewareHandler{other}}}, true},
		"by a named route":     {[][]string{{"a.example.com"}}, caddyhttp.RouteList{{Handlers: []caddyhttp.MiddlewareHandler{&caddyhttp.Invoke{Name: "shared"}}}}, false},
		"in a circle":          {[][]string{{"a.example.com"}}, caddyhttp.RouteList{{Handlers: []caddyhttp.MiddlewareHandler{&caddyhttp.Invoke{Name: "round"}}}}, false},
	} {
		t.Run(name, func(t *testing.T) {
			around := caddyhttp.Route{Handlers: []caddyhttp.MiddlewareHandler{&caddyhttp.Subroute{Routes: caddyhttp.RouteList{{Handlers: []caddyhttp.MiddlewareHandler{other, gate}}}}}}
			for _, hosts := range c.hosts {
				set := caddyhttp.MatcherSet{&caddyhttp.MatchMethod{"GET"}}
				if hosts != nil {
					m := caddyhttp.MatchHost(hosts)
					set = append(set, &m)
				}
				around.MatcherSets = append(around.MatcherSets, set)
			}
			s := &caddyhttp.Server{Routes: append(caddyhttp.RouteList{around}, c.more...), NamedRoutes: map[string]*caddyhttp.Route{
				"shared": {Handlers: []caddyhttp.MiddlewareHandler{gate}}, "round": {Handlers: []caddyhttp.MiddlewareHandler{&caddyhttp.Invoke{Name: "round"}}},
			}}
			require.Equal(t, c.want, Named(s, gate))
		})
	}
	require.False(t, Named(&caddyhttp.Server{}, gate), "it is not there")
}
