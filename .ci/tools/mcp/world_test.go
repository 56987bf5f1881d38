// Package mcp has clients that others wrote use the gateway's MCP server: the Go SDK's, the TypeScript SDK's, and the suite of
// conformance, beside messages as they are.
package mcp

import (
	"bytes"
	"encoding/json"
	"fmt"
	"io"
	"net"
	"net/http"
	"net/http/httptest"
	"net/http/httputil"
	"net/url"
	"os"
	"os/exec"
	"path/filepath"
	"strings"
	"testing"
	"time"

	"github.com/stretchr/testify/require"
)

// calls are the tools of the Agent API, each with arguments that it takes, in an order in which all succeed.
var calls = []struct {
	Tool      string         `json:"tool"`
	Arguments map[string]any `json:"arguments"`
}{
	{"listLeads", map[string]any{"limit": 2, "search": "ana & bob"}},
	{"createLead", map[string]any{"firstName": "Ana", "uniqueCode": "MCP-1"}},
	{"upsertLead", map[string]any{"body": map[string]any{"firstName": "Bo", "uniqueCode": "MCP-2"}}},
	{"getLead", map[string]any{"id": "MCP-1"}},
	{"changeLead", map[string]any{"id": "MCP-1", "status": "qualified", "notes": nil}},
	{"getSummary", map[string]any{"timeframe": "all_time"}},
	{"getFunnel", map[string]any{}},
	{"getCampaigns", map[string]any{"from": "2026-01-01"}},
	{"getConversionStatus", map[string]any{"platform": "meta"}},
	{"listPendingConversions", map[string]any{"page": 1}},
	{"getWorkspace", map[string]any{}},
	{"createTicket", map[string]any{"subject": "Import", "message": "How?"}},
}

// world is a gateway in front of a backend, with a key.
type world struct {
	address, secret string
	log             *bytes.Buffer
}

func (w *world) url() string { return "http://" + w.address + "/mcp" }

// bearer adds the key to what a client sends.
type bearer string

func (b bearer) RoundTrip(r *http.Request) (*http.Response, error) {
	r = r.Clone(r.Context())
	r.Header.Set("Authorization", "Bearer "+string(b))
	return http.DefaultTransport.RoundTrip(r)
}

// free is an address that nobody listens on.
func free(t *testing.T) string {
	listener, err := net.Listen("tcp", "127.0.0.1:0")
	require.NoError(t, err)
	require.NoError(t, listener.Close())
	return listener.Addr().String()
}

// start runs the gateway of TOLLGATE_BINARY with a document.
func start(t *testing.T, document, backend, more string) *world {
	t.Helper()
	binary := os.Getenv("TOLLGATE_BINARY")
	if binary == "" {
		t.Skip("TOLLGATE_BINARY names no program")
	}
	w := &world{address: free(t), log: new(bytes.Buffer)}
	dir := t.TempDir()
	caddyfile := fmt.Sprintf("{\n\tadmin off\n\ttollgate {\n\t\tkeys sqlite tollgate.db\n\t}\n}\nhttp://:%s {\n\tbind 127.0.0.1\n\ttollgate {\n\t\topenapi openapi.yaml {\n\t\t\tvalidate\n%s\t\t}\n\t\tmcp /mcp\n\t}\n\treverse_proxy %s\n}\n", w.address[strings.LastIndexByte(w.address, ':')+1:], more, backend)
	require.NoError(t, os.WriteFile(filepath.Join(dir, "Caddyfile"), []byte(caddyfile), 0o600))
	require.NoError(t, os.WriteFile(filepath.Join(dir, "openapi.yaml"), []byte(document), 0o600))
	program := func(args ...string) *exec.Cmd {
		cmd := exec.Command(binary, args...)
		cmd.Dir, cmd.Env = dir, append(os.Environ(), "XDG_DATA_HOME="+dir, "XDG_CONFIG_HOME="+dir, "HOME="+dir)
		return cmd
	}
	require.NoError(t, program("workspace", "create", "ws_acme", "--plan", "pro", "--limit", "100000/1m").Run())
	out, err := program("key", "create", "--workspace", "ws_acme", "--json", "--scope", "*").Output()
	require.NoError(t, err)
	var key struct{ Secret string }
	require.NoError(t, json.Unmarshal(out, &key))
	w.secret = key.Secret
	run(t, w.log, w.address, program("run"))
	return w
}

// run runs a server until the test ends.
func run(t *testing.T, log *bytes.Buffer, address string, program *exec.Cmd) {
	t.Helper()
	program.Stdout, program.Stderr = log, log
	require.NoError(t, program.Start())
	t.Cleanup(func() {
		_ = program.Process.Kill()
		_ = program.Wait()
	})
	require.Eventually(t, func() bool {
		conn, err := net.Dial("tcp", address)
		if err == nil {
			_ = conn.Close()
		}
		return err == nil
	}, 30*time.Second, 20*time.Millisecond, "%s", log)
}

// agentAPI is the Agent API behind the gateway.
func agentAPI(t *testing.T) *world {
	t.Helper()
	binary := os.Getenv("KONEKTOR_BINARY")
	if binary == "" {
		t.Skip("KONEKTOR_BINARY names no program")
	}
	text, err := os.ReadFile("../../../examples/konektor/agentapi/openapi.yaml")
	require.NoError(t, err)
	backend := free(t)
	run(t, new(bytes.Buffer), backend, exec.Command(binary, "--listen", backend, "--seed", "ws_acme"))
	return start(t, string(text), backend, "\t\t\tpublic\n\t\t\tresponses log\n")
}

// forwarder adds the key for clients that cannot: the suite of conformance has no option for it.
func (w *world) forwarder(t *testing.T) string {
	t.Helper()
	place, err := url.Parse("http://" + w.address)
	require.NoError(t, err)
	proxy := &httputil.ReverseProxy{Rewrite: func(r *httputil.ProxyRequest) {
		r.SetURL(place)
		r.Out.Host = r.In.Host // which the suite forges
		r.Out.Header.Set("Authorization", "Bearer "+w.secret)
	}}
	server := httptest.NewServer(proxy)
	t.Cleanup(server.Close)
	return server.URL + "/mcp"
}

// say sends a message as it is.
func (w *world) say(t *testing.T, body string, header ...string) (status int, said map[string]any) {
	t.Helper()
	r, err := http.NewRequest("POST", w.url(), strings.NewReader(body))
	require.NoError(t, err)
	r.Header.Set("Content-Type", "application/json")
	r.Header.Set("Accept", "application/json, text/event-stream")
	for n := 0; n < len(header); n += 2 {
		r.Header.Set(header[n], header[n+1])
	}
	answer, err := (&http.Client{Transport: bearer(w.secret)}).Do(r)
	require.NoError(t, err)
	defer answer.Body.Close()
	text, err := io.ReadAll(answer.Body)
	require.NoError(t, err)
	if len(text) > 0 {
		require.NoError(t, json.Unmarshal(text, &said), "%s", text)
	}
	return answer.StatusCode, said
}
