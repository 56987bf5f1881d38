package headers

import (
	"net/http"
	"strings"

	"github.com/tollgate-gateway/tollgate/caddymodule/record"
)

// Identity are the names of the headers that tell the backend who is calling, in canonical form.
type Identity struct {
	workspace, plan, key, scopes string
}

// NewIdentity gives the names that begin with a prefix.
func NewIdentity(prefix string) Identity {
	name := func(suffix string) string { return http.CanonicalHeaderKey(prefix + suffix) }
	return Identity{workspace: name("Workspace"), plan: name("Plan"), key: name("Key"), scopes: name("Scopes")}
}

// Set writes the identity headers of a caller. The values share one array, so that they cost one allocation.
func (n *Identity) Set(h http.Header, identity *record.Identity) {
	values := [...]string{identity.Workspace.ID, identity.Workspace.Plan, identity.Key.ID, joinScopes(identity.Key.Scopes)}
	h[n.workspace], h[n.plan] = values[0:1:1], values[1:2:2]
	h[n.key], h[n.scopes] = values[2:3:3], values[3:4:4]
}

func joinScopes(scopes []record.Scope) string {
	switch len(scopes) {
	case 0:
		return ""
	case 1:
		return string(scopes[0])
	}
	var b strings.Builder
	for i, scope := range scopes {
		if i > 0 {
			b.WriteByte(' ')
		}
		b.WriteString(string(scope))
	}
	return b.String()
}
