package postgres_test

import (
	"testing"
	"time"

	"github.com/stretchr/testify/require"

	"github.com/tollgate-gateway/tollgate/caddymodule/keystore"
	"github.com/tollgate-gateway/tollgate/caddymodule/keystore/storetest"
	"github.com/tollgate-gateway/tollgate/caddymodule/record"
	"github.com/tollgate-gateway/tollgate/caddymodule/services"
)

// behindPgBouncer: a pooler that hands out a connection for one transaction only makes no difference, but that LISTEN hears
// nothing through it.
func behindPgBouncer(t *testing.T, server *services.PostgresServer) {
	through := services.PgBouncer(t, server)
	for name, test := range map[string]func(*testing.T, func() string){
		"a revocation reaches both gateways": aRevocationThroughPgBouncer,
		"statements that are kept":           statementsThatAreKept,
		"admin": func(t *testing.T, database func() string) {
			if !storetest.Long() {
				t.Skip("a longer form")
			}
			storetest.Admin(t, func(t *testing.T) storetest.Writable { return opened(t, database()) })
		},
	} {
		t.Run(name, func(t *testing.T) { test(t, func() string { return through(server.Database()) }) })
	}
}

func aRevocationThroughPgBouncer(t *testing.T, database func() string) {
	address := database()
	command := opened(t, address)
	storetest.Fill(t, command, storetest.Example())
	one, two := gateway(t, address, time.Minute), gateway(t, address, time.Minute)
	settled(t, storetest.Full, one, two)
	require.NoError(t, command.WriteUses(t.Context(), []keystore.Use{{Sum: record.SumOf(storetest.Full), At: time.Now()}}))
	_, err := command.UpdateKey(t.Context(), storetest.Act, "key_full", func(k *record.Key) error { k.RevokedAt = time.Now(); return nil })
	require.NoError(t, err)
	require.Eventually(t, func() bool {
		return verdict(t, one, storetest.Full) == 401 && verdict(t, two, storetest.Full) == 401
	}, 3*time.Second, time.Millisecond)
	events, err := command.History(t.Context(), "", "key_full", 100)
	require.NoError(t, err)
	require.Len(t, events, 2)
}

// statementsThatAreKept is what an address asks for that names that mode: the error says what to write instead.
func statementsThatAreKept(t *testing.T, database func() string) {
	address := database()
	storetest.Fill(t, opened(t, address), storetest.Example())
	for range 50 { // by turns on two connections, each of which has but some of the statements
		s := opened(t, address+"?default_query_exec_mode=cache_statement")
		if _, err := s.Lookup(t.Context(), record.SumOf(storetest.Full)); err != nil {
			require.ErrorContains(t, err, "take default_query_exec_mode out of the address, or write default_query_exec_mode=exec")
			return
		}
	}
	t.Fatal("no statement was missing: does this PgBouncer keep them?")
}
