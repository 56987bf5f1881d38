package postgres_test

import (
	"testing"

	"github.com/stretchr/testify/require"

	"github.com/tollgate-gateway/tollgate/caddymodule/keystore/postgres"
	"github.com/tollgate-gateway/tollgate/caddymodule/keystore/storetest"
	"github.com/tollgate-gateway/tollgate/caddymodule/services"
)

func movedWhole(t *testing.T, server *services.PostgresServer) {
	storetest.Move(t, func(t *testing.T) storetest.Movable { return opened(t, server.Database()) },
		func(t *testing.T, s storetest.Movable, statement string) {
			db, err := s.(*postgres.Store).Open(t.Context())
			require.NoError(t, err)
			_, err = db.ExecContext(t.Context(), statement)
			require.NoError(t, err)
		})
}

func killedAtAnyMomentThereIsNoHalfImport(t *testing.T, server *services.PostgresServer) {
	rounds := 4
	if storetest.Long() {
		rounds = 40
	}
	storetest.KilledImports(t, rounds, server.Database, open)
}
