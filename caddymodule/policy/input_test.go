package policy

import (
	"encoding/json"
	"net/http"
	"net/netip"
	"strings"
	"testing"

	"github.com/open-policy-agent/opa/v1/ast"
	"github.com/open-policy-agent/opa/v1/rego"
	"github.com/stretchr/testify/require"

	"github.com/tollgate-gateway/tollgate/caddymodule/record"
	"github.com/tollgate-gateway/tollgate/caddymodule/route"
	"github.com/tollgate-gateway/tollgate/policies"
)

var everything = parts{query: true, headers: true, body: true}

// asJSON is the input as policies see it.
func asJSON(t testing.TB, in *Input) string {
	t.Helper()
	value, err := in.value(everything)
	require.NoError(t, err)
	plain, err := plainJSON(value)
	require.NoError(t, err)
	text, err := json.Marshal(plain)
	require.NoError(t, err)
	return string(text)
}

func TestInputIsThatOfTheDesign(t *testing.T) {
	in := request()
	in.Body, in.HasBody = map[string]any{"amount": json.Number("1.10")}, true
	require.JSONEq(t, `{
		"request": {"method": "GET", "host": "api.example.com", "path": "/api/v2/agent/leads/l1", "query": {"from": ["2026-01-01"]},
			"headers": {"accept": ["*/*"]}, "client_ip": "203.0.113.9", "body": {"amount": 1.10}},
		"route": {"pattern": "/api/v2/agent/leads/:id", "scopes": ["agent.leads.read"], "params": {"id": "l1"}},
		"key": {"id": "key_crm", "name": "crm agent", "scopes": ["agent.leads.*"], "allowed_ips": ["203.0.113.0/24"]},
		"workspace": {"id": "ws_acme", "metadata": {"region": "eu"}},
		"plan": {"name": "pro", "denied": false}}`, asJSON(t, in))
	require.Contains(t, asJSON(t, in), `"amount":1.10`, "the digits are those that were sent")
}

func TestWhatIsNotKnownIsAbsent(t *testing.T) {
	require.JSONEq(t, `{"request": {"method": "", "host": "", "path": "", "query": {}, "headers": {}}, "route": {"pattern": "", "scopes": [], "params": {}}}`,
		asJSON(t, &Input{Body: "no body, as HasBody says"}))
	require.Contains(t, asJSON(t, &Input{HasBody: true}), `"body":null`)
	unknown := asJSON(t, request().with(func(in *Input) { in.Route.Route = &route.Route{Scopes: []string{"x"}} }))
	require.Contains(t, unknown, `"route":{"params":{},"pattern":"","scopes":[]}`)
	require.Contains(t, asJSON(t, request().with(func(in *Input) { in.Identity.Workspace = &record.Workspace{ID: "w"} })), `"metadata":{}`)
}

func TestShowsHeaders(t *testing.T) {
	shown := func(header http.Header) string {
		text := asJSON(t, &Input{Facts: Facts{Header: header}})
		_, text, _ = strings.Cut(text, `"headers":`)
		text, _, _ = strings.Cut(text, `,"host"`)
		return text
	}
	for name, test := range map[string]struct {
		header http.Header
		want   string
	}{
		"in lower case":                      {http.Header{"X-Forwarded-For": {"a", "b"}}, `{"x-forwarded-for":["a","b"]}`},
		"without what carries secrets":       {http.Header{"Authorization": {"a"}, "Proxy-Authorization": {"b"}, "Cookie": {"c"}}, `{}`},
		"with what is only named like them":  {http.Header{"Authorization-Info": {"a"}, "Set-Cookie": {"b"}}, `{"authorization-info":["a"],"set-cookie":["b"]}`},
		"under canonical names only":         {http.Header{"x-a": {"1"}, "X-A": {"2"}, "X-a": {"3"}, "authorization": {"4"}, "AUTHORIZATION": {"5"}}, `{"x-a":["2"]}`},
		"without names that only look alike": {http.Header{"\u212aey": {"1"}, "Key": {"2"}}, `{"key":["2"]}`},
		"with an empty value":                {http.Header{"X-A": {""}}, `{"x-a":[""]}`},
		"without a name that has no value":   {http.Header{"X-A": {}, "X-B": nil}, `{}`},
	} {
		t.Run(name, func(t *testing.T) { require.Equal(t, test.want, shown(test.header)) })
	}
}

func TestShowsTheQuery(t *testing.T) {
	for raw, want := range map[string]string{
		"":                   `{}`,
		"a=1":                `{"a":["1"]}`,
		"a=1&b=2&a=3":        `{"a":["1","3"],"b":["2"]}`,
		"a":                  `{"a":[""]}`,
		"a=":                 `{"a":[""]}`,
		"=1":                 `{"":["1"]}`,
		"&&a=1&":             `{"a":["1"]}`,
		"a=1=2":              `{"a":["1=2"]}`,
		"%61=%41+b&a=%2B%26": `{"a":["A b","+\u0026"]}`,
		"a=1;b=2":            `{"a":["1;b=2"]}`,
		"a=%zz&%=1":          `{"%":["1"],"a":["%zz"]}`,
	} {
		t.Run(raw, func(t *testing.T) {
			_, text, _ := strings.Cut(asJSON(t, &Input{Facts: Facts{RawQuery: raw}}), `"query":`)
			require.Equal(t, want+"}", strings.Split(text, `,"route"`)[0])
		})
	}
}

func TestShowsAddresses(t *testing.T) {
	for given, want := range map[string]string{
		"203.0.113.9": "203.0.113.9", "::ffff:203.0.113.9": "203.0.113.9", "2001:DB8:0::1": "2001:db8::1", "fe80::1%eth0": "fe80::1",
	} {
		require.Contains(t, asJSON(t, &Input{Facts: Facts{ClientIP: netip.MustParseAddr(given)}}), `"client_ip":"`+want+`"`)
	}
}

// TestRealInputsFitThePublishedSchema asks OPA's own validator, with a schema that is otherwise only read by its compiler.
func TestRealInputsFitThePublishedSchema(t *testing.T) {
	var schema any
	require.NoError(t, json.Unmarshal(policies.InputSchema, &schema))
	check, err := rego.New(rego.Query("json.match_schema(input.input, input.schema)")).PrepareForEval(t.Context())
	require.NoError(t, err)
	valid := func(in any) bool {
		results, err := check.Eval(t.Context(), rego.EvalInput(map[string]any{"input": in, "schema": schema}))
		require.NoError(t, err)
		return results[0].Expressions[0].Value.([]any)[0].(bool)
	}
	inputs := []*Input{request(), {}, {HasBody: true}}
	for _, policy := range trickyPolicies {
		inputs = append(inputs, request().with(policy.a), request().with(policy.b))
	}
	for _, in := range inputs {
		var plain any
		require.NoError(t, json.Unmarshal([]byte(asJSON(t, in)), &plain))
		require.True(t, valid(plain), asJSON(t, in))
	}
	require.False(t, valid(map[string]any{"request": map[string]any{"headers": map[string]any{"a": "no list"}}}))
	require.False(t, valid(map[string]any{"secret": 1}))
}

// TestSchemaNamesEveryFieldOfTheInput keeps the schema from falling behind: a field it lacks could be read by no policy.
func TestSchemaNamesEveryFieldOfTheInput(t *testing.T) {
	in := request()
	in.HasBody = true
	value, err := in.value(everything)
	require.NoError(t, err)
	require.NoError(t, value.(ast.Object).Iter(func(group, fields *ast.Term) error {
		return fields.Value.(ast.Object).Iter(func(field, _ *ast.Term) error {
			path := "input." + string(group.Value.(ast.String)) + "." + string(field.Value.(ast.String))
			_, err := Check(t.Context(), []string{folder(t, map[string]string{"a.rego": refusal(path)})})
			require.NoError(t, err, path)
			return nil
		})
	}))
}
