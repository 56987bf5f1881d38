package limits

import "net/netip"

// AddressKey is the bucket of a client address: the IPv4 address itself, the /64 of an IPv6 address, because one client
// commands all of it. The zero Addr, which stands for an address that could not be parsed, is one bucket of its own.
func AddressKey(addr netip.Addr) netip.Addr {
	addr = addr.Unmap().WithZone("")
	if !addr.Is6() {
		return addr
	}
	network, err := addr.Prefix(64)
	if err != nil {
		return netip.Addr{}
	}
	return network.Addr()
}
