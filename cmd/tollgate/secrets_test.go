package main

import (
	"encoding/json"
	"io"
	"net/http"
	"strings"
	"testing"

	"github.com/stretchr/testify/require"
)

// TestSecretsAreNowhere greps all that a gateway and its commands leave behind for every secret that was made.
func TestSecretsAreNowhere(t *testing.T) {
	g := startGateway(t)
	secrets := []string{"imported-secret-0123456789", "unknown-secret-0123456789", "tg_" + strings.Repeat("0", 40)}
	notes := &strings.Builder{}
	command := func(stdin string, args ...string) string {
		stdout, stderr, err := g.run(t, stdin, args...)
		require.NoError(t, err, stderr)
		notes.WriteString(stderr)
		return stdout
	}
	var ids []string
	for _, name := range []string{"used", "disabled", "revoked"} {
		var key struct{ ID, Secret string }
		out := command("", "key", "create", "--workspace", "ws_acme", "--scope", "agent.*", "--name", name, "--json")
		require.NoError(t, json.Unmarshal([]byte(out), &key))
		secrets, ids = append(secrets, key.Secret), append(ids, key.ID)
		require.Equal(t, 200, g.status(key.Secret))
	}
	out := command("", "key", "rotate", ids[0])
	secrets = append(secrets, strings.Fields(out)[1])
	require.Contains(t, secrets[len(secrets)-1], "tg_")
	command(secrets[0]+"\n", "key", "import", "--workspace", "ws_acme", "--scope", "agent.*")
	command("", "key", "disable", ids[1])
	command("", "key", "revoke", ids[2])
	for _, secret := range secrets {
		require.NotZero(t, g.status(secret))
	}

	// What is shown later: none of it is a secret any more.
	for _, args := range [][]string{
		{"key", "list"}, {"key", "list", "--json"}, {"key", "show", ids[0], "--json"}, {"key", "history", ids[0], "--json"},
		{"workspace", "show", "ws_acme", "--json"}, {"explain", "GET", "/leads", "--key-id", ids[0], "--json"},
	} {
		notes.WriteString(command("", args...))
	}
	_, stderr, err := g.run(t, secrets[0]+"\n", "key", "import", "--workspace", "ws_acme")
	require.Error(t, err, "it is known already")
	places := map[string]string{
		"commands": notes.String() + stderr, "caddy.log": string(g.read("caddy.log")), "access.log": string(g.read("access.log")),
		"database": string(g.read("tollgate.db*")), "autosave": string(g.read("home/*/caddy/*")),
	}
	for _, path := range []string{"/config/", "/metrics", "/tollgate/status", "/tollgate/refusals", "/tollgate/workspaces", "/tollgate/workspaces/ws_acme", "/tollgate/traffic", "/tollgate/workspaces/ws_acme/windows"} {
		places["admin "+path] = g.ask(t, path)
	}
	g.kill() // only then what it wrote is all there
	places["process"] = g.log.String()
	require.Contains(t, places["caddy.log"], `"level":"debug"`)
	require.Contains(t, places["access.log"], ids[0], "access logs name the key")
	for place, text := range places {
		require.True(t, text != "" || place == "process", "%s is not empty", place)
		for _, secret := range secrets {
			require.NotContains(t, text, secret, place)
		}
	}
}

// ask asks the admin endpoint.
func (g *gateway) ask(t *testing.T, path string) string {
	t.Helper()
	response, err := http.Get("http://" + g.admin + path)
	require.NoError(t, err)
	defer func() { _ = response.Body.Close() }()
	require.Equal(t, http.StatusOK, response.StatusCode, path)
	text, err := io.ReadAll(response.Body)
	require.NoError(t, err)
	return string(text)
}
