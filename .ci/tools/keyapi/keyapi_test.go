// Package keyapi holds the OpenAPI document of the HTTP key API against a gateway that serves it, by a validator that others wrote.
package keyapi

import (
	"bytes"
	"context"
	"encoding/json"
	"fmt"
	"io"
	"net"
	"net/http"
	"os"
	"os/exec"
	"path/filepath"
	"strings"
	"testing"
	"time"

	"github.com/pb33f/libopenapi"
	validator "github.com/pb33f/libopenapi-validator"
	"github.com/stretchr/testify/require"
)

const caddyfile = `{
	admin off
	tollgate {
		keys sqlite tollgate.db
	}
}
http://%s {
	tollgate {
		route GET,POST /keys
		route GET,PATCH,DELETE /keys/:id
		route POST /keys/:id/rotate
		route GET /keys/usage
		route GET /keys/workspaces
		route GET,DELETE /keys/workspaces/:id
		route GET /keys/workspaces/:id/history
		route POST /keys/workspaces/:id/suspend
		route POST /keys/workspaces/:id/resume
	}
	tollgate_keys /keys
}
`

// gateway is the program of TOLLGATE_BINARY, serving the API.
type gateway struct {
	t       *testing.T
	address string
	secret  string
	checks  validator.Validator
}

func start(t *testing.T) *gateway {
	t.Helper()
	binary := os.Getenv("TOLLGATE_BINARY")
	if binary == "" {
		t.Skip("TOLLGATE_BINARY names no program")
	}
	text, err := os.ReadFile("../../../caddymodule/keysapi/openapi.json")
	require.NoError(t, err)
	document, err := libopenapi.NewDocument(text)
	require.NoError(t, err)
	checks, errs := validator.NewValidator(document)
	require.Empty(t, errs)
	valid, problems := checks.ValidateDocument()
	require.True(t, valid, "%v", problems)

	listener, err := net.Listen("tcp", "127.0.0.1:0")
	require.NoError(t, err)
	g := &gateway{t: t, address: listener.Addr().String(), checks: checks}
	require.NoError(t, listener.Close())
	dir := t.TempDir()
	require.NoError(t, os.WriteFile(filepath.Join(dir, "Caddyfile"), []byte(fmt.Sprintf(caddyfile, g.address)), 0o600))
	program := func(args ...string) *exec.Cmd {
		cmd := exec.Command(binary, args...)
		cmd.Dir, cmd.Env = dir, append(os.Environ(), "XDG_DATA_HOME="+dir, "XDG_CONFIG_HOME="+dir, "HOME="+dir)
		return cmd
	}
	for _, workspace := range []string{"ws_acme", "ws_other"} {
		require.NoError(t, program("workspace", "create", workspace, "--plan", "pro").Run())
	}
	out, err := program("key", "create", "--workspace", "ws_acme", "--json", "--scope", "tollgate.*", "--scope", "tollgate.admin.*", "--scope", "agent.*").Output()
	require.NoError(t, err)
	var key struct{ Secret string }
	require.NoError(t, json.Unmarshal(out, &key))
	g.secret = key.Secret
	var log bytes.Buffer
	running := program("run")
	running.Stdout, running.Stderr = &log, &log
	require.NoError(t, running.Start())
	t.Cleanup(func() {
		_ = running.Process.Kill()
		_ = running.Wait()
	})
	require.Eventually(t, func() bool {
		conn, err := net.Dial("tcp", g.address)
		if err == nil {
			_ = conn.Close()
		}
		return err == nil
	}, 30*time.Second, 20*time.Millisecond, "%s", &log)
	return g
}

// ask sends a request, which must be one that the document describes where it says so, and requires that its answer is described.
func (g *gateway) ask(method, path, body string, status int, asDescribed bool) map[string]any {
	g.t.Helper()
	request := func() *http.Request {
		r, err := http.NewRequestWithContext(context.Background(), method, "http://"+g.address+path, strings.NewReader(body))
		require.NoError(g.t, err)
		r.Header.Set("Authorization", "Bearer "+g.secret)
		if body != "" {
			r.Header.Set("Content-Type", "application/json")
		}
		return r
	}
	what := method + " " + path + " " + body
	valid, problems := g.checks.ValidateHttpRequest(request())
	require.Equal(g.t, asDescribed, valid, "%s: %v", what, problems)
	answer, err := http.DefaultClient.Do(request())
	require.NoError(g.t, err)
	text, err := io.ReadAll(answer.Body)
	require.NoError(g.t, err)
	require.NoError(g.t, answer.Body.Close())
	require.Equal(g.t, status, answer.StatusCode, "%s: %s", what, text)
	answer.Body = io.NopCloser(bytes.NewReader(text))
	valid, problems = g.checks.ValidateHttpResponse(request(), answer)
	require.True(g.t, valid, "%s: %s: %v", what, text, problems)
	var value struct{ Data any }
	require.NoError(g.t, json.Unmarshal(text, &value))
	data, _ := value.Data.(map[string]any)
	return data
}

func TestTheDocumentSaysWhatTheGatewayDoes(t *testing.T) {
	g := start(t)
	id := fmt.Sprint(g.ask("POST", "/keys", `{"name":"crm","scopes":["agent.read"],"allowed_ips":["10.0.0.0/8"],"limits":["50/1m"],"expires_at":"2087-01-01T00:00:00Z"}`, 201, true)["id"])
	g.ask("POST", "/keys", "", 201, true)
	g.ask("GET", "/keys?limit=1&unused=90d", "", 200, true)
	g.ask("GET", "/keys?workspace=*&scope=agent.read", "", 200, true)
	g.ask("GET", "/keys/"+id, "", 200, true)
	g.ask("PATCH", "/keys/"+id, `{"name":"","scopes":[],"allowed_ips":[],"limits":[],"expires_at":null,"disabled":true}`, 200, true)
	g.ask("PATCH", "/keys/"+id, `{"disabled":false}`, 200, true)
	g.ask("POST", "/keys/"+id+"/rotate", `{"grace":"1h"}`, 200, true)
	g.ask("DELETE", "/keys/"+id, "", 200, true)
	g.ask("GET", "/keys/usage", "", 200, true)
	g.ask("GET", "/keys/usage?workspace=*&by=month,code&from=2026-01-01", "", 200, true)
	g.ask("GET", "/keys/workspaces?suspended=false", "", 200, true)
	g.ask("POST", "/keys/workspaces/ws_other/suspend", `{"reason":"unpaid"}`, 200, true)
	g.ask("GET", "/keys/workspaces/ws_other", "", 200, true)
	g.ask("POST", "/keys/workspaces/ws_other/resume", "{}", 200, true)
	g.ask("GET", "/keys/workspaces/ws_other/history?limit=5", "", 200, true)
	g.ask("DELETE", "/keys/workspaces/ws_other", "", 200, true)
	// What the document does not allow the gateway refuses, and what the gateway refuses is described.
	g.ask("GET", "/keys/key_nobody", "", 404, true)
	g.ask("POST", "/keys", `{"nam":"x"}`, 400, false)
	g.ask("POST", "/keys", `{"scopes":"agent.read"}`, 400, false)
	g.ask("PATCH", "/keys/"+id, `{"allowed_ips":null}`, 400, false)
	g.ask("PATCH", "/keys/"+id, `{"limits":null}`, 400, false)
	g.ask("PATCH", "/keys/"+id, `{"id":"key_1"}`, 400, false)
	g.ask("GET", "/keys?limit=0", "", 400, false)
	g.ask("POST", "/keys/workspaces/ws_acme/suspend", `{"reason":""}`, 400, false)
	g.secret = "tg_unknown"
	g.ask("GET", "/keys", "", 401, true)
}
