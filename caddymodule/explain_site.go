package caddymodule

import (
	"encoding/json"
	"fmt"
	"maps"
	"slices"
	"strings"

	"github.com/caddyserver/caddy/v2"
	"go.uber.org/zap"
)

// site is a gate of the configuration and the requests that come to it.
type site struct {
	// listen are the addresses of its server.
	listen []string
	// hosts are the names it answers to, "*.example.com" among them; none: any.
	hosts []string

	raw json.RawMessage
}

// handler builds the site's handler, as loading the configuration would.
func (s *site) handler(app *App) (*Handler, error) {
	var named map[string]json.RawMessage
	if err := json.Unmarshal(s.raw, &named); err != nil {
		return nil, err
	}
	delete(named, "handler") // the word by which Caddy finds the module
	raw, err := json.Marshal(named)
	if err != nil {
		return nil, err
	}
	h := &Handler{logger: zap.NewNop()} // no request will come
	if err := caddy.StrictUnmarshalJSON(raw, h); err != nil {
		return nil, err
	}
	return h, h.join(app)
}

// String names the site, for people.
func (s *site) String() string {
	if len(s.hosts) > 0 {
		return strings.Join(s.hosts, ",")
	}
	return strings.Join(s.listen, ",")
}

// host is a name by which the site can be asked.
func (s *site) host() string {
	for _, host := range s.hosts {
		if !strings.Contains(host, "*") {
			return host
		}
	}
	return "localhost"
}

// Parts of Caddy's JSON: what a site is found by.
type (
	serverJSON struct {
		Listen []string    `json:"listen"`
		Routes []routeJSON `json:"routes"`
	}
	routeJSON struct {
		Match []struct {
			Host []string `json:"host"`
		} `json:"match"`
		Handle []json.RawMessage `json:"handle"`
	}
	subrouteJSON struct {
		Routes []routeJSON `json:"routes"`
	}
)

// sites finds all gates of the configuration.
func (c *configuration) sites() (sites []*site, err error) {
	var http struct {
		Servers map[string]serverJSON `json:"servers"`
	}
	if raw := c.apps["http"]; raw != nil {
		if err := json.Unmarshal(raw, &http); err != nil {
			return nil, fmt.Errorf("reading configuration %s: %w", c.file, err)
		}
	}
	for _, name := range slices.Sorted(maps.Keys(http.Servers)) {
		server := http.Servers[name]
		found, err := gates(server.Routes, server.Listen, nil)
		if err != nil {
			return nil, fmt.Errorf("reading configuration %s: %w", c.file, err)
		}
		sites = append(sites, found...)
	}
	return sites, nil
}

// gates finds the gates in routes and in the routes within them. Hosts are those that the routes around them match.
func gates(routes []routeJSON, listen, hosts []string) (sites []*site, err error) {
	for _, route := range routes {
		inner := hosts
		for _, match := range route.Match {
			if len(match.Host) > 0 {
				inner = match.Host
			}
		}
		for _, raw := range route.Handle {
			found, err := gatesWithin(raw, listen, inner)
			if err != nil {
				return nil, err
			}
			sites = append(sites, found...)
		}
	}
	return sites, nil
}

// gatesWithin is the gate that a handler is, or those within it.
func gatesWithin(raw json.RawMessage, listen, hosts []string) ([]*site, error) {
	var named struct {
		Handler string `json:"handler"`
	}
	if err := json.Unmarshal(raw, &named); err != nil {
		return nil, err
	}
	switch named.Handler {
	case "tollgate":
		return []*site{{listen: listen, hosts: hosts, raw: raw}}, nil
	case "subroute":
		var within subrouteJSON
		if err := json.Unmarshal(raw, &within); err != nil {
			return nil, err
		}
		return gates(within.Routes, listen, hosts)
	}
	return nil, nil
}

// site finds the gate that a request would come to.
func (c *configuration) site(a address) (*site, error) {
	sites, err := c.sites()
	switch {
	case err != nil:
		return nil, err
	case len(sites) == 0:
		return nil, fmt.Errorf("configuration %s has no site with a tollgate directive", c.file)
	case a.host == "" && len(sites) == 1:
		return sites[0], nil
	case a.host == "":
		return nil, fmt.Errorf("configuration %s has %d sites: write a URL instead of a path; they are %s", c.file, len(sites), words(sites))
	}
	return nearest(sites, a, c.file)
}

// nearest is the site that names the host best, among those that listen on the port.
func nearest(sites []*site, a address, file string) (*site, error) {
	name, port, err := a.hostPort()
	if err != nil {
		return nil, err
	}
	var best *site
	found := 0
	for _, s := range sites {
		precision := s.precision(name)
		switch {
		case precision == 0 || !s.listensOn(port):
		case precision == found:
			return nil, fmt.Errorf("configuration %s has several gates for %s: explain can't tell them apart", file, a.host)
		case precision > found:
			best, found = s, precision
		}
	}
	if best == nil {
		return nil, fmt.Errorf("configuration %s has no site for %s://%s: they are %s", file, a.scheme, a.host, words(sites))
	}
	return best, nil
}

// precision is how well the site names a host: 3 by itself, 2 by a wildcard, 1 where it takes any, 0 not at all.
func (s *site) precision(name string) (best int) {
	if len(s.hosts) == 0 {
		return 1
	}
	_, parent, _ := strings.Cut(name, ".")
	for _, host := range s.hosts {
		switch wildcard, found := strings.CutPrefix(host, "*."); {
		case strings.EqualFold(host, name):
			return 3
		case found && strings.EqualFold(wildcard, parent):
			best = 2
		}
	}
	return best
}

func (s *site) listensOn(port uint) bool {
	for _, text := range s.listen {
		if a, err := caddy.ParseNetworkAddress(text); err == nil && a.StartPort <= port && port <= a.EndPort {
			return true
		}
	}
	return false
}
