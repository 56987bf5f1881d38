# The key must hold every scope that the route needs.
package tollgate.authz

# METADATA
# title: Refuses a key that lacks a scope
# description: |
#   From outside the key's allowlist nothing is said of scopes: a stolen key would learn from them which routes exist.
# custom:
#   code: FORBIDDEN
deny contains {
	"code": "FORBIDDEN",
	"message": "This key lacks a scope that the route needs. Use a key that holds the missing scopes.",
	"details": {"missing_scopes": _missing_scopes},
} if {
	_address_allowed
	not _scopes_granted
}

_scopes_granted if {
	every needed in input.route.scopes { _holds(_key_scopes, needed) }
}

_missing_scopes := [needed |
	some needed in input.route.scopes
	not _holds(_key_scopes, needed)
]

default _key_scopes := []

_key_scopes := input.key.scopes

_holds(scopes, needed) if {
	some scope in scopes
	_covers(scope, needed)
}

# "*" covers all, "agent.*" whatever begins "agent." and goes on, any other scope itself.
_covers("*", _)

_covers(scope, scope)

_covers(scope, needed) if {
	endswith(scope, ".*")
	prefix := trim_suffix(scope, "*")
	startswith(needed, prefix)
	needed != prefix
}
