package gate

import (
	"context"
	"errors"
	"slices"
	"sync"
	"weak"

	"github.com/tollgate-gateway/tollgate/caddymodule/policy"
	"github.com/tollgate-gateway/tollgate/caddymodule/record"
	"github.com/tollgate-gateway/tollgate/caddymodule/route"
)

// MayCall knows what callers may call. A caller may call a route if policy allows the route's pattern with its key, from its address
// and with its headers, without parameters, query and body; a scope with ":name" counts as held if some value could satisfy it.
// Of the policies' refusals only those for scope, plan or address hide a route: FORBIDDEN with details.missing_scopes, or with
// details.reason "plan" or "address", as the embedded policies give them. Others come at the call. A route that costs more
// than a limit of the caller ever holds is hidden too: it would always be refused. A public route may be called by
// all, and one that the gateway answers itself by whoever has a key.
//
// It remembers its answers by what they depend on: the records of key and workspace, the plan, the routes, the policies, and what
// these read of address, host and headers. It is safe for concurrent use; the zero value, with its Policy, is ready.
type MayCall struct {
	// Policy decides.
	Policy CallerPolicy

	mu    sync.Mutex
	known map[callerKey]bitset
}

// CallerPolicy is what MayCall asks of the policies.
type CallerPolicy interface {
	Policy
	// Caller appends to b all that the present policies can read of the caller's request but method, path and route, and gives
	// their generation.
	Caller(b []byte, in *policy.Input) (read []byte, generation uint64)
}

// Callable are the routes that a caller may call.
type Callable struct {
	routes []*route.Route
	bits   bitset
}

// bitset has a bit for each method of each route, in their order.
type bitset []byte

func (b bitset) has(n int) bool { return b[n/8]&(1<<(n%8)) != 0 }

// Bounds of what is remembered.
const (
	maxCallers    = 4096
	maxCallerRead = 1024 // bytes of what policies read of a caller
)

type callerKey struct {
	key        weak.Pointer[record.Key]
	workspace  weak.Pointer[record.Workspace]
	plan       string
	denied     bool
	routes     weak.Pointer[route.Table]
	generation uint64
	read       string
}

// Routes gives each route that may be called, with the methods of it that may be, in the order of the table. Neither must be
// changed.
func (c Callable) Routes(yield func(r *route.Route, methods []string) bool) {
	n := 0
	for _, r := range c.routes {
		first := n
		n += len(r.Methods)
		methods := r.Methods
		for i := range r.Methods {
			if !c.bits.has(first + i) {
				methods = c.some(r, first)
				break
			}
		}
		if len(methods) > 0 && !yield(r, methods) {
			return
		}
	}
}

// Has reports whether a route of the table may be called with one of its methods.
func (c Callable) Has(r *route.Route, method string) bool {
	n := 0
	for _, other := range c.routes {
		if other == r {
			i := slices.Index(r.Methods, method)
			return i >= 0 && c.bits.has(n+i)
		}
		n += len(other.Methods)
	}
	return false
}

func (c Callable) some(r *route.Route, first int) (methods []string) {
	for i, method := range r.Methods {
		if c.bits.has(first + i) {
			methods = append(methods, method)
		}
	}
	return methods
}

// Key tells the answers about one table apart: two with the same Key are of the same routes and methods.
func (c Callable) Key() string { return string(c.bits) }

// errNewPolicies says that policies were replaced while they were asked.
var errNewPolicies = errors.New("the policies were replaced while they were asked what a caller may call")

// Anybody is what may be called without a key.
func Anybody(table *route.Table) Callable {
	c := Callable{routes: table.Routes()}
	c.bits = c.mark(func(r *route.Route, _ string) bool { return r.Public || r.Describes })
	return c
}

// All is the whole of a table.
func All(table *route.Table) Callable {
	c := Callable{routes: table.Routes()}
	c.bits = c.mark(func(*route.Route, string) bool { return true })
	return c
}

func (c Callable) mark(is func(r *route.Route, method string) bool) bitset {
	n := 0
	for _, r := range c.routes {
		n += len(r.Methods)
	}
	bits := make(bitset, (n+7)/8)
	n = 0
	for _, r := range c.routes {
		for _, method := range r.Methods {
			if is(r, method) {
				bits[n/8] |= 1 << (n % 8)
			}
			n++
		}
	}
	return bits
}

// Of is what the caller of a request may call. Facts are of the request that asks, identity and plan of who sent it. The error
// says that policy made no decision: nothing can be told then.
func (m *MayCall) Of(ctx context.Context, facts *policy.Facts, identity *record.Identity, plan *record.Plan, table *route.Table) (c Callable, err error) {
	if identity == nil {
		return Anybody(table), nil
	}
	for range 3 {
		if c, err = m.of(ctx, facts, identity, plan, table); !errors.Is(err, errNewPolicies) {
			break
		}
	}
	return c, err
}

func (m *MayCall) of(ctx context.Context, facts *policy.Facts, identity *record.Identity, plan *record.Plan, table *route.Table) (Callable, error) {
	in := &policy.Input{Facts: *facts, Identity: identity, Plan: plan}
	in.Method, in.Path, in.RawQuery = "", "", ""
	read, generation := m.Policy.Caller(nil, in)
	key := callerKey{weak.Make(identity.Key), weak.Make(identity.Workspace), plan.Name, plan.Denied, weak.Make(table), generation, string(read)}
	m.mu.Lock()
	bits := m.known[key]
	m.mu.Unlock()
	c := Callable{table.Routes(), bits}
	if bits != nil {
		return c, nil
	}
	var failed error
	c.bits = c.mark(func(r *route.Route, method string) bool {
		if failed != nil {
			return false
		}
		var allowed bool
		allowed, failed = m.asks(ctx, in, r, method, generation)
		return allowed
	})
	if failed != nil {
		return Callable{}, failed
	}
	if len(read) <= maxCallerRead {
		m.remember(key, c.bits)
	}
	return c, nil
}

func (m *MayCall) remember(key callerKey, bits bitset) {
	m.mu.Lock()
	defer m.mu.Unlock()
	if m.known == nil {
		m.known = make(map[callerKey]bitset)
	}
	for other := range m.known {
		if len(m.known) < maxCallers {
			break
		}
		delete(m.known, other) // any other
	}
	m.known[key] = bits
}

// asks asks policy about one route and method. The input is changed.
func (m *MayCall) asks(ctx context.Context, in *policy.Input, r *route.Route, method string, generation uint64) (bool, error) {
	if r.Public || r.Whoami || r.Describes {
		return true, nil
	}
	in.Method, in.Path = method, r.Pattern
	in.Route = &route.Match{Route: r, Scopes: r.ScopesFor(in.Identity.Key.Scopes)}
	d, err := m.Policy.Decide(ctx, in)
	switch {
	case err != nil:
		return false, err
	case d.Generation != generation:
		return false, errNewPolicies
	}
	return (d.Allow || !hides(&d, in)) && affords(in, r), nil
}

// affords reports whether the caller's limits ever hold as much as the route costs.
func affords(in *policy.Input, r *route.Route) bool {
	for _, w := range in.Plan.Limits(in.Identity.Workspace, in.Identity.Key) {
		if r.Cost > w.Limit && !w.Over {
			return false
		}
	}
	return true
}

// hides reports whether a refusal is for scope, plan or address. Where several refusals are one, the first one's reason stands
// in the details: what the others may have said, key and plan tell.
func hides(d *policy.Decision, in *policy.Input) bool {
	if d.Code != policy.Forbidden {
		return false
	}
	reason := d.Details["reason"]
	_, missing := d.Details["missing_scopes"]
	return missing || reason == ReasonAddress || reason == ReasonPlan || in.Plan.Denied || outsideOf(in.Identity.Key, in.ClientIP)
}
