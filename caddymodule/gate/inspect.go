package gate

import (
	"errors"

	"github.com/tollgate-gateway/tollgate/caddymodule/internal/target"
	"github.com/tollgate-gateway/tollgate/caddymodule/refusal"
	"github.com/tollgate-gateway/tollgate/caddymodule/route"
)

// inspect is step 1: the target as it came must be canonical, and so must be what the operator's rewriting made of it,
// so that route, policy and backend all see one path.
func (g *Gate) inspect(r *Request) *refusal.Refusal {
	if _, err := target.Parse(r.Target, r.TargetPath); err != nil {
		return malformed(refusal.MalformedTarget, err)
	}
	if r.Path == r.TargetPath {
		return nil
	}
	if _, err := target.Parse(r.Path, r.Path); err != nil {
		return malformed(refusal.MalformedTarget, err)
	}
	return nil
}

// route is step 2, and the part of step 1 that depends on it: the query of a public route is the backend's affair.
func (g *Gate) route(r *Request, v *Verdict) *refusal.Refusal {
	found, err := g.Routes.Match(r.Method, r.Path, &v.Match)
	if found && v.Match.Route.Public {
		return nil
	}
	if err := target.CheckQuery(r.RawQuery); err != nil {
		return malformed(refusal.MalformedQuery, err)
	}
	v.scopeParam = errors.Is(err, route.ErrScopeParam)
	return nil
}

// malformed tells the caller why its target is refused: the reason is one of a closed set and holds nothing it sent.
func malformed(kind *refusal.Kind, err error) *refusal.Refusal {
	refused := &refusal.Refusal{Kind: kind, Cause: err}
	if m := (*target.Malformed)(nil); errors.As(err, &m) {
		refused.Details = map[string]any{"reason": m.Reason}
	}
	return refused
}
