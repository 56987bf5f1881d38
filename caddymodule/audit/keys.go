package audit

import (
	"fmt"
	"maps"
	"slices"
	"strings"
	"time"

	"github.com/tollgate-gateway/tollgate/caddymodule/keysapi"
	"github.com/tollgate-gateway/tollgate/caddymodule/keystore"
	"github.com/tollgate-gateway/tollgate/caddymodule/record"
)

// keys gathers what is to be said of keys. It keeps counts, the first ids, and the scopes, however many keys there are.
type keys struct {
	*auditor
	count, active int
	needed        map[string]*neededScope // scopes of routes
	scopes        map[record.Scope]*heldScope

	listed, open, wildcard, broadKeys, unused, endless, twice, poor group
}

// neededScope is a scope of routes.
type neededScope struct {
	route *Route // the first
	held  bool
}

// heldScope is a scope of active keys.
type heldScope struct {
	group
	needed bool
	covers int // of the scopes of routes
}

// Bounds of what is kept.
const (
	// maxScopes is how many different scopes of keys are told apart: others are taken for needed.
	maxScopes = 50_000
	// fewScopes is how many scopes the routes must have for a wildcard over all of them to be worth a word.
	fewScopes = 3
)

func newKeys(a *auditor) *keys {
	k := &keys{auditor: a, needed: map[string]*neededScope{}, scopes: map[record.Scope]*heldScope{}}
	for n := range a.Gates {
		for m := range a.Gates[n].Routes {
			r := &a.Gates[n].Routes[m]
			for _, scope := range r.Scopes {
				if k.needed[scope] == nil {
					k.needed[scope] = &neededScope{route: r}
				}
			}
		}
	}
	return k
}

func (k *keys) see(key *keystore.Key) {
	k.count++
	if key.State(k.Now) != "active" {
		return
	}
	k.active++
	widest := 0
	for _, scope := range key.Scopes {
		h := k.scope(scope)
		h.add(key.ID)
		if strings.HasSuffix(string(scope), "*") {
			widest = max(widest, h.covers)
		}
	}
	switch {
	case slices.ContainsFunc(key.Scopes, reachesEverything):
		k.wildcard.add(key.ID)
	case widest >= fewScopes && widest == len(k.needed):
		k.broadKeys.add(key.ID)
	}
	k.addresses(key)
	k.times(key)
	if r := k.tooDear(key); r != nil {
		k.poor.add(fmt.Sprintf("%s (%d for %s)", key.ID, lowestLimit(key.Limits), r.Pattern))
	}
}

// tooDear is a route that the key may use and never can: its own limits are below the cost.
func (k *keys) tooDear(key *keystore.Key) *Route {
	if len(key.Limits) == 0 {
		return nil
	}
	for n := range k.Gates {
		for m := range k.Gates[n].Routes {
			r := &k.Gates[n].Routes[m]
			lacks := func(scope string) bool {
				return !slices.ContainsFunc(key.Scopes, func(s record.Scope) bool { return s.MayCover(scope) })
			}
			if r.Cost > lowestLimit(key.Limits) && !slices.ContainsFunc(r.Scopes, lacks) {
				return r
			}
		}
	}
	return nil
}

// scope finds what is known of a scope that a key holds.
func (k *keys) scope(scope record.Scope) *heldScope {
	if h := k.scopes[scope]; h != nil {
		return h
	}
	h := &heldScope{needed: k.Manages && slices.ContainsFunc(keysapi.Scopes(), scope.Covers)}
	for name, needed := range k.needed {
		if scope.MayCover(name) {
			h.needed, needed.held = true, true
			h.covers++
		}
	}
	if len(k.scopes) < maxScopes {
		k.scopes[scope] = h
	}
	return h
}

// reachesEverything tells the scopes that open more than any route needs.
func reachesEverything(s record.Scope) bool {
	return s == "*" || s == "tollgate.*" || s == "tollgate.admin.*"
}

func (k *keys) addresses(key *keystore.Key) {
	if len(key.AllowedIPs) > 0 {
		k.listed.add(key.ID)
	}
	for _, network := range key.AllowedIPs {
		if network.Bits() == 0 {
			k.open.add(key.ID)
			return
		}
	}
}

func (k *keys) times(key *keystore.Key) {
	if key.ExpiresAt.IsZero() {
		k.endless.add(key.ID)
	}
	last, live := key.CreatedAt, 0
	var ends time.Time
	for _, s := range key.Secrets {
		if s.LastUsedAt.After(last) {
			last = s.LastUsedAt
		}
		if s.ExpiresAt.IsZero() || k.Now.Before(s.ExpiresAt) {
			if live++; !s.ExpiresAt.IsZero() && s.ExpiresAt.After(ends) {
				ends = s.ExpiresAt
			}
		}
	}
	unused := keystore.KeyFilter{Now: k.Now, UnusedSince: k.Now.Add(-unusedFor)} // as key list --unused 90d
	if k.Store.Uses && unused.Asks(key) {
		text := key.ID
		if !last.IsZero() { // a store may not know when it was made
			text += " (" + last.UTC().Format(time.DateOnly) + ")"
		}
		k.unused.add(text)
	}
	if live > 1 {
		text := key.ID
		if !ends.IsZero() {
			text += " (until " + ends.UTC().Format(time.RFC3339) + ")"
		}
		k.twice.add(text)
	}
}

// tell makes the findings.
func (k *keys) tell() {
	for rule, g := range map[string]struct {
		*group
		what string
	}{
		"allowlist-open":   {&k.open, "%s an allowlist that holds every address"},
		"key-wildcard":     {&k.wildcard, "%s a scope that reaches everything"},
		"key-broad":        {&k.broadKeys, "%s a wildcard that covers the scopes of all routes"},
		"key-unused":       {&k.unused, "%s been used last, or made, more than 90 days ago"},
		"key-without-end":  {&k.endless, "%s no end"},
		"cost-above-limit": {&k.poor, "%s a limit of its own that is below the cost of a route"},
		"key-secrets":      {&k.twice, "%s more than one live secret"},
	} {
		if g.count > 0 {
			k.findGroup(rule, storePlace, fmt.Sprintf(g.what, have(g.count)), g.group)
		}
	}
	if !k.Store.Uses {
		k.skip("a keys file does not know when keys were last used, and has one secret a key", "key-unused", "key-secrets")
	}
	trusts := slices.ContainsFunc(k.Servers, func(s Server) bool { return s.Gated && s.Trusts })
	if k.listed.count > 0 && !trusts && len(k.Gates) > 0 {
		k.findGroup("allowlist-without-proxies", storePlace, have(k.listed.count)+" an allowlist, and trusted_proxies is not set", &k.listed)
	}
	k.tellScopes()
}

func have(n int) string {
	if n == 1 {
		return "1 active key has"
	}
	return fmt.Sprintf("%d active keys have", n)
}

// tellScopes compares the scopes of routes and keys.
func (k *keys) tellScopes() {
	var unheld, unneeded group
	if k.active == 0 {
		k.skip("the key store holds no active keys", "scope-unheld")
	} else {
		for _, scope := range slices.Sorted(maps.Keys(k.needed)) {
			if n := k.needed[scope]; !n.held {
				unheld.add(scope + " at " + n.route.Place)
			}
		}
	}
	if unheld.count > 0 {
		k.findGroup("scope-unheld", storePlace, "no active key holds "+several(unheld.count, "scope")+" of routes", &unheld)
	}
	if file := k.Policies.ReadScopes; file != "" || !k.Policies.Loaded {
		why := "the policies could not be loaded, which may need scopes of their own"
		if file != "" {
			why = "policies of your own read the scopes of keys, and may need others than routes do: " + file
		}
		k.skip(why, "scope-unneeded")
		return
	}
	for _, scope := range slices.Sorted(maps.Keys(k.scopes)) {
		if h := k.scopes[scope]; !h.needed && !reachesEverything(scope) {
			unneeded.add(fmt.Sprintf("%s (%s)", scope, strings.Join(h.examples[:1], "")))
		}
	}
	if unneeded.count > 0 && len(k.Gates) > 0 {
		k.findGroup("scope-unneeded", storePlace, "no route needs "+several(unneeded.count, "scope")+" of active keys", &unneeded)
	}
}
