package postgres_test

import (
	"testing"

	"github.com/stretchr/testify/require"

	"github.com/tollgate-gateway/tollgate/caddymodule/keystore/postgres"
	"github.com/tollgate-gateway/tollgate/caddymodule/keystore/storetest"
	"github.com/tollgate-gateway/tollgate/caddymodule/services"
	"github.com/tollgate-gateway/tollgate/caddymodule/usage"
)

func movedWhole(t *testing.T, server *services.PostgresServer) {
	storetest.Move(t, func(t *testing.T) storetest.Movable { return opened(t, server.Database()) },
		func(t *testing.T, s storetest.Movable, statement string) { execute(t, s.(*postgres.Store), statement) })
}

// execute executes a statement in the store's database.
func execute(t *testing.T, s *postgres.Store, statement string) {
	t.Helper()
	db, err := s.Open(t.Context())
	require.NoError(t, err)
	_, err = db.ExecContext(t.Context(), statement)
	require.NoError(t, err)
}

func whatWasUsed(t *testing.T, server *services.PostgresServer) {
	storetest.Usage(t, func(t *testing.T) (usage.Keeper, func(string)) {
		s := opened(t, server.Database())
		return s, func(statement string) { execute(t, s, statement) }
	})
}

func killedAtAnyMomentThereIsNoHalfImport(t *testing.T, server *services.PostgresServer) {
	rounds := 4
	if storetest.Long() {
		rounds = 40
	}
	storetest.KilledImports(t, rounds, server.Database, open)
}

func aMillionUses(t *testing.T, server *services.PostgresServer) {
	s := opened(t, server.Database())
	storetest.MillionUses(t, s, func(statement string) { execute(t, s, statement) }, "SELECT n FROM generate_series(1, 1000000) n")
}
