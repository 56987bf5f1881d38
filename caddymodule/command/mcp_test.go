package command_test

import (
	"encoding/json"
	"io"
	"log"
	"net/http"
	"net/http/httptest"
	"strings"
	"testing"

	"github.com/stretchr/testify/require"

	"github.com/tollgate-gateway/tollgate/caddymodule/harness"
)

// TestMCPCall sends the key to the server and nowhere else, and prints what the tool says.
func TestMCPCall(t *testing.T) {
	d := harness.NewDesk(t, harness.DeskCaddyfile)
	secret := "a-secret-of-the-tests"
	answers := map[string]string{
		"fine":    `{"jsonrpc":"2.0","id":1,"result":{"content":[{"type":"text","text":"{\"a\":1}\nbell\u0007"},{"type":"image","mimeType":"image/png","data":""},{"type":"resource","resource":{"mimeType":"application/pdf","blob":""}}]}}`,
		"failing": `{"jsonrpc":"2.0","id":1,"result":{"isError":true,"content":[{"type":"text","text":"no"}],"_meta":{"tollgate/status":429}}}`,
		"unknown": `{"jsonrpc":"2.0","id":1,"error":{"code":-32602,"message":"There is no such tool"}}`,
		"page":    `<html>`,
	}
	asked := 0
	server := httptest.NewServer(http.HandlerFunc(func(w http.ResponseWriter, r *http.Request) {
		asked++
		require.Equal(t, "Bearer "+secret, r.Header.Get("Authorization"))
		body, err := io.ReadAll(r.Body)
		require.NoError(t, err)
		var sent struct {
			Params struct {
				Name      string
				Arguments json.RawMessage
			}
		}
		require.NoError(t, json.Unmarshal(body, &sent))
		require.Equal(t, r.Header.Get("Mcp-Name"), sent.Params.Name)
		if sent.Params.Name == "moved" {
			http.Redirect(w, r, "http://127.0.0.1:1/", http.StatusTemporaryRedirect)
			return
		}
		require.JSONEq(t, `{"id":"l1"}`, string(sent.Params.Arguments))
		_, _ = io.WriteString(w, answers[sent.Params.Name])
	}))
	t.Cleanup(server.Close)
	at := " --url " + server.URL + "/mcp --data {\"id\":\"l1\"}"
	o := d.Run(secret+"\n", strings.Fields("mcp call fine"+at)...)
	require.NoError(t, o.Err)
	require.Equal(t, "{\"a\":1}\nbell\uFFFD\nimage image/png\nresource application/pdf\n", o.Out)
	for line, want := range map[string]string{
		"mcp call failing" + at:                          "the call failed with status 429",
		"mcp call unknown" + at:                          "the MCP server refuses: There is no such tool",
		"mcp call page" + at:                             "what answers is not an MCP server: HTTP 200",
		"mcp call moved" + at:                            "what answers is not an MCP server: HTTP 307",
		"mcp call fine --data [] --url " + server.URL:    "--data is not a JSON object",
		"mcp call fine --url http://api.example.com/mcp": "is not encrypted, and the key would be read on its way: write https",
		"mcp call fine --url ftp://127.0.0.1/mcp":        "--url is not an address",
		"mcp call fine --url http://127.0.0.1:1/mcp":     "no MCP server answers at http://127.0.0.1:1/mcp",
	} {
		require.ErrorContains(t, d.Run(secret, strings.Fields(line)...).Err, want, line)
	}
	require.Equal(t, 5, asked)
	require.ErrorContains(t, d.Run(secret, "mcp", "call", "a\nb").Err, "is not a name of a tool")
	require.NoError(t, d.Run(secret, strings.Fields(strings.Replace("mcp call fine"+at, "127.0.0.1", "api.localhost", 1))...).Err, "of such a name DNS knows nothing")
	encrypted := httptest.NewUnstartedServer(http.NotFoundHandler())
	encrypted.Config.ErrorLog = log.New(io.Discard, "", 0)
	encrypted.StartTLS()
	t.Cleanup(encrypted.Close)
	require.ErrorContains(t, d.Run(secret, strings.Fields("mcp call fine --url "+encrypted.URL)...).Err, "run: tollgate trust: x509")
	require.ErrorContains(t, d.Run("", strings.Fields("mcp call fine"+at)...).Err, "standard input is empty: write the key there")

	d.Write(t, "api.yaml", "openapi: 3.0.3\ncomponents: {securitySchemes: {key: {type: apiKey}}}\nsecurity: [{key: [a]}]\npaths: {/a: {get: {}}}\n")
	for address, want := range map[string]string{
		":1": "answers at http://localhost:1/mcp", "http://127.0.0.1:1": "answers at http://127.0.0.1:1/mcp", "http://api.example.com:1": "http://api.example.com:1/mcp is not encrypted",
	} {
		d.Write(t, "Caddyfile", "{\n\tadmin off\n}\n"+address+" {\n\ttollgate {\n\t\topenapi api.yaml\n\t\tmcp /mcp\n\t}\n\treverse_proxy localhost:9000\n}\n")
		require.ErrorContains(t, d.Run(secret, "mcp", "call", "get_a").Err, want)
	}
	d.Write(t, "Caddyfile", harness.DeskCaddyfile)
	require.ErrorContains(t, d.Run(secret, "mcp", "call", "get_a").Err, "the configuration has no MCP server: write mcp <path>")
}
