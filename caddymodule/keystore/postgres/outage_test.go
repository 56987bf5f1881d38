package postgres_test

import (
	"errors"
	"fmt"
	"strings"
	"testing"
	"time"

	"github.com/jackc/pgx/v5"
	"github.com/stretchr/testify/require"
	"go.uber.org/goleak"

	"github.com/tollgate-gateway/tollgate/caddymodule/keystore"
	"github.com/tollgate-gateway/tollgate/caddymodule/keystore/postgres"
	"github.com/tollgate-gateway/tollgate/caddymodule/keystore/storetest"
	"github.com/tollgate-gateway/tollgate/caddymodule/record"
	"github.com/tollgate-gateway/tollgate/caddymodule/services"
)

// gateway is a started cache on the database, as a gateway has it.
func gateway(t testing.TB, address string, stale time.Duration) *keystore.Cache {
	t.Helper()
	s, err := postgres.New(address)
	require.NoError(t, err)
	c := keystore.NewCache(s, keystore.Options{Stale: stale})
	c.Start()
	t.Cleanup(func() { require.NoError(t, c.Close()) })
	return c
}

// settled waits until the gateways follow the store: what they know then outlives it.
func settled(t testing.TB, secret string, gateways ...*keystore.Cache) {
	t.Helper()
	for _, g := range gateways {
		seen := time.Now()
		require.Eventually(t, func() bool {
			if g.Known(record.SumOf(secret)) == nil {
				seen = time.Now()
				verdict(t, g, secret)
			}
			return time.Since(seen) > time.Second // longer than an entry is trusted that no feed confirms
		}, 10*time.Second, 10*time.Millisecond)
	}
}

// verdict is what a gateway answers a request with the secret: 200, 401 or 503.
func verdict(t testing.TB, c *keystore.Cache, secret string) int {
	t.Helper()
	if c.Known(record.SumOf(secret)) != nil {
		return 200
	}
	switch _, err := c.Lookup(t.Context(), record.SumOf(secret)); {
	case err == nil:
		return 200
	case errors.Is(err, keystore.ErrUnknown):
		return 401
	default:
		require.NotContains(t, err.Error(), services.PostgresPassword)
		require.NotContains(t, err.Error(), "\n", "one line")
		return 503
	}
}

// within waits until all gateways answer so, and gives how long that took.
func within(t testing.TB, promise time.Duration, want int, secret string, gateways ...*keystore.Cache) time.Duration {
	t.Helper()
	start := time.Now()
	for _, g := range gateways {
		require.Eventually(t, func() bool { return verdict(t, g, secret) == want }, 3*promise, 2*time.Millisecond)
	}
	return time.Since(start)
}

func revoke(t testing.TB, admin keystore.Admin, id string) {
	t.Helper()
	_, err := admin.UpdateKey(t.Context(), storetest.Act, id, func(k *record.Key) error { k.RevokedAt = time.Now(); return nil })
	require.NoError(t, err)
}

func create(t testing.TB, admin keystore.Admin, id, secret string, expires time.Time) {
	t.Helper()
	require.NoError(t, admin.CreateKeys(t.Context(), storetest.Act, "ws_acme",
		[]keystore.NewKey{{Key: record.Key{ID: id, ExpiresAt: expires}, Sum: record.SumOf(secret)}}))
}

func suspendedAndDeletedAtBothGateways(t *testing.T, server *services.PostgresServer) {
	address := server.Database()
	storetest.Barred(t, opened(t, address), gateway(t, address, time.Minute), gateway(t, address, time.Minute))
}

func aRevocationReachesBothGateways(t *testing.T, server *services.PostgresServer) {
	address := server.Database()
	admin := opened(t, address)
	storetest.Fill(t, admin, storetest.Example())
	one, two := gateway(t, address, time.Minute), gateway(t, address, time.Minute)
	for n, test := range []struct {
		name   string
		strike func()
	}{
		{"by its notification", func() {}},
		{"though the listening connections are terminated while it commits", func() {
			server.Exec("SELECT pg_terminate_backend(pid) FROM pg_stat_activity WHERE application_name = 'tollgate' AND query LIKE '%tollgate_history%'")
		}},
		{"though all connections are terminated while it commits", func() {
			server.Exec("SELECT pg_terminate_backend(pid) FROM pg_stat_activity WHERE application_name = 'tollgate'")
		}},
	} {
		t.Run(test.name, func(t *testing.T) {
			var worst time.Duration
			rounds := 4
			if storetest.Long() {
				rounds = 20
			}
			for i := range rounds {
				id := fmt.Sprintf("key_%d_%d", n, i)
				secret := "secret of " + id
				create(t, admin, id, secret, time.Time{})
				within(t, time.Second, 200, secret, one, two)
				struck := make(chan struct{})
				go func() { defer close(struck); test.strike() }()
				_, err := admin.UpdateKey(t.Context(), storetest.Act, id, func(k *record.Key) error { k.RevokedAt = time.Now(); return nil })
				if err != nil { // our own connection was struck as well: nothing was acknowledged
					revokeAgain(t, admin, id)
				}
				worst = max(worst, within(t, time.Second, 401, secret, one, two))
				<-struck
			}
			t.Logf("worst of %d: %v", rounds, worst)
		})
	}
}

// revokeAgain revokes a key of which it is not known whether it is.
func revokeAgain(t *testing.T, admin keystore.Admin, id string) {
	t.Helper()
	require.Eventually(t, func() bool {
		_, err := admin.UpdateKey(t.Context(), storetest.Act, id, func(k *record.Key) error { k.RevokedAt = time.Now(); return nil })
		return err == nil || errors.Is(err, keystore.ErrRevoked)
	}, 5*time.Second, time.Millisecond)
}

func postgreSQLStoppedAndStartedAgain(t *testing.T, server *services.PostgresServer) {
	address := server.Database()
	admin := opened(t, address)
	storetest.Fill(t, admin, storetest.Example())
	create(t, admin, "key_short", "a short-lived secret", time.Now().Add(6*time.Second))
	create(t, admin, "key_doomed", "a secret to be revoked", time.Time{})
	patient, strict := gateway(t, address, 5*time.Minute), gateway(t, address, 0)
	for _, secret := range []string{storetest.Full, "a short-lived secret", "a secret to be revoked"} {
		within(t, time.Second, 200, secret, patient, strict)
	}
	settled(t, storetest.Full, patient, strict)
	for _, secret := range []string{"a short-lived secret", "a secret to be revoked"} {
		within(t, time.Second, 200, secret, patient)
	}
	server.Stop()
	within(t, time.Second, 503, storetest.Nobodys, patient, strict)
	t.Run("known keys live on", func(t *testing.T) {
		require.Equal(t, 200, verdict(t, patient, storetest.Full))
	})
	t.Run("without stale_keys nothing does", func(t *testing.T) {
		within(t, time.Second, 503, storetest.Full, strict)
	})
	t.Run("expiry is judged", func(t *testing.T) {
		within(t, 6*time.Second, 401, "a short-lived secret", patient)
	})
	t.Run("answers are quick", func(t *testing.T) {
		start := time.Now()
		for range 1000 {
			require.Equal(t, 200, verdict(t, patient, storetest.Full))
			require.Equal(t, 503, verdict(t, patient, storetest.Nobodys))
		}
		require.Less(t, time.Since(start), 3*time.Second)
		t.Logf("2,000 answers in %v", time.Since(start))
	})
	t.Run("back without a restart", func(t *testing.T) {
		server.Start()
		revoked := opened(t, address)
		revoke(t, revoked, "key_doomed")
		t.Logf("a key revoked meanwhile: 401 after %v", within(t, time.Second, 401, "a secret to be revoked", patient, strict))
		t.Logf("an unknown key: 401 after %v", within(t, time.Second, 401, storetest.Nobodys, patient, strict))
		within(t, time.Second, 200, storetest.Full, patient, strict)
	})
}

func postgreSQLAwayAtTheStart(t *testing.T, server *services.PostgresServer) {
	address := server.Database()
	server.Stop()
	g := gateway(t, address, time.Minute)
	require.Equal(t, 503, verdict(t, g, storetest.Full))
	server.Start()
	within(t, time.Second, 401, storetest.Full, g)
	storetest.Fill(t, opened(t, address), storetest.Example())
	within(t, time.Second, 200, storetest.Full, g)
}

func schemaIsCreatedOnceByWhoeverIsFirst(t *testing.T, server *services.PostgresServer) {
	address := server.Database()
	errs := make(chan error, 8)
	for range cap(errs) {
		s := opened(t, address)
		go func() {
			_, err := s.History(t.Context(), "", "", 10)
			errs <- err
		}()
	}
	for range cap(errs) {
		require.NoError(t, <-errs)
	}
	events, err := opened(t, address).History(t.Context(), "", "", 10)
	require.NoError(t, err)
	require.Len(t, events, keystore.Schema, "each step is taken once")
	require.Equal(t, "schema", events[0].Action)
}

func errorsNameThePlaceAndNeverThePassword(t *testing.T, server *services.PostgresServer) {
	good := server.Database()
	for _, test := range []struct{ name, address, says string }{
		{"a wrong password", strings.Replace(good, services.PostgresPassword, "wrong-password-9X", 1), "password authentication failed"},
		{"a missing database", server.Address("nowhere"), `database "nowhere" does not exist`},
		{"nobody listens", "postgres://tollgate:wrong-password-9X@127.0.0.1:1/x", "refused"},
		{"an unknown host", "postgres://tollgate:wrong-password-9X@host.invalid/x", "host.invalid"},
	} {
		t.Run(test.name, func(t *testing.T) {
			s := opened(t, test.address)
			_, lookup := s.Lookup(t.Context(), record.SumOf("x"))
			_, feed := s.Changes(t.Context(), keystore.Position{})
			_, list := s.Workspaces(t.Context(), "", 1)
			for _, err := range []error{lookup, feed, list} {
				require.ErrorContains(t, err, test.says)
				require.ErrorContains(t, err, s.String())
				require.Equal(t, 1, strings.Count(err.Error(), "key store "), err)
				for _, secret := range []string{services.PostgresPassword, "wrong-password-9X"} {
					require.NotContains(t, err.Error(), secret)
				}
				require.NotContains(t, err.Error(), "\n")
			}
		})
	}
	for _, address := range []string{"", "postgres://u:pass-word@h:notaport/x", "postgres://u:pass-word@[::1/x", "password='pass-word", "mysql://u:pass-word@h/x",
		"postgres://u:pass-word@h/x?sslmode=pass-word", "postgres://u:pass-word@h/x?sslrootcert=/no/such/pass-word"} {
		_, err := postgres.New(address)
		require.ErrorContains(t, err, "postgres://user:password@host:5432/database", address)
		require.NotContains(t, err.Error(), "pass-word")
	}
}

func schemaOfAnotherVersion(t *testing.T, server *services.PostgresServer) {
	storetest.Schema(t, storetest.Databases{
		Fresh: func(*testing.T) string { return server.Database() },
		Open:  open, Execute: func(t *testing.T, address, statements string) {
			connection, err := pgx.Connect(t.Context(), address)
			require.NoError(t, err)
			defer connection.Close(t.Context())
			_, err = connection.Exec(t.Context(), statements)
			require.NoError(t, err)
		}, Bytes: "BYTEA", Literal: "'\\x",
	})
}

func noGoroutineStays(t *testing.T, server *services.PostgresServer) {
	ignore := goleak.IgnoreCurrent()
	s, err := postgres.New(server.Database())
	require.NoError(t, err)
	goleak.VerifyNone(t, ignore) // a configuration that is only checked starts nothing
	c := keystore.NewCache(s, keystore.Options{})
	c.Start()
	require.Equal(t, 401, verdict(t, c, storetest.Nobodys))
	require.NoError(t, c.Close())
	require.NoError(t, c.Close())
	_, err = s.Lookup(t.Context(), record.SumOf("x"))
	require.Error(t, err, "closed for good")
	goleak.VerifyNone(t, ignore)
}
