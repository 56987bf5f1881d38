package policy

import (
	"fmt"
	"math/rand/v2"
	"net/netip"
	"os"
	"runtime"
	"slices"
	"strings"
	"sync"
	"testing"

	"github.com/stretchr/testify/require"

	"github.com/tollgate-gateway/tollgate/caddymodule/record"
	"github.com/tollgate-gateway/tollgate/caddymodule/route"
)

// expected is what the embedded policies are to say, written in Go and from the design alone.
func expected(in *Input) Decision {
	var messages []string
	var missing []string
	inside := false
	if in.Identity != nil {
		key := in.Identity.Key
		inside = len(key.AllowedIPs) == 0
		for _, network := range key.AllowedIPs {
			address := in.ClientIP.Unmap().WithZone("")
			inside = inside || address.IsValid() && network.Contains(address)
		}
		if in.Route != nil && in.Route.Route.Pattern != "" {
			for _, needed := range in.Route.Scopes {
				if !slices.ContainsFunc(key.Scopes, func(held record.Scope) bool { return grants(string(held), needed) }) {
					missing = append(missing, needed)
				}
			}
		}
	}
	if !inside {
		messages = append(messages, "This key may not be used from your address.")
	}
	if inside && missing != nil {
		messages = append(messages, "This key lacks a scope that the route needs. Use a key that holds the missing scopes.")
	}
	if in.Plan == nil || in.Plan.Denied {
		messages = append(messages, "The plan of this workspace does not include the API. Choose another plan to use it.")
	}
	if len(messages) == 0 {
		return Decision{Allow: true}
	}
	d := Decision{Code: "FORBIDDEN", Message: slices.Min(messages), Details: map[string]any{}}
	if !inside {
		d.Details["reason"] = "address"
		if address := in.ClientIP.Unmap().WithZone(""); address.IsValid() {
			d.Details["address"] = address.String()
		}
	}
	if in.Plan == nil || in.Plan.Denied {
		d.Details["reason"] = "plan" // its message is the first of all
		if in.Plan != nil {
			d.Details["plan"] = in.Plan.Name
		}
	}
	if inside && missing != nil {
		list := make([]any, len(missing))
		for i, scope := range missing {
			list[i] = scope
		}
		d.Details["missing_scopes"], d.MissingScopes = list, missing
	}
	switch {
	case strings.Contains(d.Message, "address"):
		d.File, d.Line = "embedded:tollgate/authz/allowlist.rego", 10
	case strings.Contains(d.Message, "scope"):
		d.File, d.Line = "embedded:tollgate/authz/scopes.rego", 10
	default:
		d.File, d.Line = "embedded:tollgate/authz/plans.rego", 8
	}
	return d
}

// grants compares scopes segment by segment.
func grants(held, needed string) bool {
	h, n := strings.Split(held, "."), strings.Split(needed, ".")
	for i, segment := range h {
		if segment == "*" && i == len(h)-1 {
			return i < len(n) && (i == 0 || strings.Join(n[i:], ".") != "")
		}
		if i >= len(n) || n[i] != segment {
			return false
		}
	}
	return len(h) == len(n)
}

// world makes random inputs of few words, so that keys, routes and addresses meet again and again.
type world struct {
	*rand.Rand
	keys       []*record.Key
	workspaces []*record.Workspace
}

func newWorld(seed uint64) *world {
	w := &world{Rand: rand.New(rand.NewPCG(seed, 1))}
	for range 40 {
		// Ids repeat: records of one id differ after a change, and must not be taken for each other.
		key := &record.Key{ID: fmt.Sprint("key_", w.IntN(10))}
		for range w.IntN(4) {
			key.Scopes = append(key.Scopes, record.Scope(w.scope(true)))
		}
		for range w.IntN(3) {
			key.AllowedIPs = append(key.AllowedIPs, w.network())
		}
		w.keys = append(w.keys, key)
		w.workspaces = append(w.workspaces, &record.Workspace{ID: fmt.Sprint("ws_", w.IntN(5)), Metadata: map[string]any{"n": w.IntN(5)}})
	}
	return w
}

func (w *world) scope(held bool) string {
	if held && w.IntN(12) == 0 {
		return "*"
	}
	scope := w.pick("agent", "agents", "konecty")
	for range w.IntN(3) {
		scope += "." + w.pick("leads", "read", "write", "Contact")
	}
	if held && w.IntN(3) == 0 {
		return scope + ".*"
	}
	return scope
}

func (w *world) pick(words ...string) string { return words[w.IntN(len(words))] }

func (w *world) address() netip.Addr {
	switch w.IntN(8) {
	case 0:
		return netip.Addr{}
	case 1:
		return netip.AddrFrom16([16]byte{0x20, 0x01, 0x0d, 0xb8, byte(w.IntN(2)), 15: byte(w.IntN(4))}).WithZone(w.pick("", "eth0"))
	case 2:
		return netip.AddrFrom16(netip.AddrFrom4([4]byte{203, 0, byte(w.IntN(2)), byte(w.IntN(4))}).As16())
	}
	return netip.AddrFrom4([4]byte{203, 0, byte(w.IntN(2)), byte(w.IntN(4))})
}

func (w *world) network() netip.Prefix {
	if w.IntN(4) == 0 {
		return netip.MustParsePrefix(w.pick("::/0", "2001:db8::/40", "2001:db8::1/128"))
	}
	return netip.MustParsePrefix(w.pick("0.0.0.0/0", "203.0.0.0/24", "203.0.1.0/31", "203.0.0.3/32", "10.0.0.0/8"))
}

func (w *world) input() *Input {
	in := &Input{Facts: Facts{Method: w.pick("GET", "POST"), Host: w.pick("a", "b"), Path: w.pick("/a", "/b"), RawQuery: w.pick("", "a=1", "b"), ClientIP: w.address()},
		Plan:     &record.Plan{Name: w.pick("pro", "free"), Denied: w.IntN(8) == 0},
		Identity: &record.Identity{Key: w.keys[w.IntN(len(w.keys))], Workspace: w.workspaces[w.IntN(len(w.workspaces))]},
	}
	if w.IntN(8) > 0 {
		in.Route = &route.Match{Route: &route.Route{Pattern: w.pick("", "/a", "/b")}}
		for range w.IntN(4) {
			in.Route.Scopes = append(in.Route.Scopes, w.scope(false))
		}
	}
	if w.IntN(50) == 0 {
		in.Identity = nil
	}
	if w.IntN(50) == 0 {
		in.Plan = nil
	}
	return in
}

// TestEmbeddedPoliciesAgreeWithGo asks about random inputs twice, so that both fresh and remembered decisions are compared.
func TestEmbeddedPoliciesAgreeWithGo(t *testing.T) {
	inputs := 10_000
	switch {
	case os.Getenv("TOLLGATE_TEST_LONG") != "":
		inputs = 100_000
	case testing.Short() || underRace:
		inputs = 2_000
	}
	// A small table, in which decisions replace each other all the time.
	e, err := New(t.Context(), Options{Timeout: DefaultTimeout * 600, Remember: 1000})
	require.NoError(t, err)
	var workers sync.WaitGroup
	var remembered, allowed [64]int
	cores := min(runtime.GOMAXPROCS(0), len(remembered))
	for core := range cores {
		workers.Go(func() {
			w := newWorld(uint64(core))
			for range inputs / cores {
				in := w.input()
				want := expected(in)
				want.Generation = 1
				for range 2 {
					got, err := e.Decide(t.Context(), in)
					if got.Remembered {
						remembered[core]++
					}
					got.Remembered = false
					if err != nil || fmt.Sprintf("%#v", got) != fmt.Sprintf("%#v", want) {
						t.Errorf("%s:\ngot  %+v, %v\nwant %+v", asJSON(t, in), got, err, want)
						return
					}
				}
				if want.Allow {
					allowed[core]++
				}
			}
		})
	}
	workers.Wait()
	require.Greater(t, remembered[0], inputs/cores/2, "decisions are to be remembered for the second question")
	require.Greater(t, allowed[0], inputs/cores/20)
	require.Less(t, allowed[0], inputs/cores/2)
}

// TestRememberedAnswersAreTheFreshOnesOnRandomInputs mixes the changes of all tricky policies under each of them.
func TestRememberedAnswersAreTheFreshOnesOnRandomInputs(t *testing.T) {
	var changes []func(*Input)
	for _, policy := range trickyPolicies {
		for _, change := range []func(*Input){policy.a, policy.b} {
			if change != nil {
				changes = append(changes, change)
			}
		}
	}
	rounds := 60
	switch {
	case os.Getenv("TOLLGATE_TEST_LONG") != "":
		rounds = 1500
	case testing.Short() || underRace:
		rounds = 10
	}
	w, base, remembered := newWorld(7), request(), 0
	for _, policy := range trickyPolicies {
		e := engine(t, map[string]string{"policy.rego": policy.rego})
		for range rounds {
			in := base.with(nil)
			for range 1 + w.IntN(2) {
				if change := changes[w.IntN(len(changes))]; in.Identity != nil && in.Route != nil {
					in = in.with(change)
				}
			}
			want, wantErr := e.current.Load().evaluate(t.Context(), in, e.options.Timeout)
			got, err := e.Decide(t.Context(), in)
			if got.Remembered {
				remembered++
			}
			got.Remembered = false
			require.Equal(t, wantErr, err)
			require.Equal(t, want, got, "%s: %s", policy.name, asJSON(t, in))
		}
	}
	require.Greater(t, remembered, rounds*len(trickyPolicies)/20)
}
