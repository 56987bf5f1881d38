package gate

import (
	"context"

	"github.com/tollgate-gateway/tollgate/caddymodule/refusal"
)

// chargeMessage is step 6 of a message for the MCP endpoint. The request that it may lead to goes through the gate by itself, takes
// a slot of its own, and is what costs.
func (g *Gate) chargeMessage(ctx context.Context, v *Verdict, clock *stopwatch) *refusal.Refusal {
	if v.Match.Route.Cost == 0 {
		g.lastKnown(v)
		return nil
	}
	clock.next(StepLimit, g.Now())
	refused := g.charge(ctx, v)
	v.Release()
	return refused
}

// Refuse refuses what Judge let through: what an endpoint of the gateway's own does not take. It counts as any other refusal.
func (g *Gate) Refuse(r *Request, v *Verdict, refused *refusal.Refusal) {
	v.Refusal, v.Reason = refused, refused.Kind.Reason
	if v.Limits.Len() == 0 {
		g.lastKnown(v)
	}
	g.countIdentified(r, v, refused)
}
