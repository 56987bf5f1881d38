package caddymodule_test

import (
	"bytes"
	"compress/gzip"
	"io"
	"net/http"
	"strings"
	"testing"

	"github.com/stretchr/testify/require"

	"github.com/tollgate-gateway/tollgate/caddymodule/harness"
)

// TestMCPTakesEncodingsOff: no tool asks for one, and some backends answer in one all the same.
func TestMCPTakesEncodingsOff(t *testing.T) {
	g := agentWorld(t, "max_result 1KiB")
	zip := func(text string) string {
		var b bytes.Buffer
		w := gzip.NewWriter(&b)
		_, _ = io.WriteString(w, text)
		_ = w.Close()
		return b.String()
	}
	const malformed = `"message":"The backend did not answer properly."`
	for name, c := range map[string]struct{ kind, coding, body, text string }{
		"gzip":             {"application/json", "gzip", zip(`{"a":1}`), `{"a":1}`},
		"gzip twice":       {"application/json", "gzip, gzip", zip(zip(`{"a":1}`)), `{"a":1}`},
		"no such encoding": {"application/json", "rot13", `{"a":1}`, malformed},
		"no gzip":          {"application/json", "gzip", `{"a":1}`, malformed},
		"half of it":       {"application/json", "gzip", zip(`{"a":1}`)[:20], malformed},
		"a bomb":           {"application/json", "gzip", zip(`{"a":"` + strings.Repeat("a", 1<<20) + `"}`), `"max_result":1024`},
		"a stream":         {"text/event-stream", "gzip", zip("data: a\n\n"), "data: a\n\n"},
		"nothing":          {"application/json", "gzip", "", "200 OK"},
	} {
		t.Run(name, func(t *testing.T) {
			g.Backend.Answer(func(w http.ResponseWriter, _ *http.Request) {
				w.Header().Set("Content-Type", c.kind)
				w.Header().Set("Content-Encoding", c.coding)
				_, _ = io.WriteString(w, c.body)
			})
			r := callTool(t, g, crm, "listLeads", nil)
			require.Len(t, r.Content, 1)
			require.Equal(t, "text", r.Content[0].Type)
			if strings.HasPrefix(c.text, `"`) {
				require.True(t, r.IsError)
				require.Equal(t, 502, r.Meta.Status)
				require.Contains(t, r.Content[0].Text, c.text)
				return
			}
			require.False(t, r.IsError)
			require.Equal(t, c.text, r.Content[0].Text)
		})
	}
}

// TestMCPTellsOperatorsWhatTheCallerHeard of an answer that is longer than max_result, and of one that cannot be read.
func TestMCPTellsOperatorsWhatTheCallerHeard(t *testing.T) {
	g := agentWorld(t, "")
	setup := harness.Setup{
		Keys: harness.WorldKeys, Options: "plan big 1000/1h",
		Gate: "openapi $DIR/openapi.yaml {\nvalidate\n}\nmcp /mcp {\nmax_result 16B\n}\npublic GET /metrics\n",
		Then: "metrics /metrics\nreverse_proxy $BACKEND",
	}
	require.NoError(t, g.Load(setup.Caddyfile()))
	before := g.Do(t, harness.Request{Path: "/metrics"}).Body
	for _, reason := range []string{"mcp_result", "upstream_malformed"} {
		g.Backend.Answer(func(w http.ResponseWriter, _ *http.Request) {
			w.Header().Set("Content-Type", "application/json")
			if reason != "mcp_result" {
				w.Header().Set("Content-Encoding", "rot13")
				_, _ = io.WriteString(w, "{}")
				return
			}
			_, _ = io.WriteString(w, `{"data":[{"name":"Ana"}]}`)
		})
		r := callTool(t, g, crm, "listLeads", nil)
		require.Equal(t, 502, r.Meta.Status)
		require.Equal(t, "1000", r.Meta.Headers["X-RateLimit-Limit"])
		line := harness.AccessLine(t, g, r.Meta.ID)
		require.Equal(t, reason, line["reason"])
		require.Equal(t, "INTERNAL_ERROR", line["code"])
		require.Equal(t, "refused", line["decision"])
	}
	after := g.Do(t, harness.Request{Path: "/metrics"}).Body
	for _, series := range []string{`tollgate_mcp_calls_total{code="INTERNAL_ERROR",route="/v1/leads"}`, `tollgate_refusals_total{reason="mcp_result"}`, `tollgate_refusals_total{reason="upstream_malformed"}`} {
		require.NotEqual(t, harness.MetricsOf(before, series), harness.MetricsOf(after, series), series)
	}

	r := callTool(t, g, crm, "listLeads", map[string]any{"limit": 0})
	require.Contains(t, r.Content[0].Text, `"code":"VALIDATION_ERROR"`, "what the gateway says itself comes whole")
	require.Equal(t, 400, r.Meta.Status)
}
