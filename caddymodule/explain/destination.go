package explain

import (
	"fmt"
	"slices"
	"strings"

	"github.com/caddyserver/caddy/v2"

	"github.com/tollgate-gateway/tollgate/caddymodule/internal/config"
	"github.com/tollgate-gateway/tollgate/caddymodule/internal/output"
	"github.com/tollgate-gateway/tollgate/caddymodule/internal/site"
)

// layout is where the gates of a configuration stand.
type layout struct {
	file    string
	servers []*site.Server
	// places are those of each server.
	places map[*site.Server][]*site.Place
	// gates are all of them, each name once.
	gates []*site.Place
}

// readLayout finds the gates of a configuration.
func readLayout(c *config.Configuration) (*layout, error) {
	l := &layout{file: c.File, places: make(map[*site.Server][]*site.Place)}
	var err error
	if l.servers, err = c.Servers(); err != nil {
		return nil, err
	}
	seen := make(map[string]bool)
	for _, s := range l.servers {
		if l.places[s], err = s.Places(); err != nil {
			return nil, c.Wrong(err)
		}
		for _, p := range l.places[s] {
			if name := p.String(); !seen[name] {
				seen[name] = true
				l.gates = append(l.gates, p)
			}
		}
	}
	return l, nil
}

// destination finds the server that a request comes to, by the port of its URL, and completes the address of a bare path; host, if any, is the
// one that a bare path is asked of.
// Which of several servers on one port the network would choose, and whether Caddy redirects to HTTPS by itself, it does
// not know.
func (l *layout) destination(a *address, host string) (*site.Server, error) {
	gates := l.gates
	switch {
	case len(gates) == 0:
		return nil, fmt.Errorf("configuration %s has no site with a tollgate directive", l.file)
	case a.host == "" && host != "" && !slices.ContainsFunc(gates, func(p *site.Place) bool { return p.Server != gates[0].Server }):
		a.host, a.scheme = host, schemeOf(gates[0].Server)
		return gates[0].Server, nil
	case a.host == "" && len(gates) > 1:
		return nil, fmt.Errorf("configuration %s has %d sites: write a URL instead of a path; they are %s", l.file, len(gates), output.Words(gates))
	case a.host == "":
		a.host, a.scheme = hostOf(gates[0]), schemeOf(gates[0].Server)
		return gates[0].Server, nil
	}
	_, port, err := a.hostPort()
	if err != nil {
		return nil, err
	}
	var found []*site.Server
	for _, s := range l.servers {
		if s.ListensOn(port) {
			found = append(found, s)
		}
	}
	switch {
	case len(found) == 1:
		return found[0], nil
	case len(found) > 1:
		return nil, fmt.Errorf("configuration %s has %d servers that listen on port %d: explain cannot tell which of them the network would choose", l.file, len(found), port)
	}
	hint := ""
	if a.scheme == "http" {
		hint = " (Caddy may redirect to https by itself: ask about https://)"
	}
	return nil, fmt.Errorf("configuration %s has no site for %s://%s: they are %s%s", l.file, a.scheme, a.host, output.Words(gates), hint)
}

// hostOf is a name by which the site can be asked.
func hostOf(p *site.Place) string {
	if len(p.Hosts) == 0 {
		return "localhost"
	}
	host := p.Hosts[0]
	for _, other := range p.Hosts {
		if !strings.Contains(other, "*") {
			host = other
			break
		}
	}
	return strings.ReplaceAll(caddy.NewReplacer().ReplaceAll(host, ""), "*", "any")
}

// schemeOf is how the server of a bare path is asked.
func schemeOf(s *site.Server) string {
	if len(s.TLSConnPolicies) > 0 || s.ListensOn(443) {
		return "https"
	}
	return "http"
}
