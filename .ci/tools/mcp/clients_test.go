package mcp

import (
	"context"
	"encoding/json"
	"fmt"
	"net/http"
	"os"
	"os/exec"
	"testing"

	sdk "github.com/modelcontextprotocol/go-sdk/mcp"
	"github.com/stretchr/testify/require"
)

// TestGo has the Go SDK's client discover, list and call each tool, in the revisions that it speaks.
func TestGo(t *testing.T) {
	for _, revision := range []string{"2026-07-28", "2025-11-25", "2025-06-18"} {
		t.Run(revision, func(t *testing.T) {
			w := agentAPI(t)
			ctx := context.Background()
			client := sdk.NewClient(&sdk.Implementation{Name: "test", Version: "1"}, nil)
			transport := &sdk.StreamableClientTransport{Endpoint: w.url(), HTTPClient: &http.Client{Transport: bearer(w.secret)}, MaxRetries: -1}
			session, err := client.Connect(ctx, transport, &sdk.ClientSessionOptions{ProtocolVersion: revision})
			require.NoError(t, err)
			require.Equal(t, revision, session.InitializeResult().ProtocolVersion)
			list, err := session.ListTools(ctx, nil)
			require.NoError(t, err)
			require.Len(t, list.Tools, len(calls))
			for n, call := range calls {
				require.Contains(t, names(list), call.Tool, n)
				result, err := session.CallTool(ctx, &sdk.CallToolParams{Name: call.Tool, Arguments: call.Arguments})
				require.NoError(t, err, call.Tool)
				require.False(t, result.IsError, "%s: %v", call.Tool, text(result))
				answer, is := result.StructuredContent.(map[string]any)
				require.True(t, is, call.Tool)
				require.Equal(t, true, answer["success"], call.Tool)
				require.Contains(t, text(result), `"success":true`)
			}
			result, err := session.CallTool(ctx, &sdk.CallToolParams{Name: "getLead", Arguments: map[string]any{"id": "../x"}})
			require.NoError(t, err)
			require.True(t, result.IsError)
			require.Contains(t, text(result), `"code":"VALIDATION_ERROR"`)
			_, err = session.CallTool(ctx, &sdk.CallToolParams{Name: "nothing"})
			require.ErrorContains(t, err, "There is no such tool")
			require.NoError(t, session.Close())
		})
	}
}

func names(list *sdk.ListToolsResult) (names []string) {
	for _, tool := range list.Tools {
		names = append(names, tool.Name)
	}
	return names
}

func text(result *sdk.CallToolResult) string {
	content, _ := result.Content[0].(*sdk.TextContent)
	if content == nil {
		return fmt.Sprintf("%T", result.Content[0])
	}
	return content.Text
}

// TestMessages sends what is on the wire, in each revision: no client's leniency is in it.
func TestMessages(t *testing.T) {
	for _, revision := range []string{"2026-07-28", "2025-11-25", "2025-06-18"} {
		t.Run(revision, func(t *testing.T) {
			w := agentAPI(t)
			send := func(method, name string, params map[string]any) map[string]any {
				header := []string{"MCP-Protocol-Version", revision}
				if revision == "2026-07-28" {
					header = append(header, "Mcp-Method", method)
					if name != "" {
						header = append(header, "Mcp-Name", name)
					}
					params["_meta"] = map[string]any{"io.modelcontextprotocol/protocolVersion": revision, "io.modelcontextprotocol/clientCapabilities": map[string]any{}}
				}
				body, err := json.Marshal(map[string]any{"jsonrpc": "2.0", "id": method, "method": method, "params": params})
				require.NoError(t, err)
				status, said := w.say(t, string(body), header...)
				require.Equal(t, http.StatusOK, status, "%v", said)
				require.Equal(t, method, said["id"])
				require.NotContains(t, said, "error")
				return said["result"].(map[string]any)
			}
			if revision == "2026-07-28" {
				require.Contains(t, send("server/discover", "", map[string]any{})["supportedVersions"], revision)
			} else {
				told := send("initialize", "", map[string]any{"protocolVersion": revision, "capabilities": map[string]any{}, "clientInfo": map[string]any{"name": "raw", "version": "1"}})
				require.Equal(t, revision, told["protocolVersion"])
				status, _ := w.say(t, `{"jsonrpc":"2.0","method":"notifications/initialized"}`, "MCP-Protocol-Version", revision)
				require.Equal(t, http.StatusAccepted, status)
			}
			require.Len(t, send("tools/list", "", map[string]any{})["tools"], len(calls))
			for _, call := range calls {
				result := send("tools/call", call.Tool, map[string]any{"name": call.Tool, "arguments": call.Arguments})
				require.NotContains(t, result, "isError", "%s: %v", call.Tool, result)
				require.Equal(t, true, result["structuredContent"].(map[string]any)["success"], call.Tool)
			}
		})
	}
}

// TestTypeScript has the clients of the TypeScript SDK do the same: the one of before 2026-07-28, and the one of today.
func TestTypeScript(t *testing.T) {
	node, modules := os.Getenv("NODE"), os.Getenv("NODE_MODULES")
	if node == "" || modules == "" {
		t.Skip("NODE and NODE_MODULES name no program and its modules")
	}
	script, err := os.ReadFile("client.mjs")
	require.NoError(t, err)
	place := modules + "/../client.mjs" // imports are looked for from there
	require.NoError(t, os.WriteFile(place, script, 0o600))
	what, err := json.Marshal(calls)
	require.NoError(t, err)
	for _, module := range []string{"sdk", "client"} {
		w := agentAPI(t)
		program := exec.Command(node, place, module, w.url(), string(what))
		program.Env = append(os.Environ(), "KEY="+w.secret)
		out, err := program.CombinedOutput()
		require.NoError(t, err, "%s", out)
		t.Logf("%s", out)
	}
}
