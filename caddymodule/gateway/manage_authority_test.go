package gateway_test

import (
	"crypto/rand"
	"maps"
	"slices"
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

// attempt is a row of the table of who may do what: who asks for what, and what comes of it.
type attempt struct {
	name, by, method, path, body string
	status                       int
	wrong                        string // the names in a refusal's details
}

// mayRead: who sees whose keys.
var mayRead = []attempt{
	{name: "no scope/list", by: "key_none", method: "GET", path: "/keys", status: 403, wrong: "missing_scopes"},
	{name: "no scope/show", by: "key_none", method: "GET", path: "/keys/key_weak", status: 403, wrong: "missing_scopes"},
	{name: "no scope/show itself", by: "key_none", method: "GET", path: "/keys/key_none", status: 403, wrong: "missing_scopes"},
	{name: "no scope/show another's", by: "key_none", method: "GET", path: "/keys/key_theirs", status: 403, wrong: "missing_scopes"},
	{name: "write only/list", by: "key_writer", method: "GET", path: "/keys", status: 403, wrong: "missing_scopes"},
	{name: "reader/list", by: "key_reader", method: "GET", path: "/keys", status: 200},
	{name: "reader/list, HEAD", by: "key_reader", method: "HEAD", path: "/keys", status: 200},
	{name: "reader/list own by name", by: "key_reader", method: "GET", path: "/keys?workspace=ws_acme", status: 200},
	{name: "reader/show", by: "key_reader", method: "GET", path: "/keys/key_strong", status: 200},
	{name: "reader/show revoked", by: "key_reader", method: "GET", path: "/keys/key_revoked", status: 200},
	{name: "reader/show another's", by: "key_reader", method: "GET", path: "/keys/key_theirs", status: 404},
	{name: "reader/show none", by: "key_reader", method: "GET", path: "/keys/key_nobodys", status: 404},
	{name: "reader/show no id", by: "key_reader", method: "GET", path: "/keys/%C3%A4", status: 404},
	{name: "reader/list another's", by: "key_reader", method: "GET", path: "/keys?workspace=ws_globex", status: 404},
	{name: "reader/list of none", by: "key_reader", method: "GET", path: "/keys?workspace=ws_nobodys", status: 404},
	{name: "reader/list of all", by: "key_reader", method: "GET", path: "/keys?workspace=*", status: 400, wrong: "workspace"},
	{name: "star/list", by: "key_star", method: "GET", path: "/keys", status: 200},
	{name: "star/show another's", by: "key_star", method: "GET", path: "/keys/key_theirs", status: 404},
	{name: "star/list another's", by: "key_star", method: "GET", path: "/keys?workspace=ws_globex", status: 404},
	{name: "admin/list own", by: "key_admin", method: "GET", path: "/keys", status: 200},
	{name: "admin/list another's", by: "key_admin", method: "GET", path: "/keys?workspace=ws_globex", status: 200},
	{name: "admin/list of all", by: "key_admin", method: "GET", path: "/keys?workspace=*", status: 200},
	{name: "admin/list of none", by: "key_admin", method: "GET", path: "/keys?workspace=ws_nobodys", status: 404},
	{name: "admin/show another's", by: "key_admin", method: "GET", path: "/keys/key_theirs", status: 200},
	{name: "auditor/show another's", by: "key_auditor", method: "GET", path: "/keys/key_theirs", status: 200},
	{name: "tollgate.*/show another's", by: "key_all_tollgate", method: "GET", path: "/keys/key_theirs", status: 200},
}

// mayMake: who makes which keys.
var mayMake = []attempt{
	{name: "no scope", by: "key_none", method: "POST", path: "/keys", body: `{}`, status: 403, wrong: "missing_scopes"},
	{name: "reader", by: "key_reader", method: "POST", path: "/keys", body: `{}`, status: 403, wrong: "missing_scopes"},
	{name: "writer/nothing at all", by: "key_writer", method: "POST", path: "/keys", status: 201},
	{name: "writer/what it holds", by: "key_writer", method: "POST", path: "/keys", body: `{"scopes":["agent.leads.read"]}`, status: 201},
	{name: "writer/its own power", by: "key_writer", method: "POST", path: "/keys", body: `{"scopes":["tollgate.keys.write"]}`, status: 201},
	{name: "writer/reading", by: "key_writer", method: "POST", path: "/keys",
		body: `{"scopes":["tollgate.keys.read"]}`, status: 403, wrong: "scopes"},
	{name: "writer/one of two", by: "key_writer", method: "POST", path: "/keys",
		body: `{"scopes":["agent.leads.read","agent.leads.write"]}`, status: 403, wrong: "scopes"},
	{name: "writer/wildcard above it", by: "key_writer", method: "POST", path: "/keys",
		body: `{"scopes":["agent.leads.*"]}`, status: 403, wrong: "scopes"},
	{name: "owner/its wildcard", by: "key_owner", method: "POST", path: "/keys",
		body: `{"scopes":["agent.leads.*","tollgate.keys.*"]}`, status: 201},
	{name: "owner/wildcard below it", by: "key_owner", method: "POST", path: "/keys", body: `{"scopes":["agent.leads.deep.*"]}`, status: 201},
	{name: "owner/wildcard above it", by: "key_owner", method: "POST", path: "/keys",
		body: `{"scopes":["agent.*"]}`, status: 403, wrong: "scopes"},
	{name: "owner/the wildcard's name", by: "key_owner", method: "POST", path: "/keys",
		body: `{"scopes":["agent.leads"]}`, status: 403, wrong: "scopes"},
	{name: "owner/everything", by: "key_owner", method: "POST", path: "/keys", body: `{"scopes":["*"]}`, status: 403, wrong: "scopes"},
	{name: "owner/administration", by: "key_owner", method: "POST", path: "/keys",
		body: `{"scopes":["tollgate.admin.read"]}`, status: 403, wrong: "scopes"},
	{name: "owner/own workspace by name", by: "key_owner", method: "POST", path: "/keys", body: `{"workspace":"ws_acme"}`, status: 201},
	{name: "owner/another's workspace", by: "key_owner", method: "POST", path: "/keys", body: `{"workspace":"ws_globex"}`, status: 404},
	{name: "owner/no workspace", by: "key_owner", method: "POST", path: "/keys", body: `{"workspace":"ws_nobodys"}`, status: 404},
	{name: "star/everything", by: "key_star", method: "POST", path: "/keys",
		body: `{"scopes":["*","agent.*","tollgate.keys.*"]}`, status: 201},
	{name: "star/administration", by: "key_star", method: "POST", path: "/keys",
		body: `{"scopes":["tollgate.admin.*"]}`, status: 403, wrong: "scopes"},
	{name: "star/administration by a wildcard", by: "key_star", method: "POST", path: "/keys",
		body: `{"scopes":["tollgate.*"]}`, status: 403, wrong: "scopes"},
	{name: "star/another's workspace", by: "key_star", method: "POST", path: "/keys", body: `{"workspace":"ws_globex"}`, status: 404},
	{name: "admin/another's workspace", by: "key_admin", method: "POST", path: "/keys",
		body: `{"workspace":"ws_globex","scopes":["agent.*"]}`, status: 201},
	{name: "admin/what it does not hold", by: "key_admin", method: "POST", path: "/keys",
		body: `{"workspace":"ws_globex","scopes":["konecty.*"]}`, status: 403, wrong: "scopes"},
	{name: "admin/no workspace", by: "key_admin", method: "POST", path: "/keys", body: `{"workspace":"ws_nobodys"}`, status: 404},
	{name: "auditor/own workspace", by: "key_auditor", method: "POST", path: "/keys", body: `{}`, status: 201},
	{name: "auditor/another's workspace", by: "key_auditor", method: "POST", path: "/keys", body: `{"workspace":"ws_globex"}`, status: 404},
	{name: "boxed/from anywhere, without an end", by: "key_boxed", method: "POST", path: "/keys",
		body: `{}`, status: 403, wrong: "allowed_ips"},
	{name: "boxed/without an end", by: "key_boxed", method: "POST", path: "/keys", body: `{"allowed_ips":["127.0.0.1"]}`, status: 201},
	{name: "boxed/wider allowlist", by: "key_boxed", method: "POST", path: "/keys",
		body: `{"allowed_ips":["127.0.0.1","128.0.0.0/8"],"expires_at":"$END"}`, status: 403, wrong: "allowed_ips"},
	{name: "boxed/whole internet", by: "key_boxed", method: "POST", path: "/keys",
		body: `{"allowed_ips":["0.0.0.0/0"],"expires_at":"$END"}`, status: 403, wrong: "allowed_ips"},
	{name: "boxed/other family", by: "key_boxed", method: "POST", path: "/keys",
		body: `{"allowed_ips":["::/0"],"expires_at":"$END"}`, status: 403, wrong: "allowed_ips"},
	{name: "boxed/later end", by: "key_boxed", method: "POST", path: "/keys",
		body: `{"allowed_ips":["127.0.0.1"],"expires_at":"2090-01-01T00:00:00Z"}`, status: 403, wrong: "expires_at"},
	{name: "boxed/within all of it", by: "key_boxed", method: "POST", path: "/keys",
		body: `{"scopes":["agent.leads.read"],"allowed_ips":["127.0.0.1","127.1.0.0/16"],"expires_at":"$END"}`, status: 201},
}

// mayChange: who changes which keys. $KEY is a key made for the row, like the one of the world that it is named by.
var mayChange = []attempt{
	{name: "no scope", by: "key_none", method: "PATCH", path: "key_weak", body: `{"name":"x"}`, status: 403, wrong: "missing_scopes"},
	{name: "reader", by: "key_reader", method: "DELETE", path: "key_weak", status: 403, wrong: "missing_scopes"},
	{name: "writer/rename stronger", by: "key_writer", method: "PATCH", path: "key_strong", body: `{"name":"x"}`, status: 200},
	{name: "writer/narrow stronger", by: "key_writer", method: "PATCH", path: "key_strong",
		body: `{"scopes":["agent.leads.*"],"allowed_ips":["10.0.0.1"],"expires_at":"$END"}`, status: 200},
	{name: "writer/disable stronger", by: "key_writer", method: "PATCH", path: "key_strong", body: `{"disabled":true}`, status: 200},
	{name: "writer/revoke stronger", by: "key_writer", method: "DELETE", path: "key_strong", status: 200},
	{name: "writer/enable stronger", by: "key_writer", method: "PATCH", path: "key_off",
		body: `{"disabled":false}`, status: 403, wrong: "scopes"},
	{name: "writer/enable and narrow stronger", by: "key_writer", method: "PATCH", path: "key_off",
		body: `{"disabled":false,"scopes":["agent.leads.read"]}`, status: 200},
	{name: "writer/add what it does not hold", by: "key_writer", method: "PATCH", path: "key_weak",
		body: `{"scopes":["agent.leads.read","agent.leads.write"]}`, status: 403, wrong: "scopes"},
	{name: "writer/add what it holds to weak", by: "key_writer", method: "PATCH", path: "key_weak",
		body: `{"scopes":["agent.leads.read","tollgate.keys.write"]}`, status: 200},
	{name: "writer/add what it holds to stronger", by: "key_writer", method: "PATCH", path: "key_strong",
		body: `{"scopes":["agent.*","tollgate.keys.write"]}`, status: 403, wrong: "scopes"},
	{name: "writer/unbox stronger", by: "key_writer", method: "PATCH", path: "key_local",
		body: `{"allowed_ips":[]}`, status: 403, wrong: "scopes"},
	{name: "writer/prolong stronger", by: "key_writer", method: "PATCH", path: "key_local",
		body: `{"expires_at":null}`, status: 403, wrong: "scopes"},
	{name: "writer/rotate stronger", by: "key_writer", method: "POST", path: "key_strong/rotate", status: 403, wrong: "scopes"},
	{name: "writer/rotate weak", by: "key_writer", method: "POST", path: "key_weak/rotate", status: 200},
	{name: "star/unbox", by: "key_star", method: "PATCH", path: "key_local", body: `{"allowed_ips":[],"expires_at":null}`, status: 200},
	{name: "boxed/rename free", by: "key_boxed", method: "PATCH", path: "key_weak", body: `{"name":"x"}`, status: 200},
	{name: "boxed/rotate free", by: "key_boxed", method: "POST", path: "key_weak/rotate", status: 403, wrong: "allowed_ips expires_at"},
	{name: "boxed/add to free", by: "key_boxed", method: "PATCH", path: "key_weak",
		body: `{"scopes":["agent.leads.*"]}`, status: 403, wrong: "allowed_ips expires_at"},
	{name: "owner/change another's", by: "key_owner", method: "PATCH", path: "key_theirs", body: `{"name":"x"}`, status: 404},
	{name: "owner/revoke another's", by: "key_owner", method: "DELETE", path: "key_theirs", status: 404},
	{name: "owner/rotate another's", by: "key_owner", method: "POST", path: "key_theirs/rotate", status: 404},
	{name: "star/change another's", by: "key_star", method: "PATCH", path: "key_theirs", body: `{"name":"x"}`, status: 404},
	{name: "star/revoke another's", by: "key_star", method: "DELETE", path: "key_theirs", status: 404},
	{name: "auditor/revoke another's", by: "key_auditor", method: "DELETE", path: "key_theirs", status: 404},
	{name: "admin/change another's", by: "key_admin", method: "PATCH", path: "key_theirs",
		body: `{"name":"x","scopes":["agent.*"]}`, status: 200},
	{name: "admin/add what it does not hold", by: "key_admin", method: "PATCH", path: "key_theirs",
		body: `{"scopes":["konecty.read"]}`, status: 403, wrong: "scopes"},
	{name: "admin/rotate another's", by: "key_admin", method: "POST", path: "key_theirs/rotate", body: `{"grace":"0s"}`, status: 200},
	{name: "admin/revoke another's", by: "key_admin", method: "DELETE", path: "key_theirs", status: 200},
}

func TestWhoMayManageWhichKeys(t *testing.T) {
	t.Run("SQLite", func(t *testing.T) {
		g, admin := managedSQLite(t)
		tryAll(t, g, admin)
	})
	t.Run("PostgreSQL", func(t *testing.T) {
		address := services.Postgres(t).Database()
		admin, err := postgres.New(address)
		require.NoError(t, err)
		t.Cleanup(func() { require.NoError(t, admin.Close()) })
		managedWorld(t, admin)
		t.Setenv("TOLLGATE_TEST_DSN", address)
		g := harness.New(t)
		require.NoError(t, g.Load(managed("keys postgres {env.TOLLGATE_TEST_DSN}").Caddyfile()))
		tryAll(t, g, admin)
		require.NotContains(t, g.ReadFile(t, "caddy.log"), services.PostgresPassword)
	})
}

func tryAll(t *testing.T, g *harness.Gateway, admin keystore.Admin) {
	for _, a := range mayRead {
		t.Run("read/"+a.name, func(t *testing.T) { a.try(t, g, admin) })
	}
	for _, a := range mayMake {
		t.Run("make/"+a.name, func(t *testing.T) { a.try(t, g, admin) })
	}
	for _, a := range mayChange {
		t.Run("change/"+a.name, func(t *testing.T) {
			id, operation, _ := strings.Cut(a.path, "/")
			a.path = "/keys/" + copied(t, admin, id)
			if operation != "" {
				a.path += "/" + operation
			}
			a.try(t, g, admin)
		})
	}
}

// try sends the request and requires that a refusal has changed nothing, and a change is in the history by its key.
func (a *attempt) try(t *testing.T, g *harness.Gateway, admin keystore.Admin) {
	before := revision(t, admin)
	g.Backend.Seen()
	answer := ask(t, g, a.by, a.method, a.path, strings.ReplaceAll(a.body, "$END", end.Format(time.RFC3339)))
	require.Equal(t, a.status, answer.Status, answer.Body)
	require.Empty(t, g.Backend.Seen(), "the backend never sees the management of keys")
	answer.CheckLimits(t, harness.Workspace)
	if answer.Status >= 400 {
		codes := map[int]string{400: "VALIDATION_ERROR", 403: "FORBIDDEN", 404: "NOT_FOUND"}
		answer.CheckEnvelope(t, codes[answer.Status], false)
		require.ElementsMatch(t, strings.Fields(a.wrong), slices.Collect(maps.Keys(details(t, answer))))
		require.Equal(t, before, revision(t, admin), "a refusal changes nothing")
		return
	}
	if a.method == "GET" || a.method == "HEAD" {
		require.Equal(t, before, revision(t, admin))
		require.NotContains(t, answer.Body, `"secret"`)
		return
	}
	made := readAnswer[keyAnswer](t, answer).Data
	events, err := admin.History(t.Context(), "", made.ID, 1)
	require.NoError(t, err)
	require.Equal(t, before+1, events[0].Revision, "one change")
	require.Equal(t, "key "+a.by, events[0].By)
	require.Equal(t, a.method == "POST", made.Secret != "", "a secret is shown where one was made")
}

// copied makes a key like one of the world.
func copied(t *testing.T, admin keystore.Admin, id string) string {
	t.Helper()
	original, err := admin.Key(t.Context(), id)
	require.NoError(t, err)
	key := original.Key
	key.ID += "_" + rand.Text()
	require.NoError(t, admin.CreateKeys(t.Context(), keystore.Act{By: "test", Action: "copy"}, original.Workspace,
		[]keystore.NewKey{{Key: key, Sum: record.SumOf(secretOf(key.ID))}}))
	return key.ID
}
