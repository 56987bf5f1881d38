package policy

import (
	"net/netip"
	"slices"
	"strings"
	"testing"

	"github.com/stretchr/testify/require"

	"github.com/tollgate-gateway/tollgate/caddymodule/record"
	"github.com/tollgate-gateway/tollgate/caddymodule/route"
)

// lookup is all that a remembered decision is found by.
type lookup struct {
	key string
	of  owners
}

func lookupOf(g *generation, in *Input) lookup {
	return lookup{string(appendKey(nil, g.slots, in)), g.owners(in)}
}

// mutants are key builders with a fault each: they forget a slot, or something within one.
func mutants() map[string]func(g *generation, in *Input) lookup {
	all := map[string]func(g *generation, in *Input) lookup{}
	for kind := slotMethod; kind <= slotPlan; kind++ {
		all["forgets slot "+slotNames[kind]] = func(g *generation, in *Input) lookup {
			kept := *g
			kept.slots = slices.DeleteFunc(slices.Clone(g.slots), func(s slot) bool { return s.kind == kind })
			kept.byKey = g.byKey && kind != slotKey
			kept.byWorkspace = g.byWorkspace && kind != slotWorkspace
			return lookupOf(&kept, in)
		}
	}
	for name, blur := range blurs {
		all[name] = func(g *generation, in *Input) lookup {
			return lookupOf(g, in.blurred(blur))
		}
	}
	return all
}

var slotNames = [...]string{"method", "host", "path", "client ip", "ip of keys with a list", "query", "query parameter", "header", "pattern", "scopes", "params", "param", "key", "workspace", "plan"}

// blurred is a deep copy with a change.
func (in *Input) blurred(blur func(in *Input)) *Input {
	copied := *in
	copied.Header = in.Header.Clone()
	if in.Route != nil {
		match := *in.Route
		match.Params, match.Scopes = slices.Clone(match.Params), slices.Clone(match.Scopes)
		copied.Route = &match
	}
	if in.Identity != nil {
		identity := *in.Identity
		copied.Identity = &identity
	}
	blur(&copied)
	return &copied
}

// oneKey and oneWorkspace stand for all records of an id.
var (
	oneKey       = &record.Key{}
	oneWorkspace = &record.Workspace{}
)

// blurs change an input before its key is built, so that the key no longer tells it from others.
var blurs = map[string]func(in *Input){
	"takes the id for the key": func(in *Input) {
		if in.Identity != nil {
			in.Identity.Key = oneKey
		}
	},
	"takes the id for the workspace": func(in *Input) {
		if in.Identity != nil {
			in.Identity.Workspace = oneWorkspace
		}
	},
	"takes an absent identity for any": func(in *Input) {
		in.Identity = nil
	},
	"takes an absent header for an empty one": func(in *Input) {
		if in.Header["X-A"] == nil {
			in.Header["X-A"] = []string{""}
		}
	},
	"joins the values of a header": func(in *Input) {
		in.Header["X-A"] = []string{strings.Join(in.Header["X-A"], ", ")}
	},
	"runs the values of a header together": func(in *Input) {
		in.Header["X-A"] = []string{strings.Join(in.Header["X-A"], "")}
	},
	"takes the first value of a header": func(in *Input) {
		in.Header["X-A"] = in.Header["X-A"][:min(1, len(in.Header["X-A"]))]
	},
	"sorts the query": func(in *Input) {
		pairs := strings.Split(in.RawQuery, "&")
		slices.Sort(pairs)
		in.RawQuery = strings.Join(pairs, "&")
	},
	"takes the first value of a parameter": func(in *Input) {
		seen, kept := map[string]bool{}, []string{}
		for name, value := range parameters(in.RawQuery) {
			if !seen[name] {
				seen[name], kept = true, append(kept, name+"="+value)
			}
		}
		in.RawQuery = strings.Join(kept, "&")
	},
	"overlooks encoded names": func(in *Input) {
		in.RawQuery = strings.NewReplacer("%61", "_", "+", "_").Replace(in.RawQuery)
	},
	"decodes the query before it is split": func(in *Input) {
		in.RawQuery = unescape(in.RawQuery)
	},
	"overlooks parameters without a value": func(in *Input) {
		in.RawQuery = strings.TrimSuffix(in.RawQuery, "a")
	},
	"takes all addresses for one family": func(in *Input) {
		if in.ClientIP.IsValid() {
			bytes := in.ClientIP.As16()
			in.ClientIP = netip.AddrFrom16([16]byte{15: bytes[15]})
		}
	},
	"takes an unknown address for 0.0.0.0": func(in *Input) {
		in.ClientIP = netip.IPv4Unspecified()
	},
	"runs the scopes together": func(in *Input) {
		if in.Route != nil {
			in.Route.Scopes = []string{strings.Join(in.Route.Scopes, "")}
		}
	},
	"takes the route's scopes for the request's": func(in *Input) {
		if in.Route != nil {
			in.Route.Scopes = in.Route.Route.Scopes
		}
	},
	"runs method and host together": func(in *Input) {
		in.Method, in.Host = in.Method+in.Host, ""
	},
	"sorts names and values of parameters": func(in *Input) {
		if in.Route != nil {
			for i, p := range in.Route.Params {
				if p.Name > p.Value {
					in.Route.Params[i] = route.Param{Name: p.Value, Value: p.Name}
				}
			}
		}
	},
	"takes a denied plan for the plan": func(in *Input) {
		if in.Plan != nil {
			in.Plan = &record.Plan{Name: in.Plan.Name}
		}
	},
	"takes a missing plan for the plan": func(in *Input) {
		in.Plan = &record.Plan{Name: "pro"}
	},
}

// TestFaultyKeysWouldBeFound holds the tricky policies to their purpose: for each fault there is a pair of inputs that
// the faulty key takes for one while their decisions differ, and the real key takes no such pair for one.
func TestFaultyKeysWouldBeFound(t *testing.T) {
	found := map[string]bool{}
	all := mutants()
	for _, policy := range trickyPolicies {
		g := engine(t, map[string]string{"policy.rego": policy.rego}).current.Load()
		base := request()
		a, b := base.with(policy.a), base.with(policy.b)
		if g.memory == nil || policy.freshB {
			continue
		}
		require.NotEqual(t, lookupOf(g, a), lookupOf(g, b), policy.name)
		for name, mutant := range all {
			found[name] = found[name] || mutant(g, a) == mutant(g, b)
		}
	}
	for name := range all {
		require.True(t, found[name], "no pair of inputs finds a key that %s", name)
	}
}
