package gate

import (
	"context"
	"errors"
	"net/netip"

	"github.com/tollgate-gateway/tollgate/caddymodule/apikey"
	"github.com/tollgate-gateway/tollgate/caddymodule/envelope"
	"github.com/tollgate-gateway/tollgate/caddymodule/keystore"
	"github.com/tollgate-gateway/tollgate/caddymodule/limits"
	"github.com/tollgate-gateway/tollgate/caddymodule/record"
)

// Challenges of RFC 6750, section 3. A request without credentials gets no error code.
const (
	challenge        = `Bearer realm="tollgate"`
	challengeInvalid = `Bearer realm="tollgate", error="invalid_token"`
)

// authenticate is step 3. Every failure is one and the same 401, whatever was wrong, but for a store that cannot
// answer: that is 503, so that an outage never looks like a revocation.
func (g *Gate) authenticate(ctx context.Context, r *Request, v *Verdict) *envelope.Refusal {
	if r.As != nil {
		if !r.As.Usable(g.Now()) {
			return g.unauthorized(r, v, true)
		}
		return g.identify(r.As, v)
	}
	token, given := apikey.FromAuthorization(r.Header["Authorization"], g.BareKeys)
	if token == "" || !apikey.Check(g.KeyPrefix, token) {
		return g.unauthorized(r, v, given)
	}
	sum := record.SumOf(token)
	if identity := g.Keys.Known(sum); identity != nil && identity.Usable(g.Now()) {
		return g.identify(identity, v)
	}
	if result, over := g.AuthThrottle.over(bucket(r)); over && !g.AuthThrottle.Counts.LookUp(bucket(r), g.AuthThrottle.Window) {
		return throttled(envelope.AuthThrottled, &result, v)
	}
	identity, err := g.Keys.Lookup(ctx, sum)
	switch {
	case errors.Is(err, keystore.ErrUnknown):
		return g.unauthorized(r, v, given)
	case err != nil:
		return &envelope.Refusal{Kind: envelope.KeyStoreUnavailable, Cause: err}
	case !identity.Usable(g.Now()):
		return g.unauthorized(r, v, given)
	}
	return g.identify(identity, v)
}

// identify writes the caller into the verdict.
func (g *Gate) identify(identity *record.Identity, v *Verdict) *envelope.Refusal {
	v.Identity = identity
	v.Plan = g.Plans.Of(identity.Workspace.Plan)
	return nil
}

func (g *Gate) unauthorized(r *Request, v *Verdict, given bool) *envelope.Refusal {
	v.Refusal = &envelope.Refusal{Kind: envelope.Unauthorized, Challenge: challenge}
	if given {
		v.Refusal.Challenge = challengeInvalid
	}
	g.throttleAddress(r, v)
	return v.Refusal
}

// throttleAddress counts the refusal in v against the client's address, or puts 429 in its place where the address has
// used up its refusals.
func (g *Gate) throttleAddress(r *Request, v *Verdict) {
	result, counted := g.AuthThrottle.count(bucket(r))
	if !counted {
		v.Refusal = throttled(envelope.AuthThrottled, &result, v)
		return
	}
	v.Limits = result.State
}

// bucket is what refusals of a client are counted by: its address, or its /64 where that is IPv6.
func bucket(r *Request) netip.Addr { return limits.AddressKey(r.ClientIP) }

// throttleKey refuses the requests of a good key that has used up its refusals, before policy and body.
func (g *Gate) throttleKey(v *Verdict) *envelope.Refusal {
	if result, over := g.RefusalThrottle.over(v.Identity.Key.ID); over {
		return throttled(envelope.RefusalsThrottled, &result, v)
	}
	return nil
}

// countRefusal charges the refusals that a good key can provoke at no cost to its limits.
func (g *Gate) countRefusal(v *Verdict) {
	switch v.Refusal.Kind.Status {
	case 400, 403, 404, 413:
		g.RefusalThrottle.count(v.Identity.Key.ID)
	}
}

// throttled is the 429 of a throttle; the limit headers describe the throttle.
func throttled(kind *envelope.Kind, result *limits.Result, v *Verdict) *envelope.Refusal {
	v.Limits = result.State
	return &envelope.Refusal{Kind: kind, RetryAfter: result.RetryAfter}
}
