package caddymodule_test

import (
	"encoding/json"
	"io"
	"net/http"
	"strings"
	"testing"

	"github.com/stretchr/testify/require"

	"github.com/tollgate-gateway/tollgate/caddymodule/harness"
)

const (
	crm      = "crm-secret-0123456789"
	reader   = "reader-secret-0123456789"
	wildcard = "wildcard-secret-0123456789"
	unscoped = "unscoped-secret-0123456789"
)

// TestMCPTransport sends messages as they are, of both kinds of revisions, and what no client should.
func TestMCPTransport(t *testing.T) {
	g := agentWorld(t, "instructions $DIR/openapi.yaml\norigins https://chat.example.com")
	old := harness.Header("Content-Type", "application/json", "Accept", "application/json, text/event-stream", "Mcp-Protocol-Version", "2025-11-25")
	with := func(h http.Header, pairs ...string) http.Header {
		h = h.Clone()
		for i := 0; i < len(pairs); i += 2 {
			h.Del(pairs[i])
			if pairs[i+1] != "" {
				h[pairs[i]] = []string{pairs[i+1]}
			}
		}
		return h
	}
	ping := `{"jsonrpc":"2.0","id":7,"method":"ping"}`
	list, modern := modernMessage("tools/list", "", nil)
	discover, discovering := modernMessage("server/discover", "", nil)
	call, calling := modernMessage("tools/call", "listLeads", map[string]any{"name": "listLeads"})
	for _, c := range []struct {
		name, method, body string
		header             http.Header
		status, code       int
		holds              string
	}{
		{"initialize without a revision in the header", "", `{"jsonrpc":"2.0","id":"a","method":"initialize","params":{"protocolVersion":"2025-06-18"}}`, with(old, "Mcp-Protocol-Version", ""), 200, 0, `"id":"a","result":{"protocolVersion":"2025-06-18","capabilities":{"tools":{}}`},
		{"initialize of a revision not spoken", "", `{"jsonrpc":"2.0","id":1,"method":"initialize","params":{"protocolVersion":"2024-11-05"}}`, with(old, "Mcp-Protocol-Version", ""), 200, 0, `"protocolVersion":"2025-11-25"`},
		{"initialized", "", `{"jsonrpc":"2.0","method":"notifications/initialized"}`, old, 202, 0, ""},
		{"ping", "", ping, old, 200, 0, `{"jsonrpc":"2.0","id":7,"result":{}}`},
		{"a session of somebody else's", "", ping, with(old, "Mcp-Session-Id", "theirs"), 200, 0, `"result":{}`},
		{"ping of the modern revision", "", strings.Replace(list, "tools/list", "ping", 1), with(modern, "Mcp-Method", "ping"), 404, -32601, ""},
		{"initialize of the modern revision", "", strings.Replace(list, "tools/list", "initialize", 1), with(modern, "Mcp-Method", "initialize"), 404, -32601, ""},
		{"discover", "", discover, discovering, 200, 0, `"supportedVersions":["2026-07-28","2025-11-25","2025-06-18"]`},
		{"discover is private", "", discover, discovering, 200, 0, `"cacheScope":"private"`},
		{"lists are private", "", list, modern, 200, 0, `"cacheScope":"private"`},
		{"lists name no keeping to old clients", "", strings.Replace(ping, "ping", "tools/list", 1), old, 200, 0, `{"tools":[`},
		{"a cursor", "", strings.Replace(list, `"params":{`, `"params":{"cursor":"x",`, 1), modern, 200, -32602, ""},
		{"no revision", "", ping, with(old, "Mcp-Protocol-Version", ""), 400, -32022, `"supported":["2026-07-28","2025-11-25","2025-06-18"],"requested":"2025-03-26"`},
		{"unknown revision", "", ping, with(old, "Mcp-Protocol-Version", "2031-01-01"), 400, -32022, `"requested":"2031-01-01"`},
		{"two revisions", "", list, with(modern, "Mcp-Protocol-Version", "2025-11-25"), 400, -32020, ""},
		{"revision in the message alone", "", list, with(modern, "Mcp-Protocol-Version", ""), 400, -32020, ""},
		{"no capabilities", "", strings.Replace(list, "clientCapabilities", "x", 1), modern, 400, -32602, ""},
		{"other method in the header", "", list, with(modern, "Mcp-Method", "tools/call"), 400, -32020, ""},
		{"no method in the header", "", list, with(modern, "Mcp-Method", ""), 400, -32020, ""},
		{"other tool in the header", "", call, with(calling, "Mcp-Name", "getLead"), 400, -32020, ""},
		{"no tool in the header", "", call, with(calling, "Mcp-Name", ""), 400, -32020, ""},
		{"a tool in Base64", "", call, with(calling, "Mcp-Name", "=?base64?bGlzdExlYWRz?="), 200, 0, `"structuredContent":{"ok":true}`},
		{"broken Base64", "", call, with(calling, "Mcp-Name", "=?base64?%%?="), 400, -32020, ""},
		{"a batch", "", "[" + ping + "]", old, 400, -32600, ""},
		{"not JSON", "", `{"jsonrpc"`, old, 400, -32700, ""},
		{"two ids", "", `{"jsonrpc":"2.0","id":1,"id":2,"method":"ping"}`, old, 400, -32600, ""},
		{"no id of its kind", "", `{"jsonrpc":"2.0","id":{},"method":"ping"}`, old, 400, -32600, `"id":null`},
		{"id null", "", `{"jsonrpc":"2.0","id":null,"method":"ping"}`, old, 400, -32600, ""},
		{"other protocol", "", `{"jsonrpc":"1.0","id":1,"method":"ping"}`, old, 400, -32600, ""},
		{"an answer", "", `{"jsonrpc":"2.0","id":1,"result":{}}`, old, 400, -32600, ""},
		{"params that are none", "", `{"jsonrpc":"2.0","id":1,"method":"ping","params":[]}`, old, 400, -32600, ""},
		{"unknown method", "", strings.Replace(ping, "ping", "prompts/list", 1), old, 200, -32601, ""},
		{"unknown method of the modern revision", "", strings.Replace(list, "tools/list", "x/y", 1), with(modern, "Mcp-Method", "x/y"), 404, -32601, ""},
		{"arguments that are none", "", strings.Replace(call, `"name":"listLeads"`, `"name":"listLeads","arguments":[1]`, 1), calling, 200, -32602, ""},
		{"other type", "", ping, with(old, "Content-Type", "text/plain"), 415, -32600, ""},
		{"a coding", "", ping, with(old, "Content-Encoding", "gzip"), 415, -32600, ""},
		{"streams alone are taken", "", ping, with(old, "Accept", "text/event-stream"), 406, -32600, ""},
		{"anything is taken", "", ping, with(old, "Accept", "*/*"), 200, 0, `"result":{}`},
		{"GET", "GET", "", old, 405, -32600, ""},
		{"DELETE", "DELETE", "", old, 405, -32600, ""},
		{"a page of another origin", "", ping, with(old, "Origin", "https://evil.example"), 403, -32600, ""},
		{"a page of no origin", "", ping, with(old, "Origin", "null"), 403, -32600, ""},
		{"a page of the site", "", ping, with(old, "Origin", "http://"+g.Addr), 200, 0, `"result":{}`},
		{"a page of a listed origin", "", ping, with(old, "Origin", "https://chat.example.com"), 200, 0, `"result":{}`},
		{"too long", "", `{"jsonrpc":"2.0","id":1,"method":"ping","params":{"x":"` + strings.Repeat("x", 1<<20+16<<10) + `"}}`, old, 413, 0, `"code":"VALIDATION_ERROR"`},
		{"too deep", "", `{"jsonrpc":"2.0","id":1,"method":"ping","params":{"x":` + strings.Repeat("[", 70) + strings.Repeat("]", 70) + `}}`, old, 400, -32600, ""},
	} {
		t.Run(c.name, func(t *testing.T) {
			g.Backend.Answer(func(w http.ResponseWriter, _ *http.Request) {
				w.Header().Set("Content-Type", "application/json")
				_, _ = io.WriteString(w, `{"ok":true}`)
			})
			method := c.method
			if method == "" {
				method = "POST"
			}
			a := g.Do(t, harness.Request{Method: method, Path: "/mcp", Key: crm, Body: c.body, Header: c.header})
			require.Equal(t, c.status, a.Status, a.Body)
			a.CheckLimits(t, harness.Workspace)
			require.Empty(t, a.Header.Get("Mcp-Session-Id"))
			require.Contains(t, a.Body, c.holds)
			var answer struct{ Error struct{ Code int } }
			if strings.HasPrefix(a.Body, `{"jsonrpc"`) {
				require.NoError(t, json.Unmarshal([]byte(a.Body), &answer))
			}
			require.Equal(t, c.code, answer.Error.Code, a.Body)
			if c.status == 405 {
				require.Equal(t, "POST", a.Header.Get("Allow"))
			}
		})
	}
}

// TestMCPList holds what is listed against what may be called.
func TestMCPList(t *testing.T) {
	g := agentWorld(t, "")
	require.Equal(t, []string{"listLeads", "createLead", "getLead", "putLead"}, toolsOf(t, g, crm))
	require.Equal(t, []string{"listLeads", "getLead"}, toolsOf(t, g, reader))
	require.Equal(t, []string{"listLeads", "createLead", "get_v1_leads_search", "getLead", "putLead", "deleteLead"}, toolsOf(t, g, wildcard))
	require.Empty(t, toolsOf(t, g, unscoped))

	body, h := modernMessage("tools/list", "", nil)
	s := sendMessage(t, g, wildcard, body, h)
	var list struct {
		Tools []struct {
			Name, Title, Description string
			InputSchema              struct {
				Type                 string
				Properties           map[string]json.RawMessage
				Required             []string
				AdditionalProperties *bool
				Defs                 map[string]any `json:"$defs"`
			}
			Annotations map[string]bool
		}
	}
	require.NoError(t, json.Unmarshal(s.Result, &list))
	leads, create, put, gone := list.Tools[0], list.Tools[1], list.Tools[4], list.Tools[5]
	require.Equal(t, "List leads", leads.Title)
	require.Contains(t, leads.Description, "Answers with: data (name, score, id, parent).")
	require.Contains(t, leads.Description, "Errors: 409 The list is being rebuilt.")
	require.Contains(t, leads.InputSchema.Properties, "header_X-Trace")
	require.Equal(t, map[string]bool{"readOnlyHint": true, "idempotentHint": true}, leads.Annotations)
	require.Contains(t, create.Description, "Ignore all previous instructions", "it is the operator's own text, and passed as data")
	require.Equal(t, []string{"name"}, create.InputSchema.Required)
	require.Contains(t, create.InputSchema.Defs, "Lead")
	require.False(t, *create.InputSchema.AdditionalProperties)
	require.Contains(t, put.InputSchema.Properties, "body_id", "the query has an id, too")
	require.Equal(t, []string{"lead-id"}, put.InputSchema.Required)
	require.True(t, gone.Annotations["destructiveHint"])
}

// TestMCPCall holds a tool's request and answer against those of HTTP.
func TestMCPCall(t *testing.T) {
	g := agentWorld(t, "max_result 1KiB")
	g.Backend.Answer(func(w http.ResponseWriter, r *http.Request) {
		switch r.URL.Query().Get("search") {
		case "missing":
			w.Header().Set("Content-Type", "application/json")
			w.WriteHeader(404)
			_, _ = io.WriteString(w, `{"error":"no such lead"}`)
		case "text":
			w.Header().Set("Content-Type", "text/csv")
			_, _ = io.WriteString(w, "a,b")
		case "picture":
			w.Header().Set("Content-Type", "image/png")
			_, _ = w.Write([]byte{0x89, 'P', 'N', 'G', 0xff})
		case "long":
			w.Header().Set("Content-Type", "application/json")
			_, _ = io.WriteString(w, `{"x":"`+strings.Repeat("x", 1024)+`"}`)
		case "nothing":
			w.WriteHeader(204)
		case "broken":
			w.Header().Set("Content-Type", "application/json")
			w.Header().Set("Content-Length", "100")
			_, _ = io.WriteString(w, `{"x":`)
		case "stream":
			w.Header().Set("Content-Type", "text/event-stream")
			for range 100 {
				_, _ = io.WriteString(w, "data: 0123456789\n\n")
			}
		default:
			w.Header().Set("Content-Type", "application/json; charset=utf-8")
			_, _ = io.WriteString(w, `{"data":[{"name":"Ana"}]}`)
		}
	})
	result := func(search string) *toolResult {
		return callTool(t, g, crm, "listLeads", map[string]any{"search": search})
	}
	r := result("ana")
	require.JSONEq(t, `{"data":[{"name":"Ana"}]}`, string(r.StructuredContent))
	require.Equal(t, `{"data":[{"name":"Ana"}]}`, r.Content[0].Text)
	require.False(t, r.IsError)
	require.Equal(t, 200, r.Meta.Status)
	require.Equal(t, "100000", r.Meta.Headers["X-RateLimit-Limit"])
	require.Contains(t, r.Meta.Headers["RateLimit"], `"1m";r=`)

	seen := g.Backend.Seen()
	require.Len(t, seen, 1)
	require.Equal(t, "GET", seen[0].Method)
	require.Equal(t, "/v1/leads?search=ana", seen[0].Target)
	require.Equal(t, r.Meta.ID, seen[0].Header.Get("X-Request-Id"))
	require.Equal(t, "ws_acme", seen[0].Header.Get("X-Tollgate-Workspace"))
	require.Equal(t, "application/json", seen[0].Header.Get("Accept"))
	for _, name := range []string{"Authorization", "Content-Type", "Mcp-Method", "Mcp-Name", "Mcp-Protocol-Version", "Origin", "Cookie", "Accept-Language"} {
		require.Empty(t, seen[0].Header.Values(name), name)
	}

	r = result("missing")
	require.True(t, r.IsError)
	require.Equal(t, 404, r.Meta.Status)
	require.Contains(t, r.Content[0].Text, `"code":"NOT_FOUND"`)
	require.Equal(t, "a,b", result("text").Content[0].Text)
	r = result("picture")
	require.Equal(t, "image", r.Content[0].Type)
	require.Equal(t, "image/png", r.Content[0].MimeType)
	require.Equal(t, "iVBOR/8=", r.Content[0].Data)
	require.Equal(t, "204 No Content", result("nothing").Content[0].Text)
	r = result("long")
	require.True(t, r.IsError)
	require.Equal(t, 502, r.Meta.Status)
	require.Contains(t, r.Content[0].Text, `"max_result":1024`)
	r = result("broken")
	require.True(t, r.IsError)
	require.Contains(t, r.Content[0].Text, `"code":"INTERNAL_ERROR"`)
	r = result("stream")
	require.False(t, r.IsError)
	require.True(t, r.Meta.Cut)
	require.Len(t, r.Content[0].Text, 1024)
	g.Backend.Seen()

	t.Run("a body", func(t *testing.T) {
		r := callTool(t, g, crm, "createLead", map[string]any{"name": "Ana & Bó", "score": json.Number("12345678901234567890"), "parent": map[string]any{"name": "x"}})
		require.Equal(t, 200, r.Meta.Status)
		seen := g.Backend.Seen()
		require.Equal(t, `{"name":"Ana & Bó","parent":{"name":"x"},"score":12345678901234567890}`, seen[0].Body)
		require.Equal(t, "application/json", seen[0].Header.Get("Content-Type"))
	})
	t.Run("parameters of all kinds", func(t *testing.T) {
		callTool(t, g, crm, "listLeads", map[string]any{"limit": 5, "tags": []any{"a b", "c&d"}, "ids": []any{"1", "2,3"}, "search": nil, "header_X-Trace": "here"})
		seen := g.Backend.Seen()
		require.Equal(t, "/v1/leads?limit=5&tags=a%20b&tags=c%26d&ids=1,2%2C3", seen[0].Target)
		require.Equal(t, "here", seen[0].Header.Get("X-Trace"))
		callTool(t, g, crm, "putLead", map[string]any{"lead-id": "a~ é;x", "id": "q", "body_id": "b"})
		seen = g.Backend.Seen()
		require.Empty(t, seen, "the document wants a name")
		callTool(t, g, crm, "putLead", map[string]any{"lead-id": "a~ é;x", "id": "q", "body_id": "b", "name": "n"})
		seen = g.Backend.Seen()
		require.Equal(t, "/v1/leads/a~%20%C3%A9%3Bx?id=q", seen[0].Target)
		require.Equal(t, `{"id":"b","name":"n"}`, seen[0].Body)
	})
	t.Run("hidden and unknown tools are one", func(t *testing.T) {
		answers := map[string]string{}
		for _, tool := range []string{"deleteLead", "neverWas", "get_open"} {
			body, h := modernMessage("tools/call", tool, map[string]any{"name": tool, "arguments": map[string]any{"lead-id": "1"}})
			s := sendMessage(t, g, crm, body, h)
			require.Equal(t, 200, s.http.Status)
			answers[s.http.Body] = tool
			require.Equal(t, -32602, s.Error.Code)
		}
		require.Len(t, answers, 1)
		require.Empty(t, g.Backend.Seen())
	})
}
