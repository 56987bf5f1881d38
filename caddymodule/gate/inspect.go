package gate

import (
	"errors"

	"github.com/tollgate-gateway/tollgate/caddymodule/envelope"
	"github.com/tollgate-gateway/tollgate/caddymodule/route"
	"github.com/tollgate-gateway/tollgate/caddymodule/target"
)

// inspect is step 1: the target as it came must be canonical, and so must be what the operator's rewriting made of it,
// so that route, policy and backend all see one path.
func (g *Gate) inspect(r *Request) *envelope.Refusal {
	if _, err := target.Parse(r.Target, r.TargetPath); err != nil {
		return malformed(envelope.MalformedTarget, err)
	}
	if r.Path == r.TargetPath {
		return nil
	}
	if _, err := target.Parse(r.Path, r.Path); err != nil {
		return malformed(envelope.MalformedTarget, err)
	}
	return nil
}

// route is step 2, and the part of step 1 that depends on it: the query of a public route is the backend's affair.
func (g *Gate) route(r *Request, v *Verdict) *envelope.Refusal {
	found, err := g.Routes.Match(r.Method, r.Path, &v.Match)
	if found && v.Match.Route.Public {
		return nil
	}
	if err := target.CheckQuery(r.RawQuery); err != nil {
		return malformed(envelope.MalformedQuery, err)
	}
	v.scopeParam = errors.Is(err, route.ErrScopeParam)
	return nil
}

// malformed tells the caller why its target is refused: the reason is one of a closed set and holds nothing it sent.
func malformed(kind *envelope.Kind, err error) *envelope.Refusal {
	refusal := &envelope.Refusal{Kind: kind, Cause: err}
	if m := (*target.Malformed)(nil); errors.As(err, &m) {
		refusal.Details = map[string]any{"reason": m.Reason}
	}
	return refusal
}
