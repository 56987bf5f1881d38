package gate_test

import (
	"context"
	"errors"
	"math/rand/v2"
	"net/http"
	"net/netip"
	"os"
	"path/filepath"
	"strconv"
	"strings"
	"testing"
	"time"

	"github.com/stretchr/testify/require"

	"github.com/tollgate-gateway/tollgate/caddymodule/gate"
	"github.com/tollgate-gateway/tollgate/caddymodule/policy"
	"github.com/tollgate-gateway/tollgate/caddymodule/record"
	"github.com/tollgate-gateway/tollgate/caddymodule/route"
)

// asked counts the decisions that are asked for.
type asked struct {
	*policy.Engine
	decisions int
	failure   error
}

func (a *asked) Decide(ctx context.Context, in *policy.Input) (policy.Decision, error) {
	if a.decisions++; a.failure != nil {
		return policy.Decision{}, a.failure
	}
	return a.Engine.Decide(ctx, in)
}

// callers is a MayCall on real policies, the embedded ones and a file of the team's own.
type callers struct {
	gate.MayCall
	policy *asked
	file   string
	table  *route.Table
	facts  policy.Facts
	key    *record.Key
	space  *record.Workspace
	plan   *record.Plan
}

const officeOnly = `package tollgate.authz
deny contains {"code": "FORBIDDEN", "message": "A pilot only.", "details": {"missing_scopes": ["pilot"]}} if { input.route.pattern == "/pilot"; input.request.headers["x-pilot"] != ["yes"] }
deny contains {"code": "FORBIDDEN", "message": "A pilot only.", "details": {"missing_scopes": ["pilot"]}} if { input.route.pattern == "/pilot"; not input.request.headers["x-pilot"] }
deny contains {"code": "FORBIDDEN", "message": "A message that is lexically first.", "details": {"reason": "hour"}} if { input.route.pattern == "/leads/:id"; not input.route.params.id }
deny contains {"code": "NOT_FOUND"} if { input.route.pattern == "/notes"; not input.request.query.from }
deny contains {"code": "FORBIDDEN", "details": {"missing_scopes": ["w"]}} if { input.route.pattern == "/mixed"; input.request.method == "DELETE" }
`

func newCallers(t testing.TB, own string, scopes ...record.Scope) *callers {
	t.Helper()
	c := &callers{
		file: filepath.Join(t.TempDir(), "own.rego"), facts: policy.Facts{Method: "GET", Path: "/me", ClientIP: netip.MustParseAddr("203.0.113.9"), Header: http.Header{}},
		key: &record.Key{ID: "key_1", Scopes: scopes}, space: &record.Workspace{ID: "ws_1", Plan: "pro"}, plan: &record.Plan{Name: "pro", Windows: []record.Window{{Limit: 60, Duration: time.Minute}}},
	}
	require.NoError(t, os.WriteFile(c.file, []byte(own), 0o600))
	engine, err := policy.New(t.Context(), policy.Options{Paths: []string{c.file}, Timeout: 10 * time.Second})
	require.NoError(t, err)
	c.policy = &asked{Engine: engine}
	c.MayCall.Policy = c.policy
	c.table, err = route.New([]*route.Route{
		{Methods: []string{"GET"}, Pattern: "/public", Public: true},
		{Methods: []string{"GET"}, Pattern: "/me", Whoami: true},
		{Methods: []string{"GET", "PATCH"}, Pattern: "/leads/:id", Scopes: []string{"leads.read"}},
		{Methods: []string{"GET"}, Pattern: "/any"},
		{Methods: []string{"GET"}, Pattern: "/notes"},
		{Methods: []string{"GET"}, Pattern: "/pilot"},
		{Methods: []string{"GET", "DELETE"}, Pattern: "/mixed"},
		{Methods: []string{"POST"}, Pattern: "/rest/:document", Scopes: []string{"rest.:document.create"}},
		{Methods: []string{"POST"}, Pattern: "/both/:a/:b", Scopes: []string{"x.:a.:b", "y.:b"}},
	})
	require.NoError(t, err)
	return c
}

// costs has every route cost so much that costs anything.
func (c *callers) costs(t testing.TB, cost int64) {
	t.Helper()
	var routes []*route.Route
	for _, r := range c.table.Routes() {
		with := *r
		if !r.Public && !r.Whoami {
			with.Cost = cost
		}
		routes = append(routes, &with)
	}
	var err error
	c.table, err = route.New(routes)
	require.NoError(t, err)
}

// calls is what may be called, a word a method.
func (c *callers) calls(t testing.TB) string {
	t.Helper()
	callable, err := c.Of(t.Context(), &c.facts, &record.Identity{Key: c.key, Workspace: c.space}, c.plan, c.table)
	require.NoError(t, err)
	var words []string
	for r, methods := range callable.Routes {
		words = append(words, strings.Join(methods, ",")+r.Pattern)
	}
	return strings.Join(words, " ")
}

func TestMayCall(t *testing.T) {
	t.Parallel()
	const free = "GET/public GET/me"
	for what, c := range map[string]struct {
		scopes []record.Scope
		change func(*callers)
		want   string
	}{
		"no scope":                          {nil, nil, free + " GET/any GET/notes GET/mixed"},
		"a scope":                           {[]record.Scope{"leads.read"}, nil, free + " GET,PATCH/leads/:id GET/any GET/notes GET/mixed"},
		"a scope that some value satisfies": {[]record.Scope{"rest.Lead.create"}, nil, free + " GET/any GET/notes GET/mixed POST/rest/:document"},
		"one that no value satisfies":       {[]record.Scope{"rest.Lead.update", "rest", "rest.Lead", "rest.Lead.create.x"}, nil, free + " GET/any GET/notes GET/mixed"},
		"two scopes by the same value":      {[]record.Scope{"x.q.2", "x.p.1", "y.1"}, nil, free + " GET/any GET/notes GET/mixed POST/both/:a/:b"},
		"two scopes by different values":    {[]record.Scope{"x.p.1", "y.2"}, nil, free + " GET/any GET/notes GET/mixed"},
		"a wildcard":                        {[]record.Scope{"*"}, nil, free + " GET,PATCH/leads/:id GET/any GET/notes GET/mixed POST/rest/:document POST/both/:a/:b"},
		"a header that a policy asks for":   {nil, func(c *callers) { c.facts.Header.Set("X-Pilot", "yes") }, free + " GET/any GET/notes GET/pilot GET/mixed"},
		"from outside the allowlist":        {[]record.Scope{"*"}, func(c *callers) { c.key.AllowedIPs = []netip.Prefix{netip.MustParsePrefix("198.51.100.0/24")} }, free},
		"from inside the allowlist":         {nil, func(c *callers) { c.key.AllowedIPs = []netip.Prefix{netip.MustParsePrefix("203.0.113.0/24")} }, free + " GET/any GET/notes GET/mixed"},
		"from an address that nobody knows": {nil, func(c *callers) {
			c.key.AllowedIPs = []netip.Prefix{netip.MustParsePrefix("0.0.0.0/0")}
			c.facts.ClientIP = netip.Addr{}
		}, free},
		"a limit of its workspace below the cost": {[]record.Scope{"leads.read"}, func(c *callers) {
			c.costs(t, 5)
			c.space.Limits = []record.Window{{Limit: 4, Duration: time.Minute}}
		}, free},
		"a limit of its own below the cost": {nil, func(c *callers) {
			c.costs(t, 5)
			c.key.Limits = []record.Window{{Limit: 4, Duration: time.Minute}}
		}, free},
		"a quota below the cost that lets pass": {nil, func(c *callers) {
			c.costs(t, 5)
			c.plan.OverQuota, c.plan.Quotas = true, []record.Quota{{Limit: 4, Period: record.Daily}}
		}, free + " GET/any GET/notes GET/mixed"},
		"a denied plan":                      {[]record.Scope{"*"}, func(c *callers) { c.plan = &record.Plan{Name: "free", Denied: true} }, free},
		"a query of the request that asks":   {nil, func(c *callers) { c.facts.RawQuery = "from=x" }, free + " GET/any GET/notes GET/mixed"},
		"a plan that nobody configured, two": {[]record.Scope{"*"}, func(c *callers) { c.plan = record.Plans{}.Of("x") }, free},
	} {
		t.Run(what, func(t *testing.T) {
			s := newCallers(t, officeOnly, c.scopes...)
			if c.change != nil {
				c.change(s)
			}
			require.Equal(t, c.want, s.calls(t))
			first := s.policy.decisions
			require.Equal(t, c.want, s.calls(t))
			require.Equal(t, first, s.policy.decisions, "it is remembered")
		})
	}
}

func TestMayCallRemembersByAllThatItDependsOn(t *testing.T) {
	t.Parallel()
	c := newCallers(t, officeOnly, "leads.read")
	require.NotContains(t, c.calls(t), "/pilot")
	c.facts.Header = http.Header{"X-Pilot": {"yes"}}
	require.Contains(t, c.calls(t), "/pilot", "headers that policies read")
	before := c.policy.decisions
	c.facts.Header = http.Header{"X-Pilot": {"yes"}, "X-Other": {"1"}}
	c.facts.ClientIP = netip.MustParseAddr("203.0.113.10")
	require.Contains(t, c.calls(t), "/pilot")
	require.Equal(t, before, c.policy.decisions, "what they do not read makes no difference")
	c.key = &record.Key{ID: "key_1"}
	require.NotContains(t, c.calls(t), "/leads/:id", "the record of the key")
	require.NoError(t, os.WriteFile(c.file, []byte("package tollgate.authz\ndeny contains {\"code\": \"FORBIDDEN\", \"details\": {\"reason\": \"plan\"}} if input.route.pattern == \"/any\"\n"), 0o600))
	require.NoError(t, c.policy.Reload(t.Context()))
	require.NotContains(t, c.calls(t), "/any", "the policies")
	table, err := route.New([]*route.Route{{Methods: []string{"GET"}, Pattern: "/new"}})
	require.NoError(t, err)
	c.table = table
	require.Equal(t, "GET/new", c.calls(t), "the routes")

	whole := newCallers(t, "package tollgate.authz\ndeny contains {\"code\": \"FORBIDDEN\", \"details\": {\"reason\": \"address\"}} if { some name, _ in input.request.headers; startswith(name, \"x-evil\") }\n")
	require.Contains(t, whole.calls(t), "/any")
	whole.facts.Header = http.Header{"X-Evil": {"1"}}
	require.NotContains(t, whole.calls(t), "/any", "policies that may read any header")
}

func TestMayCallTellsNothingWherePolicyFails(t *testing.T) {
	t.Parallel()
	c := newCallers(t, officeOnly)
	c.policy.failure = errors.New("broken")
	_, err := c.Of(t.Context(), &c.facts, &record.Identity{Key: c.key, Workspace: c.space}, c.plan, c.table)
	require.ErrorIs(t, err, c.policy.failure)
	c.policy.failure = nil
	require.Contains(t, c.calls(t), "/any", "a failure is not remembered")
	nobody, err := c.Of(t.Context(), &c.facts, nil, nil, c.table)
	require.NoError(t, err)
	for r := range nobody.Routes {
		require.Equal(t, "/public", r.Pattern)
	}
	all := 0
	for range gate.All(c.table).Routes {
		all++
	}
	require.Equal(t, len(c.table.Routes()), all)
}

// TestMayCallIsWhatTheGateSays: for random keys a route may be called if and only if the gate lets a request of it through.
func TestMayCallIsWhatTheGateSays(t *testing.T) {
	t.Parallel()
	s, c := newSetup(t), newCallers(t, "package tollgate.authz\n")
	s.Routes, s.Policy = c.table, c.policy
	held := []record.Scope{"*", "leads.*", "leads.read", "rest.*", "rest.Lead.create", "rest.x.create", "x.*", "x.1.2", "x.2.1", "y.2", "y.1", "y.*"}
	values := []string{"1", "2", "x", "Lead"}
	random := rand.New(rand.NewPCG(1, 2))
	for n := range 300 {
		c.key = &record.Key{ID: "key_" + strconv.Itoa(n)}
		for range random.IntN(3) {
			c.key.Scopes = append(c.key.Scopes, held[random.IntN(len(held))])
		}
		var through []string
		for _, r := range c.table.Routes() {
			passes := false
			for _, a := range values {
				for _, b := range values {
					path := strings.NewReplacer(":id", a, ":document", a, ":a", a, ":b", b).Replace(r.Pattern)
					asks := request(path)
					asks.Method, asks.As = r.Methods[0], &record.Identity{}
					asks.As.Workspace = &record.Workspace{ID: "ws_" + strconv.Itoa(n) + path, Plan: "pro"} // with limits of its own
					asks.As.Key = &record.Key{ID: strconv.Itoa(n) + path, Scopes: c.key.Scopes}
					passes = passes || s.judge(t, asks).Refusal == nil
				}
			}
			if passes {
				through = append(through, strings.Join(r.Methods, ",")+r.Pattern)
			}
		}
		require.Equal(t, strings.Join(through, " "), c.calls(t), "%v", c.key.Scopes)
	}
}
