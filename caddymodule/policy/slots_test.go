package policy

import (
	"fmt"
	"math/rand/v2"
	"net/http"
	"net/netip"
	"strings"
	"testing"

	"github.com/open-policy-agent/opa/v1/ast"
	"github.com/stretchr/testify/require"

	"github.com/tollgate-gateway/tollgate/caddymodule/record"
	"github.com/tollgate-gateway/tollgate/caddymodule/route"
)

// slotPaths are paths of every kind that have slots.
var slotPaths = []string{
	"input.request.method", "input.request.host", "input.request.path", "input.request.client_ip", "input.request.query",
	"input.request.query.a", "input.request.query.b", `input.request.headers["x-a"]`, `input.request.headers["x-b"]`,
	"input.route", "input.route.pattern", "input.route.scopes", "input.route.params", "input.route.params.a", "input.route.params.b",
	"input.key.scopes", "input.workspace.id", "input.plan", "input.plan.denied",
}

// crowd makes inputs of so few and so awkward texts that keys with a fault meet.
type crowd struct{ *rand.Rand }

func (c crowd) text() string {
	return [...]string{"", "a", "aa", "\x00", "\x01", "\x01a", "b", "\x02\x00"}[c.IntN(8)]
}

func (c crowd) texts() (list []string) {
	for range c.IntN(3) {
		list = append(list, c.text())
	}
	return list
}

func (c crowd) query() string {
	pairs := make([]string, c.IntN(4))
	for i := range pairs {
		pairs[i] = [...]string{"", "a", "b", "a=", "a=a", "b=a", "%61=a", "a=%61", "%62", "=a", "a==", "c"}[c.IntN(12)]
	}
	return strings.Join(pairs, "&")
}

func (c crowd) input(keys []*record.Key, workspaces []*record.Workspace) *Input {
	in := &Input{Facts: Facts{Method: c.text(), Host: c.text(), Path: c.text(), RawQuery: c.query(), Header: http.Header{}, ClientIP: [...]netip.Addr{{}, netip.IPv4Unspecified(), netip.IPv6Unspecified(), netip.MustParseAddr("::ffff:0.0.0.0")}[c.IntN(4)]}}
	for _, name := range []string{"X-A", "X-B"} {
		in.Header[name] = c.texts()
	}
	if c.IntN(4) > 0 {
		in.Route = &route.Match{Route: &route.Route{Pattern: c.text()}, Scopes: c.texts()}
		for _, name := range []string{"a", "b"}[:c.IntN(3)] {
			in.Route.Params = append(in.Route.Params, route.Param{Name: name, Value: c.text()})
		}
	}
	if c.IntN(4) > 0 {
		in.Identity = &record.Identity{Key: keys[c.IntN(len(keys))], Workspace: workspaces[c.IntN(len(workspaces))]}
	}
	if c.IntN(4) > 0 {
		in.Plan = &record.Plan{Name: c.text(), Denied: c.IntN(2) == 0}
	}
	return in
}

// TestEqualKeysMeanEqualInputs is the argument for remembering, tried: whatever paths are read, inputs that have the same
// key are the same there, in value and in presence.
func TestEqualKeysMeanEqualInputs(t *testing.T) {
	c := crowd{rand.New(rand.NewPCG(3, 4))}
	keys := []*record.Key{{ID: "k"}, {ID: "k", Scopes: []record.Scope{"a"}}}
	workspaces := []*record.Workspace{{ID: "w"}, {ID: "v"}}
	met := 0
	for range 300 {
		var readings []reading
		var refs []ast.Ref
		for range 1 + c.IntN(3) {
			ref := ast.MustParseRef(slotPaths[c.IntN(len(slotPaths))])
			r := reading{}
			for _, name := range ref[1:] {
				r.path = append(r.path, string(name.Value.(ast.String)))
			}
			readings, refs = append(readings, r), append(refs, ref[1:])
		}
		slots, why := slotsOf(readings)
		require.Empty(t, why)
		g := &generation{slots: slots, byKey: true, byWorkspace: true}
		seen := map[lookup]string{}
		for range 100 {
			in := c.input(keys, workspaces)
			value, err := in.value(everything)
			require.NoError(t, err)
			var parts []string
			for _, ref := range refs {
				part, err := value.Find(ref)
				parts = append(parts, fmt.Sprintf("%q %v", part, err == nil))
			}
			read := strings.Join(parts, ", ")
			key := lookupOf(g, in)
			if earlier, found := seen[key]; found {
				met++
				require.Equal(t, earlier, read, "%v", readings)
			}
			seen[key] = read
		}
	}
	require.Greater(t, met, 2000, "inputs are to meet")
}

func TestGivesSlots(t *testing.T) {
	for path, want := range map[string][]slot{
		`input.request.headers["x-a"]`:        {{slotHeader, "X-A"}},
		`input.request.headers["x-a"].b`:      {{slotHeader, "X-A"}},
		`input.request.headers["X-A"]`:        nil, // the input has lower-case names only
		`input.request.headers.authorization`: nil,
		`input.request.headers.cookie`:        nil,
		`input.request.query["A b"]`:          {{slotQueryParameter, "A b"}},
		`input.request.method.x`:              {{kind: slotMethod}},
		`input.key`:                           {{kind: slotKey}},
		`input.key.scopes.a`:                  {{kind: slotKey}},
		`input.workspace.metadata.a.b`:        {{kind: slotWorkspace}},
		`input.route.params.id`:               {{slotParam, "id"}},
		`input.route`:                         {{kind: slotPattern}, {kind: slotScopes}, {kind: slotParams}},
		`input.request.body.a`:                nil,
	} {
		t.Run(path, func(t *testing.T) {
			var r reading
			for _, name := range ast.MustParseRef(path)[1:] {
				r.path = append(r.path, string(name.Value.(ast.String)))
			}
			got, why := slotsOf([]reading{r, r})
			require.Empty(t, why)
			require.Equal(t, want, got, "each slot once")
		})
	}
	for _, path := range [][]string{{}, {"request"}, {"request", "headers"}, {"request", "nothing"}, {"nothing"}} {
		_, why := slotsOf([]reading{{path: path}})
		require.Contains(t, why, " as a whole", path)
	}
}
