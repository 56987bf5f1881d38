package policy

import (
	"net/netip"
	"testing"

	"github.com/stretchr/testify/require"

	"github.com/tollgate-gateway/tollgate/caddymodule/record"
	"github.com/tollgate-gateway/tollgate/caddymodule/route"
)

// tricky is a policy with two inputs that differ in one thing only, and in their decisions: a key that leaves that thing
// out answers one of them wrongly.
type tricky struct {
	name string
	rego string
	a, b func(in *Input)
	// fresh marks policies whose decisions are never remembered.
	fresh bool
	// freshB marks that only b is never remembered.
	freshB bool
}

func query(raw string) func(*Input)     { return func(in *Input) { in.RawQuery = raw } }
func method(method string) func(*Input) { return func(in *Input) { in.Method = method } }
func host(host string) func(*Input)     { return func(in *Input) { in.Host = host } }
func target(path string) func(*Input)   { return func(in *Input) { in.Path = path } }

func header(name string, values ...string) func(*Input) {
	return func(in *Input) { in.Header[name] = values }
}

func metadata(name string, value any) func(*Input) {
	return func(in *Input) {
		in.Identity.Workspace = &record.Workspace{ID: "ws_acme", Plan: "pro", Metadata: map[string]any{name: value}}
	}
}

func body(value any) func(*Input) {
	return func(in *Input) { in.Body, in.HasBody = value, true }
}

func address(s string) func(*Input) {
	return func(in *Input) {
		in.ClientIP, _ = netip.ParseAddr(s)
		in.Identity.Key = anyAddress
	}
}

var anyAddress = &record.Key{ID: "key_any", Scopes: []record.Scope{"*"}}

func params(list ...route.Param) func(*Input) {
	return func(in *Input) { in.Route.Params = list }
}

func scopes(list ...string) func(*Input) {
	return func(in *Input) { in.Route.Scopes, in.Identity.Key = list, anyAddress }
}

func unknown(in *Input) { in.Route = nil }

var trickyPolicies = []tricky{
	{name: "method", rego: refusal(`input.request.method == "POST"`), b: method("POST")},
	{name: "host", rego: refusal(`input.request.host != "api.example.com"`), b: host("evil.example.com")},
	{name: "path", rego: refusal(`endswith(input.request.path, "l2")`), b: target("/api/v2/agent/leads/l2")},
	{name: "brackets for dots", rego: refusal(`input["request"]["method"] == "POST"`), b: method("POST")},
	{name: "text moves over a border", rego: refusal(`concat("|", [input.request.method, input.request.host]) == "GE|Tx"`), a: func(in *Input) { in.Method, in.Host = "GET", "x" }, b: func(in *Input) { in.Method, in.Host = "GE", "Tx" }},
	{name: "an alias by import", rego: "package tollgate.authz\n\nimport input.request as r\n\n" + refusal(`r.method == "POST"`)[len("package tollgate.authz\n\n"):], b: method("POST")},
	{name: "an alias by a variable", rego: refusal("q := input.request.query\n\tq.a[0] == \"1\""), a: query("a=2"), b: query("a=1")},
	{name: "an alias of an alias", rego: refusal("r := input.route\n\tp := r.params\n\tp.id == \"l2\""), b: params(route.Param{Name: "id", Value: "l2"})},
	{name: "a function given the whole input", fresh: true, rego: refusal(`f(input) == "POST"`) + "\nf(i) := i.request.method\n", b: method("POST")},
	{name: "a function given a part", fresh: true, rego: refusal(`f(input.request)`) + "\nf(r) if r.host == \"b\"\n", b: host("b")},
	{name: "a function given one value", rego: refusal(`f(input.request.headers["x-a"])`) + "\nf(values) if \"bad\" in values\n", a: header("X-A", "good"), b: header("X-A", "good", "bad")},
	{name: "a default of a function", rego: refusal(`f(input.request.method) == 0`) + "\ndefault f(_) := 0\n\nf(m) := 1 if m == \"GET\"\n", b: method("POST")},
	{name: "walk through a part", rego: refusal(`walk(input.route, [["params", "id"], "l2"])`), b: params(route.Param{Name: "id", Value: "l2"})},
	{name: "walk through the whole input", fresh: true, rego: refusal(`walk(input, [_, "evil"])`), b: host("evil")},
	{name: "count of a part", fresh: true, rego: refusal(`count(input.request) < 6`), b: func(in *Input) { in.ClientIP, in.Identity.Key = netip.Addr{}, anyAddress }, a: func(in *Input) { in.Identity.Key = anyAddress }},
	{name: "a dynamic key", fresh: true, rego: refusal(`input.request.headers[input.request.query.h[0]][0] == "bad"`), a: query("h=x-a"), b: func(in *Input) { query("h=x-a")(in); header("X-A", "bad")(in) }},
	{name: "a dynamic key in the query", rego: refusal(`input.request.query[input.request.method][0] == "1"`), a: query("GET=2"), b: query("GET=1")},
	{name: "a dynamic key in metadata", rego: refusal(`input.workspace.metadata[input.request.method]`), a: metadata("POST", true), b: metadata("GET", true)},
	{name: "with the whole input", rego: refusal(`_posts with input as {"request": {"method": input.request.query.m[0]}}`) + "\n_posts if input.request.method == \"POST\"\n", a: query("m=GET"), b: query("m=POST")},
	{name: "with a part of the input", rego: refusal(`_bad with input.request.method as "POST"`) + "\n_bad if {\n\tinput.request.method == \"POST\"\n\tinput.request.host == \"b\"\n}\n", b: host("b")},
	{name: "with data", rego: refusal(`_bad with data.team.limit as count(input.request.query.a)`) + "\n_bad if data.team.limit > 1\n", a: query("a=1"), b: query("a=1&a=2")},
	{name: "with a function", rego: refusal(`_f(1) == 2 with _f as _g`) + "\n_f(x) := x\n\n_g(x) := x + 1 if input.request.host == \"b\"\n\n_g(x) := x if input.request.host != \"b\"\n", b: host("b")},
	{name: "else", rego: refusal(`_verdict == 2`) + "\n_verdict := 1 if {\n\tinput.request.method == \"PUT\"\n} else := 2 if {\n\tinput.request.host == \"b\"\n} else := 3\n", b: host("b")},
	{name: "else of a function", rego: refusal(`_f(1) == 2`) + "\n_f(_) := 1 if {\n\tinput.request.method == \"PUT\"\n} else := 2 if {\n\tinput.request.query.x\n}\n", b: query("x")},
	{name: "default", rego: refusal(`_open == false`) + "\ndefault _open := false\n\n_open if input.request.path == \"/open\"\n", a: target("/open"), b: target("/closed")},
	{name: "a set comprehension", rego: refusal(`count({v | some v in input.request.query.a}) == 2`), a: query("a=1&a=1"), b: query("a=1&a=2")},
	{name: "an object comprehension", rego: refusal(`{k: v | some k, v in input.request.query} == {"a": ["1"]}`), a: query("b=1"), b: query("a=1")},
	{name: "a comprehension in the head", rego: authz(`deny contains {"code": "FORBIDDEN", "message": concat(",", [x | some x in input.request.query.a])}`), a: query("a=1"), b: query("a=2")},
	{name: "details of a refusal", rego: authz(`deny contains {"code": "FORBIDDEN", "details": {"seen": input.request.host}}`), a: host("a"), b: host("b")},
	{name: "every", rego: refusal(`every v in input.request.query.a { v == "1" }`), a: query("a=1&a=2"), b: query("a=1&a=1")},
	{name: "not", rego: refusal(`not input.request.query.token`), a: query("token=1"), b: query("")},
	{name: "an absent parameter and an empty one", rego: refusal(`input.request.query.a`), a: query(""), b: query("a")},
	{name: "an absent header and an empty one", rego: refusal(`input.request.headers["x-a"]`), b: header("X-A", "")},
	{name: "one value and two", rego: refusal(`count(input.request.headers["x-a"]) == 2`), a: header("X-A", "x, y"), b: header("X-A", "x", "y")},
	{name: "values that move over a border", rego: refusal(`input.request.headers["x-a"][0] == "ab"`), a: header("X-A", "a", "bc"), b: header("X-A", "ab", "c")},
	{name: "the order of values", rego: refusal(`input.request.query.a[0] == "2"`), a: query("a=1&a=2"), b: query("a=2&a=1")},
	{name: "a value in another parameter", rego: refusal(`input.request.query.a == input.request.query.b`), a: query("a=1&a=2&b=1"), b: query("a=1&b=1")},
	{name: "an empty value that moves over a border", rego: refusal("not input.request.query.a\n\tinput.request.query.b"), a: query("a"), b: query("b")},
	{name: "a path parameter that moves over a border", rego: refusal("not input.route.params.a\n\tinput.route.params.b"), a: params(route.Param{Name: "a"}), b: params(route.Param{Name: "b"})},
	{name: "a name that is encoded", rego: refusal(`input.request.query.abc`), a: query(""), b: query("%61b%63=1")},
	{name: "a name with a plus for a space", rego: refusal(`input.request.query["a b"]`), a: query("ab=1"), b: query("a+b=1")},
	{name: "a value with an encoded separator", rego: refusal(`input.request.query.b`), a: query("a=1%26b=2"), b: query("a=1&b=2")},
	{name: "object.get with a default", rego: refusal(`object.get(input.request.query, "a", ["x"])[0] == "x"`), a: query("a=1"), b: query("b=1")},
	{name: "an unknown address", rego: refusal(`not input.request.client_ip`), a: address("192.0.2.1"), b: address("")},
	{name: "an address of the other family", rego: refusal(`contains(input.request.client_ip, ":")`), a: address("0.0.0.1"), b: address("::1")},
	{name: "the scopes of a key that was changed", rego: refusal(`"agent.*" in input.key.scopes`), b: func(in *Input) {
		in.Identity.Key = &record.Key{ID: in.Identity.Key.ID, Scopes: []record.Scope{"agent.*"}}
	}},
	{name: "an index into a list", rego: refusal(`input.key.allowed_ips[0] == "203.0.113.9/32"`), b: func(in *Input) {
		in.Identity.Key = &record.Key{ID: in.Identity.Key.ID, Scopes: in.Identity.Key.Scopes, AllowedIPs: networks("203.0.113.9")}
	}},
	{name: "metadata that were changed", rego: refusal(`input.workspace.metadata.blocked`), a: metadata("blocked", false), b: metadata("blocked", true)},
	{name: "metadata that are absent", rego: refusal(`not input.workspace.metadata.region`), b: metadata("x", 1)},
	{name: "the name of the plan", rego: refusal(`input.plan.name == "pro"`), a: func(in *Input) { in.Plan = &record.Plan{Name: "custom"} }},
	{name: "an address outside the list of its key", rego: authz("_x := 1\n\n_y := _x\n"), b: func(in *Input) { in.ClientIP = netip.MustParseAddr("198.51.100.1") }},
	{name: "an address for want of a key", rego: authz("_x := 1\n\n_y := _x\n"), a: func(in *Input) { in.Identity = nil }, b: func(in *Input) { in.Identity, in.ClientIP = nil, netip.MustParseAddr("198.51.100.1") }},
	{name: "an address that a policy reads elsewhere", rego: refusal(`input.request.client_ip == "198.51.100.1"`), a: address("203.0.113.9"), b: address("198.51.100.1")},
	{name: "a list put in by with", rego: refusal(`not _address_allowed with input.key.allowed_ips as ["203.0.113.0/24"]`), a: address("203.0.113.9"), b: address("198.51.100.1")},
	{name: "a key put in by with", rego: refusal(`not _address_allowed with input.key as object.union(input.key, {"allowed_ips": ["203.0.113.0/24"]})`), a: address("203.0.113.9"), b: address("198.51.100.1")},
	{name: "a comparison put in by with", rego: refusal(`_f with input.key.allowed_ips as ["::/0"] with net.cidr_contains as _same`) + "\n_f if _address_allowed\n\n_same(_, address) if address == \"198.51.100.1\"\n", a: address("203.0.113.9"), b: address("198.51.100.1")},
	{name: "an address within an alias of the request", fresh: true, rego: refusal("r := input.request\n\tr.client_ip == \"198.51.100.1\""), a: address("203.0.113.9"), b: address("198.51.100.1")},
	{name: "an absent address", rego: refusal(`not input.request.client_ip`), a: address("203.0.113.9"), b: address("")},
	{name: "a denied plan", rego: authz("_x := 1\n\n_y := _x\n"), b: func(in *Input) { in.Plan = &record.Plan{Name: "pro", Denied: true} }},
	{name: "an absent plan", rego: authz("_x := 1\n\n_y := _x\n"), b: func(in *Input) { in.Plan = nil }},
	{name: "an absent identity", rego: refusal(`not input.workspace.id`), b: func(in *Input) { in.Identity = nil }},
	{name: "an unknown route", rego: refusal(`input.route.pattern == ""`), b: unknown},
	{name: "another route", rego: refusal(`input.route.pattern == "/other"`), b: func(in *Input) { in.Route.Route = &route.Route{Pattern: "/other"} }},
	{name: "all path parameters", rego: refusal(`some _, v in input.route.params; v == "l2"`), b: params(route.Param{Name: "other", Value: "l2"})},
	{name: "names of path parameters", rego: refusal(`object.keys(input.route.params) == {"b"}`), a: params(route.Param{Name: "a", Value: "b"}), b: params(route.Param{Name: "b", Value: "a"})},
	{name: "one path parameter", rego: refusal(`input.route.params.id == "l2"`), b: params(route.Param{Name: "id", Value: "l2"})},
	{name: "an absent path parameter", rego: refusal(`not input.route.params.id`), b: params()},
	{name: "scopes with parameters put in", rego: refusal(`"konecty.User.read" in input.route.scopes`), a: scopes("konecty.Contact.read"), b: scopes("konecty.User.read")},
	{name: "scopes that move over a border", rego: refusal(`input.route.scopes[0] == "a"`), a: scopes("ab", "c"), b: scopes("a", "bc")},
	{name: "a partial object", rego: refusal(`_cost["POST"] == 5`) + "\n_cost[input.request.method] := 5\n", b: method("POST")},
	{name: "a head of several brackets", rego: refusal(`_seen.x.y`) + "\n_seen[input.request.query.a[0]].y if true\n", a: query("a=z"), b: query("a=x")},
	{name: "a template string", rego: refusal("$`{input.request.host}` == \"b\""), b: host("b")},
	{name: "a pattern of data", rego: refusal(`some p in ["^/a", "l2$"]; regex.match(p, input.request.path)`), a: target("/b"), b: target("/l2")},
	{name: "a body", freshB: true, rego: refusal(`input.request.body.name == "x"`), b: body(map[string]any{"name": "x"})},
	{name: "a body that is null", freshB: true, rego: refusal(`input.request.body == null`), b: body(nil)},
	{name: "a body within an alias of the request", fresh: true, rego: refusal("r := input.request\n\tr.body.name == \"bad\""), a: body(map[string]any{"name": "good"}), b: body(map[string]any{"name": "bad"})},
	{name: "a body within an alias of the input", fresh: true, rego: refusal("x := input\n\tx.request.body.name == \"bad\""), b: body(map[string]any{"name": "bad"})},
	{name: "a body given to a function", fresh: true, rego: refusal("f(input)") + "\nf(x) if x.request.body.name == \"bad\"\n", b: body(map[string]any{"name": "bad"})},
	{name: "an absent body", freshB: true, rego: refusal(`not input.request.body`), b: body(map[string]any{})},
}

func TestRememberedAnswersAreTheFreshOnes(t *testing.T) {
	require.Greater(t, len(trickyPolicies), 30)
	for _, policy := range trickyPolicies {
		t.Run(policy.name, func(t *testing.T) {
			e := engine(t, map[string]string{"policy.rego": policy.rego})
			g := e.current.Load()
			base := request()
			a, b := base.with(policy.a), base.with(policy.b)
			freshA, err := g.evaluate(t.Context(), a, e.options.Timeout)
			require.NoError(t, err)
			freshB, err := g.evaluate(t.Context(), b, e.options.Timeout)
			require.NoError(t, err)
			require.NotEqual(t, freshA, freshB, "the two inputs are to be decided differently")
			require.Equal(t, !policy.fresh, g.memory != nil, g.why)
			for round := range 2 {
				for in, want := range map[*Input]Decision{a: freshA, b: freshB} {
					got, err := e.Decide(t.Context(), in)
					require.NoError(t, err)
					want.Remembered = round > 0 && !policy.fresh && !(policy.freshB && in == b)
					require.Equal(t, want, got)
				}
			}
		})
	}
}
