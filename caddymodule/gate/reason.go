package gate

import "github.com/tollgate-gateway/tollgate/caddymodule/refusal"

// Reasons are why requests are refused, for operators: where a code or a catalogue's row stands for several reasons, they
// tell them apart. The set is closed, fit for a metric's label; what is not here has the reason of its refusal's row.
const (
	ReasonNoKey        = "no_key"        // no Authorization header, or an empty one
	ReasonMalformedKey = "malformed_key" // the header is not one Bearer token, or our own with a wrong checksum
	ReasonUnknownKey   = "unknown_key"   // nobody has this secret
	ReasonExpired      = "expired"       // the key's end is over
	ReasonSecretEnded  = "secret_ended"  // the secret's grace after a rotation is over
	ReasonDisabled     = "disabled"      // the key is disabled
	ReasonRevoked      = "revoked"       // the key is revoked
	ReasonAddress      = "address"       // the client's address is not in the key's allowlist
	ReasonPlan         = "plan"          // the plan is denied, or not configured
	ReasonMissingScope = "missing_scope" // the key lacks a scope of the route
	ReasonPolicy       = "policy"        // a policy of the team's own
)

// Reasons lists all that a verdict can give, those of the catalogue's rows included.
func Reasons() []string {
	list := []string{
		ReasonNoKey, ReasonMalformedKey, ReasonUnknownKey, ReasonExpired, ReasonSecretEnded, ReasonDisabled, ReasonRevoked,
		ReasonAddress, ReasonPlan, ReasonMissingScope, ReasonPolicy,
	}
	for _, kind := range refusal.Catalogue() {
		switch kind {
		case refusal.Unauthorized, refusal.PolicyForbidden, refusal.PolicyNotFound, refusal.PolicyInvalid:
		default:
			list = append(list, kind.Reason)
		}
	}
	return list
}

// reason tells why a request was refused.
func (g *Gate) reason(r *Request, v *Verdict, refused *refusal.Refusal) string {
	switch refused.Kind {
	case refusal.Unauthorized:
		return v.Reason // the step knew
	case refusal.PolicyForbidden:
		switch {
		case outside(r, v):
			return ReasonAddress
		case v.Plan.Denied:
			return ReasonPlan
		case len(v.Decision.MissingScopes) > 0:
			return ReasonMissingScope
		}
		return ReasonPolicy
	case refusal.PolicyNotFound, refusal.PolicyInvalid:
		return ReasonPolicy
	}
	return refused.Kind.Reason
}
