package postgres_test

import (
	"testing"

	"github.com/jackc/pgx/v5"
	"github.com/stretchr/testify/require"

	"github.com/tollgate-gateway/tollgate/caddymodule/keystore/storetest"
	"github.com/tollgate-gateway/tollgate/caddymodule/services"
)

func aDamagedStoreIsOneClearLine(t *testing.T, server *services.PostgresServer) {
	for name, damage := range map[string]struct {
		statement string
		touches   []string
		want      string
	}{
		"no keys":        {"ALTER TABLE tollgate_keys RENAME TO k", []string{"look-up", "keys", "key", "create key", "update key"}, "restore a backup"},
		"no history":     {"DROP TABLE tollgate_history", []string{"changes", "history", "create workspace"}, "restore a backup"},
		"no meta table":  {"DROP TABLE tollgate_meta", []string{"look-up", "keys", "create workspace", "changes"}, "restore a backup"},
		"no version":     {"DELETE FROM tollgate_meta", []string{"look-up", "keys", "create workspace", "changes"}, "restore a backup"},
		"column gone":    {"ALTER TABLE tollgate_keys DROP COLUMN scopes", []string{"look-up", "keys", "create key"}, "restore a backup"},
		"nothing as key": {"UPDATE tollgate_keys SET scopes = '{'", []string{"look-up", "keys", "update key"}, "restore a backup"},
		"read-only": {"", []string{"create workspace", "create key", "uses"},
			"name the server that may be written"},
	} {
		t.Run(name, func(t *testing.T) {
			address := server.Database()
			storetest.Fill(t, opened(t, address), storetest.Example())
			connection, err := pgx.Connect(t.Context(), address)
			require.NoError(t, err)
			defer connection.Close(t.Context())
			_, err = connection.Exec(t.Context(), damage.statement)
			require.NoError(t, err)
			if name == "read-only" {
				address += "?default_transaction_read_only=on"
			}
			s := opened(t, address)
			operations := storetest.Operations(s)
			for _, what := range damage.touches {
				require.Error(t, operations[what](t.Context()), what)
			}
			for what, operation := range operations {
				if err := operation(t.Context()); err != nil {
					storetest.IsForOperators(t, err, s.String())
					require.ErrorContains(t, err, damage.want, what)
				}
			}
		})
	}
}
