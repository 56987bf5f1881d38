package mcp

import (
	"errors"
	"net"
	"net/netip"
	"net/url"
	"slices"
	"strings"
)

// sameOrigin reports whether a page that sends a request, if one does, is the site's own or one that the configuration lists. The
// scheme is not compared for its own: TLS may end in front of the gateway. A host that the caller has chosen makes no page the
// site's: a name of anybody's may point to this machine, and the browser then sends it as both host and origin.
func (s *Server) sameOrigin(r *Request) bool {
	given := r.Header["Origin"]
	switch len(given) {
	case 0:
		return true
	case 1:
	default:
		return false
	}
	if slices.Contains(s.options.Origins, strings.ToLower(given[0])) {
		return true
	}
	origin, err := url.Parse(given[0])
	if err != nil || origin.Scheme != "http" && origin.Scheme != "https" {
		return false
	}
	return (r.HostKnown || fixed(origin.Hostname())) && hostPort(origin.Host, origin.Scheme) == hostPort(r.Host, origin.Scheme)
}

// fixed reports whether a host leads to the same machine whoever asks: an address, or the browser's own machine.
func fixed(host string) bool {
	_, err := netip.ParseAddr(host)
	return err == nil || strings.EqualFold(host, "localhost")
}

// hostPort is a host with its port, that of the scheme where none is written.
func hostPort(host, scheme string) string {
	host = strings.ToLower(host)
	if _, _, err := net.SplitHostPort(host); err == nil {
		return host
	}
	port := ":80"
	if scheme == "https" {
		port = ":443"
	}
	return host + port
}

// CheckOrigin says what is wrong with an origin that a configuration lists. One in another spelling than browsers have would never be
// that of a page: they leave out the port of the scheme, and write names of other letters in ASCII.
func CheckOrigin(text string) error {
	origin, err := url.Parse(text)
	if err != nil || origin.Scheme != "http" && origin.Scheme != "https" || origin.Host == "" || origin.Path != "" || origin.RawQuery != "" ||
		origin.Fragment != "" || origin.User != nil || text != strings.ToLower(text) || strings.ContainsFunc(text, func(r rune) bool { return r > '~' }) ||
		origin.Port() != "" && hostPort(origin.Hostname(), origin.Scheme) == origin.Hostname()+":"+origin.Port() {
		return errors.New("'" + text + "' is not an origin: write scheme and host in lower case, such as https://chat.example.com, with the port if it is not the scheme's own, and other letters as xn--…")
	}
	return nil
}
