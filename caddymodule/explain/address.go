package explain

import (
	"fmt"
	"net"
	"strconv"
	"strings"

	"golang.org/x/net/http/httpguts"
)

// address is where a request goes, as it was written.
type address struct {
	// scheme is http or https; it and host are empty for a bare path.
	scheme, host string
	// target is the request target, byte for byte.
	target   string
	hasQuery bool
}

// parseAddress cuts a path or URL without reading it: the target must stay as it was written.
func parseAddress(text string) (a address, err error) {
	a.target = text
	if scheme, rest, found := strings.Cut(text, "://"); found && isScheme(scheme) {
		end := strings.IndexAny(rest, "/?")
		if end < 0 {
			end = len(rest)
		}
		a.scheme, a.host, a.target = strings.ToLower(scheme), rest[:end], rest[end:]
		if err := a.checkHost(); err != nil {
			return a, err
		}
		if !strings.HasPrefix(a.target, "/") {
			a.target = "/" + a.target
		}
	}
	if !strings.HasPrefix(a.target, "/") {
		return a, fmt.Errorf("'%s' is neither a path nor a URL: write /leads or https://api.example.com/leads", text)
	}
	a.hasQuery = strings.Contains(a.target, "?")
	return a, nil
}

// isScheme tells the schemes that a gateway serves, in any letter case (RFC 3986, section 3.1).
func isScheme(text string) bool {
	return strings.EqualFold(text, "http") || strings.EqualFold(text, "https")
}

// checkHost refuses what no server answers. It repeats nothing that may be a password.
func (a *address) checkHost() error {
	switch {
	case strings.Contains(a.host, "@"):
		return fmt.Errorf("the URL holds a user name or password, which do not belong to a request target: leave out what stands before the '@'")
	case a.host == "":
		return fmt.Errorf("the URL has no host: write one such as https://api.example.com/leads")
	case !httpguts.ValidHostHeader(a.host):
		return fmt.Errorf("'%s' is not a host: write a URL such as https://api.example.com/leads", a.host)
	}
	_, _, err := a.hostPort()
	return err
}

// hostPort reads the address's host and port.
func (a *address) hostPort() (string, uint, error) {
	name, text, err := net.SplitHostPort(a.host)
	if err != nil {
		name, text = strings.Trim(a.host, "[]"), map[string]string{"http": "80", "https": "443"}[a.scheme]
	}
	port, err := strconv.ParseUint(text, 10, 16)
	switch {
	case err != nil:
		return "", 0, fmt.Errorf("the port of the URL is not a number from 0 to 65535: it is '%s'", text)
	case name == "":
		return "", 0, fmt.Errorf("the URL has no host: write one such as https://api.example.com/leads")
	}
	return name, uint(port), nil
}

// longestMethod is what Caddy takes of a method; it answers 405 to a longer one.
const longestMethod = 32

// checkMethod refuses what the server would not hand on. Methods are tokens, and case-sensitive (RFC 9110, section 9.1).
func checkMethod(method string) error {
	if !httpguts.ValidHeaderFieldName(method) { // which is a token as well
		return fmt.Errorf("'%s' is not a method: write one such as GET", method)
	}
	if len(method) > longestMethod {
		return fmt.Errorf("the server itself refuses this method with 405, before the gateway sees it: it is longer than %d bytes", longestMethod)
	}
	return nil
}
