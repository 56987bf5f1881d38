package mcp

import (
	"errors"
	"net"
	"net/url"
	"slices"
	"strings"
)

// sameOrigin reports whether a page that sends a request, if one does, is the site's own or one that the configuration lists. The
// scheme is not compared for its own: TLS may end in front of the gateway.
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
	return hostPort(origin.Host, origin.Scheme) == hostPort(r.Host, origin.Scheme)
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

// CheckOrigin says what is wrong with an origin that a configuration lists.
func CheckOrigin(text string) error {
	origin, err := url.Parse(text)
	if err != nil || origin.Scheme != "http" && origin.Scheme != "https" || origin.Host == "" || origin.Path != "" || origin.RawQuery != "" ||
		origin.Fragment != "" || origin.User != nil || text != strings.ToLower(text) {
		return errors.New("'" + text + "' is not an origin: write scheme and host in lower case, such as https://chat.example.com, with the port if it has one")
	}
	return nil
}
