package caddymodule

import (
	"encoding/json"
	"fmt"
	"maps"
	"slices"
	"strconv"
	"strings"

	"github.com/caddyserver/caddy/v2"
	"github.com/caddyserver/caddy/v2/modules/caddyhttp"
)

// server is one of the configuration's HTTP servers, as it is written. Nothing of it is provisioned as a whole: that
// would open logs, make certificates and begin health checks.
type server struct {
	*caddyhttp.Server
	// httpPort is the port on which nothing is made HTTPS by itself.
	httpPort uint
}

// site is a place with a gate in it: names that a server answers to.
type site struct {
	server *server
	// hosts are the names, "*.example.com" among them; none: any.
	hosts []string
}

// String names the site with its ports, for people.
func (s *site) String() string {
	var names []string
	for _, listen := range s.server.Listen {
		a, err := caddy.ParseNetworkAddress(listen)
		if err != nil || a.IsUnixNetwork() || a.IsFdNetwork() || len(s.hosts) == 0 {
			names = append(names, listen)
			continue
		}
		for _, host := range s.hosts {
			names = append(names, host+":"+port(&a))
		}
	}
	return strings.Join(names, ",")
}

// port is the one that an address listens on, or the range of them.
func port(a *caddy.NetworkAddress) string {
	first := strconv.FormatUint(uint64(a.StartPort), 10)
	if a.EndPort == a.StartPort {
		return first
	}
	return first + "-" + strconv.FormatUint(uint64(a.EndPort), 10)
}

// host is a name by which the site can be asked.
func (s *site) host() string {
	if len(s.hosts) == 0 {
		return "localhost"
	}
	host := s.hosts[0]
	for _, other := range s.hosts {
		if !strings.Contains(other, "*") {
			host = other
			break
		}
	}
	return strings.ReplaceAll(caddy.NewReplacer().ReplaceAll(host, ""), "*", "any")
}

// servers reads the configuration's HTTP servers, by their names.
func (c *configuration) servers() (servers []*server, err error) {
	var http struct {
		HTTPPort uint                         `json:"http_port"`
		Servers  map[string]*caddyhttp.Server `json:"servers"`
	}
	if raw := c.apps["http"]; raw != nil {
		if err := json.Unmarshal(raw, &http); err != nil {
			return nil, fmt.Errorf("reading configuration %s: %w", c.file, err)
		}
	}
	if http.HTTPPort == 0 {
		http.HTTPPort = caddyhttp.DefaultHTTPPort
	}
	for _, name := range slices.Sorted(maps.Keys(http.Servers)) {
		s := &server{Server: http.Servers[name], httpPort: http.HTTPPort}
		if s.Server == nil {
			continue
		}
		for n, listen := range s.Listen {
			s.Listen[n] = caddy.NewReplacer().ReplaceAll(listen, "") // as Caddy does when it loads the configuration
		}
		servers = append(servers, s)
	}
	return servers, nil
}

// sites finds the places that have a gate, each once.
func (c *configuration) sites(servers []*server) (sites []*site, err error) {
	seen := make(map[string]bool)
	for _, s := range servers {
		err := s.gates(s.Routes, nil, 0, func(hosts []string) {
			found := &site{server: s, hosts: hosts}
			if name := found.String(); !seen[name] {
				seen[name] = true
				sites = append(sites, found)
			}
		})
		if err != nil {
			return nil, fmt.Errorf("reading configuration %s: %w", c.file, err)
		}
	}
	return sites, nil
}

// gates finds the gates in routes and in the routes within them. Hosts are those that the routes around them match.
func (s *server) gates(routes caddyhttp.RouteList, hosts []string, depth int, found func(hosts []string)) error {
	if depth > deepest {
		return errTooDeep
	}
	for _, route := range routes {
		inner := hostsOf(&route, hosts)
		for _, raw := range route.HandlersRaw {
			if err := s.gatesWithin(raw, inner, depth, found); err != nil {
				return err
			}
		}
	}
	return nil
}

// gatesWithin reports the gate that a handler is, or those within it.
func (s *server) gatesWithin(raw json.RawMessage, hosts []string, depth int, found func(hosts []string)) error {
	h, err := readHandler(raw)
	switch {
	case err != nil:
		return err
	case h.Handler == "tollgate":
		found(hosts)
	case h.Handler == "subroute":
		return s.gates(h.Routes, hosts, depth+1, found)
	case h.Handler == "invoke" && s.NamedRoutes[h.Name] != nil:
		return s.gates(caddyhttp.RouteList{*s.NamedRoutes[h.Name]}, hosts, depth+1, found)
	}
	return nil
}

// hostsOf are the names that a route matches, or those around it where it says none.
func hostsOf(route *caddyhttp.Route, around []string) []string {
	var hosts []string
	for _, set := range route.MatcherSetsRaw {
		var names []string
		if json.Unmarshal(set["host"], &names) != nil || len(names) == 0 {
			return around
		}
		hosts = append(hosts, names...)
	}
	if hosts == nil {
		return around
	}
	return hosts
}

// destination is where a request comes to.
type destination struct {
	server *server
	// address is the request's, complete.
	address address
	// redirected says that Caddy sends such a request to HTTPS by itself, unless a site of its port names the host.
	redirected bool
}

// destination finds the server that a request comes to.
func (c *configuration) destination(a address) (d destination, err error) {
	servers, err := c.servers()
	if err != nil {
		return d, err
	}
	sites, err := c.sites(servers)
	switch {
	case err != nil:
		return d, err
	case len(sites) == 0:
		return d, fmt.Errorf("configuration %s has no site with a tollgate directive", c.file)
	case a.host == "" && len(sites) > 1:
		return d, fmt.Errorf("configuration %s has %d sites: write a URL instead of a path; they are %s", c.file, len(sites), words(sites))
	case a.host == "":
		a.host, a.scheme = sites[0].host(), sites[0].scheme()
		return destination{server: sites[0].server, address: a}, nil
	}
	name, port, err := a.hostPort()
	if err != nil {
		return d, err
	}
	d = destination{address: a, redirected: a.scheme == "http" && redirects(servers, name, port)}
	d.server, err = listener(servers, name, port)
	switch {
	case err != nil || d.server != nil:
		return d, err
	case d.redirected:
		return d, fmt.Errorf("configuration %s has no site for http://%s: Caddy redirects it to https by itself", c.file, a.host)
	}
	return d, fmt.Errorf("configuration %s has no site for %s://%s: they are %s", c.file, a.scheme, a.host, words(sites))
}

// redirects reports whether Caddy redirects requests for a name to HTTPS, which it does on the HTTP port for sites that it
// serves by HTTPS of its own accord.
func redirects(servers []*server, name string, port uint) bool {
	_, parent, _ := strings.Cut(name, ".")
	for _, s := range servers {
		if auto := s.AutoHTTPS; port != s.httpPort || auto != nil && (auto.Disabled || auto.DisableRedir) {
			continue
		}
		for _, route := range s.Routes {
			here := &site{server: s, hosts: hostsOf(&route, nil)}
			if here.scheme() == "https" && slices.ContainsFunc(here.hosts, func(host string) bool {
				return strings.EqualFold(host, name) || strings.EqualFold(host, "*."+parent)
			}) {
				return true
			}
		}
	}
	return false
}

// scheme is how the site is asked: by HTTPS where Caddy was told so, or makes it so by itself.
func (s *site) scheme() string {
	auto := s.server.AutoHTTPS
	byItself := len(s.hosts) > 0 && !s.server.listensOn(s.server.httpPort) &&
		(auto == nil || !auto.Disabled && !slices.Contains(auto.Skip, s.hosts[0]))
	if byItself || len(s.server.TLSConnPolicies) > 0 {
		return "https"
	}
	return "http"
}

// listener is the server that listens on the port, or nil. Of several on one port it is the one bound to the
// very address, or the one that is bound to none.
func listener(servers []*server, name string, port uint) (*server, error) {
	var bound, open, other []*server
	for _, s := range servers {
		for _, text := range s.Listen {
			l, err := caddy.ParseNetworkAddress(text)
			if err != nil || l.StartPort > port || port > l.EndPort {
				continue
			}
			switch l.Host {
			case name:
				bound = append(bound, s)
			case "", "0.0.0.0", "::":
				open = append(open, s)
			default:
				other = append(other, s)
			}
		}
	}
	for _, list := range [][]*server{bound, open, other} {
		list = slices.Compact(list)
		if len(list) > 1 {
			return nil, fmt.Errorf("several servers of the configuration listen on port %d, each on addresses of its own: write the address in place of the name", port)
		}
		if len(list) == 1 {
			return list[0], nil
		}
	}
	return nil, nil
}

func (s *server) listensOn(port uint) bool {
	return slices.ContainsFunc(s.Listen, func(text string) bool {
		a, err := caddy.ParseNetworkAddress(text)
		return err == nil && a.StartPort <= port && port <= a.EndPort
	})
}
