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
		if !r.As.Usable(g.Now()) {
			return unauthorized(true)
		}
		return g.identify(r.As, v)
	}
	token, given := apikey.FromAuthorization(r.Header["Authorization"], g.BareKeys)
	if token == "" || !apikey.Check(g.KeyPrefix, token) {
		return unauthorized(given)
	}
	sum := record.SumOf(token)
	if identity := g.Keys.Known(sum); identity != nil && identity.Usable(g.Now()) {
		return g.identify(identity, v)
	}
	if result, over := g.AuthThrottle.over(bucket(r)); over && !g.AuthThrottle.Counts.LookUp(bucket(r), g.AuthThrottle.Window) {
		return throttled(refusal.AuthThrottled, &result, v)
	}
	identity, err := g.Keys.Lookup(ctx, sum)
	switch {
	case errors.Is(err, keystore.ErrUnknown):
		return unauthorized(given)
	case err != nil:
		return &refusal.Refusal{Kind: refusal.KeyStoreUnavailable, Cause: err}
	case !identity.Usable(g.Now()):
		return unauthorized(given)
	}
	return g.identify(identity, v)
}

// identify writes the caller into the verdict.
func (g *Gate) identify(identity *record.Identity, v *Verdict) *refusal.Refusal {
	v.Identity = identity
	v.Plan = g.Plans.Of(identity.Workspace.Plan)
	return nil
}

// unauthorized is the one refusal of callers who are not known; given says that a token was sent.
func unauthorized(given bool) *refusal.Refusal {
	if given {
		return &refusal.Refusal{Kind: refusal.Unauthorized, Challenge: challengeInvalid}
	}
	return &refusal.Refusal{Kind: refusal.Unauthorized, Challenge: challenge}
}
