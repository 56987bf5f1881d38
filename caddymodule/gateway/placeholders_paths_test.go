package gateway_test

import (
	"os"
	"path/filepath"
	"strings"
	"testing"

	"github.com/stretchr/testify/require"

	"github.com/tollgate-gateway/tollgate/caddymodule/harness"
)

// TestPlaceholdersStandForPathsAndAddresses wherever the global block takes one: whole or in part, with a value that is
// absolute or starts at the Caddyfile's folder. One that is not set is an error that names it, and no password.
func TestPlaceholdersStandForPathsAndAddresses(t *testing.T) {
	dir := filepath.Join(t.TempDir(), "{here}")
	for name, text := range map[string]string{
		"conf/keys.yaml": "workspaces: []\n",
		"conf/own.rego":  "package tollgate.authz\n\nimport rego.v1\n\ndeny contains {\"code\": \"FORBIDDEN\"} if input.request.method == \"TRACE\"\n",
		"conf/ws/token":  "x",
	} {
		require.NoError(t, os.MkdirAll(filepath.Dir(filepath.Join(dir, name)), 0o700))
		require.NoError(t, os.WriteFile(filepath.Join(dir, name), []byte(text), 0o600))
	}
	validate := func(line string) error {
		_, err := harness.Validate(t, option(line)+gate("route GET /a"), filepath.Join(dir, "Caddyfile"))
		return err
	}
	t.Setenv("TG_CONF", filepath.Join(dir, "conf"))
	t.Setenv("TG_NEAR", "conf")
	t.Setenv("TG_KEYS", "conf/keys.yaml")
	t.Setenv("TG_HOST", "db.example")
	t.Setenv("TG_PORT", "6380")
	t.Setenv("TG_PASSWORD", "hunter2")
	t.Setenv("TG_DSN", "postgres://ann:hunter2@db.example/keys")
	for _, line := range []string{
		"keys file {env.TG_CONF}/keys.yaml", "keys file {env.TG_NEAR}/keys.yaml", "keys file ./{env.TG_NEAR}/keys.yaml", "keys file {env.TG_KEYS}", "keys file conf/keys.yaml", "policies conf/own.rego",
		"keys sqlite {env.TG_CONF}/new.db", "keys sqlite {env.TG_NEAR}/new.db", "keys sqlite ./{env.TG_NEAR}/new.db",
		"policies {env.TG_CONF}/own.rego", "policies {env.TG_NEAR}", "policies ./{env.TG_NEAR}/own.rego",
		"secrets {env.TG_CONF}", "secrets {env.TG_NEAR}", "secrets ./{env.TG_NEAR}", "secrets conf",
		"keys postgres {env.TG_DSN}", "keys postgres postgres://ann:{env.TG_PASSWORD}@{env.TG_HOST}/keys", `keys postgres "host={env.TG_HOST} user=ann password={env.TG_PASSWORD}"`,
		"counters redis redis://{env.TG_HOST}:{env.TG_PORT}/0", "counters redis redis://:{env.TG_PASSWORD}@{env.TG_HOST}", "counters redis redis://:p%7Bx%7D@localhost",
	} {
		t.Run("takes/"+line, func(t *testing.T) { require.NoError(t, validate(line)) })
	}
	for _, line := range []string{
		"keys file {env.TG_UNSET}/keys.yaml", "keys file conf/{env.TG_UNSET}", "keys sqlite {env.TG_UNSET}", "policies {env.TG_UNSET}", "policies conf/{env.TG_UNSET}",
		"secrets {env.TG_UNSET}", "keys postgres {env.TG_UNSET}", "keys postgres postgres://ann:hunter2@{env.TG_UNSET}/keys",
		"counters redis {env.TG_UNSET}", "counters redis redis://:hunter2@{env.TG_UNSET}:6379", "counters redis redis://:{hunter2}@{env.TG_UNSET}:6379",
	} {
		t.Run("refuses/"+line, func(t *testing.T) {
			err := validate(line)
			require.ErrorContains(t, err, "{env.TG_UNSET} is empty: set it where gateways and commands run")
			require.ErrorContains(t, err, "Caddyfile:3", "the line of the option")
			require.NotContains(t, strings.ReplaceAll(err.Error(), line, ""), "hunter2")
		})
	}
}
