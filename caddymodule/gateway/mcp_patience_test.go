package gateway_test

import (
	"encoding/json"
	"io"
	"net/http"
	"testing"
	"time"

	"github.com/stretchr/testify/require"

	"github.com/tollgate-gateway/tollgate/caddymodule/gateway"
	"github.com/tollgate-gateway/tollgate/caddymodule/harness"
)

// TestMCPAnswersThatDoNotEnd are given up after a time, of whatever kind they are: the client waits, and nobody else would end them.
// What came of a stream of events is passed on, and the beginning of nothing else.
func TestMCPAnswersThatDoNotEnd(t *testing.T) {
	gateway.SetPatience(t, 100*time.Millisecond, 100*time.Millisecond)
	g := harness.New(t)
	g.WriteFile(t, "openapi.yaml", `openapi: 3.1.0
info: {title: Leads, version: "1"}
paths:
  /leads:
    get: {operationId: listLeads, responses: {"200": {description: ok}}}
`)
	setup := harness.Setup{Keys: harness.WorldKeys, Options: "plan big 1000/1m", Gate: "openapi $DIR/openapi.yaml\nmcp /mcp"}
	g.WriteFile(t, "keys.yaml", setup.Keys)
	require.NoError(t, g.Load(setup.Caddyfile()))
	for kind, status := range map[string]int{"application/json": 504, "application/x-ndjson": 504, "text/plain": 504, "image/png": 504, "text/event-stream": 200} {
		t.Run(kind, func(t *testing.T) {
			left := make(chan struct{})
			g.Backend.Answer(func(w http.ResponseWriter, r *http.Request) {
				defer close(left)
				w.Header().Set("Content-Type", kind)
				_, _ = io.WriteString(w, "[1,")
				_ = http.NewResponseController(w).Flush()
				<-r.Context().Done()
			})
			a := g.Do(t, harness.Request{
				Method: "POST", Path: "/mcp", Key: "crm-secret-0123456789", Body: `{"jsonrpc":"2.0","id":1,"method":"tools/call","params":{"name":"listLeads"}}`,
				Header: harness.Header("Content-Type", "application/json", "Mcp-Protocol-Version", "2025-11-25"),
			})
			<-left
			require.Equal(t, 200, a.Status, a.Body)
			var said struct {
				Result struct {
					Content []struct{ Text string }
					IsError bool
					Meta    struct {
						Status int    `json:"tollgate/status"`
						Cut    bool   `json:"tollgate/cut"`
						ID     string `json:"tollgate/request_id"`
					} `json:"_meta"`
				}
			}
			require.NoError(t, json.Unmarshal([]byte(a.Body), &said))
			require.Equal(t, status, said.Result.Meta.Status)
			require.Equal(t, status == 504, said.Result.IsError)
			require.Equal(t, status == 200, said.Result.Meta.Cut)
			if status == 200 {
				require.Equal(t, "[1,", said.Result.Content[0].Text)
				return
			}
			require.Contains(t, said.Result.Content[0].Text, `"The backend did not answer in time."`)
			require.Equal(t, "upstream_timeout", harness.AccessLine(t, g, said.Result.Meta.ID)["reason"])
		})
	}
}
