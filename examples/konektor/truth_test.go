package main

import (
	"net/http"
	"strings"
	"testing"

	"github.com/stretchr/testify/require"

	"github.com/tollgate-gateway/tollgate/caddymodule/harness"
)

// TestWhatCounts is what intro.md says of refused requests: those that the gateway refuses spend nothing, those that the API
// refuses do.
func TestWhatCounts(t *testing.T) {
	for name, caddyfile := range caddyfiles {
		t.Run(name, func(t *testing.T) {
			g := start(t, caddyfile)
			left := func(r harness.Request, status int) int64 {
				t.Helper()
				a := g.Do(t, r)
				require.Equal(t, status, a.Status, a.Body)
				return a.Number(t, "X-RateLimit-Remaining")
			}
			before := left(get("/leads?limit=1", acme), http.StatusOK)
			require.Equal(t, before, left(get("/nothing", acme), http.StatusNotFound), "no such path: the gateway's")
			require.Equal(t, before, left(get("/leads", secretOf("agent.workspace.read")), http.StatusForbidden), "no scope: the gateway's")
			require.Equal(t, before-1, left(get("/leads/CRM-0", acme), http.StatusNotFound), "no such id: the API's")
			require.Equal(t, before-2, left(post("/leads", acme, `{"score": 300}`), http.StatusBadRequest), "a wrong field: the API's")
		})
	}
}

// TestAccessLogsHideWhatIsSearchedFor: names and addresses are encrypted in the database, and stand in no log.
func TestAccessLogsHideWhatIsSearchedFor(t *testing.T) {
	for name, caddyfile := range caddyfiles {
		t.Run(name, func(t *testing.T) {
			g := start(t, caddyfile)
			ask := get("/leads?search=ana.almeida%40example.com&limit=2&search=Almeida", acme)
			ask.Header = http.Header{"Referer": {"https://app.example.com/?q=Almeida"}}
			id := g.Do(t, ask).Header.Get("X-Request-Id")
			line := ""
			require.Eventually(t, func() bool {
				for text := range strings.Lines(g.ReadFile(t, "caddy.log")) {
					if strings.Contains(text, "handled request") && strings.Contains(text, id) {
						line = text
					}
				}
				return line != ""
			}, harness.WaitFor, harness.Tick)
			require.Contains(t, line, `"uri":"/api/v2/agent/leads?search=*&limit=*&search=*"`)
			require.NotContains(t, strings.ToLower(line), "almeida")
			require.Contains(t, line, `"workspace":"ws_acme"`, "the rest is there")
		})
	}
}

// TestKeysAreManagedOverHTTP through the Caddyfiles as they are shipped, by a key that may.
func TestKeysAreManagedOverHTTP(t *testing.T) {
	for name, caddyfile := range caddyfiles {
		t.Run(name, func(t *testing.T) {
			g := start(t, caddyfile)
			a := g.Do(t, harness.Request{Path: "/keys", Key: manager})
			require.Equal(t, http.StatusOK, a.Status, a.Body)
			require.Contains(t, a.Body, `"workspace":"ws_acme"`)
			require.Equal(t, http.StatusForbidden, g.Do(t, harness.Request{Path: "/keys", Key: acme}).Status)
			require.Equal(t, http.StatusUnauthorized, g.Do(t, harness.Request{Path: "/keys"}).Status)
			made := g.Do(t, harness.Request{Method: "POST", Path: "/keys", Key: manager, Body: `{}`, Header: http.Header{"Content-Type": {"application/json"}}})
			require.Contains(t, made.Body, "the keys file is edited by hand", "the tests' keys are in a file: %s", made.Body)
		})
	}
}
