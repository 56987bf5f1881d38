package main

import (
	"encoding/json"
	"fmt"
	"net/http"
	"strings"
	"testing"

	"github.com/stretchr/testify/require"

	"github.com/tollgate-gateway/tollgate/caddymodule/harness"
	"github.com/tollgate-gateway/tollgate/examples/konektor/agentapi"
)

// tools are the operations of the API that are not public, with the request that HTTP makes of the arguments.
var tools = []struct{ name, scope, arguments, method, target, body string }{
	{"listLeads", "agent.leads.read", `{"limit":2}`, "GET", "/leads?limit=2", ""},
	{"getLead", "agent.leads.read", `{"id":"CRM-1024"}`, "GET", "/leads/CRM-1024", ""},
	{"createLead", "agent.leads.write", `{"firstName":"Ana"}`, "POST", "/leads", `{"firstName":"Ana"}`},
	{"upsertLead", "agent.leads.write", `{"body":{"uniqueCode":"CRM-1"}}`, "POST", "/leads/upsert", `{"uniqueCode":"CRM-1"}`},
	{"changeLead", "agent.leads.write", `{"id":"CRM-1024","score":200}`, "PATCH", "/leads/CRM-1024", `{"score":200}`},
	{"getSummary", "agent.analytics.read", `{"timeframe":"today"}`, "GET", "/analytics/summary?timeframe=today", ""},
	{"getFunnel", "agent.analytics.read", `{"timeframe":"never"}`, "GET", "/analytics/funnel?timeframe=never", ""},
	{"getCampaigns", "agent.analytics.read", `{}`, "GET", "/analytics/campaigns", ""},
	{"getConversionStatus", "agent.conversions.read", `{}`, "GET", "/conversions/status", ""},
	{"listPendingConversions", "agent.conversions.read", `{"page":1}`, "GET", "/conversions/pending?page=1", ""},
	{"getWorkspace", "agent.workspace.read", `{}`, "GET", "/workspace", ""},
	{"createTicket", "agent.support.write", `{"subject":"a","message":"b"}`, "POST", "/support/tickets", `{"subject":"a","message":"b"}`},
}

// TestToolsAgreeWithHTTP asks with every set of scopes, on a plan that may and one that may not, from an address that may and one that
// may not: what is listed can be called, what is not is refused, and both as HTTP says.
func TestToolsAgreeWithHTTP(t *testing.T) {
	names := []string{}
	for _, tool := range tools {
		if !strings.Contains(strings.Join(names, " "), tool.scope) {
			names = append(names, tool.scope)
		}
	}
	require.Len(t, names, 6)
	text, secrets := "workspaces:\n", []string{}
	for _, plan := range []string{"big", "free"} {
		text += fmt.Sprintf("  - id: ws_%s\n    plan: %s\n    keys:\n", plan, plan)
		for set := range 1 << len(names) {
			var held []string
			for n, name := range names {
				if set&(1<<n) != 0 {
					held = append(held, name)
				}
			}
			for place, allowed := range map[string]string{"here": "127.0.0.0/8", "elsewhere": "203.0.113.0/24"} {
				secret := fmt.Sprintf("secret-of-the-tests-%s-%s-%d", plan, place, set)
				secrets = append(secrets, secret)
				text += fmt.Sprintf("      - {id: key_%s_%s_%d, name: a, sha256: $SHA(%s), scopes: [%s], allowed_ips: [%s]}\n", plan, place, set, secret, strings.Join(held, ", "), allowed)
			}
		}
	}
	g := harness.New(t)
	g.WriteFile(t, "openapi.yaml", agentapi.Document)
	g.WriteFile(t, "keys.yaml", text)
	setup := harness.Setup{
		Keys: text, Options: "plan big 1000000/1m\nauth_throttle off\nrefusal_throttle off\npolicy_timeout 20s",
		Gate: "openapi $DIR/openapi.yaml {\nvalidate\npublic\n}\nmcp /mcp\n",
	}
	require.NoError(t, g.Load(setup.Caddyfile()))
	g.Backend.Answer(func(w http.ResponseWriter, _ *http.Request) {
		w.Header().Set("Content-Type", "application/json")
		_, _ = w.Write([]byte(`{"success":true}`))
	})
	say := func(t *testing.T, secret, method, params string) (status int, answer answered) {
		a := g.Do(t, harness.Request{Method: "POST", Path: "/mcp", Key: secret, Body: `{"jsonrpc":"2.0","id":1,"method":"` + method + `","params":` + params + `}`,
			Header: harness.Header("Content-Type", "application/json", "Mcp-Protocol-Version", "2025-11-25")})
		require.NoError(t, json.Unmarshal([]byte(a.Body), &answer), a.Body)
		return a.Status, answer
	}
	verdicts := map[string]int{}
	for _, secret := range secrets {
		t.Run(secret, func(t *testing.T) {
			status, list := say(t, secret, "tools/list", "{}")
			listed := map[string]bool{}
			for _, tool := range list.Result.Tools {
				listed[tool.Name] = true
			}
			count := 0
			for _, tool := range tools {
				header := http.Header{}
				if tool.body != "" {
					header.Set("Content-Type", "application/json")
				}
				over := g.Do(t, harness.Request{Method: tool.method, Path: "/api/v2/agent" + tool.target, Key: secret, Body: tool.body, Header: header})
				var said answered
				require.NoError(t, json.Unmarshal([]byte(over.Body), &said), over.Body)
				g.Backend.Seen()
				_, called := say(t, secret, "tools/call", `{"name":"`+tool.name+`","arguments":`+tool.arguments+`}`)
				reached := len(g.Backend.Seen())
				what := tool.name + ": HTTP " + over.Body
				switch {
				case status != http.StatusOK: // the message itself is refused, as HTTP refuses
					require.Equal(t, status, over.Status, what)
					require.Equal(t, "FORBIDDEN", said.Error.Code, what)
					require.Equal(t, list.Error.Code, called.Error.Code, what)
					require.Zero(t, reached)
				case !listed[tool.name]:
					require.Equal(t, 403, over.Status, what)
					require.Equal(t, json.Number("-32602"), called.Error.Number, what)
					require.Zero(t, reached)
				default:
					count++
					require.NotEqual(t, 403, over.Status, what)
					require.Equal(t, over.Status, called.Result.Meta.Status, what)
					require.Equal(t, over.Status >= 400, called.Result.IsError, what)
					require.Equal(t, said.Error.Code, called.Result.StructuredContent.Error.Code, what)
					require.Equal(t, over.Status < 400, reached == 1, what)
				}
				verdicts[fmt.Sprintf("message %d, HTTP %d, listed %v", status, over.Status, listed[tool.name])]++
			}
			require.Len(t, listed, count, "nothing else is listed")
		})
	}
	require.Equal(t, map[string]int{
		"message 200, HTTP 200, listed true": 288, "message 200, HTTP 400, listed true": 96, "message 200, HTTP 403, listed false": 384,
		"message 403, HTTP 403, listed false": (len(secrets) - 64) * len(tools),
	}, verdicts)
}

// answered is an answer of MCP or of HTTP.
type answered struct {
	Error struct {
		Code   string      `json:"-"`
		Number json.Number `json:"-"`
		Any    any         `json:"code"`
	}
	Result struct {
		Tools             []struct{ Name string }
		IsError           bool
		StructuredContent struct{ Error struct{ Code string } }
		Meta              struct {
			Status int `json:"tollgate/status"`
		} `json:"_meta"`
	}
}

// UnmarshalJSON takes the code of either.
func (a *answered) UnmarshalJSON(text []byte) error {
	type plain answered
	if err := json.Unmarshal(text, (*plain)(a)); err != nil {
		return err
	}
	switch code := a.Error.Any.(type) {
	case string:
		a.Error.Code = code
	case float64:
		a.Error.Number = json.Number(fmt.Sprint(code))
	}
	return nil
}
