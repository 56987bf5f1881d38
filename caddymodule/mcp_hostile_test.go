package caddymodule_test

import (
	"encoding/json"
	"fmt"
	"net/http"
	"net/url"
	"strings"
	"testing"

	"github.com/stretchr/testify/require"

	"github.com/tollgate-gateway/tollgate/caddymodule/harness"
)

// TestMCPHostile calls a tool with what no argument should be: what the backend sees is what HTTP would let through, or nothing.
func TestMCPHostile(t *testing.T) {
	g := agentWorld(t, "")
	for name, value := range map[string]any{
		"slash": "a/b", "encoded slash": "a%2Fb", "up": "..", "here": ".", "up with a parameter": "..;x", "encoded up": "%2e%2e", "query": "a?x=1", "fragment": "a#b",
		"NUL": "a\x00b", "lines": "a\r\nX-Evil: 1", "backslash": `..\x`, "empty": "", "another operation": "search", "object": map[string]any{"a": 1}, "null": nil,
		"list": []any{"a", "..", "b"}, "list with a slash": []any{"a", "/../"}, "bidi": "a\u202eb", "tab": "a\tb", "del": "a\x7f", "long": strings.Repeat("a", 5000),
		"wildcard": "*", "colon": ":id", "dots": "...", "space": " ", "at": "@admin", "number": json.Number("1e3"), "template": "{lead-id}", "placeholder": "{http.request.header.Authorization}",
	} {
		t.Run("path/"+name, func(t *testing.T) {
			g.Backend.Seen()
			r := callTool(t, g, wildcard, "getLead", map[string]any{"lead-id": value})
			seen := g.Backend.Seen()
			text, is := value.(string)
			if r.IsError {
				require.Empty(t, seen)
				require.Equal(t, 400, r.Meta.Status)
				require.Contains(t, r.Content[0].Text, `"code":"VALIDATION_ERROR"`)
			} else if is {
				segment, found := strings.CutPrefix(seen[0].Target, "/v1/leads/")
				require.True(t, found)
				decoded, err := url.PathUnescape(segment)
				require.NoError(t, err)
				require.Equal(t, text, decoded)
				require.NotContains(t, segment, "/")
				require.NotContains(t, segment, "?")
			}
			if is { // HTTP says the same of the same path
				a := g.Do(t, harness.Request{Path: "/v1/leads/" + strings.ReplaceAll(url.QueryEscape(text), "+", "%20"), Key: wildcard})
				if name != "another operation" && name != "wildcard" && name != "empty" {
					require.Equal(t, a.Status == 200, !r.IsError, "HTTP: %d", a.Status)
				}
			}
		})
	}
	for name, arguments := range map[string]map[string]any{
		"a header with a line": {"header_X-Trace": "a\r\nX-Evil: 1"}, "a header with NUL": {"header_X-Trace": "a\x00"}, "credential": {"header_Authorization": "Bearer " + wildcard},
		"the credential by name": {"Authorization": "x"}, "unknown": {"x": 1}, "an object for a text": {"search": map[string]any{"a": "b"}}, "a list of objects": {"tags": []any{map[string]any{}}},
		"other type": {"limit": "many"}, "beyond": {"limit": 1000}, "a list for one": {"limit": []any{1, 2}},
	} {
		t.Run("arguments/"+name, func(t *testing.T) {
			g.Backend.Seen()
			r := callTool(t, g, crm, "listLeads", arguments)
			require.True(t, r.IsError)
			require.Equal(t, 400, r.Meta.Status)
			require.Contains(t, r.Content[0].Text, `"code":"VALIDATION_ERROR"`)
			require.Empty(t, g.Backend.Seen())
		})
	}
	for name, arguments := range map[string]any{
		"a megabyte": map[string]any{"name": strings.Repeat("x", 1<<20)}, "unknown member": map[string]any{"name": "x", "isAdmin": true}, "wrong type": map[string]any{"name": 1},
		"the member by its own name": map[string]any{"name": "x", "body_name": "y"}, "nothing": map[string]any{},
	} {
		t.Run("body/"+name, func(t *testing.T) {
			g.Backend.Seen()
			r := callTool(t, g, crm, "createLead", arguments)
			require.True(t, r.IsError)
			require.Contains(t, []int{400, 413}, r.Meta.Status)
			require.Contains(t, r.Content[0].Text, `"code":"VALIDATION_ERROR"`)
			require.Empty(t, g.Backend.Seen())
		})
	}
	for name, arguments := range map[string]string{
		"twice": `{"name":"a","name":"b"}`, "deep": `{"name":` + strings.Repeat(`[`, 100) + strings.Repeat(`]`, 100) + `}`, "half a character": `{"name":"\ud800"}`, "a number of no size": `{"score":1e999999999,"name":"x"}`,
	} {
		t.Run("message/"+name, func(t *testing.T) {
			g.Backend.Seen()
			body, h := modernMessage("tools/call", "createLead", map[string]any{"name": "createLead", "arguments": "$"})
			s := sendMessage(t, g, crm, strings.Replace(body, `"$"`, arguments, 1), h)
			require.Equal(t, 400, s.http.Status, s.http.Body)
			require.Empty(t, g.Backend.Seen())
		})
	}
}

// TestMCPOrigin sends what a browser sends for pages: of a name that somebody points to this machine, too.
func TestMCPOrigin(t *testing.T) {
	for site, cases := range map[string]map[string]int{
		"":                       {"http://evil.example": 403, "http://api.example.com": 403, "http://127.0.0.1:99": 200, "http://sub.localhost": 403, "http://localhost": 200, "http://[::1]:8080": 200, "ftp://localhost": 403},
		"http://api.example.com": {"http://api.example.com": 200, "https://api.example.com:80": 200, "https://API.example.com": 200},
	} {
		g := agentWorld(t, "")
		if site != "" {
			setup := harness.Setup{Keys: harness.WorldKeys, Options: "plan big 100/1m", Gate: "openapi $DIR/openapi.yaml\nmcp /mcp"}
			require.NoError(t, g.Load(strings.Replace(setup.Caddyfile(), "http://:$PORT", site+":$PORT", 1)))
		}
		for origin, status := range cases {
			t.Run(site+" "+origin, func(t *testing.T) {
				body, h := modernMessage("tools/list", "", nil)
				h.Set("Origin", origin)
				of, err := url.Parse(origin)
				require.NoError(t, err)
				r, err := http.NewRequest("POST", "http://"+g.Addr+"/mcp", strings.NewReader(body))
				require.NoError(t, err)
				r.Host, r.Header = of.Host, h
				r.Header.Set("Authorization", "Bearer "+crm)
				a, err := http.DefaultTransport.RoundTrip(r)
				require.NoError(t, err)
				defer a.Body.Close()
				require.Equal(t, status, a.StatusCode)
			})
		}
	}
}

// TestMCPDenied holds the endpoint's own refusals against those of any route, and what clients are told of authentication.
func TestMCPDenied(t *testing.T) {
	g := agentWorld(t, "")
	body, h := modernMessage("tools/call", "listLeads", map[string]any{"name": "listLeads"})
	send := func(key string) *harness.Answer {
		return g.Do(t, harness.Request{Method: "POST", Path: "/mcp", Key: key, Body: body, Header: h})
	}
	a := send("")
	require.Equal(t, 401, a.Status)
	at := "http://" + g.Addr + "/.well-known/oauth-protected-resource/mcp"
	require.Equal(t, fmt.Sprintf(`Bearer realm="tollgate", resource_metadata="%s"`, at), a.Header.Get("WWW-Authenticate"))
	require.Equal(t, fmt.Sprintf(`Bearer realm="tollgate", error="invalid_token", resource_metadata="%s"`, at), send("nobody-knows-this-secret").Header.Get("WWW-Authenticate"))
	a = g.Do(t, harness.Request{Path: "/v1/leads"})
	require.Equal(t, `Bearer realm="tollgate"`, a.Header.Get("WWW-Authenticate"), "of the API itself nothing is said")
	for _, path := range []string{"/.well-known/oauth-protected-resource/mcp", "/.well-known/oauth-protected-resource"} {
		a = g.Do(t, harness.Request{Path: path})
		require.Equal(t, 200, a.Status)
		require.JSONEq(t, `{"resource":"http://`+g.Addr+`/mcp","bearer_methods_supported":["header"],"scopes_supported":["agent.leads.read","agent.leads.write","agent.admin.read","agent.leads.delete"]}`, a.Body)
	}
	for key, status := range map[string]int{"elsewhere-secret-0123456789": 403, "denied-secret-0123456789": 403, "suspended-secret-0123456789": 403, "expired-secret-0123456789": 401} {
		require.Equal(t, status, send(key).Status, key)
	}
	require.Empty(t, g.Backend.Seen())
}
