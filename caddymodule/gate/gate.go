// Package gate decides about a request: steps 1 to 6 of its way as one function from the request's facts to a
// verdict. It knows no Caddy and does no I/O of its own; what it needs of keys, policies and counters it asks
// through the small interfaces in ports.go.
//
//	facts → hygiene → route → authenticate → policy → unknown route → limit → verdict
package gate

import (
	"context"
	"errors"
	"net/http"
	"net/netip"
	"time"

	"github.com/tollgate-gateway/tollgate/caddymodule/limits"
	"github.com/tollgate-gateway/tollgate/caddymodule/policy"
	"github.com/tollgate-gateway/tollgate/caddymodule/record"
	"github.com/tollgate-gateway/tollgate/caddymodule/refusal"
	"github.com/tollgate-gateway/tollgate/caddymodule/route"
)

// Gate holds what is constant between two loads of the configuration. All of its fields but Slots and Visitors must be set.
// It is safe for concurrent use.
type Gate struct {
	// Routes are the site's.
	Routes Routes
	// Keys knows the secrets.
	Keys Keys
	// KeyPrefix is the prefix of our own secrets: a token that carries it with a wrong checksum never reaches Keys.
	KeyPrefix string
	// BareKeys also takes "Authorization: <key>", without a scheme.
	BareKeys bool
	// Policy answers data.tollgate.decision.
	Policy Policy
	// Plans are the configured plans; what they lack is denied.
	Plans record.Plans
	// Counters hold the limits of all workspaces.
	Counters Counters
	// Slots counts the requests that are under way, of workspaces whose plan bounds them; nil: nobody counts them.
	Slots *limits.Slots
	// Visitors gives the table that counts the requests of public routes whose limit has a window of that duration; nil: nobody
	// counts them.
	Visitors func(time.Duration) *limits.Throttle[Visitor]
	// AuthThrottle counts 401s and hygiene 400s by client address.
	AuthThrottle Throttle[netip.Addr]
	// RefusalThrottle counts our 400, 403, 404 and 413 by key id, OutsiderThrottle those of keys that are used from outside
	// their allowlist, by key id and client address. The window of both is the same.
	RefusalThrottle  Throttle[string]
	OutsiderThrottle Throttle[Outsider]
	// Now is the clock.
	Now func() time.Time
}

// Step is a step of the way through the gate.
type Step uint8

// The steps, in their order.
const (
	StepHygiene Step = iota
	StepRoute
	StepAuthenticate
	StepPolicy
	StepLimit
	Steps // how many there are
)

// String is the step's name in metrics and in explain.
func (s Step) String() string {
	return [...]string{"hygiene", "route", "authenticate", "policy", "limit", "none"}[s]
}

// Verdict is what the gate says about one request. The zero value is ready for Judge.
type Verdict struct {
	// Refusal says why the request goes no further; nil: it goes to the backend.
	Refusal *refusal.Refusal
	// Reason is why, more closely than the refusal's row says: one of Reasons. It is for operators.
	Reason string
	// RefusedKey is the id of the key whose secret was sent and may not be used; empty: nobody's was.
	RefusedKey string
	// Step is the last one that ran: the one that refused, if any did.
	Step Step
	// Match is the route with its parameters and needed scopes; its Route is nil where none matched.
	Match route.Match
	// Identity is the caller: nil on public routes and where authentication refused.
	Identity *record.Identity
	// Plan is the caller's plan; nil without Identity.
	Plan *record.Plan
	// Limits is what the limit headers say; it is empty where there are none to send.
	Limits limits.State
	// Counted says that the counters were asked, and Charged where their verdict came from.
	Counted bool
	Charged limits.Source
	// Decision is the policy's. Its zero value, of generation 0, says that policy was not asked; with the code
	// INTERNAL_ERROR, that it was and made none.
	Decision policy.Decision
	// Validated says that the request was held against a document, and Problems what is wrong with it.
	Validated bool
	Problems  []route.Problem
	// slots has a slot of the caller's workspace for this request.
	slots *limits.Slots
	// scopeParam says that the path holds a parameter which no scope could name.
	scopeParam bool
	// input is what policy is asked; it lies here so that it costs no allocation of its own.
	input policy.Input
	// Began is when the first step began, and Took how long each ran: they follow each other without a gap.
	Began time.Time
	Took  [Steps]time.Duration
}

// Release gives back what a granted request holds while it is under way. It must be called when every request ends, however it
// does, and may be called again.
func (v *Verdict) Release() {
	if v.slots != nil {
		v.slots.Give(v.Identity.Workspace.ID)
		v.slots = nil
	}
}

// Ended is when the last step that ran was over.
func (v *Verdict) Ended() time.Time {
	end := v.Began
	for _, took := range v.Took {
		end = end.Add(took)
	}
	return end
}

// Judge takes a request through steps 1 to 6. It sets v, whose zero value it expects, and changes nothing of r but what
// r.Upstream does.
func (g *Gate) Judge(ctx context.Context, r *Request, v *Verdict) {
	v.Began = g.Now()
	clock := stopwatch{verdict: v, last: v.Began}
	defer func() { clock.stop(g.Now()) }()
	refused := g.steps(ctx, r, v, &clock)
	if clientLeft(ctx, refused) {
		refused = &refusal.Refusal{Kind: refusal.ClientLeft, Cause: refused}
	}
	switch {
	case refused == nil:
	case v.Identity == nil:
		refused = g.countAnonymous(r, v, refused)
	default:
		if v.Limits.Len() == 0 {
			g.lastKnown(v)
		}
		g.countIdentified(r, v, refused)
	}
	if v.Refusal = refused; refused != nil {
		v.Reason = g.reason(r, v, refused)
	}
}

// clientLeft tells a failure of ours from a client that did not wait: whoever asks on its behalf is told so by its context.
func clientLeft(ctx context.Context, refused *refusal.Refusal) bool {
	return refused != nil && refused.StatusCode() >= http.StatusInternalServerError &&
		ctx.Err() != nil && errors.Is(refused.Cause, context.Canceled)
}

// steps takes a request through one step after the other, until one refuses. Each step notes in v what it found out, and
// returns its refusal, which Judge alone puts into the verdict.
func (g *Gate) steps(ctx context.Context, r *Request, v *Verdict, clock *stopwatch) *refusal.Refusal {
	if refused := g.inspect(r); refused != nil {
		return refused
	}
	clock.next(StepRoute, g.Now())
	if refused := g.route(r, v); refused != nil {
		return refused
	}
	if v.Match.Route != nil && v.Match.Route.Public {
		if refused := g.visit(r, v); refused != nil {
			return refused
		}
		return r.ready()
	}
	if describes(v) && r.anonymous() {
		return g.visit(r, v)
	}
	clock.next(StepAuthenticate, g.Now())
	if refused := g.authenticate(ctx, r, v); refused != nil {
		return refused
	}
	if refused := g.throttleKey(r, v); refused != nil {
		return refused
	}
	if refused := suspended(r, v); refused != nil {
		return refused
	}
	switch {
	case isWhoami(v):
		return g.peek(ctx, v)
	case describes(v):
		return g.Tell(r, v, v.Match.Route)
	}
	clock.next(StepPolicy, g.Now())
	if refused := g.decide(ctx, r, v); refused != nil {
		return refused
	}
	if v.Match.Route.MCP {
		return g.chargeMessage(ctx, v, clock)
	}
	if refused := validate(ctx, r, v); refused != nil {
		return refused
	}
	if refused := r.ready(); refused != nil {
		return refused
	}
	clock.next(StepLimit, g.Now())
	return g.charge(ctx, v)
}

// stopwatch writes into the verdict how long each step took.
type stopwatch struct {
	verdict *Verdict
	last    time.Time
}

func (s *stopwatch) next(step Step, now time.Time) {
	s.stop(now)
	s.verdict.Step = step
}

func (s *stopwatch) stop(now time.Time) {
	s.verdict.Took[s.verdict.Step] += now.Sub(s.last)
	s.last = now
}
