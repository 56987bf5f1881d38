package gateway_test

import (
	"context"
	"strings"
	"testing"
	"time"

	"github.com/caddyserver/caddy/v2"
	"github.com/caddyserver/caddy/v2/caddyconfig/caddyfile"
	"github.com/stretchr/testify/require"

	"github.com/tollgate-gateway/tollgate/caddymodule/harness"
	"github.com/tollgate-gateway/tollgate/caddymodule/keystore"
	"github.com/tollgate-gateway/tollgate/caddymodule/record"
)

// TestLifeOfAManagedKey: what is done to a key over HTTP holds on this gateway, and its secrets are shown once.
func TestLifeOfAManagedKey(t *testing.T) {
	g, admin := managedSQLite(t)
	use := func(secret string) int { return g.Do(t, harness.Request{Path: "/leads", Key: secret}).Status }
	holds := func(secret string, status int, what string) {
		t.Helper()
		require.Equal(t, status, use(secret), "A21: %s, from the next request on", what)
	}
	made := readAnswer[keyAnswer](t, ask(t, g, "key_owner", "POST", "/keys",
		`{"name":"crm","scopes":["agent.leads.read"],"allowed_ips":["127.0.0.1"],"expires_at":"`+end.Format(time.RFC3339)+`"}`)).Data
	require.Equal(t, "ws_acme", made.Workspace)
	require.Equal(t, []string{"127.0.0.1/32"}, made.AllowedIPs)
	require.Equal(t, end, made.ExpiresAt.UTC())
	require.Equal(t, "active", made.State)
	require.Regexp(t, `^tg_[0-9A-Za-z]{40}$`, made.Secret)
	require.Equal(t, 200, use(made.Secret), "a new key works at once")

	path := "/keys/" + made.ID
	shown := readAnswer[keyAnswer](t, ask(t, g, "key_reader", "GET", path, "")).Data
	require.Empty(t, shown.Secret)
	require.Equal(t, made.CreatedAt, shown.CreatedAt)

	readAnswer[keyAnswer](t, ask(t, g, "key_owner", "PATCH", path, `{"disabled":true}`))
	holds(made.Secret, 401, "disabled")
	readAnswer[keyAnswer](t, ask(t, g, "key_owner", "PATCH", path, `{"disabled":false}`))
	holds(made.Secret, 200, "enabled")
	readAnswer[keyAnswer](t, ask(t, g, "key_owner", "PATCH", path, `{"scopes":[]}`))
	holds(made.Secret, 403, "without scopes")
	readAnswer[keyAnswer](t, ask(t, g, "key_owner", "PATCH", path, `{"scopes":["agent.leads.*"],"allowed_ips":[],"expires_at":null}`))
	holds(made.Secret, 200, "widened")

	rotated := readAnswer[keyAnswer](t, ask(t, g, "key_owner", "POST", path+"/rotate", `{"grace":"1h"}`)).Data
	require.Equal(t, made.ID, rotated.ID)
	require.NotEqual(t, made.Secret, rotated.Secret)
	require.Len(t, rotated.Secrets, 2)
	require.Equal(t, []int{200, 200}, []int{use(made.Secret), use(rotated.Secret)}, "both live for the grace")
	last := readAnswer[keyAnswer](t, ask(t, g, "key_owner", "POST", path+"/rotate", `{"grace":"0s"}`)).Data
	holds(rotated.Secret, 401, "rotated away")
	holds(made.Secret, 401, "rotated away before")
	require.Equal(t, 200, use(last.Secret))

	revoked := readAnswer[keyAnswer](t, ask(t, g, "key_owner", "DELETE", path, "")).Data
	require.Equal(t, "revoked", revoked.State)
	holds(last.Secret, 401, "revoked")
	again := readAnswer[keyAnswer](t, ask(t, g, "key_owner", "DELETE", path, "")).Data
	require.Equal(t, revoked.RevokedAt, again.RevokedAt, "revoking again changes nothing")
	for _, r := range [][2]string{{"PATCH", path}, {"POST", path + "/rotate"}} {
		a := ask(t, g, "key_owner", r[0], r[1], `{}`)
		require.Equal(t, 400, a.Status, "a revoked key stays so")
		require.Contains(t, details(t, a), "id")
	}
	require.Equal(t, "revoke rotate rotate change change change change create", done(t, admin, made.ID, "key key_owner"))
	for _, log := range []string{"caddy.log", "access.log"} {
		for _, secret := range []string{made.Secret, rotated.Secret, last.Secret} {
			require.NotContains(t, g.ReadFile(t, log), secret)
		}
	}
}

// done are the changes of a key, the newest first, all of them by one.
func done(t *testing.T, admin keystore.Admin, key, by string) string {
	t.Helper()
	events, err := admin.History(t.Context(), "", key, 100)
	require.NoError(t, err)
	words := make([]string, len(events))
	for i, e := range events {
		require.Equal(t, by, e.By)
		words[i] = strings.TrimPrefix(e.Action, "key ")
	}
	return strings.Join(words, " ")
}

func TestManagedKeysComeInPages(t *testing.T) {
	g, admin := managedSQLite(t)
	for workspace, owner := range map[string]string{"ws_acme": "key_reader", "*": "key_admin"} {
		all, err := admin.Keys(t.Context(), strings.TrimPrefix(workspace, "*"), "", 100)
		require.NoError(t, err)
		var want, got []string
		for _, key := range all {
			want = append(want, key.ID)
		}
		for path := "/keys?limit=4&workspace=" + workspace; path != ""; {
			page := readAnswer[keysAnswer](t, ask(t, g, owner, "GET", path, ""))
			require.LessOrEqual(t, len(page.Data), 4)
			require.Equal(t, 4, page.Pagination.Limit)
			for _, key := range page.Data {
				got = append(got, key.ID)
			}
			if path = ""; page.Pagination.Next != nil {
				path = "/keys?limit=4&workspace=" + workspace + "&after=" + *page.Pagination.Next
			}
		}
		require.Equal(t, want, got)
	}
	require.Equal(t, 50, readAnswer[keysAnswer](t, ask(t, g, "key_reader", "GET", "/keys", "")).Pagination.Limit)
}

// TestTheCallerIsTheGates: nothing that a request says of itself makes it another's.
func TestTheCallerIsTheGates(t *testing.T) {
	g, _ := managedSQLite(t)
	a := g.Do(t, harness.Request{Path: "/keys/key_theirs", Key: secretOf("key_reader"), Header: harness.Header(
		"X-Tollgate-Workspace", "ws_globex", "X-Tollgate-Key", "key_admin", "X-Tollgate-Scopes", "tollgate.admin.*",
		"X-HTTP-Method-Override", "DELETE", "X-Original-URL", "/keys/key_weak")})
	require.Equal(t, 404, a.Status)
	require.Equal(t, 200, ask(t, g, "key_reader", "GET", "/keys/key_weak", "").Status, "it lives")
	require.Equal(t, 401, g.Do(t, harness.Request{Path: "/keys"}).Status, "nobody without a key")
	missing := ask(t, g, "key_reader", "GET", "/keys/key_nobodys", "")
	require.Equal(t, missing.Body, a.Body, "another's key and none are answered alike")
	missing = ask(t, g, "key_owner", "POST", "/keys", `{"workspace":"ws_nobodys"}`)
	require.Equal(t, missing.Body, ask(t, g, "key_owner", "POST", "/keys", `{"workspace":"ws_globex"}`).Body, "so are workspaces")
}

func TestBodiesOfKeyManagement(t *testing.T) {
	g, admin := managedSQLite(t)
	before := revision(t, admin)
	post := func(body string, pairs ...string) *harness.Answer {
		return g.Do(t, harness.Request{Method: "POST", Path: "/keys", Key: secretOf("key_owner"), Body: body, Header: harness.Header(pairs...)})
	}
	require.Equal(t, 413, post(`{"name":"`+strings.Repeat("x", 128<<10)+`"}`, "Content-Type", "application/json").Status)
	require.Equal(t, 400, post(`{}`).Status, "no type")
	require.Equal(t, 400, post(`name=x`, "Content-Type", "application/x-www-form-urlencoded").Status)
	require.Equal(t, 400, post(`{}`, "Content-Type", "application/json", "Content-Encoding", "gzip").Status)
	require.Equal(t, 400, post(`{"name":"a","name":"b"}`, "Content-Type", "application/json").Status)
	require.Equal(t, before, revision(t, admin), "nothing was written")
	require.Equal(t, 201, post(`{}`, "Content-Type", "application/merge-patch+json; charset=utf-8").Status)
}

func TestAKeysFileIsEditedByHand(t *testing.T) {
	setup := managed("keys file $DIR/keys.yaml")
	setup.Keys = "workspaces:\n  - id: ws_acme\n    plan: big\n    keys:\n" +
		"      - {id: key_owner, sha256: $SHA(the-secret-of-key_owner), scopes: [\"tollgate.keys.*\"]}\n"
	g := harness.Start(t, setup)
	require.Equal(t, "key_owner", readAnswer[keysAnswer](t, ask(t, g, "key_owner", "GET", "/keys", "")).Data[0].ID)
	for _, r := range [][3]string{
		{"POST", "/keys", `{}`}, {"PATCH", "/keys/key_owner", `{"name":"x"}`}, {"DELETE", "/keys/key_owner", ""}, {"POST", "/keys/key_owner/rotate", ""},
	} {
		a := ask(t, g, "key_owner", r[0], r[1], r[2])
		require.Equal(t, 403, a.Status, a.Body)
		a.CheckEnvelope(t, "FORBIDDEN", false)
		require.Contains(t, a.Envelope(t).Error.Message, "the keys file is edited by hand")
		require.NotContains(t, a.Body, g.Dir, "where the file lies is nobody's business")
	}
}

func TestKeyManagementNeedsAGate(t *testing.T) {
	g := harness.New(t)
	site := "{\n admin off\n log default {\n  output file $DIR/caddy.log\n }\n tollgate {\n  keys sqlite $DIR/tollgate.db\n }\n}\nhttp://:$PORT {\n "
	const gateOfSome = "route {\n route /some* {\n tollgate {\n }\n }\n tollgate_keys /keys\n }\n"
	for name, then := range map[string]string{ // where it is seen, it is not loaded
		"no gate":         "tollgate_keys /keys\n",
		"before the gate": "route {\n tollgate_keys /keys\n tollgate {\n route GET /keys\n }\n }\n",
		"beside the gate": "handle /x {\n tollgate {\n }\n }\n handle {\n tollgate_keys /keys\n }\n",
	} {
		t.Run(name, func(t *testing.T) {
			require.ErrorContains(t, g.Load(site+then+"}\n"), "tollgate_keys stands behind no gate")
		})
	}
	for name, then := range map[string]string{
		"a gate of others":  gateOfSome,
		"variable by hand":  "vars tollgate.judged admin\n " + gateOfSome,
		"in an error route": "error /keys 503\n handle_errors {\n tollgate_keys /keys\n }\n",
	} {
		t.Run(name, func(t *testing.T) {
			require.NoError(t, g.Load(site+then+"}\n"))
			before := strings.Count(g.ReadFile(t, "caddy.log"), "stands behind no gate")
			a := g.Do(t, harness.Request{Path: "/keys", Key: secretOf("key_admin")})
			require.GreaterOrEqual(t, a.Status, 500)
			require.Empty(t, a.Body)
			require.Eventually(t, func() bool {
				return strings.Count(g.ReadFile(t, "caddy.log"), "stands behind no gate") > before
			}, harness.WaitFor, harness.Tick, "the log says why")
		})
	}
	t.Run("public route", func(t *testing.T) {
		g, _ := managedSQLite(t)
		setup := managed("keys sqlite $DIR/tollgate.db")
		setup.Gate = "public GET /keys\n"
		require.NoError(t, g.Load(setup.Caddyfile()))
		g.Run(t, []harness.Case{{
			Name: "answers nobody", Request: harness.Request{Path: "/keys", Key: secretOf("key_admin")},
			Status: 500, Code: "INTERNAL_ERROR", Limits: harness.NoLimits,
		}})
		require.Eventually(t, func() bool { return harness.Contains(g.ReadFile(t, "caddy.log"), "reached by a public route") }, harness.WaitFor, harness.Tick)
	})
}

// TestOtherPathsGoOn: the handler takes its own path, in its own letters, and nothing else.
func TestOtherPathsGoOn(t *testing.T) {
	g, _ := managedSQLite(t)
	setup := managed("keys sqlite $DIR/tollgate.db")
	setup.Gate += "route GET /keysmith\nroute GET /KEYS\nroute GET /api/keys\n"
	setup.Then = "handle_path /api/* {\n tollgate_keys /keys\n }\n tollgate_keys /keys\n" +
		"reverse_proxy $BACKEND {\n header_up X-Judged {http.vars.tollgate.judged}\n }"
	require.NoError(t, g.Load(setup.Caddyfile()))
	for _, path := range []string{"/any", "/keysmith", "/KEYS"} {
		require.Equal(t, "ok", ask(t, g, "key_star", "GET", path, "").Body, path)
	}
	for _, seen := range g.Backend.Seen() {
		require.Equal(t, "allowed", seen.Header.Get("X-Judged"), "the variable shows nothing of the request")
	}
	require.Equal(t, 200, ask(t, g, "key_reader", "GET", "/api/keys", "").Status, "served at another path by handle_path")
	require.Equal(t, 404, ask(t, g, "key_owner", "PUT", "/keys/key_weak", `{}`).Status, "a method that is none of ours")
	require.Equal(t, 404, ask(t, g, "key_owner", "GET", "/keys/key_weak/rotate", "").Status)
	require.Equal(t, 404, ask(t, g, "key_owner", "GET", "/keys/key_weak/history", "").Status, "no route of the gate")
	require.Empty(t, g.Backend.Seen())
}

// TestKeyManagementMistakes: whatever is wrong is refused when the Caddyfile is read, with file and line.
func TestKeyManagementMistakes(t *testing.T) {
	for name, m := range map[string]mistake{
		"no path":        {"tollgate_keys", "write one path"},
		"two paths":      {"tollgate_keys /a /b", "write one path"},
		"matcher":        {"tollgate_keys /a/* /b", "write one path"},
		"block":          {"tollgate_keys /a {\n  x\n }", "unknown option 'x'"},
		"no slash":       {"tollgate_keys keys", "path 'keys' is not valid"},
		"root":           {"tollgate_keys /", "path '/' is not valid"},
		"final slash":    {"tollgate_keys /keys/", "path '/keys/' is not valid"},
		"star":           {"tollgate_keys /keys/*", "path '/keys/*' is not valid"},
		"parameter":      {"tollgate_keys /:ws/keys", "path '/:ws/keys' is not valid"},
		"placeholder":    {"tollgate_keys /{env.X}", "is not valid"},
		"two slashes":    {"tollgate_keys /a//b", "path '/a//b' is not valid"},
		"dots":           {"tollgate_keys /a/../b", "path '/a/../b' is not valid"},
		"encoded letter": {"tollgate_keys /%61", "path '/%61' is not valid"},
	} {
		t.Run("refuses/"+name, func(t *testing.T) {
			_, err := harness.Adapt(":8080 {\n "+m.text+"\n}\n", "/etc/caddy/Caddyfile")
			require.ErrorContains(t, err, m.want)
			require.ErrorContains(t, err, "/etc/caddy/Caddyfile:", "the error names file and line")
		})
	}
}

// mute is a key store that answers look-ups and cannot be managed.
type mute struct{}

func init() { caddy.RegisterModule(mute{}) }

func (mute) CaddyModule() caddy.ModuleInfo {
	return caddy.ModuleInfo{ID: "tollgate.keys.mute", New: func() caddy.Module { return new(mute) }}
}
func (mute) UnmarshalCaddyfile(d *caddyfile.Dispenser) error { d.Next(); return nil }
func (mute) Place() string                                   { return "nowhere" }
func (mute) Identity() string                                { return "mute" }
func (mute) Open(func(error), bool) (keystore.Store, error)  { return lookups{}, nil }

// lookups is its store: an empty one.
type lookups struct{}

func (lookups) Lookup(context.Context, record.Sum) (*record.Identity, error) {
	return nil, keystore.ErrUnknown
}
func (lookups) Changes(ctx context.Context, _ keystore.Position) (keystore.Changes, error) {
	<-ctx.Done()
	return keystore.Changes{}, ctx.Err()
}
func (lookups) Close() error   { return nil }
func (lookups) String() string { return "nowhere" }

func TestAStoreThatCannotBeManagedIsAConfigError(t *testing.T) {
	g := harness.New(t)
	err := g.Load(managed("keys mute").Caddyfile())
	require.ErrorContains(t, err, "the key store (nowhere) cannot be managed")
	require.Regexp(t, g.Dir+`/Caddyfile:\d+: tollgate_keys`, err.Error())
	setup := managed("keys mute")
	setup.Then = ""
	require.NoError(t, g.Load(setup.Caddyfile()), "without management it serves")
	require.Equal(t, 401, g.Do(t, harness.Request{Path: "/any", Key: harness.Unknown}).Status)
}
