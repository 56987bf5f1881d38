# A key with an allowlist works from its networks only. An empty one restricts nothing, and then no rule of this file
# depends on the address: such a key's decisions are remembered whatever its address.
package tollgate.authz

# METADATA
# title: Refuses an address outside the key's allowlist
# description: An address that is not known is outside of every list.
# custom:
#   code: FORBIDDEN
deny contains {
	"code": "FORBIDDEN",
	"message": "This key may not be used from your address.",
	"details": _address_details,
} if {
	not _address_allowed
}

# The address that the gateway took for the caller's, so that its owner sees what to allow.
default _address_details := {"reason": "address"}

_address_details := {"reason": "address", "address": input.request.client_ip} if not _open_to_all

_address_allowed if _open_to_all

_address_allowed if {
	some network in input.key.allowed_ips
	net.cidr_contains(network, input.request.client_ip)
}

_open_to_all if input.key.allowed_ips == []
