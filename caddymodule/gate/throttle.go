package gate

import (
	"net/netip"
	"slices"

	"github.com/tollgate-gateway/tollgate/caddymodule/limits"
	"github.com/tollgate-gateway/tollgate/caddymodule/record"
	"github.com/tollgate-gateway/tollgate/caddymodule/refusal"
	"github.com/tollgate-gateway/tollgate/caddymodule/route"
)

// Throttle counts refusals, or requests of public routes, by key over Window. The key is a client address, the id of a good key,
// or both, or a Visitor.
type Throttle[K comparable] struct {
	// Counts are this gateway's own.
	Counts *limits.Throttle[K]
	// Window is how many refusals are answered as they are; its zero value turns the throttle off.
	Window record.Window
}

// over reports that the key has used up its refusals, and what is then to be said.
func (t *Throttle[K]) over(key K) (limits.Result, bool) {
	if t.Window.Limit == 0 {
		return limits.Result{}, false
	}
	result := t.Counts.Over(key, t.Window)
	return result, !result.Granted
}

// count charges one refusal. It is false where the key was over already, and nothing was charged.
func (t *Throttle[K]) count(key K) (limits.Result, bool) {
	if t.Window.Limit == 0 {
		return limits.Result{}, true
	}
	result := t.Counts.Count(key, t.Window)
	return result, result.Granted
}

// Outsider is who uses a key from an address outside its allowlist: somebody who found it, most likely.
type Outsider struct {
	Key     string
	Address netip.Addr
}

// throttleKey refuses the requests of a good key that has used up its refusals, before policy and body. Outside its allowlist
// a key is judged together with the address, by a table of its own: whoever found a key collects refusals at will, from as
// many addresses as there are, and must not lock out its owner.
func (g *Gate) throttleKey(r *Request, v *Verdict) *refusal.Refusal {
	result, over := limits.Result{}, false
	if outside(r, v) {
		result, over = g.OutsiderThrottle.over(outsider(r, v))
	} else {
		result, over = g.RefusalThrottle.over(v.Identity.Key.ID)
	}
	if over {
		return throttled(refusal.RefusalsThrottled, &result, v)
	}
	return nil
}

// outside reports whether the request comes from an address that the key's allowlist does not let in.
func outside(r *Request, v *Verdict) bool { return outsideOf(v.Identity.Key, r.ClientIP) }

func outsideOf(key *record.Key, client netip.Addr) bool {
	allowed := key.AllowedIPs
	return len(allowed) > 0 && !slices.ContainsFunc(allowed, func(n netip.Prefix) bool { return n.Contains(client) })
}

func outsider(r *Request, v *Verdict) Outsider {
	return Outsider{Key: v.Identity.Key.ID, Address: bucket(r)}
}

// countAnonymous counts a 401 or a malformed request against the client's address, and gives 429 in its place where the
// address has used up its refusals.
func (g *Gate) countAnonymous(r *Request, v *Verdict, refused *refusal.Refusal) *refusal.Refusal {
	switch refused.Kind {
	case refusal.MalformedTarget, refusal.MalformedQuery, refusal.Unauthorized:
	default:
		return refused
	}
	result, counted := g.AuthThrottle.count(bucket(r))
	if !counted {
		return throttled(refusal.AuthThrottled, &result, v)
	}
	v.Limits = result.State
	return refused
}

// countIdentified charges the refusals that a good key can provoke at no cost to its limits.
func (g *Gate) countIdentified(r *Request, v *Verdict, refused *refusal.Refusal) {
	switch refused.Kind.Status {
	case 400, 403, 404, 413:
	default:
		return
	}
	if outside(r, v) {
		g.OutsiderThrottle.count(outsider(r, v))
		return
	}
	g.RefusalThrottle.count(v.Identity.Key.ID)
}

// Visitor is a client of a public route, or of one that describes. Routes of several sites with the same method and template are one.
type Visitor struct {
	Method, Pattern string // the route's first method, and its template
	Address         netip.Addr
	Key             string // the id of a good key; "": it came without one. Then Address is zero, unless its allowlist does not let it in
}

// visit counts a request of a public route that has a limit by the client's address, and refuses it past the limit.
func (g *Gate) visit(r *Request, v *Verdict) *refusal.Refusal {
	public := v.Match.Route
	if public.Limit.Limit == 0 || g.Visitors == nil {
		return nil
	}
	visitors := Throttle[Visitor]{g.Visitors(public.Limit.Duration), public.Limit}
	result, counted := visitors.count(Visitor{public.Methods[0], public.Pattern, bucket(r), ""})
	if !counted {
		return throttled(refusal.AddressOverLimit, &result, v)
	}
	v.Limits = result.State
	return nil
}

// Tell counts a request for a description by the caller's key, and refuses it past the limit of the route that describes, by which
// way it may come. It spends nothing.
func (g *Gate) Tell(r *Request, v *Verdict, describing *route.Route) *refusal.Refusal {
	if describing.Limit.Limit > 0 && g.Visitors != nil {
		visitor := Visitor{describing.Methods[0], describing.Pattern, netip.Addr{}, v.Identity.Key.ID}
		if outside(r, v) {
			visitor.Address = bucket(r) // whoever found a key does not use up its owner's
		}
		visitors := Throttle[Visitor]{g.Visitors(describing.Limit.Duration), describing.Limit}
		if result, counted := visitors.count(visitor); !counted {
			return throttled(refusal.KeyOverLimit, &result, v)
		}
	}
	g.lastKnown(v)
	return nil
}

// bucket is what refusals of a client are counted by: its address, or its /64 where that is IPv6.
func bucket(r *Request) netip.Addr { return limits.AddressKey(r.ClientIP) }

// throttled is the 429 of a throttle; the limit headers describe the throttle.
func throttled(kind *refusal.Kind, result *limits.Result, v *Verdict) *refusal.Refusal {
	v.Limits = result.State
	return &refusal.Refusal{Kind: kind, RetryAfter: result.RetryAfter}
}
