package postgres_test

import (
	"sync"
	"testing"
	"time"

	"github.com/stretchr/testify/require"

	"github.com/tollgate-gateway/tollgate/caddymodule/keystore/postgres"
	"github.com/tollgate-gateway/tollgate/caddymodule/keystore/storetest"
	"github.com/tollgate-gateway/tollgate/caddymodule/record"
	"github.com/tollgate-gateway/tollgate/caddymodule/services"
)

// opened is a store on the database, closed with the test.
func opened(t testing.TB, address string) *postgres.Store {
	t.Helper()
	s, err := postgres.New(address)
	require.NoError(t, err)
	t.Cleanup(func() { _ = s.Close() })
	return s
}

// TestPostgreSQL starts the server once for all: that takes longer than the rest.
func TestPostgreSQL(t *testing.T) {
	server := services.Postgres(t)
	for name, test := range map[string]func(*testing.T, *services.PostgresServer){
		"conformance":                                       conformance,
		"a revocation reaches both gateways":                aRevocationReachesBothGateways,
		"suspended and deleted at both gateways":            suspendedAndDeletedAtBothGateways,
		"PostgreSQL stopped and started again":              postgreSQLStoppedAndStartedAgain,
		"PostgreSQL away at the start":                      postgreSQLAwayAtTheStart,
		"schema is created once by whoever is first":        schemaIsCreatedOnceByWhoeverIsFirst,
		"errors name the place and never the password":      errorsNameThePlaceAndNeverThePassword,
		"a damaged store is one clear line":                 aDamagedStoreIsOneClearLine,
		"schema of another version":                         schemaOfAnotherVersion,
		"an account that owns no tables":                    anAccountThatOwnsNoTables,
		"killed at any moment nothing acknowledged is lost": killedAtAnyMomentNothingAcknowledgedIsLost,
		"killed at any moment there is no half import":      killedAtAnyMomentThereIsNoHalfImport,
		"what was used":                                     whatWasUsed,
		"a commit whose answer is lost":                     aCommitWhoseAnswerIsLost,
		"moved whole":                                       movedWhole,
		"a million keys":                                    aMillionKeys,
		"a million uses":                                    aMillionUses,
		"no more connections than the address says":         noMoreConnectionsThanTheAddressSays,
		"behind PgBouncer":                                  behindPgBouncer,
		"no goroutine stays":                                noGoroutineStays,
	} {
		t.Run(name, func(t *testing.T) { test(t, server) })
	}
}

func conformance(t *testing.T, server *services.PostgresServer) {
	t.Run("store", func(t *testing.T) {
		storetest.Store(t, func(t *testing.T) storetest.Opened {
			address := server.Database()
			command := opened(t, address)
			storetest.Fill(t, command, storetest.Example())
			return storetest.Opened{Store: opened(t, address), Within: time.Second, Disable: func() {
				_, err := command.UpdateKey(t.Context(), storetest.Act, "key_full", func(k *record.Key) error { k.Disabled = true; return nil })
				require.NoError(t, err)
				require.NoError(t, command.Close())
			}}
		})
	})
	t.Run("admin", func(t *testing.T) {
		storetest.Admin(t, func(t *testing.T) storetest.Writable { return opened(t, server.Database()) })
	})
}

func noMoreConnectionsThanTheAddressSays(t *testing.T, server *services.PostgresServer) {
	address := server.Database()
	admin := opened(t, address)
	storetest.Fill(t, admin, storetest.Example())
	few := opened(t, address+"?application_name=few&pool_max_conns=2")
	var all sync.WaitGroup
	for range 20 {
		all.Go(func() {
			for range 20 {
				if _, err := few.Lookup(t.Context(), record.SumOf(storetest.Full)); err != nil {
					t.Error(err)
				}
			}
		})
	}
	all.Wait()
	db, err := admin.Open(t.Context())
	require.NoError(t, err)
	var open int
	require.NoError(t, db.QueryRowContext(t.Context(), "SELECT count(*) FROM pg_stat_activity WHERE application_name = 'few'").Scan(&open))
	require.Equal(t, 2, open)
}
