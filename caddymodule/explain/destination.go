package explain

import (
	"fmt"
	"strings"

	"github.com/caddyserver/caddy/v2"

	"github.com/tollgate-gateway/tollgate/caddymodule/internal/config"
	"github.com/tollgate-gateway/tollgate/caddymodule/internal/output"
	"github.com/tollgate-gateway/tollgate/caddymodule/internal/site"
)

// destination finds the server that a request comes to, by the port of its URL, and completes the address of a bare path.
// Which of several servers on one port the network would choose, and whether Caddy redirects to HTTPS by itself, it does
// not know.
func destination(c *config.Configuration, a *address) (*site.Server, error) {
	servers, gates, err := places(c)
	switch {
	case err != nil:
		return nil, err
	case len(gates) == 0:
		return nil, fmt.Errorf("configuration %s has no site with a tollgate directive", c.File)
	case a.host == "" && len(gates) > 1:
		return nil, fmt.Errorf("configuration %s has %d sites: write a URL instead of a path; they are %s", c.File, len(gates), output.Words(gates))
	case a.host == "":
		a.host, a.scheme = hostOf(gates[0]), schemeOf(gates[0].Server)
		return gates[0].Server, nil
	}
	_, port, err := a.hostPort()
	if err != nil {
		return nil, err
	}
	var found []*site.Server
	for _, s := range servers {
		if s.ListensOn(port) {
			found = append(found, s)
		}
	}
	switch {
	case len(found) == 1:
		return found[0], nil
	case len(found) > 1:
		return nil, fmt.Errorf("configuration %s has %d servers that listen on port %d: explain cannot tell which of them the network would choose", c.File, len(found), port)
	}
	hint := ""
	if a.scheme == "http" {
		hint = " (Caddy may redirect to https by itself: ask about https://)"
	}
	return nil, fmt.Errorf("configuration %s has no site for %s://%s: they are %s%s", c.File, a.scheme, a.host, output.Words(gates), hint)
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
