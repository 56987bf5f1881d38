package gate

import (
	"cmp"
	"context"
	"errors"
	"fmt"
	"strings"
	"time"

	"github.com/tollgate-gateway/tollgate/caddymodule/limits"
	"github.com/tollgate-gateway/tollgate/caddymodule/policy"
	"github.com/tollgate-gateway/tollgate/caddymodule/refusal"
	"github.com/tollgate-gateway/tollgate/caddymodule/route"
)

// unknown is what policy is asked about a path without a route: an allowlist and a denied plan still judge it, so that
// a stolen key cannot map the API from outside its allowlist.
var unknown = &route.Match{Route: &route.Route{}}

// decide is steps 4 and 5.
func (g *Gate) decide(ctx context.Context, r *Request, v *Verdict) *refusal.Refusal {
	in := &v.input
	*in = policy.Input{Facts: r.Facts, Route: &v.Match, Identity: v.Identity, Plan: v.Plan}
	nowhere := v.Match.Route == nil || v.scopeParam
	if nowhere {
		in.Route = unknown
	} else if limit := v.Match.Route.BodyLimit; limit > 0 && r.Body != nil {
		body, present, refused := r.Body.JSON(ctx, limit)
		if refused != nil {
			return refused
		}
		in.Body, in.HasBody = body, present
	}
	decision, err := g.Policy.Decide(ctx, in)
	if err != nil {
		v.Decision = policy.Decision{Code: string(refusal.CodeInternal), Generation: decision.Generation}
		return PolicyRefusal(err)
	}
	v.Decision = decision
	switch {
	case !decision.Allow:
		return byPolicy(&decision)
	case v.Identity.Workspace.Suspended():
		return bySuspension(v)
	case v.scopeParam:
		return &refusal.Refusal{Kind: refusal.ScopeParameter}
	case nowhere:
		return &refusal.Refusal{Kind: refusal.UnknownRoute}
	}
	return nil
}

// PolicyRefusal is what a caller is told where policy made no decision.
func PolicyRefusal(err error) *refusal.Refusal {
	if errors.Is(err, policy.ErrBusy) {
		return &refusal.Refusal{Kind: refusal.PolicyBusy, Cause: err}
	}
	return &refusal.Refusal{Kind: refusal.PolicyFailed, Cause: err}
}

// defaultBody is the longest body that is held against a document where the route says nothing of it.
const defaultBody = 1 << 20

// validate holds a request that policy let through against the document that describes its route, if there is one.
func validate(ctx context.Context, r *Request, v *Verdict) *refusal.Refusal {
	document := v.Match.Route.Validator
	if document == nil {
		return nil
	}
	v.Validated = true
	var body []byte
	if r.Body != nil && document.ReadsBody(r.Header) {
		var refused *refusal.Refusal
		if body, refused = r.Body.Text(ctx, cmp.Or(v.Match.Route.BodyLimit, defaultBody)); refused != nil {
			return refused
		}
	}
	problems, err := document.Check(v.Match.Params, r.RawQuery, r.Header, body)
	if err != nil {
		kind := refusal.BodyMalformed
		if errors.Is(err, route.ErrTooComplex) {
			kind = refusal.TooComplex
		}
		return &refusal.Refusal{Kind: kind, Details: map[string]any{"reason": err.Error()}}
	}
	if len(problems) == 0 {
		return nil
	}
	v.Problems = problems
	fields := make(map[string]any, len(problems))
	for _, p := range problems {
		fields[p.Field] = p.Text
	}
	return &refusal.Refusal{Kind: refusal.NotAsDescribed, Details: fields}
}

// byPolicy turns a policy's refusal into ours. A missing scope is also told in RFC 6750's way.
func byPolicy(d *policy.Decision) *refusal.Refusal {
	refused := &refusal.Refusal{Kind: refusal.PolicyKind(refusal.Code(d.Code)), Message: d.Message, Details: d.Details}
	if len(d.MissingScopes) > 0 {
		refused.Challenge = `Bearer error="insufficient_scope", scope="` + strings.Join(d.MissingScopes, " ") + `"`
	}
	return refused
}

// charge is step 6.
func (g *Gate) charge(ctx context.Context, v *Verdict) *refusal.Refusal {
	workspace, cost := v.Identity.Workspace, v.Match.Route.Cost
	windows := v.Plan.Limits(workspace, v.Identity.Key)
	if v.Plan.Denied || len(windows) == 0 {
		// The embedded policy refuses denied plans, and no other plan is without windows: whoever reaches this line
		// would otherwise pass unlimited.
		return &refusal.Refusal{Kind: refusal.PolicyFailed, Cause: fmt.Errorf("plan %q has no limits, and policy allowed it", v.Plan.Name)}
	}
	for i := range windows {
		if w := &windows[i]; cost > w.Limit && !w.Over {
			return &refusal.Refusal{Kind: refusal.CostAboveLimit, Details: map[string]any{"cost": cost, "limit": w.Limit}}
		}
	}
	free, refused := g.begin(v)
	if refused != nil {
		return refused
	}
	result, err := g.Counters.Take(ctx, workspace.ID, windows, cost)
	if err != nil || !result.Granted {
		v.Release()
		free++
	}
	result.State.Concurrent(v.Plan.Concurrent, free)
	if err != nil {
		v.Limits = result.State
		return &refusal.Refusal{Kind: refusal.CountersUnavailable, RetryAfter: result.RetryAfter, Cause: err}
	}
	v.Limits, v.Counted, v.Charged = result.State, true, result.Source
	if !result.Granted {
		return overLimit(&v.Limits, result.RetryAfter)
	}
	return nil
}

// overLimit says which limit is used up: the workspace's, the key's own, or a quota.
func overLimit(state *limits.State, retryAfter int64) *refusal.Refusal {
	refused := &refusal.Refusal{Kind: refusal.OverLimit, RetryAfter: retryAfter}
	switch violated, _ := state.Shown(); {
	case violated.Window.Period != 0:
		refused.Kind = refusal.OverQuota
		refused.Details = map[string]any{"retry_after_seconds": retryAfter, "quota": map[string]any{
			"period": violated.Window.Period.String(), "limit": violated.Window.Limit, "ends": time.Unix(violated.Reset, 0).UTC().Format(time.RFC3339),
		}}
	case violated.Window.Key != "":
		refused.Kind = refusal.OverKeyLimit
	}
	return refused
}

// begin takes a slot among the requests of the workspace that are under way, and says how many are left. The slot is given back by
// Release; a request that is refused later in this step was never under way.
func (g *Gate) begin(v *Verdict) (free int64, refused *refusal.Refusal) {
	limit := v.Plan.Concurrent
	if limit == 0 || g.Slots == nil {
		return limit - 1, nil
	}
	free, granted := g.Slots.Take(v.Identity.Workspace.ID, limit)
	if !granted {
		g.lastKnown(v)
		return 0, &refusal.Refusal{
			Kind: refusal.TooManyUnderWay, RetryAfter: 1, Details: map[string]any{"concurrent": limit, "retry_after_seconds": 1},
		}
	}
	v.slots = g.Slots
	return free, nil
}

// peek fills the limit headers of whoami, which shows the present counts and spends nothing.
func (g *Gate) peek(ctx context.Context, v *Verdict) *refusal.Refusal {
	if v.Plan.Denied {
		g.lastKnown(v)
		return nil
	}
	state, err := g.Counters.Peek(ctx, v.Identity.Workspace.ID, v.Plan.Limits(v.Identity.Workspace, v.Identity.Key))
	if err != nil {
		return &refusal.Refusal{Kind: refusal.CountersUnavailable, Cause: err}
	}
	v.Limits = state
	g.underWay(v)
	return nil
}

// underWay adds to the limit headers of a request without a slot how many requests more could begin.
func (g *Gate) underWay(v *Verdict) {
	if limit := v.Plan.Concurrent; limit > 0 && g.Slots != nil {
		v.Limits.Concurrent(limit, max(0, limit-g.Slots.Taken(v.Identity.Workspace.ID)))
	}
}

// lastKnown fills the limit headers of a refusal, without a round trip.
func (g *Gate) lastKnown(v *Verdict) {
	if v.Plan.Denied {
		v.Limits = limits.Denied(g.Now())
		return
	}
	v.Limits = g.Counters.Last(v.Identity.Workspace.ID, v.Plan.Limits(v.Identity.Workspace, v.Identity.Key))
	g.underWay(v)
}
