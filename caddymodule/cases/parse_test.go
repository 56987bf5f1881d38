package cases_test

import (
	"net/http"
	"strings"
	"testing"

	"github.com/stretchr/testify/require"

	"github.com/tollgate-gateway/tollgate/caddymodule/cases"
	"github.com/tollgate-gateway/tollgate/caddymodule/record"
)

// head is the beginning of a file, of four lines.
const head = `defaults: {plan: pro}
callers:
  reader: {scopes: [agent.leads.read]}
  nobody: {key: none}
`

// TestParseRefuses has what is wrong in a file, with the line and what to write instead.
func TestParseRefuses(t *testing.T) {
	one := head + "cases:\n  - {name: a, as: reader, request: GET /leads, expect: pass"
	table := head + "tables:\n  - name: t\n    callers: [reader, nobody]\n    rows:\n      "
	caller := "defaults: {plan: pro}\ncallers:\n  a: "
	for name, c := range map[string]struct{ text, want string }{
		"an empty file":                      {"", "c.yaml: the file is empty: write cases or tables into it"},
		"no case":                            {head, "c.yaml:1: the file has no case"},
		"an empty list of cases":             {"cases: []", "c.yaml:1: the file has no case"},
		"no YAML":                            {"cases:\n\t- a", "c.yaml:2: the file is neither valid YAML nor JSON"},
		"two documents":                      {one + "}\n---\ncases: []\n", "c.yaml:7: a second document begins here"},
		"an unknown word":                    {"case: []", `c.yaml:1: the file has no "case": known are defaults, callers, tables, cases`},
		"an unknown word in defaults":        {"defaults: {plans: pro}", `c.yaml:1: defaults has no "plans": known are`},
		"an unknown word in a case":          {one + ", status: 403}", `c.yaml:6: a case has no "status"`},
		"an unknown word in a caller":        {caller + "{scope: [a]}", `c.yaml:3: a caller has no "scope"`},
		"an unknown word in a table":         {head + "tables:\n  - {name: t, caller: [reader]}", `c.yaml:6: a table has no "caller"`},
		"an unknown word in a row":           {table + "GET /a: {expects: pass}", `c.yaml:9: a row has no "expects"`},
		"a word twice":                       {one + ", as: nobody}", `c.yaml:6: "as" stands here a second time`},
		"a word without a value":             {one + ", body: }", `c.yaml:6: "body" has no value`},
		"a case without a caller":            {"cases:\n  - {request: GET /a, expect: pass}", `c.yaml:2: a case needs "as"`},
		"a case without an expectation":      {"cases:\n  - {as: {}, request: GET /a}", `c.yaml:2: a case needs "expect"`},
		"an unknown caller":                  {strings.Replace(one, "as: reader", "as: raeder", 1) + "}", `c.yaml:6: there is no caller "raeder": write it under callers; known are nobody, reader`},
		"a caller in the case, without name": {"cases:\n  - {as: {key: none}, request: GET /a, expect: 401}", "c.yaml:2: a case that describes its caller needs a name"},
		"a caller twice":                     {head + "  reader: {}\n", `c.yaml:5: "reader" already stands in line 3`},
		"a caller without a plan":            {"callers:\n  a: {scopes: [x]}\n", "c.yaml:2: the caller has no plan"},
		"a key that is described too":        {caller + "{key: key_1, scopes: [x]}", "c.yaml:3: key: key_1 says who the caller is, and so does scopes"},
		"a bad scope":                        {caller + "{scopes: ['a*']}", "c.yaml:3: scope \"a*\": '*' may stand only as the whole last segment"},
		"a bad network":                      {caller + "{allowed_ips: [203.0.113.9/24]}", "c.yaml:3: address \"203.0.113.9/24\" is not valid: its host bits are set"},
		"a bad address":                      {caller + "{address: localhost}", `c.yaml:3: "localhost" is not an IP address`},
		"a bad quota":                        {caller + "{quotas: [9/1m]}", "c.yaml:3: quota \"9/1m\": its period is day or month"},
		"a bad limit of a key":               {caller + "{key_limits: [9/month]}", "c.yaml:3: window \"9/month\": a limit per calendar month is a quota"},
		"too many limits of a key":           {caller + "{key_limits: [1/1s, 1/2s, 1/3s, 1/4s, 1/5s]}", "c.yaml:3: 5 windows are too many"},
		"a bad limit":                        {caller + "{limits: [fast]}", "c.yaml:3: "},
		"a bad state":                        {caller + "{state: gone}", `c.yaml:3: "gone" is not a key's state: write one of active, disabled, expired, revoked, secret_ended`},
		"a suspension that is text":          {caller + "{suspended: unpaid}", "c.yaml:3: write true or false"},
		"a request without a method":         {strings.Replace(one, "GET /leads", "/leads", 1) + "}", `c.yaml:6: "/leads" is not a request`},
		"a request with a space":             {strings.Replace(one, "GET /leads", "GET /le ads", 1) + "}", "is not a request"},
		"two queries":                        {strings.Replace(one, "GET /leads", "'GET /leads?a=1'", 1) + ", query: b=2}", "c.yaml:6: the query is given twice"},
		"two hosts":                          {strings.Replace(one, "GET /leads", "GET http://a/leads", 1) + ", host: b}", "c.yaml:6: the host is given twice"},
		"a host with a path":                 {one + ", host: a/b}", `c.yaml:6: "a/b" is not a host`},
		"the host among the headers":         {one + ", headers: {host: a}}", "c.yaml:6: the host does not stand among the headers: write host"},
		"a header that is none":              {one + ", headers: {'a b': c}}", `c.yaml:6: "a b" is not the name of a header field`},
		"a secret":                           {one + ", headers: {authorization: Bearer x}}", "c.yaml:6: the case has an Authorization header, and a caller with a key"},
		"an expectation that is none":        {strings.Replace(one, "pass", "allow", 1) + "}", `c.yaml:6: "allow" is not an expectation: write pass`},
		"a charge that is none":              {strings.Replace(one, "pass", "pass free", 1) + "}", `c.yaml:6: "free" is not what a request takes`},
		"a status of the backend":            {strings.Replace(one, "pass", "201", 1) + "}", "c.yaml:6: the gateway itself never answers 201: write pass for what goes to the backend"},
		"a reason that is none":              {strings.Replace(one, "pass", "403 scope", 1) + "}", `c.yaml:6: "scope" is neither a code nor a reason: with 403 write one of address, `},
		"a reason of another status":         {strings.Replace(one, "pass", "401 missing_scope", 1) + "}", "c.yaml:6: 401 never comes with the reason missing_scope"},
		"a code of another status":           {strings.Replace(one, "pass", "403 NOT_FOUND", 1) + "}", "c.yaml:6: 403 never comes with the code NOT_FOUND"},
		"a code that is none":                {strings.Replace(one, "pass", "403", 1) + ", code: FORBIDEN}", `c.yaml:6: "FORBIDEN" is not a code: write one of `},
		"two codes":                          {strings.Replace(one, "pass", "400 VALIDATION_ERROR", 1) + ", code: FORBIDDEN}", "c.yaml:6: the case expects 400 VALIDATION_ERROR, and something else beside it"},
		"details of what passes":             {one + ", details: {a: 1}}", "c.yaml:6: the case expects pass: code, reason, message, details and missing are those of a refusal"},
		"a charge of what is refused":        {strings.Replace(one, "pass", "403", 1) + ", charge: 1}", "c.yaml:6: the case expects 403, which takes nothing"},
		"a charge of nothing":                {one + ", charge: 0}", "c.yaml:6: what passes takes at least 1"},
		"two charges":                        {strings.Replace(one, "pass", "pass 2", 1) + ", charge: 3}", "c.yaml:6: the case expects to take 2, and 3 beside it"},
		"a name twice":                       {one + "}\n  - {name: a, as: nobody, request: GET /x, expect: 401}", `c.yaml:7: a case "a" already stands in line 6`},
		"a request twice, without names":     {head + "cases:\n  - {as: nobody, request: GET /x, expect: 401}\n  - {as: nobody, request: GET /x, expect: public}", `c.yaml:7: a case "GET /x as nobody" already stands in line 6`},
		"a row twice":                        {table + "GET /a: pass\n      GET /a: pass", `c.yaml:10: "GET /a" already stands in line 9`},
		"a row too short":                    {table + "GET /a: [pass]", "c.yaml:9: the row has 1 expectations, and the table 2 callers (reader, nobody)"},
		"a row that is no request":           {table + "/a: pass", `c.yaml:9: "/a" is not a request`},
		"a table of nobody":                  {head + "tables:\n  - {name: t, callers: [], rows: {GET /a: pass}}", "c.yaml:6: the table has no caller"},
		"an anchor":                          {head + "cases:\n  - &a {name: a, as: reader, request: GET /x, expect: pass}\n  - *a\n", "c.yaml:7: "},
	} {
		t.Run(name, func(t *testing.T) {
			got, err := cases.Parse("c.yaml", []byte(c.text))
			require.ErrorContains(t, err, c.want)
			require.Nil(t, got)
		})
	}
}

// TestParseReads has all that a file can say.
func TestParseReads(t *testing.T) {
	all, err := cases.Parse("c.yaml", []byte(`
cases:
  - as: reader
    request: POST /leads
    query: {q: a b, tag: [x, y]}
    body: {name: Ada, age: 36}
    headers: {x-client: [a, b], Accept: text/plain}
    address: 203.0.113.9
    expect: pass
  - name: by another name
    as: {scopes: [a.*], id: key_x, name: crm, workspace: ws_x, plan: free, limits: [5/1m], quotas: [9/day], key_limits: [3/1s], metadata: {region: eu, n: 1},
      allowed_ips: [203.0.113.0/24], address: 192.0.2.1, state: disabled, suspended: true}
    request: GET https://other.example.com/leads?x
    expect: 401 UNAUTHORIZED
    reason: disabled
  - {as: stranger, request: GET /x, body: not JSON, expect: 401}
  - {as: crm, request: GET /x, host: "http://b.example.com:8080", expect: no gate}
tables:
  - name: t
    callers: [reader, nobody]
    rows:
      GET /a: [pass, 401 no_key]
      POST /b: {query: a=1, expect: [pass 3, 401], scopes: [], route: /b}
callers:
  reader: {scopes: [agent.leads.read]}
  nobody: {key: none}
  stranger: {key: unknown}
  crm: {key: key_7f3a}
defaults: {plan: pro, charge: 2, address: 198.51.100.7, host: api.example.com, headers: {Accept: application/json}}
`))
	require.NoError(t, err)
	byName := map[string]cases.Case{}
	for _, c := range all {
		byName[c.Name] = c
	}
	require.Len(t, byName, 8)

	c := byName["POST /leads as reader"]
	require.Equal(t, "POST", c.Request.Method)
	require.Equal(t, "/leads?q=a+b&tag=x&tag=y", c.Request.Address)
	require.Equal(t, "api.example.com", c.Request.Host)
	require.Equal(t, "203.0.113.9", c.Request.IP)
	require.JSONEq(t, `{"name": "Ada", "age": 36}`, string(c.Request.Body))
	require.Equal(t, http.Header{"X-Client": {"a", "b"}, "Accept": {"text/plain"}, "Content-Type": {"application/json"}, "Authorization": {"Bearer the-secret-of-the-key"}}, c.Request.Header)
	require.Equal(t, "pro", c.Request.Identity.Workspace.Plan)
	require.Equal(t, "pass 2", c.Want.String())
	require.Equal(t, 3, c.Line)

	c = byName["by another name"]
	require.Equal(t, "https://other.example.com/leads?x", c.Request.Address)
	require.Empty(t, c.Request.Host)
	require.Equal(t, "192.0.2.1", c.Request.IP)
	key, workspace := c.Request.Identity.Key, c.Request.Identity.Workspace
	require.Equal(t, []any{"key_x", "crm", true, []record.Scope{"a.*"}}, []any{key.ID, key.Name, key.Disabled, key.Scopes})
	require.Equal(t, "203.0.113.0/24", key.AllowedIPs[0].String())
	require.Equal(t, []any{"ws_x", "free", true, "5/1m"}, []any{workspace.ID, workspace.Plan, workspace.Suspended(), workspace.Limits[0].String()})
	require.Equal(t, []any{"9/day", "3/1s"}, []any{workspace.Quotas[0].String(), key.Limits[0].String()})
	require.Equal(t, "eu", workspace.Metadata["region"])
	require.Equal(t, "UNAUTHORIZED", c.Want.Code)
	require.Equal(t, "disabled", c.Want.Reason)

	c = byName["GET /x as stranger"]
	require.Nil(t, c.Request.Identity)
	require.Equal(t, "not JSON", string(c.Request.Body))
	require.NotEmpty(t, c.Request.Header["Authorization"])
	c = byName["GET /x as crm"]
	require.Equal(t, "key_7f3a", c.Request.KeyID)
	require.Equal(t, "http://b.example.com:8080/x", c.Request.Address)
	require.Equal(t, cases.NoGate, c.Want.Kind)

	c = byName["t: GET /a as nobody"]
	require.Empty(t, c.Request.Header["Authorization"])
	require.Equal(t, "401 no_key", c.Want.String())
	c = byName["t: POST /b as reader"]
	require.Equal(t, "/b?a=1", c.Request.Address)
	require.Equal(t, "pass 3", c.Want.String())
	require.Equal(t, []string{}, c.Want.Scopes)
	require.Equal(t, "/b", *c.Want.Route)
}

// FuzzParse: whatever is written, an error has the file, and a case all that a judge needs.
func FuzzParse(f *testing.F) {
	f.Add(head + "cases:\n  - {as: reader, request: GET /leads, expect: 403 missing_scope}\n")
	f.Add(head + "tables:\n  - {name: t, callers: [reader], rows: {GET /a: {body: [1], expect: [pass 2]}}}\n")
	f.Fuzz(func(t *testing.T, text string) {
		all, err := cases.Parse("c.yaml", []byte(text))
		if err != nil {
			require.ErrorContains(t, err, "c.yaml")
			return
		}
		for _, c := range all {
			require.NotEmpty(t, c.Name)
			require.NotEmpty(t, c.Request.Method)
			require.NotEmpty(t, c.Request.IP)
			require.NotEmpty(t, c.Want.Kind)
		}
	})
}
