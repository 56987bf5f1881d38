package command_test

import (
	"strings"
	"testing"

	"github.com/stretchr/testify/require"

	"github.com/tollgate-gateway/tollgate/caddymodule/harness"
	"github.com/tollgate-gateway/tollgate/caddymodule/services"
)

// TestCommandsOnPostgres: every command does its work there as well, and none shows the password.
func TestCommandsOnPostgres(t *testing.T) {
	server := services.Postgres(t)
	address := server.Database()
	t.Setenv("TOLLGATE_TEST_DSN", address)
	d := harness.NewDesk(t, strings.Replace(harness.DeskCaddyfile, "sqlite tollgate.db", "postgres {env.TOLLGATE_TEST_DSN}", 1))
	o := d.Run("", "workspace", "create", "ws_acme", "--plan", "tiny")
	require.NoError(t, o.Err, o.Notes)
	require.Contains(t, o.Notes, "changed key store: ")
	key, secret := d.Created(t, "--workspace", "ws_acme", "--scope", "agent.*")
	require.NoError(t, d.Run("imported-secret-0123456789\n", "key", "import", "--workspace", "ws_acme").Err)
	d.Must(t, "key", "rotate", key)
	d.Must(t, "key", "disable", key)
	d.Must(t, "key", "enable", key)
	require.True(t, d.Explain(t, "GET", "/leads", "--key-id", key).Verdict.Allowed)
	d.Must(t, "key", "revoke", key)
	require.False(t, d.Explain(t, "GET", "/leads", "--key-id", key).Verdict.Allowed)
	require.Equal(t, 5, strings.Count(d.Must(t, "key", "history", key, "--wide"), "command "))
	require.NotContains(t, d.Must(t, "key", "list", "--json")+d.Must(t, "key", "show", key), secret)
	d.Refuses(t, harness.Blunder{Line: "key show key_nobody", Want: "does not exist"}, "")

	t.Run("refuses/wrong password", func(t *testing.T) {
		t.Setenv("TOLLGATE_TEST_DSN", strings.Replace(address, services.PostgresPassword, "wrong-password", 1))
		for _, line := range []string{"key list", "workspace create ws_new --plan tiny"} {
			o := d.Run("", harness.Words(line)...)
			require.Error(t, o.Err)
			require.Equal(t, 1, strings.Count(o.Notes, "\n"), o.Notes)
			require.NotContains(t, o.Notes, "wrong-password")
		}
	})
	t.Run("refuses/server away", func(t *testing.T) {
		server.Stop()
		d.Refuses(t, harness.Blunder{Line: "key list", Want: "postgres"}, "")
	})
}
