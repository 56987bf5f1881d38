// Package site reads the routes of a configuration's HTTP servers as they are written, without provisioning or running
// anything: where the gates are, and which handlers stand before, around and behind each. A handler that it does not know
// is called unknown.
package site

import (
	"encoding/json"
	"errors"
	"fmt"
	"maps"
	"slices"
	"strconv"
	"strings"

	"github.com/caddyserver/caddy/v2"
	"github.com/caddyserver/caddy/v2/modules/caddyhttp"
)

// Server is one of the configuration's HTTP servers, as it is written. Nothing of it is provisioned as a whole: that
// would open logs, make certificates and begin health checks.
type Server struct {
	// Name is the server's in the configuration.
	Name string
	*caddyhttp.Server
}

// Servers reads the servers of the http app's JSON, by their names. There are none in a configuration without the app.
func Servers(app json.RawMessage) (servers []*Server, err error) {
	if app == nil {
		return nil, nil
	}
	var http struct {
		Servers map[string]*caddyhttp.Server `json:"servers"`
	}
	if err := json.Unmarshal(app, &http); err != nil {
		return nil, err
	}
	for _, name := range slices.Sorted(maps.Keys(http.Servers)) {
		s := &Server{Name: name, Server: http.Servers[name]}
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

// ListensOn reports whether the server listens on a port, on any address.
func (s *Server) ListensOn(port uint) bool {
	return slices.ContainsFunc(s.Listen, func(text string) bool {
		a, err := caddy.ParseNetworkAddress(text)
		return err == nil && a.StartPort <= port && port <= a.EndPort
	})
}

// Label names a place of the server with its ports, for people: the hosts, or, where there are none, what it listens on.
func (s *Server) Label(hosts []string) string {
	var names []string
	for _, listen := range s.Listen {
		a, err := caddy.ParseNetworkAddress(listen)
		if err != nil || a.IsUnixNetwork() || a.IsFdNetwork() || len(hosts) == 0 {
			names = append(names, listen)
			continue
		}
		for _, host := range hosts {
			names = append(names, host+":"+ports(&a))
		}
	}
	return strings.Join(names, ",")
}

// ports is the one that an address listens on, or the range of them.
func ports(a *caddy.NetworkAddress) string {
	first := strconv.FormatUint(uint64(a.StartPort), 10)
	if a.EndPort == a.StartPort {
		return first
	}
	return first + "-" + strconv.FormatUint(uint64(a.EndPort), 10)
}

// Hosts are the names that a route matches, or those around it where it says none.
func Hosts(route *caddyhttp.Route, around []string) []string {
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

// Deepest is how many routes may stand within each other: named routes can invoke themselves.
const Deepest = 100

// ErrTooDeep says that routes stand too deep within each other.
var ErrTooDeep = errors.New("routes stand too deep within each other: does a named route invoke itself?")

// NamedRoute is the route that invoke runs, as a list of its own.
func (s *Server) NamedRoute(name string) (caddyhttp.RouteList, error) {
	route := s.NamedRoutes[name]
	if route == nil {
		return nil, fmt.Errorf("the server has no route named %s", name)
	}
	return caddyhttp.RouteList{*route}, nil
}
