package policy

import (
	"slices"

	"github.com/open-policy-agent/opa/v1/ast"
)

// allowlistFile is the embedded policy that compares the caller's address with each network of its key. With a key that has
// none it compares nothing, and the address does not matter to it.
const allowlistFile = embeddedPrefix + "tollgate/authz/allowlist.rego"

// addressPath is where policies find the caller's address.
var addressPath = []string{"request", "client_ip"}

// readsAddressForListsOnly reports whether the address is read nowhere but in allowlistFile. A policy of the team's that
// replaces anything by `with` could give a list to a key that has none, or another meaning to the comparison.
func readsAddressForListsOnly(reached *follower) bool {
	for _, r := range reached.readings {
		isPrefix := isPrefix(r.path, addressPath) || isPrefix(addressPath, r.path)
		if isPrefix && (r.at == nil || r.at.File != allowlistFile) {
			return false
		}
	}
	for rule := range reached.seen {
		replaces := false
		ast.WalkWiths(rule, func(*ast.With) bool { replaces = true; return true })
		if replaces {
			return false
		}
	}
	return true
}

// addressOfListed has keys without an allowlist remembered whatever their address.
func addressOfListed(slots []slot) {
	if !slices.Contains(slots, slot{kind: slotKey}) {
		return // the key of a remembered decision then would not tell keys with a list from those without
	}
	for i := range slots {
		if slots[i].kind == slotClientIP {
			slots[i].kind = slotListedIP
		}
	}
}
