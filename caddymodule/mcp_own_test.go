package caddymodule_test

import (
	"strconv"
	"strings"
	"testing"

	"github.com/stretchr/testify/require"

	"github.com/tollgate-gateway/tollgate/caddymodule/harness"
)

// TestMCPOwnAnswers has a document describe what the gateway answers itself. None of it is a tool: its request would go to a backend
// that is not meant to see it, unjudged, and with the caller's key.
func TestMCPOwnAnswers(t *testing.T) {
	document := `openapi: 3.1.0
info: {title: Leads, version: 1.2.0}
components: {securitySchemes: {key: {type: http, scheme: bearer}}}
paths:
  /leads: {get: {operationId: listLeads, security: [{key: [agent.leads.read]}], responses: {"200": {description: ok}}}}
`
	for _, path := range []string{"/api/SKILL.md", "/api/openapi.json", "/api/llms.txt", "/.well-known/agent-skills/index.json", "/.well-known/api-catalog", "/me", "/mcp", "/.well-known/oauth-protected-resource"} {
		document += "  " + path + `: {get: {operationId: "of ` + path + `", security: [{key: [agent.admin.read]}], responses: {"200": {description: ok}}}}` + "\n"
	}
	g := harness.New(t)
	g.WriteFile(t, "openapi.yaml", document)
	g.WriteFile(t, "keys.yaml", harness.WorldKeys)
	setup := harness.Setup{Options: "plan big 100/1m", Gate: "openapi $DIR/openapi.yaml\nmcp /mcp\ndescribe /api\nwhoami /me"}
	require.NoError(t, g.Load(setup.Caddyfile()))
	require.Equal(t, []string{"listLeads"}, toolsOf(t, g, wildcard))
	for _, tool := range []string{"of_api_SKILL_md", "of_api_openapi_json", "of_me", "of_mcp"} {
		body, h := modernMessage("tools/call", tool, map[string]any{"name": tool})
		require.NotNil(t, sendMessage(t, g, wildcard, body, h).Error, tool)
	}
	require.Empty(t, g.Backend.Seen())
	require.True(t, strings.HasPrefix(g.Do(t, harness.Request{Path: "/api/SKILL.md", Key: wildcard}).Body, "---\nname: "), "over HTTP they are what they were")
}

// TestMCPLongRequests calls a tool with more than clients may send in a path, a query and headers over HTTP.
func TestMCPLongRequests(t *testing.T) {
	g := agentWorld(t, "")
	setup := harness.Setup{Keys: harness.WorldKeys, Options: "plan big 100/1m", Servers: "max_header_size 8KiB", Gate: "openapi $DIR/openapi.yaml\nmcp /mcp"}
	require.NoError(t, g.Load(setup.Caddyfile()))
	long := strings.Repeat("é", 3<<10)
	for name, arguments := range map[string]map[string]any{"query": {"search": long}, "header": {"header_X-Trace": long + long}, "both": {"search": long[:2<<10], "header_X-Trace": long[:3<<10]}} {
		t.Run(name, func(t *testing.T) {
			r := callTool(t, g, crm, "listLeads", arguments)
			require.Equal(t, 400, r.Meta.Status)
			require.Contains(t, r.Content[0].Text, "longer path, query and headers")
			require.Empty(t, g.Backend.Seen())
		})
	}
	r := callTool(t, g, crm, "listLeads", map[string]any{"search": long[:2<<10]})
	require.Equal(t, 200, r.Meta.Status)
}

// TestMCPSpelling calls tools of paths that a document spells otherwise than requests do: over HTTP they go to the same operations.
func TestMCPSpelling(t *testing.T) {
	g := harness.New(t)
	document := "openapi: 3.1.0\ninfo: {title: Leads, version: 1.2.0}\nservers: [{url: \"/v 1\"}]\npaths:\n"
	wants := map[string]string{"/ü/{id}": "/v%201/%C3%BC/x", "/a%20c/x;y/(z)": "/v%201/a%20c/x%3By/(z)", "/:batch": "/v%201/:batch", "/b:batch": "/v%201/b:batch", "/%7Ehome/": "/v%201/~home/"}
	tools := map[string]string{}
	for path := range wants {
		tools[path] = "t" + strconv.Itoa(len(tools))
		document += `  "` + path + `": {get: {operationId: ` + tools[path] + `, parameters: [{name: id, in: ` + map[bool]string{true: "path, required: true", false: "query"}[strings.Contains(path, "{id}")] +
			`, schema: {type: string}}], responses: {"200": {description: ok}}}}` + "\n"
	}
	g.WriteFile(t, "openapi.yaml", document)
	g.WriteFile(t, "keys.yaml", harness.WorldKeys)
	setup := harness.Setup{Options: "plan big 100/1m", Gate: "openapi $DIR/openapi.yaml\nmcp /mcp"}
	require.NoError(t, g.Load(setup.Caddyfile()))
	for path, want := range wants {
		arguments := map[string]any{}
		if strings.Contains(path, "{id}") {
			arguments["id"] = "x"
		}
		require.Equal(t, 200, callTool(t, g, crm, tools[path], arguments).Meta.Status, path)
		seen := g.Backend.Seen()
		require.Len(t, seen, 1, path)
		require.Equal(t, want, seen[0].Target)
	}
}

// TestMCPResourcesAreLimited reads a document of describe as a resource and over HTTP: both are one count.
func TestMCPResourcesAreLimited(t *testing.T) {
	g := agentWorld(t, "")
	setup := harness.Setup{Keys: harness.WorldKeys, Options: "plan big 100/1m", Gate: "openapi $DIR/openapi.yaml\nmcp /mcp\ndescribe /docs {\nlimit 2/1h\n}"}
	require.NoError(t, g.Load(setup.Caddyfile()))
	read := func(key, name string) *harness.Answer {
		body, h := modernMessage("resources/read", "tollgate://"+name, map[string]any{"uri": "tollgate://" + name})
		return g.Do(t, harness.Request{Method: "POST", Path: "/mcp", Key: key, Body: body, Header: h})
	}
	require.Equal(t, 200, read(crm, "SKILL.md").Status)
	require.Equal(t, 200, g.Do(t, harness.Request{Path: "/docs/SKILL.md", Key: crm}).Status)
	a := read(crm, "SKILL.md")
	require.Equal(t, 429, a.Status, a.Body)
	require.Contains(t, a.Body, `"code":"RATE_LIMITED"`)
	require.NotEmpty(t, a.Header.Get("Retry-After"))
	require.Equal(t, 429, g.Do(t, harness.Request{Path: "/docs/SKILL.md", Key: crm}).Status)
	require.Equal(t, 200, read(crm, "openapi.json").Status, "each document has a count of its own")
	require.Equal(t, 200, read(reader, "SKILL.md").Status, "and each key")
}
