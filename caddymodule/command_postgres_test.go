package caddymodule_test

import (
	"strings"
	"testing"

	"github.com/stretchr/testify/require"

	"github.com/tollgate-gateway/tollgate/caddymodule/services"
)

// TestCommandsOnPostgres: every command does its work there as well, and none shows the password.
func TestCommandsOnPostgres(t *testing.T) {
	server := services.Postgres(t)
	address := server.Database()
	t.Setenv("TOLLGATE_TEST_DSN", address)
	d := newDesk(t, strings.Replace(deskCaddyfile, "sqlite tollgate.db", "postgres {env.TOLLGATE_TEST_DSN}", 1))
	o := d.run("", "workspace", "create", "ws_acme", "--plan", "tiny")
	require.NoError(t, o.err, o.notes)
	require.Contains(t, o.notes, "changed key store: ")
	key, secret := d.created(t, "--workspace", "ws_acme", "--scope", "agent.*")
	require.NoError(t, d.run("imported-secret-0123456789\n", "key", "import", "--workspace", "ws_acme").err)
	d.must(t, "key", "rotate", key)
	d.must(t, "key", "disable", key)
	d.must(t, "key", "enable", key)
	require.True(t, d.explain(t, "GET", "/leads", "--key-id", key).Verdict.Allowed)
	d.must(t, "key", "revoke", key)
	require.False(t, d.explain(t, "GET", "/leads", "--key-id", key).Verdict.Allowed)
	require.Equal(t, 5, strings.Count(d.must(t, "key", "history", key), "command "))
	require.NotContains(t, d.must(t, "key", "list", "--json")+d.must(t, "key", "show", key), secret)
	d.refuses(t, blunder{line: "key show key_nobody", want: "does not exist"}, "")

	t.Run("refuses/wrong password", func(t *testing.T) {
		t.Setenv("TOLLGATE_TEST_DSN", strings.Replace(address, services.PostgresPassword, "wrong-password", 1))
		for _, line := range []string{"key list", "workspace create ws_new --plan tiny"} {
			o := d.run("", words(line)...)
			require.Error(t, o.err)
			require.Equal(t, 1, strings.Count(o.notes, "\n"), o.notes)
			require.NotContains(t, o.notes, "wrong-password")
		}
	})
	t.Run("refuses/server away", func(t *testing.T) {
		server.Stop()
		d.refuses(t, blunder{line: "key list", want: "postgres"}, "")
	})
}
