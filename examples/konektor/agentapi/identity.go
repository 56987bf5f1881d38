package agentapi

import (
	"net/http"
	"regexp"
)

// identity is who asks, as the gateway says.
type identity struct {
	workspace string
	// plan is the workspace's plan; empty when the gateway does not say.
	plan string
}

// idForm is what the gateway calls an id.
var idForm = regexp.MustCompile(`^[A-Za-z0-9][A-Za-z0-9._-]{0,63}$`)

// identify reads the identity headers. Exactly one well-formed workspace, or the caller did not come through the gateway.
func identify(h http.Header) (identity, error) {
	workspaces := h.Values("X-Tollgate-Workspace")
	if len(workspaces) != 1 || !idForm.MatchString(workspaces[0]) {
		return identity{}, &failure{status: http.StatusUnauthorized, code: codeUnauthorized,
			message: "The request carries no identity; send it to the gateway with a key"}
	}
	who := identity{workspace: workspaces[0]}
	if plan := h.Get("X-Tollgate-Plan"); idForm.MatchString(plan) {
		who.plan = plan
	}
	return who, nil
}
