package gateway_test

import (
	"errors"
	"fmt"
	"strings"
	"testing"
	"time"

	"github.com/stretchr/testify/require"

	"github.com/tollgate-gateway/tollgate/caddymodule/harness"
	"github.com/tollgate-gateway/tollgate/caddymodule/keystore"
	"github.com/tollgate-gateway/tollgate/caddymodule/keystore/postgres"
	"github.com/tollgate-gateway/tollgate/caddymodule/record"
	"github.com/tollgate-gateway/tollgate/caddymodule/services"
)

// dsn is the variable that the gateways of these tests find their database in.
const dsn = "TOLLGATE_TEST_DSN"

// onPostgres is a gateway with its keys in PostgreSQL.
func onPostgres(options string) harness.Setup {
	setup := managed("keys postgres {env." + dsn + "}\n" + options)
	setup.Gate += "public GET /public\n"
	return setup
}

// fleet is two gateways on one PostgreSQL, this process and another, and a third party who writes to it.
type fleet struct {
	server *services.PostgresServer
	admin  *postgres.Store
	// patient keeps known keys for five minutes while PostgreSQL is away, strict, the other process, not at all.
	patient, strict *harness.Gateway
}

func newFleet(t *testing.T) *fleet {
	t.Helper()
	f := &fleet{server: services.Postgres(t)}
	address := f.server.Database()
	f.admin = openPostgres(t, address)
	managedWorld(t, f.admin)
	t.Setenv(dsn, address)
	f.strict = startProcess(t, onPostgres("stale_keys 0"))
	f.patient = harness.New(t)
	require.NoError(t, f.patient.Load(onPostgres("").Caddyfile()))
	return f
}

// openPostgres opens the database beside the gateways, under a name by which its connections can be told from theirs.
func openPostgres(t *testing.T, address string) *postgres.Store {
	t.Helper()
	store, err := postgres.New(address + "?application_name=tester")
	require.NoError(t, err)
	t.Cleanup(func() { require.NoError(t, store.Close()) })
	return store
}

func (f *fleet) create(t *testing.T, key record.Key) string {
	t.Helper()
	require.NoError(t, f.admin.CreateKeys(t.Context(), keystore.Act{By: "test", Action: "create"}, "ws_acme",
		[]keystore.NewKey{{Key: key, Sum: record.SumOf(secretOf(key.ID))}}))
	return secretOf(key.ID)
}

func (f *fleet) revoke(t *testing.T, id string) {
	t.Helper()
	_, err := f.admin.UpdateKey(t.Context(), keystore.Act{By: "test", Action: "revoke"}, id, func(k *record.Key) error {
		k.RevokedAt = time.Now()
		return nil
	})
	if !errors.Is(err, keystore.ErrRevoked) {
		require.NoError(t, err)
	}
}

func status(t *testing.T, g *harness.Gateway, secret string) int {
	t.Helper()
	return g.Do(t, harness.Request{Path: "/any", Key: secret}).Status
}

// within waits until the gateways answer so, three times as long as is promised, and gives how long it took the slowest.
func within(t *testing.T, promise time.Duration, want int, secret string, gateways ...*harness.Gateway) time.Duration {
	t.Helper()
	return sooner(t, 3*promise, func() bool {
		for _, g := range gateways {
			if status(t, g, secret) != want {
				return false
			}
		}
		return true
	})
}

func TestGatewaysOnOnePostgreSQL(t *testing.T) {
	f := newFleet(t)
	t.Run("A21/a revocation is obeyed by both", func(t *testing.T) {
		f.revocations(t, "plain", func() {})
	})
	t.Run("A21/though the listening connections are terminated while it commits", func(t *testing.T) {
		f.revocations(t, "deaf", func() {
			f.server.Exec("SELECT pg_terminate_backend(pid) FROM pg_stat_activity WHERE application_name = 'tollgate' AND query LIKE '%tollgate_history%'")
		})
	})
	t.Run("A21/a key disabled over HTTP at one gateway", func(t *testing.T) {
		secret := f.create(t, record.Key{ID: "key_dashboard"})
		within(t, time.Second, 200, secret, f.patient, f.strict)
		require.Equal(t, 200, ask(t, f.strict, "key_owner", "PATCH", "/keys/key_dashboard", `{"disabled":true}`).Status)
		require.Equal(t, 401, status(t, f.strict, secret), "there from the next request on")
		t.Logf("at the other after %s", within(t, time.Second, 401, secret, f.patient))
	})
	t.Run("a suspended workspace, and a deleted one, at both", f.barred)
	t.Run("A23/both tell the backend the key's workspace", func(t *testing.T) {
		for _, g := range []*harness.Gateway{f.patient, f.strict} {
			g.Run(t, []harness.Case{{
				Name:    "A23",
				Request: harness.Request{Path: "/any", Key: secretOf("key_theirs"), Header: harness.Header("X-Tollgate-Workspace", "ws_acme")},
				Status:  200, Hits: 1, Limits: harness.Workspace,
				Check: func(t *testing.T, _ *harness.Answer, seen []harness.Seen) {
					require.Equal(t, []string{"ws_globex"}, seen[0].Header.Values("X-Tollgate-Workspace"))
				},
			}})
		}
	})
	t.Run("A26/PostgreSQL stopped and started again", f.outage)
	for _, g := range []*harness.Gateway{f.patient, f.strict} {
		require.NotContains(t, g.ReadFile(t, "caddy.log"), services.PostgresPassword)
		require.NotContains(t, g.ReadFile(t, "access.log"), services.PostgresPassword)
	}
}

// revocations revokes key after key while something strikes, and reports the slowest that a gateway was to obey.
func (f *fleet) revocations(t *testing.T, name string, strike func()) {
	rounds := 4
	if harness.Long() {
		rounds = 20
	}
	var worst time.Duration
	for i := range rounds {
		id := fmt.Sprintf("key_%s_%d", name, i)
		secret := f.create(t, record.Key{ID: id})
		within(t, time.Second, 200, secret, f.patient, f.strict)
		struck := make(chan struct{})
		go func() { defer close(struck); strike() }()
		f.revoke(t, id)
		worst = max(worst, within(t, time.Second, 401, secret, f.patient, f.strict))
		<-struck
	}
	t.Logf("worst of %d: %s", rounds, worst)
}

// barred suspends a workspace, resumes it, and deletes it.
func (f *fleet) barred(t *testing.T) {
	const why, secret = "invoice 117 unpaid", "the-secret-of-a-customer"
	act := keystore.Act{By: "test", Action: "test"}
	require.NoError(t, f.admin.CreateWorkspace(t.Context(), act, &record.Workspace{ID: "ws_customer", Plan: "big"}))
	require.NoError(t, f.admin.CreateKeys(t.Context(), act, "ws_customer", []keystore.NewKey{{Key: record.Key{ID: "key_customer"}, Sum: record.SumOf(secret)}}))
	suspend := func(reason string) {
		_, err := f.admin.UpdateWorkspace(t.Context(), act, "ws_customer", func(w *record.Workspace) error {
			w.SuspendedReason = reason
			return nil
		})
		require.NoError(t, err)
	}
	within(t, time.Second, 200, secret, f.patient, f.strict)
	suspend(why)
	t.Logf("suspended after %s", within(t, time.Second, 403, secret, f.patient, f.strict))
	for _, g := range []*harness.Gateway{f.patient, f.strict} {
		g.Run(t, []harness.Case{{
			Name: "suspended", Request: harness.Request{Path: "/any", Key: secret}, Status: 403, Code: "FORBIDDEN", Limits: harness.Workspace,
			Check: func(t *testing.T, a *harness.Answer, _ []harness.Seen) {
				require.JSONEq(t, `{"success": false, "error": {"code": "FORBIDDEN", "message": "The workspace of this key is suspended.", "details": {"reason": "suspended"}}}`, a.Body)
				require.NotContains(t, fmt.Sprint(a.Header), "invoice")
			},
		}})
		require.NotContains(t, g.ReadFile(t, "access.log"), why)
	}
	suspend("")
	t.Logf("resumed after %s", within(t, time.Second, 200, secret, f.patient, f.strict))
	_, err := f.admin.DeleteWorkspace(t.Context(), act, "ws_customer")
	require.NoError(t, err)
	t.Logf("deleted after %s", within(t, time.Second, 401, secret, f.patient, f.strict))
}

// outage is A26, with A22 while it lasts.
func (f *fleet) outage(t *testing.T) {
	known := f.create(t, record.Key{ID: "key_known"})
	doomed := f.create(t, record.Key{ID: "key_doomed"})
	short := f.create(t, record.Key{ID: "key_short", ExpiresAt: time.Now().Add(5 * time.Second).UTC()})
	fresh := time.Now()
	sooner(t, harness.WaitFor, func() bool { // until all of it has been known for longer than the feed's last word counts
		for _, secret := range []string{known, doomed, short, secretOf("key_owner")} {
			require.Equal(t, 200, status(t, f.patient, secret))
			require.Equal(t, 200, status(t, f.strict, secret))
		}
		return time.Since(fresh) > time.Second
	})
	f.server.Stop()
	f.patient.Run(t, []harness.Case{{
		Name: "A26/known goes on", Request: harness.Request{Path: "/any", Key: known}, Status: 200, Hits: 1, Limits: harness.Workspace,
	}, {
		Name: "A26/unknown is 503, never 401", Request: harness.Request{Path: "/any", Key: harness.Unknown},
		Status: 503, Code: "INTERNAL_ERROR", Limits: harness.NoLimits,
		Check: func(t *testing.T, a *harness.Answer, _ []harness.Seen) {
			require.NotEmpty(t, a.Header.Get("Retry-After"))
			require.Empty(t, a.Header.Get("WWW-Authenticate"))
		},
	}, {
		Name: "A26/keys cannot be managed", Request: harness.Request{Path: "/keys", Method: "POST", Key: secretOf("key_owner")},
		Status: 503, Code: "INTERNAL_ERROR", Limits: harness.Workspace,
		Check: func(t *testing.T, a *harness.Answer, _ []harness.Seen) {
			require.NotContains(t, a.Body, "127.0.0.1", "where the store lies is nobody's business")
		},
	}})
	t.Logf("without stale_keys, 503 for all after %s", within(t, time.Second, 503, known, f.strict))
	require.Equal(t, 503, status(t, f.strict, harness.Unknown))
	within(t, 5*time.Second, 401, short, f.patient)
	require.Equal(t, 200, status(t, f.patient, known), "A22: only what has expired is refused meanwhile")

	f.server.Start()
	f.admin = openPostgres(t, f.server.Address("test_1"))
	f.revoke(t, "key_doomed")
	t.Logf("revoked meanwhile is 401 after %s", within(t, time.Second, 401, doomed, f.patient, f.strict))
	t.Logf("unknown is 401 after %s", within(t, time.Second, 401, harness.Unknown, f.patient, f.strict))
	within(t, time.Second, 200, known, f.patient, f.strict)
	require.Equal(t, 201, ask(t, f.patient, "key_owner", "POST", "/keys", `{}`).Status, "keys can be managed again")
	require.True(t, harness.Contains(f.patient.ReadFile(t, "caddy.log"), "key store is failing"))
	require.Eventually(t, func() bool { return harness.Contains(f.patient.ReadFile(t, "caddy.log"), "key store works") }, harness.WaitFor, harness.Tick)
}

// TestTheAddressOfPostgreSQLIsNeverEchoed: whatever is wrong with it, nothing prints a password.
func TestTheAddressOfPostgreSQLIsNeverEchoed(t *testing.T) {
	const password = "wrong-password-9X"
	for name, c := range map[string]struct{ option, env, want string }{
		"no address":          {"keys postgres", "", "write one address"},
		"two addresses":       {"keys postgres {env." + dsn + "} " + password, "", "write one address"},
		"literal, unreadable": {"keys postgres postgres://u:" + password + "@h:notaport/x", "", "cannot be read"},
		"env, unreadable":     {"keys postgres {env." + dsn + "}", "postgres://u:" + password + "@h:notaport/x", "cannot be read"},
		"env, another's URL":  {"keys postgres {env." + dsn + "}", "mysql://u:" + password + "@h/x", "cannot be read"},
		"env, not set":        {"keys postgres {env.TOLLGATE_TEST_UNSET}", "", "reading the address of postgres"},
	} {
		t.Run("refuses/"+name, func(t *testing.T) {
			t.Setenv(dsn, c.env)
			g := harness.New(t)
			setup := onPostgres("")
			setup.Options = strings.Replace(setup.Options, "keys postgres {env."+dsn+"}", c.option, 1)
			err := g.Load(setup.Caddyfile())
			require.ErrorContains(t, err, c.want)
			require.ErrorContains(t, err, "Caddyfile:", "the error names file and line")
			require.NotContains(t, err.Error(), password)
		})
	}
	t.Run("wrong password", func(t *testing.T) {
		t.Setenv(dsn, strings.Replace(services.Postgres(t).Database(), services.PostgresPassword, password, 1))
		g := harness.New(t)
		require.NoError(t, g.Load(onPostgres("").Caddyfile()), "a store that is away is no reason not to start")
		a := g.Do(t, harness.Request{Path: "/any", Key: harness.Unknown})
		require.Equal(t, 503, a.Status)
		require.NotContains(t, a.Body, "password")
		require.Eventually(t, func() bool { return harness.Contains(g.ReadFile(t, "caddy.log"), "password authentication failed") }, harness.WaitFor, harness.Tick)
		for _, log := range []string{"caddy.log", "access.log"} {
			require.NotContains(t, g.ReadFile(t, log), password)
		}
		config, err := g.Adapt(onPostgres("").Caddyfile())
		require.NoError(t, err)
		require.NotContains(t, string(config), password, "the configuration holds the placeholder")
	})
}
