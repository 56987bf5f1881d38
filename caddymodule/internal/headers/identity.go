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

// ToBackend has room for the values that a request gets for the backend. No two requests share it: whoever replaces the text of a
// header writes into them.
type ToBackend struct{ values [5]string }

// Set writes the request's id and, where somebody is known and the backend is to be told, the identity headers of the caller.
func (b *ToBackend) Set(h http.Header, requestID string, names *Identity, identity *record.Identity) {
	v := &b.values
	v[0] = requestID
	h["X-Request-Id"] = v[0:1:1]
	if names == nil || identity == nil {
		return
	}
	v[1], v[2], v[3], v[4] = identity.Workspace.ID, identity.Workspace.Plan, identity.Key.ID, joinScopes(identity.Key.Scopes)
	h[names.workspace], h[names.plan] = v[1:2:2], v[2:3:3]
	h[names.key], h[names.scopes] = v[3:4:4], v[4:5:5]
}

func joinScopes(scopes []record.Scope) string {
	switch len(scopes) {
	case 0:
		return ""
	case 1:
		return string(scopes[0])
	}
	size := len(scopes) - 1
	for _, scope := range scopes {
		size += len(scope)
	}
	var b strings.Builder
	b.Grow(size)
	for i, scope := range scopes {
		if i > 0 {
			b.WriteByte(' ')
		}
		b.WriteString(string(scope))
	}
	return b.String()
}
