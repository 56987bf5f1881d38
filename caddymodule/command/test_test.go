package command_test

import (
	"fmt"
	"os"
	"path/filepath"
	"strings"
	"testing"
	"time"

	"github.com/stretchr/testify/require"

	"github.com/tollgate-gateway/tollgate/caddymodule/harness"
)

// deskCases are cases of the desk's configuration.
const deskCases = `
defaults: {plan: tiny, charge: 1}
callers:
  reader: {scopes: [agent.leads.read]}
  writer: {scopes: [agent.leads.write]}
  nobody: {key: none}
tables:
  - name: leads
    callers: [reader, writer, nobody]
    rows:
      GET /SKILL.md: public
      GET /leads: [pass, 403 missing_scope, 401 no_key]
      POST /leads: {body: {name: Ada}, expect: [403, pass 2, 401]}
      GET /me: [whoami, whoami, 401]
      GET /nothing: [404, 404, 401]
cases:
  - {name: too long a body, as: writer, request: POST /leads, body: {name: "0123456789012345678901234567890123456789012345678901234567890123456789"}, expect: 413 body_too_large}
  - {name: a body that is not JSON, as: writer, request: POST /leads, body: "{", expect: 400 body_malformed}
  - {name: a body of another kind, as: writer, request: POST /leads, headers: {Content-Type: text/plain}, body: {a: 1}, expect: 400 body_malformed}
  - {name: a parameter in a scope, as: {scopes: [konecty.Contact.create]}, request: POST /rest/Contact, expect: pass, scopes: [konecty.Contact.create], route: "/rest/:document"}
  - {name: one that cannot stand in a scope, as: {scopes: ["*"]}, request: POST /rest/a%20b, expect: 403 scope_parameter}
`

// visited is a public path that one address may ask for once.
const visited = "/SKILL.md {\n\t\t\tlimit 1/1m\n\t\t}"

// TestCasesNeedNoStore where they describe who asks, and leave none behind.
func TestCasesNeedNoStore(t *testing.T) {
	config := strings.Replace(harness.DeskCaddyfile, "10/1h", "10/1h {\n\t\t\tconcurrent 1\n\t\t}", 1) // which no case takes
	d := harness.NewDesk(t, strings.Replace(config, "/SKILL.md", visited, 1))
	d.Write(t, "cases.yaml", deskCases)
	require.Equal(t, "20 cases pass\n", d.Must(t, "test", "cases.yaml"))
	require.NoFileExists(t, "tollgate.db")
	require.Equal(t, "3 cases pass, 17 not run\n", d.Must(t, "test", "cases.yaml", "--run", "GET /leads as"))
	d.Write(t, "more.yaml", "cases:\n  - {name: one more, as: {key: none}, request: GET /leads, expect: 401}\n")
	require.Equal(t, "21 cases pass\n", d.Must(t, "test", "cases.yaml", "more.yaml", "--junit", "report.xml"))
	report, err := os.ReadFile("report.xml")
	require.NoError(t, err)
	require.Contains(t, string(report), `<testsuite name="more.yaml" tests="1" failures="0" errors="0"`)
}

// TestCasesOfTheStore: a key of the store is named by its id, is read with all that the store has, and spends nothing.
func TestCasesOfTheStore(t *testing.T) {
	d := harness.NewDesk(t, strings.Replace(harness.DeskCaddyfile, "/SKILL.md", visited, 1))
	d.Must(t, "workspace", "create", "ws_acme", "--plan", "tiny")
	key, _ := d.Created(t, "--workspace", "ws_acme", "--scope", "agent.leads.read", "--allow-ip", "203.0.113.0/24")
	require.Contains(t, d.Explain(t, "GET", "/SKILL.md", "--key-id", key).Steps[1].Why, "is public: each client address may send 1/1m, nothing else is asked")
	require.Contains(t, d.Must(t, "routes", "--wide"), " public, 1/1m an address ")
	require.Contains(t, d.Must(t, "routes", "--json"), `"limit":"1/1m"`)
	d.Write(t, "cases.yaml", fmt.Sprintf("cases:\n  - {name: outside, as: {key: %[1]s}, request: GET /leads, expect: 403 address}\n"+
		"  - {name: inside, as: {key: %[1]s, address: 203.0.113.9}, request: GET /leads, expect: pass 1}\n", key))
	before, err := os.ReadFile("tollgate.db")
	require.NoError(t, err)
	for range 5 { // more than the plan has
		require.Equal(t, "2 cases pass\n", d.Must(t, "test", "cases.yaml"))
	}
	after, err := os.ReadFile("tollgate.db")
	require.NoError(t, err)
	require.Equal(t, before, after, "the store is only read")
	d.Must(t, "key", "revoke", key)
	o := d.Run("", "test", "cases.yaml")
	require.EqualError(t, o.Err, "2 of 2 cases fail")
	require.Contains(t, o.Out, "got 401 revoked")
}

// TestCasesThatFailAreExplained as explain does it, with the policy's file and line.
func TestCasesThatFailAreExplained(t *testing.T) {
	d := harness.NewDesk(t, strings.Replace(harness.DeskCaddyfile, "plan tiny", "policies own\n\t\tplan tiny", 1))
	d.Write(t, "own/closed.rego", "package tollgate.authz\n\ndeny contains {\"code\": \"NOT_FOUND\", \"message\": \"Closed.\"} if input.request.client_ip == \"192.0.2.1\"\n")
	d.Write(t, "cases.yaml", "cases:\n  - {name: closed, as: {plan: tiny, scopes: [agent.leads.read], address: 192.0.2.1}, request: GET /leads, expect: pass}\n"+
		"  - {name: no such key, as: {key: key_gone}, request: GET /leads, expect: pass}\n")
	d.Must(t, "workspace", "create", "ws_acme", "--plan", "tiny")
	o := d.Run("", "test", "cases.yaml")
	require.EqualError(t, o.Err, "2 of 2 cases fail")
	require.Contains(t, o.Out, "FAIL cases.yaml:2: closed\n  expected pass, got 404 policy\n")
	require.Regexp(t, `own/closed.rego:3\s+refuses\s+with\s+NOT_FOUND:\s+Closed.\n    input.request.client_ip = "192.0.2.1"\n`, o.Out)
	require.Contains(t, o.Out, "FAIL cases.yaml:3: no such key\n  expected pass, and cannot be judged:")
	require.Contains(t, o.Out, "key_gone")
}

// TestCasesKnowMatchers: sites, hosts, headers and addresses are those of the case.
func TestCasesKnowMatchers(t *testing.T) {
	d := harness.NewDesk(t, "{\n\tadmin off\n}\nhttp://a.example.com:8080 {\n\t@beta header X-Beta 1\n\tredir @beta /beta\n\ttollgate {\n\t\troute GET /a\n\t}\n\trespond ok\n}\n"+
		"http://b.example.com:8080 {\n\t@auth header Authorization *\n\thandle @auth {\n\t\ttollgate {\n\t\t\troute GET /b\n\t\t}\n\t\trespond ok\n\t}\n\trespond open\n}\n")
	d.Write(t, "cases.yaml", `
defaults: {plan: pro, host: a.example.com}
callers: {any: {}, nobody: {key: none}}
cases:
  - {as: any, request: GET /a, expect: pass 1}
  - {name: beta, as: any, request: GET /a, headers: {X-Beta: "1"}, expect: no gate}
  - {name: the other site, as: any, request: GET /a, host: b.example.com, expect: 404}
  - {name: its own, as: any, request: "GET http://b.example.com:8080/b", expect: pass}
  - {name: without a key it is open, as: nobody, request: GET /b, host: "http://b.example.com:8080", expect: no gate}
  - {name: no site, as: any, request: GET /a, host: c.example.com, expect: no gate}
`)
	require.Equal(t, "6 cases pass\n", d.Must(t, "test", "cases.yaml"))
}

// TestCasesRefuseMistakes in the command line, the files and the configuration, before anything is run.
func TestCasesRefuseMistakes(t *testing.T) {
	d := harness.NewDesk(t, harness.DeskCaddyfile)
	d.Write(t, "cases.yaml", deskCases)
	d.Write(t, "bad.yaml", "cases:\n  - {as: nobody, request: GET /x, expects: 401}\n")
	d.Write(t, "Caddyfile.bad", strings.Replace(harness.DeskCaddyfile, "agent.leads.read", "agent.*.read", 1))
	for _, b := range []harness.Blunder{
		{Line: "test", Want: "missing FILE; usage: test FILE..."},
		{Line: `test ""`, Want: "FILE is empty"},
		{Line: "test gone.yaml", Want: "reading cases: open gone.yaml"},
		{Line: "test bad.yaml", Want: `bad.yaml:2: a case has no "expects"`},
		{Line: "test cases.yaml ./cases.yaml", Want: "./cases.yaml is named twice"},
		{Line: "test cases.yaml --run (", Want: "reading --run: "},
		{Line: "test cases.yaml --run nowhere", Want: `none of 20 cases has a name that matches "nowhere"`},
		{Line: "test cases.yaml --junit gone/report.xml", Want: "writing --junit: "},
		{Line: "test cases.yaml --junit ./cases.yaml", Want: "writing --junit: ./cases.yaml is a file of cases"},
		{Line: "test cases.yaml --config gone", Want: "reading configuration: "},
		{Line: "test cases.yaml --config Caddyfile.bad", Want: "Caddyfile.bad:11"},
	} {
		t.Run(b.Line, func(t *testing.T) { d.Refuses(t, b, "") })
	}
}

// TestAThousandCases: how long they take is in the log.
func TestAThousandCases(t *testing.T) {
	d := harness.NewDesk(t, harness.DeskCaddyfile)
	text := strings.Builder{}
	text.WriteString("defaults: {plan: pro}\ncallers:\n  a: {scopes: [agent.leads.read]}\n  b: {scopes: [agent.leads.write]}\ntables:\n  - name: t\n    callers: [a, b]\n    rows:\n")
	for n := range 500 {
		fmt.Fprintf(&text, "      GET /leads/L%d: [pass, 403 missing_scope]\n", n)
	}
	d.Write(t, "cases.yaml", text.String())
	began := time.Now()
	require.Equal(t, "1000 cases pass\n", d.Must(t, "test", filepath.Join(d.Dir, "cases.yaml")))
	t.Logf("1,000 cases in %v", time.Since(began))
}
