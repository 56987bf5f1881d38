package explain_test

import (
	"encoding/json"
	"strings"
	"testing"

	"github.com/stretchr/testify/require"

	"github.com/tollgate-gateway/tollgate/caddymodule/harness"
	"github.com/tollgate-gateway/tollgate/caddymodule/services"
)

// TestExplainIsTheGate: for many requests the status that explain foretells is the one that a gateway gives.
func TestExplainIsTheGate(t *testing.T) {
	g := harness.Start(t, harness.World())
	d := harness.NewDesk(t, ":8080\n")
	text := strings.NewReplacer("$DIR", g.Dir, "$PORT", "8080", "$BACKEND", "localhost:9000").Replace(harness.World().Caddyfile())
	d.Write(t, "Caddyfile", text)
	keys := map[string]string{
		"key_crm": harness.CRM, "key_reader": harness.Reader, "key_bare": harness.Unscoped, "key_wild": harness.Wildcard, "key_disabled": harness.Disabled, "key_expired": harness.Expired,
		"key_elsewhere": harness.Elsewhere, "key_denied": harness.Denied, "key_nowhere": harness.Nowhere,
		"key_suspended": harness.Suspended,
	}
	targets := []string{
		"GET /public", "GET /plain", "GET /leads", "POST /leads", "GET /leads/l1", "GET /leads/export", "GET /leads/EXPORT", "GET /both",
		"GET /deep", "GET /agent", "GET /files/a/b", "POST /rest/data/Contact", "POST /rest/data/Contact.x", "GET /nowhere",
		"GET //leads", "GET /leads/..", "GET /leads/%6c1", "GET /leads?a=%zz", "HEAD /leads", "DELETE /leads", "POST /open/x",
	}
	for id, secret := range keys {
		for _, target := range targets {
			method, path, _ := strings.Cut(target, " ")
			t.Run(id+" "+target, func(t *testing.T) {
				raw := method + " " + path + " HTTP/1.1\r\nHost: localhost\r\nAuthorization: Bearer " + secret + "\r\nContent-Length: 0\r\nConnection: close\r\n\r\n"
				answer := g.Raw(t, method, raw)
				e := d.Explain(t, method, path, "--key-id", id)
				require.Equal(t, answer.Status == 200, e.Verdict.Allowed, "%+v", e.Verdict)
				if e.Verdict.Allowed {
					return
				}
				require.Equal(t, answer.Status, e.Verdict.Status)
				if method != "HEAD" {
					var shown struct{ Error json.RawMessage }
					require.NoError(t, json.Unmarshal([]byte(answer.Body), &shown))
					require.JSONEq(t, string(shown.Error), string(e.Verdict.Error))
				}
			})
		}
	}
}

// TestExplainSaysWhyAWorkspaceIsSuspended, which callers are not told.
func TestExplainSaysWhyAWorkspaceIsSuspended(t *testing.T) {
	d := harness.NewDesk(t, harness.DeskCaddyfile)
	d.Must(t, "workspace", "create", "ws_1", "--plan", "tiny")
	key, _ := d.Created(t, "--workspace", "ws_1")
	d.Must(t, "workspace", "suspend", "ws_1", "--reason", "invoice 117 unpaid")
	for _, path := range []string{"/leads", "/me", "/nothing"} {
		e := d.Explain(t, "GET", path, "--key-id", key)
		require.Equal(t, "suspended", e.Verdict.Reason)
		require.NotContains(t, string(e.Verdict.Error), "invoice")
		require.Contains(t, d.Must(t, "explain", "GET", path, "--key-id", key, "--wide"), "workspace ws_1 is suspended (since ")
		require.Contains(t, d.Must(t, "explain", "GET", path, "--key-id", key, "--wide"), ": invoice 117 unpaid)")
	}
	d.Must(t, "workspace", "resume", "ws_1")
	require.Equal(t, "policy_forbidden", d.Explain(t, "GET", "/leads", "--key-id", key).Verdict.Reason, "it lacks the scope, as before")
}

func TestExplainNamesEveryRefusal(t *testing.T) {
	d := harness.NewDesk(t, strings.Replace(harness.DeskCaddyfile, "plan tiny", "policies own\n\t\tplan tiny", 1))
	ruled(t, d)
	e := d.Explain(t, "GET", "/leads", "--key-id", d.Names["key"], "--query", "from=1999-01-01")
	require.Len(t, e.Refusals, 2)
	own, embedded := e.Refusals[0], e.Refusals[1]
	require.Equal(t, d.Dir+"/own/period.rego", own.File)
	require.Equal(t, 5, own.Line)
	require.Equal(t, "VALIDATION_ERROR", own.Code)
	require.False(t, own.Stands, "FORBIDDEN beats it")
	require.Equal(t, "input.request.query.from", own.Values[0].Path)
	require.Equal(t, "embedded:tollgate/authz/scopes.rego", embedded.File)
	require.True(t, embedded.Stands)
	require.Equal(t, 403, e.Verdict.Status)
	text := d.Must(t, "explain", "GET", "/leads?from=1999-01-01", "--key-id", d.Names["key"], "--wide")
	require.Contains(t, text, "period.rego:5 refuses with VALIDATION_ERROR: Too long ago. (another refusal's message stands)\n"+
		"  input.request.query.from = [\"1999-01-01\"]\n")
}

func TestExplainNamesWhereARefusalIsForwarded(t *testing.T) {
	d := harness.NewDesk(t, strings.Replace(harness.DeskCaddyfile, "plan tiny", "policies own\n\t\tplan tiny", 1))
	ruled(t, d)
	d.WriteAll(t, "own/forward.rego", "package tollgate.authz\n\ndeny contains refusal if some refusal in data.team.deny\n")
	d.WriteAll(t, "own/team.rego", "package team\n\ndeny contains {\"code\": \"NOT_FOUND\", \"message\": \"Not here.\"} if input.request.method == \"GET\"\n")
	text := d.Must(t, "explain", "GET", "/leads", "--key-id", d.Names["key"], "--wide")
	require.Regexp(t, `own/team.rego:3 refuses with NOT_FOUND: Not here. \(forwarded at \S+/own/forward.rego:3\)`, text)
}

// ruled makes a workspace and a key without scopes, and a policy of the team's own.
func ruled(t *testing.T, d *harness.Desk) {
	t.Helper()
	d.WriteAll(t, "own/period.rego", `package tollgate.authz

import rego.v1

deny contains {"code": "VALIDATION_ERROR", "message": "Too long ago."} if {
	some from in input.request.query.from
	from < "2000-01-01"
}
`)
	d.Must(t, "workspace", "create", "ws_acme", "--plan", "tiny")
	d.Names["key"], d.Names["secret"] = d.Created(t, "--workspace", "ws_acme")
}

// twoSites are one site on two names, and two on other ports.
const twoSites = `{
	admin off
	tollgate {
		keys sqlite tollgate.db
	}
}
http://api.example.com, http://*.api.example.com {
	tollgate {
		route GET /named
	}
	respond ok
}
http://:8081 {
	handle /inner* {
		tollgate {
			route GET /inner/any
		}
		respond ok
	}
}
`

func TestExplainFindsTheSite(t *testing.T) {
	d := harness.NewDesk(t, twoSites)
	d.Must(t, "workspace", "create", "ws_acme", "--plan", "pro")
	key, _ := d.Created(t, "--workspace", "ws_acme")
	for url, site := range map[string]string{
		"http://api.example.com/named":          "api.example.com:80,*.api.example.com:80",
		"http://eu.api.example.com/named":       "api.example.com:80,*.api.example.com:80",
		"http://API.example.com:80/named":       "api.example.com:80,*.api.example.com:80",
		"http://localhost:8081/inner/any":       ":8081",
		"http://[::1]:8081/inner/any?a=1":       ":8081",
		"http://api.example.com:8081/inner/any": ":8081",
	} {
		t.Run("takes/"+url, func(t *testing.T) {
			e := d.Explain(t, "GET", url, "--key-id", key)
			require.Equal(t, site, e.Request.Site)
			require.True(t, e.Verdict.Allowed)
		})
	}
	for line, want := range map[string]string{
		"/named":                        "has 2 sites: write a URL instead of a path; they are api.example.com:80,*.api.example.com:80 :8081",
		"https://api.example.com/named": "has no site for https://api.example.com",
		"http://other.example.com:81/":  "has no site for http://other.example.com:81: they are api.example.com:80,*.api.example.com:80 :8081",
		"http:///named":                 "has no host",
		"http://api.example.com:x/":     "the port of the URL is not a number from 0 to 65535",
	} {
		t.Run("refuses/"+line, func(t *testing.T) {
			d.Refuses(t, harness.Blunder{Line: "explain GET " + line + " --key-id " + key, Want: want}, key)
		})
	}
	t.Run("refuses/no site", func(t *testing.T) {
		d := harness.NewDesk(t, ":8080 {\n\trespond ok\n}\n")
		d.Refuses(t, harness.Blunder{Line: "explain GET / --key-id key_x", Want: "has no site with a tollgate directive"}, "")
	})
}

// TestExplainReadsJSON: the configuration may be Caddy's own JSON.
func TestExplainReadsJSON(t *testing.T) {
	d := harness.NewDesk(t, twoSites)
	document, err := harness.Adapt(twoSites, d.Dir+"/Caddyfile")
	require.NoError(t, err)
	d.Write(t, "gateway.json", string(document))
	d.Must(t, "workspace", "create", "ws_acme", "--plan", "pro", "--config", "gateway.json")
	key, _ := d.Created(t, "--workspace", "ws_acme", "--config", "gateway.json")
	e := d.Explain(t, "GET", "http://api.example.com/named", "--key-id", key, "--config", "gateway.json")
	require.True(t, e.Verdict.Allowed)
	require.Contains(t, d.Must(t, "key", "list"), key, "the Caddyfile and its JSON name the same store")

	d.Write(t, "gateway.conf", twoSites)
	d.Refuses(t, harness.Blunder{Line: "key list --config gateway.conf", Want: "name its format with --adapter"}, "")
	require.Contains(t, d.Must(t, "key", "list", "--config", "gateway.conf", "--adapter", "caddyfile"), key)
}

func TestExplainReadsTheBody(t *testing.T) {
	d := harness.NewDesk(t, strings.Replace(harness.DeskCaddyfile, "plan tiny", "policies own\n\t\tplan tiny", 1))
	d.WriteAll(t, "own/lead.rego", `package tollgate.authz

import rego.v1

deny contains {"code": "VALIDATION_ERROR", "message": "No name."} if {
	input.request.body
	not input.request.body.firstName
}
`)
	d.Must(t, "workspace", "create", "ws_acme", "--plan", "tiny")
	key, _ := d.Created(t, "--workspace", "ws_acme", "--scope", "agent.*")
	for name, c := range map[string]struct {
		body   string
		status int
		reason string
	}{
		"good":      {`{"firstName":"Ada"}`, 0, ""},
		"refused":   {`{"lastName":"L"}`, 400, "policy_invalid"},
		"no JSON":   {`{`, 400, "body_malformed"},
		"too large": {`{"firstName":"` + strings.Repeat("a", 64) + `"}`, 413, "body_too_large"},
		"none":      {"", 0, ""},
	} {
		t.Run(name, func(t *testing.T) {
			d.Write(t, "body.json", c.body)
			e := d.Explain(t, "POST", "/leads", "--key-id", key, "--body", "body.json")
			require.Equal(t, c.status, e.Verdict.Status)
			require.Equal(t, c.reason, e.Verdict.Reason)
		})
	}
}

// TestExplainShowsWhatTheDocumentAsksFor: each field with the file and line of its schema, for the query and the body that are given.
func TestExplainShowsWhatTheDocumentAsksFor(t *testing.T) {
	d := harness.NewDesk(t, strings.Replace(harness.DeskCaddyfile, "whoami /me", "whoami /me\n\t\topenapi api.yaml {\n\t\t\tvalidate\n\t\t}", 1))
	d.Write(t, "api.yaml", `openapi: 3.1.0
paths:
  /described:
    post:
      parameters:
        - {name: n, in: query, schema: {type: integer}}
      requestBody: {content: {application/json: {schema: {
        required: [id],
        properties: {score:
          {maximum: 5}}}}}}
`)
	d.Must(t, "workspace", "create", "ws_acme", "--plan", "tiny")
	key, _ := d.Created(t, "--workspace", "ws_acme", "--scope", "agent.*")
	d.Write(t, "body.json", `{"score": 7}`)
	said := strings.Join(strings.Fields(d.Must(t, "explain", "POST", "/described", "--key-id", key, "--query", "n=x", "--body", "body.json")), " ")
	for _, want := range []string{"validate refused", "id: Required (", "api.yaml:7)", "n: Expected integer (", "api.yaml:6)", "score: Must be at most 5 (", "api.yaml:10)", "(operation: ", "api.yaml:4)"} {
		require.Contains(t, said, want)
	}
	d.Write(t, "body.json", `{"id": 1, "score": 5}`)
	require.Contains(t, d.Must(t, "explain", "POST", "/described", "--key-id", key, "--query", "n=1", "--body", "body.json"), "the request is as the document describes it")
}

// TestExplainAsksSharedCounters, where no gateway can be asked.
func TestExplainAsksSharedCounters(t *testing.T) {
	redis := services.Redis(t)
	text := strings.Replace(harness.DeskCaddyfile, "plan tiny", "counters redis "+redis.URL()+"\n\t\tplan tiny", 1)
	d := harness.NewDesk(t, text)
	d.Must(t, "workspace", "create", "ws_acme", "--plan", "tiny")
	key, secret := d.Created(t, "--workspace", "ws_acme", "--scope", "agent.*")

	g := harness.New(t)
	running := strings.NewReplacer("admin off", "admin off\n\tpersist_config off", ":8080", "http://"+g.Addr, "localhost:9000", g.Backend.Addr, "tollgate.db", d.Dir+"/tollgate.db").Replace(text)
	require.NoError(t, g.Load(running))
	require.Equal(t, 200, g.Do(t, harness.Request{Path: "/leads", Key: secret}).Status)

	e := d.Explain(t, "GET", "/leads", "--key-id", key)
	require.Equal(t, "the shared counters", e.Windows.Source)
	require.EqualValues(t, 2, e.Windows.List[0].Remaining)
	g.Stop(t)
	redis.Kill()
	e = d.Explain(t, "GET", "/leads", "--key-id", key)
	require.False(t, e.Windows.Known)
	require.Contains(t, e.Windows.Source, "the shared counters do not answer")
	require.True(t, e.Verdict.Allowed)
}

// TestExplainPrintsTextOnly: what a policy says about a request is the caller's text, and no command for a terminal.
func TestExplainPrintsTextOnly(t *testing.T) {
	d := harness.NewDesk(t, strings.Replace(harness.DeskCaddyfile, "plan tiny", "policies own\n\t\tplan tiny", 1))
	d.WriteAll(t, "own/echo.rego", "package tollgate.authz\n\nimport rego.v1\n\ndeny contains {\"code\": \"FORBIDDEN\", \"message\": from} if some from in input.request.query.from\n")
	d.Must(t, "workspace", "create", "ws_acme", "--plan", "tiny")
	key, _ := d.Created(t, "--workspace", "ws_acme", "--scope", "agent.*")
	text := d.Must(t, "explain", "GET", "/leads?from=%1b%5b2J%0averdict:", "--key-id", key, "--wide")
	require.NotContains(t, text, "\x1b")
	require.Contains(t, text, "refuses with FORBIDDEN: �[2J�verdict:")
}

// TestExplainMCP: a message for the MCP server is answered by the gateway; no backend sees it.
func TestExplainMCP(t *testing.T) {
	d := harness.NewDesk(t, strings.Replace(harness.DeskCaddyfile, "whoami /me", "whoami /me\n\t\topenapi api.yaml\n\t\tmcp /mcp", 1))
	d.Write(t, "api.yaml", "openapi: 3.0.3\npaths: {/a: {get: {}}}\n")
	d.Must(t, "workspace", "create", "ws_1", "--plan", "tiny")
	key, _ := d.Created(t, "--workspace", "ws_1")
	text := d.Must(t, "explain", "POST", "/mcp", "--key-id", key, "--wide")
	require.Contains(t, text, "is the MCP server: the gateway answers")
	require.Contains(t, text, "verdict: answered by the gateway")
	text = d.Must(t, "explain", "GET", "/.well-known/oauth-protected-resource/mcp", "--key-id", key, "--wide")
	require.Contains(t, text, "tells clients how to authenticate for MCP: the gateway answers")
	require.Contains(t, text, "verdict: answered by the gateway")
}
