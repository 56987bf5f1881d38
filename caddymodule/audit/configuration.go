package audit

import (
	"fmt"
	"net/http"
	"net/netip"
	"slices"
	"strings"
)

// configuration looks at what needs no key store.
func (a *auditor) configuration() {
	a.proxies()
	for _, o := range a.Orders {
		rule := "answers-before-gate"
		if o.Fatal {
			rule = "gate-order"
		}
		a.find(rule, o.Place, o.What)
	}
	a.servers()
	if a.Admin != "" {
		a.find("admin-exposed", a.Config+", global option admin", "the admin endpoint listens on "+a.Admin)
	}
	if a.Debug {
		a.find("debug-log", a.Config+", global options debug and log", "a log is written at level DEBUG")
	}
	for _, o := range a.Options {
		a.find(o.Rule, o.Place, o.What)
	}
	for n := range a.Gates {
		a.gate(&a.Gates[n])
	}
	a.policies()
	a.files()
}

// proxies looks for ways past the gates.
func (a *auditor) proxies() {
	if len(a.Gates) == 0 {
		return
	}
	gated := map[string]string{} // the place of a gated proxy, by its backend
	for _, p := range a.Proxies {
		for _, backend := range p.Backends {
			if p.Gated && gated[backend] == "" {
				gated[backend] = p.Place
			}
		}
	}
	for _, p := range a.Proxies {
		if p.Gated && p.Unverified {
			a.find("backend-unverified", p.Place, "it takes any certificate of "+strings.Join(p.Backends, ", "))
		}
		if !p.Ungated {
			continue
		}
		shared := slices.IndexFunc(p.Backends, func(backend string) bool { return gated[backend] != "" })
		switch {
		case shared >= 0:
			backend := p.Backends[shared]
			a.find("ungated-backend", p.Place, fmt.Sprintf("requests come to %s past every gate; at %s it stands behind one", backend, gated[backend]))
		case p.Beside:
			a.find("ungated-route", p.Place, fmt.Sprintf("requests come to %s past the gate of this site", strings.Join(p.Backends, ", ")))
		default:
			a.find("ungated-site", p.Place, fmt.Sprintf("requests come to %s, and no gate stands before it", strings.Join(p.Backends, ", ")))
		}
	}
}

// The widest networks that may be proxies: nobody has more of them.
const (
	widest4 = 8
	widest6 = 7 // fc00::/7, all private addresses
)

// servers looks at addresses and access logs.
func (a *auditor) servers() {
	for n := range a.Servers {
		s := &a.Servers[n]
		if !s.Gated {
			continue
		}
		var wide []string
		for _, p := range s.Proxies {
			if tooWide(p) {
				wide = append(wide, p.String())
			}
		}
		switch {
		case len(wide) > 0: // strict or not: any client is a trusted proxy
			a.find("proxies-too-wide", s.Place+", trusted_proxies", "they hold "+strings.Join(wide, ", "))
		case s.Trusts && !s.Strict:
			a.find("proxies-not-strict", s.Place+", trusted_proxies", "trusted_proxies_strict is not set")
		}
		if s.LogsCredentials {
			a.find("log-holds-credentials", s.Place+", log_credentials", "the access log shows Authorization and cookies")
		}
		if len(s.KeysIn) > 0 {
			a.find("log-holds-credentials", s.Place+", log", "keys come in "+strings.Join(s.KeysIn, ", ")+", which the access log shows")
		}
		if len(s.Queries) > 0 {
			a.find("log-holds-queries", s.Place+", log", "queries stand in "+strings.Join(s.Queries, ", "))
		}
	}
}

func tooWide(p netip.Prefix) bool {
	if p.Addr().Is4() {
		return p.Bits() < widest4
	}
	return p.Bits() < widest6
}

// gate looks at a gate's own words.
func (a *auditor) gate(g *Gate) {
	for _, o := range g.Options {
		a.find(o.Rule, o.Place, o.What)
	}
	for _, i := range g.Injects {
		if i.Literal {
			a.find("credential-in-config", i.Place, "inject "+i.Header+" has its value in the configuration")
		}
	}
	for n := range g.Routes {
		public := &g.Routes[n]
		if !public.Public || !strings.HasSuffix(public.Pattern, "/*") || !slices.ContainsFunc(public.Methods, opens) {
			continue
		}
		var under group
		for m := range g.Routes {
			if r := &g.Routes[m]; !r.Public && covers(public.Pattern, r.Pattern) {
				under.add(strings.Join(r.Methods, ",") + " " + r.Pattern)
			}
		}
		if under.count > 0 {
			a.findGroup("public-over-gated", public.Place, fmt.Sprintf("public %s %s stands above routes that need a key",
				strings.Join(public.Methods, ","), public.Pattern), &under)
		}
	}
}

// opens leaves out preflights, which carry no key and do nothing.
func opens(method string) bool { return method != http.MethodOptions }

// covers reports whether a template with a final * stands above another one.
func covers(wide, narrow string) bool {
	prefix, segments := strings.Split(strings.TrimSuffix(wide, "*"), "/"), strings.Split(narrow, "/")
	prefix = prefix[:len(prefix)-1]
	if len(segments) <= len(prefix) {
		return false
	}
	for n, segment := range prefix {
		if !strings.HasPrefix(segment, ":") && segment != segments[n] {
			return false
		}
	}
	return true
}

// policies looks at what loading the policies told.
func (a *auditor) policies() {
	if !a.Policies.Loaded {
		return
	}
	if !a.Policies.Remembered {
		a.find("policy-not-remembered", a.Policies.Place, a.Policies.Why)
	}
	for _, warning := range a.Policies.Warnings {
		a.find("policy-suspect", a.Policies.Place, warning)
	}
}

// files looks at who may open what lies on disk.
func (a *auditor) files() {
	var readable, writable group
	for _, f := range a.Files {
		if f.Writes {
			writable.add(f.Kind + " " + f.Path)
		}
		switch {
		case !f.Reads:
		case f.Kind == KindStore:
			a.find("store-readable", f.Path+", mode", "every user of this machine can read the key store")
		case f.Kind == KindSecret:
			readable.add(f.Path)
		}
	}
	if readable.count > 0 {
		a.findGroup("secret-readable", a.Config+", global option secrets", several(readable.count, "value")+" can be read by every user of this machine", &readable)
	}
	if writable.count > 0 {
		a.findGroup("writable-by-others", a.Config+", files", "every user of this machine can write "+several(writable.count, "file or folder"), &writable)
	}
}

// several is a number with its word.
func several(n int, word string) string {
	if n == 1 {
		return "1 " + word
	}
	if word == "file or folder" {
		return fmt.Sprintf("%d files or folders", n)
	}
	return fmt.Sprintf("%d %ss", n, word)
}
