package gate

import (
	"context"
	"errors"

	"github.com/tollgate-gateway/tollgate/caddymodule/apikey"
	"github.com/tollgate-gateway/tollgate/caddymodule/keystore"
	"github.com/tollgate-gateway/tollgate/caddymodule/record"
	"github.com/tollgate-gateway/tollgate/caddymodule/refusal"
)

// Challenges of RFC 6750, section 3. A request without credentials gets no error code.
const (
	challenge        = `Bearer realm="tollgate"`
	challengeInvalid = `Bearer realm="tollgate", error="invalid_token"`
)

// authenticate is step 3. Every failure is one and the same 401, whatever was wrong, but for a store that cannot
// answer: that is 503, so that an outage never looks like a revocation.
func (g *Gate) authenticate(ctx context.Context, r *Request, v *Verdict) *refusal.Refusal {
	if r.As != nil {
		return g.admit(r.As, v)
	}
	token, given := apikey.FromAuthorization(r.Header["Authorization"], g.BareKeys)
	if token == "" || !apikey.Check(g.KeyPrefix, token) {
		if v.Reason = ReasonMalformedKey; !given {
			v.Reason = ReasonNoKey
		}
		return unauthorized(given)
	}
	sum := record.SumOf(token)
	if identity := g.Keys.Known(sum); identity != nil && identity.Usable(g.Now()) {
		return g.identify(identity, v)
	}
	if result, over := g.AuthThrottle.over(bucket(r)); over && !g.Keys.Familiar(sum) && !g.AuthThrottle.Counts.LookUp(bucket(r), g.AuthThrottle.Window) {
		return throttled(refusal.AuthThrottled, &result, v)
	}
	identity, err := g.Keys.Lookup(ctx, sum)
	if unusable, ok := errors.AsType[*keystore.Unusable](err); ok {
		v.Reason, v.RefusedKey = unusable.State, unusable.Key
		return unauthorized(given)
	}
	switch {
	case errors.Is(err, keystore.ErrUnknown):
		v.Reason = ReasonUnknownKey
		return unauthorized(given)
	case err != nil:
		return &refusal.Refusal{Kind: refusal.KeyStoreUnavailable, Cause: err}
	}
	return g.admit(identity, v)
}

// admit writes the caller into the verdict, if its key may be used now.
func (g *Gate) admit(identity *record.Identity, v *Verdict) *refusal.Refusal {
	if now := g.Now(); !identity.Usable(now) {
		v.Reason, v.RefusedKey = identity.State(now), identity.Key.ID
		return unauthorized(true)
	}
	return g.identify(identity, v)
}

// identify writes the caller into the verdict.
func (g *Gate) identify(identity *record.Identity, v *Verdict) *refusal.Refusal {
	v.Identity = identity
	v.Plan = g.Plans.Of(identity.Workspace.Plan)
	return nil
}

// suspended refuses every key of a suspended workspace before body and policy. One that is used from outside its allowlist is
// left to the policies, whose refusal says no more than it would of any other workspace: somebody who found a key does not
// learn what became of its owner. Whoami and descriptions ask no policy: they are refused here.
func suspended(r *Request, v *Verdict) *refusal.Refusal {
	if !v.Identity.Workspace.Suspended() || outside(r, v) && !isWhoami(v) && !describes(v) {
		return nil
	}
	return bySuspension(v)
}

func isWhoami(v *Verdict) bool { return v.Match.Route != nil && v.Match.Route.Whoami }

func describes(v *Verdict) bool { return v.Match.Route != nil && v.Match.Route.Describes }

// suspendedDetails are the same for all: nobody changes them.
var suspendedDetails = map[string]any{"reason": "suspended"}

func bySuspension(v *Verdict) *refusal.Refusal {
	return &refusal.Refusal{Kind: refusal.Suspended, Details: suspendedDetails, Cause: suspension{v.Identity.Workspace}}
}

// suspension is why a workspace is suspended, for operators.
type suspension struct{ *record.Workspace }

func (s suspension) Error() string {
	return "workspace " + s.ID + " is suspended (" + s.Suspension() + ")"
}

// unauthorized is the one refusal of callers who are not known; given says that a token was sent.
func unauthorized(given bool) *refusal.Refusal {
	if given {
		return &refusal.Refusal{Kind: refusal.Unauthorized, Challenge: challengeInvalid}
	}
	return &refusal.Refusal{Kind: refusal.Unauthorized, Challenge: challenge}
}
