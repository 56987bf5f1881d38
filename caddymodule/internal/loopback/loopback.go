// Package loopback tells whether what is sent to a host stays on this machine.
package loopback

import (
	"net/netip"
	"strings"
)

// Host reports whether a host is this machine: a loopback address, localhost, or a Unix socket (a path, or @ and a name).
func Host(host string) bool {
	if strings.HasPrefix(host, "/") || strings.HasPrefix(host, "@") {
		return true
	}
	name := strings.ToLower(strings.Trim(strings.TrimSuffix(host, "."), "[]"))
	if name == "localhost" || strings.HasSuffix(name, ".localhost") { // RFC 6761, section 6.3
		return true
	}
	address, err := netip.ParseAddr(name)
	return err == nil && address.Unmap().IsLoopback()
}
