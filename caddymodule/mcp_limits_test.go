package caddymodule_test

import (
	"context"
	"encoding/json"
	"fmt"
	"io"
	"net/http"
	"path/filepath"
	"runtime"
	"strings"
	"sync"
	"sync/atomic"
	"testing"
	"time"

	"github.com/stretchr/testify/require"

	"github.com/tollgate-gateway/tollgate/caddymodule/harness"
	"github.com/tollgate-gateway/tollgate/caddymodule/usage"
)

// TestMCPSharesTheWindow has two keys of a workspace drain its window over MCP and HTTP at once: what is granted is the limit, exactly,
// and what validation refuses takes nothing.
func TestMCPSharesTheWindow(t *testing.T) {
	for name, test := range map[string]func(*testing.T){
		"in memory": drain,
		"on Redis": func(t *testing.T) {
			countOn(t, "timeout 5s\non_outage refuse")
			drain(t)
		},
	} {
		t.Run(name, test)
	}
}

func drain(t *testing.T) {
	const limit = 60
	g := agentWorld(t, "", countersOption)
	setup := harness.Setup{
		Keys:    harness.WorldKeys,
		Options: countersOption + "plan big 60/1h\nauth_throttle off\nrefusal_throttle off\npolicy_timeout 20s",
		Gate:    "openapi $DIR/openapi.yaml {\nvalidate\n}\nmcp /mcp\n",
	}
	require.NoError(t, g.Load(setup.Caddyfile()))
	var granted, over atomic.Int64
	count := func(t *testing.T, status int, what string) {
		switch status {
		case 200:
			granted.Add(1)
		case 429:
			over.Add(1)
		default:
			t.Errorf("%s: %d", what, status)
		}
	}
	var group sync.WaitGroup
	for _, key := range []string{crm, reader} {
		group.Go(func() {
			for range 50 {
				count(t, g.Do(t, harness.Request{Path: "/v1/leads?limit=5", Key: key}).Status, "HTTP")
			}
		})
		group.Go(func() {
			for range 50 {
				r := callTool(t, g, key, "listLeads", map[string]any{"limit": 5})
				count(t, r.Meta.Status, "MCP")
				if r.Meta.Status == 429 {
					if r.Meta.Headers["Retry-After"] == "" || r.Meta.Headers["X-RateLimit-Remaining"] != "0" || !strings.Contains(r.Content[0].Text, `"code":"RATE_LIMITED"`) {
						t.Errorf("a call that is over the limit: %+v", r)
					}
				}
			}
		})
		group.Go(func() {
			for n := range 50 { // refused by the tool's schema, by the placement, by the list: nothing is spent
				switch n % 3 {
				case 0:
					callTool(t, g, key, "listLeads", map[string]any{"limit": 500})
				case 1:
					callTool(t, g, key, "getLead", map[string]any{"lead-id": "../x"})
				case 2:
					toolsOf(t, g, key)
				}
			}
		})
	}
	group.Wait()
	require.Equal(t, int64(limit), granted.Load())
	require.Equal(t, int64(200-limit), over.Load())
	require.Len(t, g.Backend.Seen(), limit)
}

// TestMCPCancelled says that a client which leaves takes its request to the backend with it.
func TestMCPCancelled(t *testing.T) {
	g := agentWorld(t, "")
	asked, left := make(chan struct{}), make(chan struct{})
	g.Backend.Answer(func(_ http.ResponseWriter, r *http.Request) {
		close(asked)
		<-r.Context().Done()
		close(left)
	})
	ctx, leave := context.WithCancel(context.Background())
	go func() {
		<-asked
		leave()
	}()
	body, h := modernMessage("tools/call", "listLeads", map[string]any{"name": "listLeads"})
	_, err := g.Send(ctx, harness.Request{Method: "POST", Path: "/mcp", Key: crm, Header: h}, strings.NewReader(body))
	require.ErrorIs(t, err, context.Canceled)
	select {
	case <-left:
	case <-time.After(harness.WaitFor):
		t.Fatal("the backend still works for a client that has left")
	}
}

// TestMCPStreamEnds says that a stream without end is cut where the answer is long enough, and its backend told.
func TestMCPStreamEnds(t *testing.T) {
	g := agentWorld(t, "max_result 1KiB")
	left := make(chan struct{})
	g.Backend.Answer(func(w http.ResponseWriter, r *http.Request) {
		defer close(left)
		w.Header().Set("Content-Type", "text/event-stream")
		for r.Context().Err() == nil {
			if _, err := io.WriteString(w, "data: x\n\n"); err != nil {
				return
			}
			_ = http.NewResponseController(w).Flush()
		}
	})
	r := callTool(t, g, crm, "listLeads", nil)
	require.True(t, r.Meta.Cut)
	require.Len(t, r.Content[0].Text, 1024)
	<-left
}

// TestMCPLeavesNothing calls a tool very often: no goroutine is left of it.
func TestMCPLeavesNothing(t *testing.T) {
	calls := 500
	if harness.Long() {
		calls = 10_000
	}
	g := agentWorld(t, "")
	send := func(n int) {
		arguments := map[string]any{"limit": n%100 + 1}
		if n%10 == 0 {
			arguments["limit"] = "no number"
		}
		callTool(t, g, crm, "listLeads", arguments)
	}
	for n := range 50 {
		send(n)
	}
	before := runtime.NumGoroutine()
	for n := range calls {
		send(n)
	}
	g.Backend.Seen()
	require.Eventually(t, func() bool { return runtime.NumGoroutine() <= before+5 }, harness.WaitFor, harness.Tick, "%d goroutines before, %d after %d calls", before, runtime.NumGoroutine(), calls)
}

// TestMCPIsTold says what logs, metrics, ledger and status have of calls: the tool's route, and the way in.
func TestMCPIsTold(t *testing.T) {
	g := agentWorld(t, "")
	setup := harness.Setup{
		Keys: harness.WorldKeys, Options: "plan big 1000/1h\nusage sqlite $DIR/usage.db",
		Gate: "openapi $DIR/openapi.yaml {\nvalidate\n}\nmcp /mcp\ndecisions all\npublic GET /metrics\n",
		Then: "metrics /metrics\nreverse_proxy $BACKEND",
	}
	require.NoError(t, g.Load(setup.Caddyfile()))
	line := func(id string) map[string]any { return harness.AccessLine(t, g, id) }
	r := callTool(t, g, crm, "listLeads", nil)
	told := line(r.Meta.ID)
	require.Equal(t, "/v1/leads", told["route"])
	require.Equal(t, "mcp", told["way"])
	require.Equal(t, "allowed", told["decision"])
	r = callTool(t, g, crm, "listLeads", map[string]any{"limit": 0})
	told = line(r.Meta.ID)
	require.Equal(t, "/v1/leads", told["route"])
	require.Equal(t, "mcp", told["way"])
	require.Equal(t, "VALIDATION_ERROR", told["code"])
	body, h := modernMessage("tools/call", "deleteLead", map[string]any{"name": "deleteLead"})
	hidden := sendMessage(t, g, crm, body, h)
	told = line(hidden.http.Header.Get("X-Request-Id"))
	require.Equal(t, "/mcp", told["route"], "a tool that the caller may not know is not named")
	require.Equal(t, "mcp_tool", told["reason"])
	require.Eventually(t, func() bool {
		return harness.Contains(g.ReadFile(t, "caddy.log"), `"request_id":"`+r.Meta.ID+`"`, `"way":"mcp"`, `"route":"/v1/leads"`, "decisions")
	}, harness.WaitFor, harness.Tick)
	metrics := g.Do(t, harness.Request{Path: "/metrics"}).Body
	for _, line := range []string{`tollgate_mcp_calls_total{code="ok",route="/v1/leads"} `, `tollgate_mcp_calls_total{code="VALIDATION_ERROR",route="/v1/leads"} `, `tollgate_refusals_total{reason="mcp_tool"} `} {
		require.Contains(t, metrics, line)
	}
	g.Stop(t)
	rows, total := used(t, filepath.Join(g.Dir, "usage.db"), "key,route,code")
	require.Equal(t, [][]string{
		{"key_crm", "/mcp", "FORBIDDEN", "1", "0"}, {"key_crm", "/v1/leads", "2xx", "1", "1"}, {"key_crm", "/v1/leads", "VALIDATION_ERROR", "1", "0"},
	}, rows)
	require.Equal(t, usage.Sum{Requests: 3, Cost: 1}, total)
}

// TestMCPResources has clients read what the key may call: for each what describe tells it over HTTP.
func TestMCPResources(t *testing.T) {
	g := agentWorld(t, "")
	setup := harness.Setup{
		Keys: harness.WorldKeys, Options: "plan big 1000/1h", Gate: "openapi $DIR/openapi.yaml {\nvalidate\nresponses log\n}\nmcp /mcp\ndescribe /docs\n",
	}
	require.NoError(t, g.Load(setup.Caddyfile()))
	body, h := modernMessage("resources/list", "", nil)
	require.Contains(t, sendMessage(t, g, reader, body, h).http.Body, `"uri":"tollgate://SKILL.md"`)
	for _, key := range []string{crm, reader} {
		for _, name := range []string{"SKILL.md", "openapi.json"} {
			body, h := modernMessage("resources/read", "tollgate://"+name, map[string]any{"uri": "tollgate://" + name})
			said := sendMessage(t, g, key, body, h)
			var read struct{ Contents []struct{ Text string } }
			require.NoError(t, json.Unmarshal(said.Result, &read), said.http.Body)
			require.Equal(t, g.Do(t, harness.Request{Path: "/docs/" + name, Key: key}).Body, read.Contents[0].Text)
			require.Equal(t, key == crm, strings.Contains(read.Contents[0].Text, "createLead") || strings.Contains(read.Contents[0].Text, "Create a lead"), name)
		}
	}
	body, h = modernMessage("tools/list", "", nil)
	require.Contains(t, sendMessage(t, g, reader, body, h).http.Body, `"outputSchema":{"type":"object"`, "since broken answers are logged")
}

// TestMCPTwoAtOnce calls tools at the same time: each answer is its own caller's.
func TestMCPTwoAtOnce(t *testing.T) {
	g := agentWorld(t, "")
	g.Backend.Answer(func(w http.ResponseWriter, r *http.Request) {
		w.Header().Set("Content-Type", "application/json")
		_ = json.NewEncoder(w).Encode(map[string]string{"search": r.URL.Query().Get("search"), "key": r.Header.Get("X-Tollgate-Key")})
	})
	var group sync.WaitGroup
	for n := range 8 {
		key, id := crm, "key_crm"
		if n%2 == 0 {
			key, id = reader, "key_reader"
		}
		group.Go(func() {
			for m := range 25 {
				search := fmt.Sprintf("%d-%d", n, m)
				r := callTool(t, g, key, "listLeads", map[string]any{"search": search})
				if string(r.StructuredContent) != fmt.Sprintf(`{"key":%q,"search":%q}`, id, search) {
					t.Errorf("%s of %s: %s", search, id, r.StructuredContent)
				}
			}
		})
	}
	group.Wait()
}
