package main

import (
	"os"
	"os/exec"
	"path/filepath"
	"strings"
	"testing"

	"github.com/stretchr/testify/require"

	"github.com/tollgate-gateway/tollgate/caddymodule/services"
)

// TestHealthCommand: exit 0 while the gateway runs, whatever it has lost, and 1 when it does not.
func TestHealthCommand(t *testing.T) {
	g := startGateway(t)
	require.Contains(t, g.must(t, "health"), "the gateway at "+g.admin+" runs (tollgate ")
	require.Contains(t, g.must(t, "health", "--address", g.admin, "--json"), `"away":[]`)

	// The store goes: the gateway goes on with what it knows, and says so.
	require.NoError(t, os.Rename(filepath.Join(g.dir, "tollgate.db"), filepath.Join(g.dir, "away.db")))
	require.Eventually(t, func() bool { return g.status("another-unknown-secret-0123") == 503 }, waitFor, tick)
	_, stderr, err := g.run(t, "", "health")
	require.NoError(t, err, stderr)
	require.Contains(t, stderr, "it goes on without key store")

	// A Caddy without a gateway, and nothing at all.
	plain := services.Address(services.FreePort(t))
	g.write(t, "plain.caddyfile", "{\n\tadmin "+plain+"\n}\n")
	caddy := g.program(t.Context(), "run", "--config", "plain.caddyfile")
	require.NoError(t, caddy.Start())
	t.Cleanup(func() { _ = caddy.Process.Kill(); _ = caddy.Wait() })
	require.Eventually(t, func() bool {
		_, stderr, err := g.run(t, "", "health", "--address", plain)
		return err != nil && strings.Contains(stderr, "no gateway runs in this process")
	}, waitFor, tick)
	g.kill()
	_, stderr, err = g.run(t, "", "health")
	var exit *exec.ExitError
	require.ErrorAs(t, err, &exit)
	require.Equal(t, 1, exit.ExitCode())
	require.Contains(t, stderr, "no gateway answers at the admin endpoint "+g.admin)
}
