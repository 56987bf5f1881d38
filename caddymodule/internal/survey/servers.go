package survey

import (
	"bytes"
	"encoding/json"
	"net/netip"
	"slices"
	"strings"

	"github.com/tollgate-gateway/tollgate/caddymodule/audit"
	"github.com/tollgate-gateway/tollgate/caddymodule/gateway"
	"github.com/tollgate-gateway/tollgate/caddymodule/internal/loopback"
	"github.com/tollgate-gateway/tollgate/caddymodule/internal/site"
)

// servers looks at the routes of all servers.
func (s *surveyor) servers() error {
	servers, err := s.configuration.Servers()
	if err != nil {
		return err
	}
	var written struct {
		Logging *logging `json:"logging"`
	}
	if err := json.Unmarshal(s.configuration.Document, &written); err != nil {
		return err
	}
	for _, server := range servers {
		places, err := server.Places()
		if err != nil {
			return err
		}
		if err := s.gates(places); err != nil {
			return err
		}
		orders, err := server.Findings()
		if err != nil {
			return err
		}
		for _, o := range orders {
			s.Orders = append(s.Orders, audit.Order{Place: o.Place, What: strings.TrimPrefix(o.Text, o.Place+": "), Fatal: o.Fatal})
		}
		if err := s.proxies(server, places); err != nil {
			return err
		}
		s.Servers = append(s.Servers, readServer(server, places, written.Logging))
	}
	return nil
}

// gates reads the words of the gates.
func (s *surveyor) gates(places []*site.Place) error {
	for n, p := range places {
		manages := func(step site.Step) bool { return step.Effect() == site.Manages }
		s.Manages = s.Manages || slices.ContainsFunc(p.Behind, manages)
		if slices.ContainsFunc(places[:n], func(o *site.Place) bool { return bytes.Equal(o.Gate.Raw, p.Gate.Raw) && o.String() == p.String() }) {
			continue // a named route that is invoked twice
		}
		own, err := p.Gate.Config()
		if err != nil {
			return err
		}
		h, err := gateway.ReadGate(own)
		if err != nil {
			return err
		}
		s.Gates = append(s.Gates, readGate(p, h))
	}
	return nil
}

// readGate tells of a gate what an audit asks.
func readGate(p *site.Place, h *gateway.Handler) audit.Gate {
	at := func(source, word string) string {
		if source != "" {
			return source
		}
		return "site " + p.String() + ", tollgate, " + word
	}
	g := audit.Gate{Place: at(h.Source, "gate")}
	for _, r := range h.Routes {
		route := audit.Route{Place: at(r.Source, "route "+r.Path), Methods: r.Methods, Pattern: r.Path, Scopes: r.Scopes, Public: r.Public, Whoami: r.Whoami || r.Describes}
		if route.Cost = r.Cost; !r.Public && !r.Whoami && !r.MCP && !r.Describes {
			route.Cost = max(1, r.Cost)
		}
		g.Routes = append(g.Routes, route)
	}
	for n := range h.Inject {
		i := &h.Inject[n]
		g.Injects = append(g.Injects, audit.Inject{Place: at(i.Source, "inject "+i.Header), Header: i.Header, Secrets: i.Secrets(), Literal: isCredential(i)})
	}
	if h.ForwardAuthorization {
		g.Options = append(g.Options, audit.Option{Rule: "forward-authorization", Place: at(h.Sources["forward_authorization"], "forward_authorization"),
			What: "the backend sees the caller's Authorization"})
	}
	if h.Errors.Off {
		g.Options = append(g.Options, audit.Option{Rule: "errors-off", Place: at(h.Sources["errors"], "errors"), What: "errors of the backend leave as they are"})
	}
	return g
}

// isCredential reports whether a header that carries credentials has a value without a placeholder.
func isCredential(i *gateway.Inject) bool {
	name := strings.ToLower(i.Header)
	carries := name == "authorization" || name == "proxy-authorization" || name == "cookie" || strings.HasSuffix(name, "api-key") || strings.HasSuffix(name, "-token") || strings.HasSuffix(name, "-secret")
	return carries && !strings.Contains(i.Value, "{")
}

// proxy is what a reverse_proxy's JSON says of its backends.
type proxy struct {
	Upstreams []struct {
		Dial string `json:"dial"`
	} `json:"upstreams"`
	Dynamic   json.RawMessage `json:"dynamic_upstreams"`
	Transport struct {
		TLS *struct {
			Unverified bool `json:"insecure_skip_verify"`
		} `json:"tls"`
	} `json:"transport"`
}

// proxies looks at the reverse proxies of a server. A gate counts for those of its own hosts.
func (s *surveyor) proxies(server *site.Server, places []*site.Place) error {
	arrivals, err := server.Arrivals()
	if err != nil {
		return err
	}
	for _, a := range arrivals {
		if a.Name != "reverse_proxy" {
			continue
		}
		var said proxy
		if err := json.Unmarshal(a.Raw, &said); err != nil {
			return err
		}
		p := audit.Proxy{Place: "site " + server.Label(a.Hosts), Gated: a.Gated, Ungated: a.Ungated}
		if len(a.Paths) > 0 {
			p.Place += " at " + strings.Join(a.Paths, " ")
		}
		p.Place += ", reverse_proxy"
		for _, u := range said.Upstreams {
			p.Backends = append(p.Backends, backend(u.Dial))
		}
		if said.Dynamic != nil {
			p.Backends = append(p.Backends, "dynamic upstreams "+string(said.Dynamic))
		}
		p.Unverified = said.Transport.TLS != nil && said.Transport.TLS.Unverified
		p.Beside = slices.ContainsFunc(places, func(g *site.Place) bool {
			return len(g.Hosts) == 0 || len(a.Hosts) == 0 || slices.ContainsFunc(a.Hosts, func(h string) bool { return slices.Contains(g.Hosts, h) })
		})
		s.Proxies = append(s.Proxies, p)
	}
	return nil
}

// backend is one name for an address of this machine, however it is written.
func backend(dial string) string {
	host, port, found := cutLast(dial, ":")
	if found && (host == "" || loopback.Host(host)) && !strings.HasPrefix(dial, "unix/") {
		return "localhost:" + port
	}
	return dial
}

func cutLast(text, separator string) (before, after string, found bool) {
	at := strings.LastIndex(text, separator)
	if at < 0 {
		return text, "", false
	}
	return text[:at], text[at+len(separator):], true
}

// readServer tells of a server what an audit asks.
func readServer(server *site.Server, places []*site.Place, logs *logging) audit.Server {
	said := audit.Server{Place: "server " + server.Name + " (" + strings.Join(server.Listen, " ") + ")", Gated: len(places) > 0,
		Trusts: server.TrustedProxiesRaw != nil, Strict: server.TrustedProxiesStrict != 0}
	var trusted struct{ Ranges []string }
	_ = json.Unmarshal(server.TrustedProxiesRaw, &trusted) // of other sources the ranges are not known
	for _, text := range trusted.Ranges {
		if prefix, err := netip.ParsePrefix(text); err == nil {
			said.Proxies = append(said.Proxies, prefix)
		}
	}
	if server.Logs == nil {
		return said
	}
	said.LogsCredentials = server.Logs.ShouldLogCredentials
	writers := logs.accessWriters(server.Logs)
	said.Queries = showing(writers, "request>uri")
	for _, key := range keysFrom(places) {
		if len(showing(writers, key.field)) > 0 && !slices.Contains(said.KeysIn, key.name) {
			said.KeysIn = append(said.KeysIn, key.name)
		}
	}
	return said
}

// keyPlace is a place of a request, other than Authorization, from which the configuration takes the caller's key.
type keyPlace struct{ name, field string }

// keysFrom finds what handlers before gates copy into Authorization.
func keysFrom(places []*site.Place) (found []keyPlace) {
	for _, p := range places {
		for _, step := range p.Before {
			if step.Name != "headers" {
				continue
			}
			var said struct {
				Request caddyHeaderOps `json:"request"`
			}
			_ = json.Unmarshal(step.Raw, &said) // one that cannot be read sets nothing
			for _, values := range []map[string][]string{said.Request.Set, said.Request.Add} {
				for header, value := range values {
					if strings.EqualFold(header, "Authorization") {
						found = append(found, copied(strings.Join(value, " "))...)
					}
				}
			}
		}
	}
	return found
}

type caddyHeaderOps struct {
	Set map[string][]string `json:"set"`
	Add map[string][]string `json:"add"`
}

// copied are the places that a header's value is made of.
func copied(value string) (found []keyPlace) {
	for _, part := range strings.Split(value, "{")[1:] {
		name, _, _ := strings.Cut(part, "}")
		if header, ok := strings.CutPrefix(name, "http.request.header."); ok && !strings.EqualFold(header, "Authorization") {
			found = append(found, keyPlace{"header " + header, "request>headers>" + header})
		}
		if parameter, ok := strings.CutPrefix(name, "http.request.uri.query."); ok {
			found = append(found, keyPlace{"query parameter " + parameter, "request>uri"})
		}
	}
	return found
}
