package main

import (
	"encoding/json"
	"net/http"
	"strings"
	"testing"
	"time"

	"github.com/stretchr/testify/require"
)

// obeyWithin is the promise of a second, with threefold slack.
const obeyWithin = 3 * time.Second

// newKey makes a key by the command.
func (w *world) newKey(t *testing.T, args ...string) (id, secret string) {
	t.Helper()
	var key struct{ ID, Secret string }
	args = append([]string{"key", "create", "--workspace", "ws_acme", "--scope", "agent.*", "--json"}, args...)
	require.NoError(t, json.Unmarshal([]byte(w.must(t, args...)), &key))
	return key.ID, key.Secret
}

// TestCommandsAreObeyed: the running gateway does what a command of another process says, within a second.
func TestCommandsAreObeyed(t *testing.T) {
	g := startGateway(t)
	id, secret := g.newKey(t)
	var rotated string
	allowed := func(status int) func() bool { return func() bool { return g.status(secret) == status } }
	limit := func(limit string) func() bool {
		return func() bool { r := g.get(secret); return r != nil && r.Header.Get("X-RateLimit-Limit") == limit }
	}
	worst := time.Duration(0)
	for _, step := range []struct {
		args   []string
		obeyed func() bool
	}{
		{[]string{"key", "show", id}, allowed(200)},
		{[]string{"key", "disable", id}, allowed(401)},
		{[]string{"key", "enable", id}, allowed(200)},
		{[]string{"workspace", "set", "ws_acme", "--limit", "5000/1m"}, limit("5000")},
		{[]string{"workspace", "set", "ws_acme", "--limit", "none"}, limit("600")},
		{[]string{"workspace", "set", "ws_acme", "--plan", "pro"}, limit("200")},
		{[]string{"workspace", "set", "ws_acme", "--plan", "trial"}, allowed(403)},
		{[]string{"workspace", "set", "ws_acme", "--plan", "enterprise", "--limit", "1000000/1m"}, allowed(200)},
		{[]string{"key", "rotate", id, "--grace", "0s", "--json"}, allowed(401)},
		{[]string{"key", "revoke", id}, func() bool { return g.status(rotated) == 401 }},
	} {
		out := g.must(t, step.args...)
		began := time.Now()
		require.Eventually(t, step.obeyed, waitFor, tick, step.args)
		took := time.Since(began)
		require.Less(t, took, obeyWithin, step.args)
		worst = max(worst, took)
		if step.args[1] == "rotate" {
			rotated = strings.Split(out, `"secret":"`)[1][:43]
			require.Equal(t, http.StatusOK, g.status(rotated), "the new secret works at once")
		}
	}
	t.Logf("the slowest change was obeyed after %v", worst)

	stdout, stderr, err := g.run(t, "imported-secret-0123456789\n", "key", "import", "--workspace", "ws_acme", "--scope", "agent.*")
	require.NoError(t, err, stderr)
	require.Contains(t, stdout, "key_")
	require.Equal(t, http.StatusOK, g.status("imported-secret-0123456789"))
}

// TestCommandFails: a failure is one line and exit status 1.
func TestCommandFails(t *testing.T) {
	w := newWorld(t)
	w.write(t, "Caddyfile", "{\n\ttollgate {\n\t\tkeys sqlite tollgate.db\n\t}\n}\n")
	for _, args := range [][]string{
		{"key", "list"}, {"tollgate", "key", "list"}, {"workspace", "create", "ws", "--plan", "gold"}, {"key"}, {"demo", "x"},
	} {
		t.Run(strings.Join(args, " "), func(t *testing.T) {
			program := w.program(t.Context(), args...)
			out, err := program.CombinedOutput()
			require.Error(t, err)
			require.Equal(t, 1, program.ProcessState.ExitCode())
			require.Equal(t, 1, strings.Count(strings.TrimSpace(string(out)), "\n")+1, "one line: %s", out)
		})
	}
	require.Len(t, filesBelow(t, w.dir), 1, "nothing was written")
}

// TestShortFormsStandBesideCaddys: the same commands with and without the extra word, and Caddy's own.
func TestShortFormsStandBesideCaddys(t *testing.T) {
	w := newWorld(t)
	w.write(t, "Caddyfile", "{\n\ttollgate {\n\t\tkeys sqlite tollgate.db\n\t}\n}\n")
	w.must(t, "tollgate", "workspace", "create", "ws_acme", "--plan", "pro")
	require.Equal(t, w.must(t, "workspace", "list"), w.must(t, "tollgate", "workspace", "list"))
	require.Contains(t, w.must(t, "list-modules"), "http.handlers.tollgate")
	require.Contains(t, w.must(t, "adapt"), `"store":"sqlite"`)
	help := w.must(t, "help")
	for _, word := range []string{"workspace", "key", "explain", "policy", "demo", "run", "validate", "fmt"} {
		require.Regexp(t, `(?m)^  `+word+` `, help)
	}
	_, stderr, err := w.run(t, "", "validate", "--config", "Caddyfile")
	require.NoError(t, err, stderr)
}
