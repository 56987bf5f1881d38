package main

import (
	"bytes"
	"context"
	"fmt"
	"io"
	"net/http"
	"net/http/httptest"
	"os"
	"os/exec"
	"path/filepath"
	"strings"
	"testing"

	"github.com/stretchr/testify/assert"
	"github.com/stretchr/testify/require"

	"github.com/tollgate-gateway/tollgate/caddymodule/services"
)

// gateway is the program as "run", a process of its own, in front of a backend in this one.
type gateway struct {
	*world
	url, admin string
	process    *exec.Cmd
	log        *bytes.Buffer
}

// startGateway runs a gateway that logs all it can, with a key store and the workspace ws_acme.
func startGateway(t *testing.T) *gateway {
	t.Helper()
	return runGateway(t, `	metrics
	log {
		level DEBUG
		output file caddy.log
	}
	tollgate {
		keys sqlite tollgate.db
		auth_throttle off
		refusal_throttle off
	}`, `	log {
		output file access.log
	}`)
}

// runGateway runs a gateway with global options and directives of its site.
func runGateway(t *testing.T, global, site string) *gateway {
	t.Helper()
	g := newGateway(t, global, site)
	g.must(t, "workspace", "create", "ws_acme", "--plan", "enterprise", "--limit", "1000000/1m")
	g.start(t)
	t.Cleanup(g.kill)
	return g
}

// newGateway writes the Caddyfile of a gateway that is not yet running.
func newGateway(t *testing.T, global, site string) *gateway {
	t.Helper()
	w := newWorld(t)
	backend := httptest.NewServer(http.HandlerFunc(func(w http.ResponseWriter, _ *http.Request) { _, _ = io.WriteString(w, "ok") }))
	t.Cleanup(backend.Close)
	g := &gateway{world: w, url: "http://" + services.Address(services.FreePort(t)), admin: services.Address(services.FreePort(t))}
	w.write(t, "Caddyfile", fmt.Sprintf(`{
	admin %s
%s
}
%s {
%s
	tollgate {
		route GET /leads agent.leads.read
	}
	reverse_proxy %s
}
`, g.admin, global, g.url, site, strings.TrimPrefix(backend.URL, "http://")))
	return g
}

// start runs the process and waits until it serves.
func (g *gateway) start(t *testing.T) {
	t.Helper()
	g.log = new(bytes.Buffer)
	g.process = g.program(context.Background(), "run")
	g.process.Stdout, g.process.Stderr = g.log, g.log
	require.NoError(t, g.process.Start())
	if !assert.Eventually(t, func() bool { return g.status("nobody-knows-this-secret") == http.StatusUnauthorized }, waitFor, tick, "the gateway serves") {
		g.kill()
		t.Fatalf("it printed:\n%s", g.log)
	}
}

// kill ends the process without giving it a chance, if it runs.
func (g *gateway) kill() {
	_ = g.process.Process.Kill()
	_ = g.process.Wait()
}

// get asks for /leads with a key. Without an answer it is nil.
func (g *gateway) get(secret string) *http.Response {
	request, err := http.NewRequest(http.MethodGet, g.url+"/leads", nil)
	if err != nil {
		return nil
	}
	request.Header.Set("Authorization", "Bearer "+secret)
	response, err := http.DefaultClient.Do(request)
	if err != nil {
		return nil
	}
	_, _ = io.Copy(io.Discard, response.Body)
	_ = response.Body.Close()
	return response
}

// status is the answer's; 0 where nobody answers.
func (g *gateway) status(secret string) int {
	if response := g.get(secret); response != nil {
		return response.StatusCode
	}
	return 0
}

// read reads files of the world; those that are not there are empty.
func (w *world) read(pattern string) (text []byte) {
	names, _ := filepath.Glob(filepath.Join(w.dir, pattern))
	for _, name := range names {
		one, _ := os.ReadFile(name)
		text = append(text, one...)
	}
	return text
}
