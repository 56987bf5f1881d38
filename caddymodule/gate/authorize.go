package gate

import (
	"context"
	"fmt"
	"strings"

	"github.com/tollgate-gateway/tollgate/caddymodule/envelope"
	"github.com/tollgate-gateway/tollgate/caddymodule/limits"
	"github.com/tollgate-gateway/tollgate/caddymodule/policy"
	"github.com/tollgate-gateway/tollgate/caddymodule/route"
)

// unknown is what policy is asked about a path without a route: an allowlist and a denied plan still judge it, so that
// a stolen key cannot map the API from outside its allowlist.
var unknown = &route.Match{Route: &route.Route{}}

// decide is steps 4 and 5.
func (g *Gate) decide(ctx context.Context, r *Request, v *Verdict) *envelope.Refusal {
	in := &v.input
	*in = policy.Input{
		Method: r.Method, Host: r.Host, Path: r.Path, RawQuery: r.RawQuery, Header: r.Header, ClientIP: r.ClientIP,
		Route: &v.Match, Identity: v.Identity, Plan: v.Plan,
	}
	nowhere := v.Match.Route == nil || v.scopeParam
	if nowhere {
		in.Route = unknown
	} else if limit := v.Match.Route.BodyLimit; limit > 0 && r.Body != nil {
		body, present, refusal := r.Body.JSON(ctx, limit)
		if refusal != nil {
			return refusal
		}
		in.Body, in.HasBody = body, present
	}
	decision, err := g.Policy.Decide(ctx, in)
	if err != nil {
		v.Decision = policy.Decision{Code: string(envelope.CodeInternal), Generation: decision.Generation}
		return &envelope.Refusal{Kind: envelope.PolicyFailed, Cause: err}
	}
	v.Decision = decision
	switch {
	case !decision.Allow:
		return refused(&decision)
	case v.scopeParam:
		return &envelope.Refusal{Kind: envelope.ScopeParameter}
	case nowhere:
		return &envelope.Refusal{Kind: envelope.UnknownRoute}
	}
	return nil
}

// refused turns a policy's refusal into ours. A missing scope is also told in RFC 6750's way.
func refused(d *policy.Decision) *envelope.Refusal {
	refusal := &envelope.Refusal{Kind: envelope.PolicyKind(envelope.Code(d.Code)), Message: d.Message, Details: d.Details}
	if len(d.MissingScopes) > 0 {
		refusal.Challenge = `Bearer error="insufficient_scope", scope="` + strings.Join(d.MissingScopes, " ") + `"`
	}
	return refusal
}

// charge is step 6.
func (g *Gate) charge(ctx context.Context, v *Verdict) *envelope.Refusal {
	workspace, cost := v.Identity.Workspace, v.Match.Route.Cost
	windows := v.Plan.Limits(workspace)
	if v.Plan.Denied || len(windows) == 0 {
		// The embedded policy refuses denied plans, and no other plan is without windows: whoever reaches this line
		// would otherwise pass unlimited.
		g.lastKnown(v)
		return &envelope.Refusal{Kind: envelope.PolicyFailed, Cause: fmt.Errorf("plan %q has no limits, and policy allowed it", v.Plan.Name)}
	}
	for _, w := range windows {
		if cost > w.Limit {
			g.lastKnown(v)
			return &envelope.Refusal{Kind: envelope.CostAboveLimit, Details: map[string]any{"cost": cost, "limit": w.Limit}}
		}
	}
	result, err := g.Counters.Take(ctx, workspace.ID, windows, cost)
	if err != nil {
		if v.Limits = result.State; len(v.Limits.Statuses()) == 0 {
			g.lastKnown(v)
		}
		return &envelope.Refusal{Kind: envelope.CountersUnavailable, Cause: err}
	}
	v.Limits, v.Counted, v.Charged = result.State, true, result.Source
	if !result.Granted {
		return &envelope.Refusal{Kind: envelope.OverLimit, RetryAfter: result.RetryAfter}
	}
	return nil
}

// peek fills the limit headers of whoami, which shows the present counts and spends nothing.
func (g *Gate) peek(ctx context.Context, v *Verdict) {
	if v.Plan.Denied {
		g.lastKnown(v)
		return
	}
	state, err := g.Counters.Peek(ctx, v.Identity.Workspace.ID, v.Plan.Limits(v.Identity.Workspace))
	if err != nil {
		g.lastKnown(v)
		v.Refusal = &envelope.Refusal{Kind: envelope.CountersUnavailable, Cause: err}
		return
	}
	v.Limits = state
}

// lastKnown fills the limit headers of a refusal, without a round trip.
func (g *Gate) lastKnown(v *Verdict) {
	if v.Plan.Denied {
		v.Limits = limits.Denied(g.Now())
		return
	}
	v.Limits = g.Counters.Last(v.Identity.Workspace.ID, v.Plan.Limits(v.Identity.Workspace))
}
