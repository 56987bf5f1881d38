package gateway_test

import (
	"encoding/json"
	"fmt"
	"path/filepath"
	"strings"
	"testing"

	"github.com/stretchr/testify/require"

	"github.com/tollgate-gateway/tollgate/caddymodule/harness"
)

// described is a document with an operation for each path, which needs the scope behind it; "-" is "security: []".
func described(operations string) string {
	var b strings.Builder
	b.WriteString("openapi: 3.1.0\ninfo: {title: Leads, version: \"1\"}\nservers: [{url: https://api.example.com/doc}]\n" +
		"components: {securitySchemes: {key: {type: http, scheme: bearer}}}\npaths:\n")
	for _, operation := range strings.Fields(operations) {
		path, scope, _ := strings.Cut(operation, "=")
		security := fmt.Sprintf("[{key: [%s]}]", scope)
		if scope == "-" {
			security = "[]"
		}
		fmt.Fprintf(&b, "  %s: {get: {security: %s}}\n", path, security)
	}
	return b.String()
}

// documented is a gateway whose site takes its routes from a document.
func documented(t *testing.T, operations, gate string) (*harness.Gateway, harness.Setup) {
	t.Helper()
	g := harness.New(t)
	g.WriteFile(t, "keys.yaml", harness.WorldKeys)
	g.WriteFile(t, "api/openapi.yaml", described(operations))
	setup := harness.World()
	setup.Gate = gate
	require.NoError(t, g.Load(setup.Caddyfile()))
	return g, setup
}

// answer is what becomes of a GET.
func answer(t *testing.T, g *harness.Gateway, path, key string) int {
	t.Helper()
	return g.Do(t, harness.Request{Path: path, Key: key}).Status
}

// TestOperationsAreRoutes: each needs the scopes that its security names; one that is public in the document is so only by the
// site's word; what is written wins; what the document does not name is unknown.
func TestOperationsAreRoutes(t *testing.T) {
	const operations = "/leads=agent.leads.read /leads/{lead-id}=agent.leads.write /open=- /own=agent.leads.read"
	g, setup := documented(t, operations, "openapi api/openapi.yaml\nroute GET /doc/own agent.other")
	for path, want := range map[string][3]int{ // no key, the reader's, the crm's
		"/doc/leads":    {401, 200, 200},
		"/doc/leads/l1": {401, 403, 200},
		"/doc/open":     {401, 200, 200},
		"/doc/own":      {401, 403, 403},
		"/doc/nothing":  {401, 404, 404},
		"/leads":        {401, 404, 404},
	} {
		require.Equal(t, want, [3]int{answer(t, g, path, ""), answer(t, g, path, harness.Reader), answer(t, g, path, harness.CRM)}, path)
	}
	require.Equal(t, 200, g.Do(t, harness.Request{Method: "HEAD", Path: "/doc/leads", Key: harness.Reader}).Status)
	log := g.ReadFile(t, "caddy.log")
	require.Contains(t, log, filepath.Join(g.Dir, "api/openapi.yaml")+":8: GET /doc/open is public in the document, and needs a valid key here")
	require.True(t, harness.Contains(log, "a route stands in place of an operation of the document", "Caddyfile:36", "api/openapi.yaml:9", `"/doc/own"`), "the line about /doc/own")

	setup.Gate = "openapi api/openapi.yaml {\npublic\nexcept GET /doc/leads/:id\n}"
	require.NoError(t, g.Load(setup.Caddyfile()))
	require.Equal(t, []int{200, 404, 200}, []int{answer(t, g, "/doc/open", ""), answer(t, g, "/doc/leads/l1", harness.CRM), answer(t, g, "/doc/own", harness.Reader)})
}

// TestADocumentIsWatched: its routes are swapped whole; one that is broken, or does not go with what is written, leaves the last
// good one, and a line says why; so does a reload.
func TestADocumentIsWatched(t *testing.T) {
	g, setup := documented(t, "/a=agent.leads.read", "openapi api/openapi.yaml\nroute GET,POST /doc/:own")
	require.Equal(t, []int{200, 200, 404}, []int{answer(t, g, "/doc/a", harness.Reader), answer(t, g, "/doc/b", harness.Reader), answer(t, g, "/doc/b/c", harness.Reader)})

	g.WriteFile(t, "api/openapi.yaml", described("/b/{c}=agent.leads.read /a=agent.leads.none"))
	require.Eventually(t, func() bool { return answer(t, g, "/doc/b/c", harness.Reader) == 200 }, harness.WaitFor, harness.Tick)
	require.Equal(t, 403, answer(t, g, "/doc/a", harness.Reader))
	require.Contains(t, g.ReadFile(t, "caddy.log"), `"openapi document loaded"`)

	logs := func(words ...string) {
		t.Helper()
		require.Eventually(t, func() bool {
			return harness.Contains(g.ReadFile(t, "caddy.log"), append([]string{`"level":"error"`, "openapi document is not taken, the last good one goes on"}, words...)...)
		}, harness.WaitFor, harness.Tick)
		require.Equal(t, []int{200, 403}, []int{answer(t, g, "/doc/b/c", harness.Reader), answer(t, g, "/doc/a", harness.Reader)})
	}
	g.WriteFile(t, "api/openapi.yaml", "openapi: 3.1.0\npaths: {a: {}}\n")
	logs(`Caddyfile:35: openapi: `, `api/openapi.yaml:2: path \"a\" does not begin with a slash`)
	g.WriteFile(t, "api/openapi.yaml", described("/b/{c}=agent.leads.read /b/{d}=agent.leads.read"))
	logs(`api/openapi.yaml:7: reading route \"/doc/b/:d\": GET requests match route`)

	setup.Gate += "\nwhoami /doc/me/self" // something else, which is loaded while the document is broken
	require.NoError(t, g.Load(setup.Caddyfile()))
	logs(`reading route \"/doc/b/:d\"`)
	require.Equal(t, 200, answer(t, g, "/doc/me/self", harness.Reader))
	g.WriteFile(t, "api/openapi.yaml", described("/d=agent.leads.read"))
	require.Eventually(t, func() bool { return answer(t, g, "/doc/b/c", harness.Reader) == 404 }, harness.WaitFor, harness.Tick, "and is watched for being mended")
	require.Equal(t, 200, answer(t, g, "/doc/a", harness.Reader), "by the written route")
}

// TestAPublicOperationLimitsEachAddress: as the x-tollgate of the document says at the time.
func TestAPublicOperationLimitsEachAddress(t *testing.T) {
	const open = "openapi: 3.1.0\npaths: {/open: {get: {security: [], x-tollgate: {limit: %s}}}}\n"
	g, setup := documented(t, "/a=-", "openapi api/openapi.yaml {\npublic\n}")
	g.WriteFile(t, "api/openapi.yaml", fmt.Sprintf(open, "2/1h"))
	require.NoError(t, g.Load(setup.Caddyfile()))
	require.Equal(t, []int{200, 200, 429}, []int{answer(t, g, "/open", ""), answer(t, g, "/open", ""), answer(t, g, "/open", "")})
	g.WriteFile(t, "api/openapi.yaml", fmt.Sprintf(open, "1/30m"))
	require.Eventually(t, func() bool { return answer(t, g, "/open", "") == 200 }, harness.WaitFor, harness.Tick)
	require.Equal(t, 429, answer(t, g, "/open", ""))
}

// TestAReloadTakesTheDocumentAsItIs: nobody waits for the watcher.
func TestAReloadTakesTheDocumentAsItIs(t *testing.T) {
	g, setup := documented(t, "/a0=agent.leads.read", "openapi api/openapi.yaml")
	for n := 1; n <= 3; n++ {
		g.WriteFile(t, "api/openapi.yaml", described(fmt.Sprintf("/a%d=agent.leads.read", n)))
		require.NoError(t, g.Load(setup.Caddyfile()))
		require.Equal(t, []int{404, 200}, []int{answer(t, g, fmt.Sprintf("/doc/a%d", n-1), harness.Reader), answer(t, g, fmt.Sprintf("/doc/a%d", n), harness.Reader)})
	}
}

// TestDocumentsThatAreRefused: what is wrong is told with both places, when a configuration is validated.
func TestDocumentsThatAreRefused(t *testing.T) {
	for name, c := range map[string]struct{ document, gate, want string }{
		"no document":       {"", "openapi nowhere.yaml", "Caddyfile:3: openapi: DIR/nowhere.yaml: no such file or directory"},
		"not one":           {"hello", "openapi api.yaml", "Caddyfile:3: openapi: DIR/api.yaml:1: an OpenAPI document must be a mapping"},
		"unset placeholder": {"", "openapi {env.TOLLGATE_TEST_UNSET}/a.yaml", "Caddyfile:3: openapi: "},
		"cost above plans":  {"openapi: 3.0.0\npaths: {/a: {get: {x-tollgate: {cost: 601}}}}", "openapi api.yaml", "DIR/api.yaml:2: route /a: cost 601 is above the limit of every plan (600)"},
		"no such operation": {"openapi: 3.0.0\npaths: {/a: {get: {}}}", "openapi api.yaml {\n\t\t\texcept GET /b\n\t\t}", "Caddyfile:9: no operation of DIR/api.yaml is GET /b"},
	} {
		t.Run("refuses/"+name, func(t *testing.T) {
			g := harness.New(t)
			g.WriteFile(t, "api.yaml", c.document)
			g.WriteFile(t, "keys.yaml", "workspaces: []")
			_, err := harness.Validate(t, "{\n\ttollgate {\n\t\tkeys file keys.yaml\n\t}\n}\n"+gate(c.gate), filepath.Join(g.Dir, "Caddyfile"))
			require.ErrorContains(t, err, strings.ReplaceAll(strings.Replace(c.want, "Caddyfile:3", "Caddyfile:8", 1), "DIR", g.Dir))
		})
	}
}

// validated is a document whose one operation asks for a body and a parameter.
const validated = `openapi: 3.1.0
components: {securitySchemes: {key: {type: http, scheme: bearer}}}
paths:
  /leads/{id}:
    post:
      security: [{key: [agent.leads.write]}]
      x-tollgate: {cost: 7}
      parameters: [{name: id, in: path, required: true, schema: {type: integer}}, {name: q, in: query, schema: {enum: [a, b]}}]
      requestBody:
        required: true
        content: {application/json: {schema: {type: object, required: [name], additionalProperties: false,
          properties: {name: {type: string}, lines: {items: {properties: {qty: {minimum: 1}}}}}}}}
`

// TestRequestsAreHeldAgainstTheDocument: after policy, before the charge, and the backend gets the bytes unchanged.
func TestRequestsAreHeldAgainstTheDocument(t *testing.T) {
	g := harness.New(t)
	g.WriteFile(t, "keys.yaml", harness.WorldKeys)
	g.WriteFile(t, "openapi.yaml", validated)
	setup := harness.World()
	setup.Gate = "openapi openapi.yaml {\nvalidate strict_query\n}\nwhoami /me\n"
	require.NoError(t, g.Load(setup.Caddyfile()))
	post := func(key, path, kind, body string) *harness.Answer {
		return g.Do(t, harness.Request{Method: "POST", Path: path, Key: key, Header: harness.Header("Content-Type", kind), Body: body})
	}
	for name, c := range map[string]struct {
		key, path, kind, body string
		status                int
		details               map[string]any
	}{
		"all at once":              {harness.CRM, "/leads/x?q=c&z=1", "application/json", `{"lines":[{"qty":0}],"other":1}`, 400, map[string]any{"id": "Expected integer", "q": "Must be one of: a, b", "z": "Unknown parameter", "name": "Required", "lines.0.qty": "Must be at least 1", "other": "Unknown field"}},
		"no body":                  {harness.CRM, "/leads/1", "application/json", "", 400, map[string]any{"body": "Required"}},
		"not JSON":                 {harness.CRM, "/leads/1", "application/json", "{", 400, map[string]any{"reason": "the body is not one JSON value"}},
		"another charset":          {harness.CRM, "/leads/1", "application/json; charset=utf-16", "{}", 400, map[string]any{"reason": "send it as application/json in UTF-8, without a content encoding"}},
		"without the scope":        {harness.Reader, "/leads/x", "application/json", "{", 403, map[string]any{"missing_scopes": []any{"agent.leads.write"}}},
		"larger than is read":      {harness.CRM, "/leads/1", "application/json", `{"name":"` + strings.Repeat("x", 1<<20) + `"}`, 413, nil},
		"another kind is not read": {harness.CRM, "/leads/1", "text/csv", "a,b", 200, nil},
	} {
		t.Run(name, func(t *testing.T) {
			a := post(c.key, c.path, c.kind, c.body)
			require.Equal(t, c.status, a.Status, a.Body)
			if c.status == 200 {
				require.Len(t, g.Backend.Seen(), 1)
				return
			}
			require.Empty(t, g.Backend.Seen(), "the backend is not asked")
			var details map[string]any
			require.NoError(t, json.Unmarshal(a.Envelope(t).Error.Details, &details))
			require.Equal(t, c.details, details)
		})
	}
	left := func() string {
		return g.Do(t, harness.Request{Path: "/me", Key: harness.CRM}).Header.Get("X-RateLimit-Remaining")
	}
	before := left()
	require.Equal(t, 400, post(harness.CRM, "/leads/1", "application/json", "{}").Status)
	require.Equal(t, before, left(), "nothing is spent")
	const sent = "{ \"name\" : \"\\u0041da\" }\n"
	require.Equal(t, 200, post(harness.CRM, "/leads/1?q=a", "application/json", sent).Status)
	require.Equal(t, sent, g.Backend.Seen()[0].Body)
	require.NotEqual(t, before, left())
}
