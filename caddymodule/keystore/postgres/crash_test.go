package postgres_test

import (
	"testing"

	"github.com/stretchr/testify/require"

	"github.com/tollgate-gateway/tollgate/caddymodule/keystore"
	"github.com/tollgate-gateway/tollgate/caddymodule/keystore/postgres"
	"github.com/tollgate-gateway/tollgate/caddymodule/keystore/storetest"
	"github.com/tollgate-gateway/tollgate/caddymodule/services"
)

func open(address string) (storetest.Writable, error) { return postgres.New(address) }

func TestMain(m *testing.M) { storetest.Main(m, open) }

func killedAtAnyMomentNothingAcknowledgedIsLost(t *testing.T, server *services.PostgresServer) {
	rounds := 6
	if storetest.Long() {
		rounds = 200
	}
	storetest.Killed(t, rounds, server.Database, open)
}

func aMillionKeys(t *testing.T, server *services.PostgresServer) {
	if !storetest.Long() {
		return // minutes
	}
	address := server.Database()
	storetest.Million(t, opened(t, address), func() keystore.Store {
		s, err := postgres.New(address)
		require.NoError(t, err)
		return s
	})
}
