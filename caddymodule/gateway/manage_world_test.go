package gateway_test

import (
	"encoding/json"
	"net/netip"
	"strings"
	"testing"
	"time"

	"github.com/stretchr/testify/require"

	"github.com/tollgate-gateway/tollgate/caddymodule/harness"
	"github.com/tollgate-gateway/tollgate/caddymodule/keystore"
	"github.com/tollgate-gateway/tollgate/caddymodule/keystore/sqlite"
	"github.com/tollgate-gateway/tollgate/caddymodule/record"
)

// managedRoutes are the routes that the management of keys needs, and some to use keys on.
const managedRoutes = `
route GET,POST /keys
route GET,PATCH,DELETE,PUT /keys/:id
route GET,POST /keys/:id/rotate
route GET /keys/workspaces
route GET,DELETE /keys/workspaces/:id
route GET /keys/workspaces/:id/history
route POST /keys/workspaces/:id/suspend
route POST /keys/workspaces/:id/resume
route GET /leads agent.leads.read
route GET /any
public GET /elsewhere
`

// managed is a gateway that manages the keys of a store which the options name.
func managed(options string) harness.Setup {
	return harness.Setup{
		Options: options + "\nplan big 100000/1m\nauth_throttle 100000/1m\nrefusal_throttle 100000/1m\n",
		Gate:    managedRoutes,
		Then:    "tollgate_keys /keys\nreverse_proxy $BACKEND",
	}
}

// secretOf is the secret of a key of the managed world.
func secretOf(id string) string { return "the-secret-of-" + id }

// end is when the keys of the managed world end that do.
var end = time.Now().Add(time.Hour).UTC().Truncate(time.Second)

// managedWorld fills a store: two customers and the operator, who reaches all.
func managedWorld(t testing.TB, admin keystore.Admin) {
	t.Helper()
	local := []netip.Prefix{netip.MustParsePrefix("127.0.0.0/8")}
	keys := map[string][]record.Key{
		"ws_acme": {
			{ID: "key_none", Scopes: scopes("agent.*")},
			{ID: "key_reader", Scopes: scopes("tollgate.keys.read")},
			{ID: "key_writer", Scopes: scopes("tollgate.keys.write", "agent.leads.read")},
			{ID: "key_owner", Scopes: scopes("tollgate.keys.*", "agent.leads.*")},
			{ID: "key_star", Scopes: scopes("*")},
			{ID: "key_boxed", Scopes: scopes("tollgate.keys.*", "agent.leads.*"), AllowedIPs: local, ExpiresAt: end},
			{ID: "key_weak", Name: "weak", Scopes: scopes("agent.leads.read")},
			{ID: "key_strong", Name: "strong", Scopes: scopes("agent.*")},
			{ID: "key_off", Scopes: scopes("agent.*"), Disabled: true},
			{ID: "key_local", Scopes: scopes("agent.*"), AllowedIPs: local, ExpiresAt: end},
			{ID: "key_revoked", RevokedAt: time.Now()},
		},
		"ws_globex": {
			{ID: "key_theirs", Name: "theirs", Scopes: scopes("agent.leads.read")},
			{ID: "key_their_owner", Scopes: scopes("tollgate.keys.*", "agent.*")},
		},
		"ws_ops": {
			{ID: "key_admin", Scopes: scopes("tollgate.admin.*", "agent.*")},
			{ID: "key_auditor", Scopes: scopes("tollgate.admin.read", "tollgate.keys.write")},
			{ID: "key_all_tollgate", Scopes: scopes("tollgate.*")},
		},
	}
	by := keystore.Act{By: "test", Action: "fill"}
	for id, list := range keys {
		require.NoError(t, admin.CreateWorkspace(t.Context(), by, &record.Workspace{ID: id, Plan: "big"}))
		for _, key := range list {
			require.NoError(t, admin.CreateKeys(t.Context(), by, id, []keystore.NewKey{{Key: key, Sum: record.SumOf(secretOf(key.ID))}}))
		}
	}
}

func scopes(list ...record.Scope) []record.Scope { return list }

// managedSQLite starts a gateway that manages the world in a SQLite database, and gives that too.
func managedSQLite(t *testing.T) (*harness.Gateway, keystore.Admin) {
	t.Helper()
	g := harness.New(t)
	store := sqlite.New(g.Dir+"/tollgate.db", sqlite.Options{Create: true})
	t.Cleanup(func() { require.NoError(t, store.Close()) })
	managedWorld(t, store)
	require.NoError(t, g.Load(managed("keys sqlite $DIR/tollgate.db").Caddyfile()))
	return g, store
}

// keyAnswer is a success about one key.
type keyAnswer struct {
	Success bool `json:"success"`
	Data    struct {
		ID, Workspace, Name, Secret, State string
		Scopes                             []string
		AllowedIPs                         []string   `json:"allowed_ips"`
		CreatedAt                          *time.Time `json:"created_at"`
		ExpiresAt                          *time.Time `json:"expires_at"`
		Disabled                           bool
		RevokedAt                          *time.Time `json:"revoked_at"`
		Secrets                            []struct {
			CreatedAt  *time.Time `json:"created_at"`
			ExpiresAt  *time.Time `json:"expires_at"`
			LastUsedAt *time.Time `json:"last_used_at"`
		}
	}
}

// keysAnswer is a page of keys.
type keysAnswer struct {
	Data       []struct{ ID, Workspace, Secret string }
	Pagination struct {
		Limit int
		Next  *string
	}
}

// ask sends a request to the management of keys by one of the world's keys.
func ask(t testing.TB, g *harness.Gateway, by, method, path, body string) *harness.Answer {
	t.Helper()
	r := harness.Request{Method: method, Path: path, Key: secretOf(by), Body: body}
	if body != "" {
		r.Header = harness.Header("Content-Type", "application/json")
	}
	return g.Do(t, r)
}

// readAnswer reads a success, strictly.
func readAnswer[T any](t testing.TB, a *harness.Answer) (answer T) {
	t.Helper()
	require.Less(t, a.Status, 300, a.Body)
	require.Equal(t, "application/json", a.Header.Get("Content-Type"))
	require.Equal(t, "no-store", a.Header.Get("Cache-Control"))
	require.True(t, strings.HasPrefix(a.Body, `{"success":true,"data":`), a.Body)
	require.NoError(t, json.Unmarshal([]byte(a.Body), &answer))
	return answer
}

// details are those of a refusal.
func details(t testing.TB, a *harness.Answer) (d map[string]any) {
	t.Helper()
	require.NoError(t, json.Unmarshal(a.Envelope(t).Error.Details, &d))
	return d
}

// revision counts the changes of a store.
func revision(t testing.TB, admin keystore.Admin) int64 {
	t.Helper()
	events, err := admin.History(t.Context(), "", "", 1)
	require.NoError(t, err)
	require.NotEmpty(t, events)
	return events[0].Revision
}
