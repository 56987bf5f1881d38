package dashboard_test

import (
	"net/http"
	"os"
	"path/filepath"
	"strings"
	"testing"

	"github.com/stretchr/testify/require"

	"github.com/tollgate-gateway/tollgate/caddymodule/dashboard"
	"github.com/tollgate-gateway/tollgate/caddymodule/harness"
	"github.com/tollgate-gateway/tollgate/caddymodule/services"
)

// says waits until one of the problems says all of that, or (with no words) until there is none that is an error.
func says(t *testing.T, d *desk, words ...string) {
	t.Helper()
	var last []dashboard.Problem
	found := func() bool {
		last = ask[struct{ Problems []dashboard.Problem }](t, d, "status").Problems
		for _, p := range last {
			all := len(words) > 0
			for _, word := range words {
				all = all && strings.Contains(p.Text, word)
			}
			if all || len(words) == 0 && p.Severity == "error" {
				return len(words) > 0 && p.Do != "" && (p.Since > 0 || p.Severity == "warning" || strings.Contains(p.Text, "five minutes"))
			}
		}
		return len(words) == 0
	}
	require.Eventually(t, found, harness.WaitFor, 50*harness.Tick, "%v: %+v", words, &last)
}

func TestBrokenFilesAreProblems(t *testing.T) {
	setup := harness.World()
	setup.Options += "\npolicies $DIR/policies\nsecrets $DIR/secrets"
	d := &desk{Gateway: harness.New(t), admin: services.Address(services.FreePort(t)), setup: setup}
	const described = "openapi: 3.1.0\npaths: {/described: {get: {}}}\n"
	setup.Gate += "\nopenapi openapi.yaml"
	d.setup = setup
	d.WriteFile(t, "openapi.yaml", described)
	d.WriteFile(t, "keys.yaml", setup.Keys)
	const good = "package tollgate.authz\n\ndeny contains {\"code\": \"FORBIDDEN\", \"message\": \"no\", \"details\": {}} if input.request.path == \"/none\"\n"
	d.WriteFile(t, "policies/a.rego", good)
	d.WriteFile(t, "secrets/ws_acme/token", "value-of-a-secret")
	require.NoError(t, d.Load(d.text(d.admin)))
	says(t, d)

	d.WriteFile(t, "openapi.yaml", "openapi: 3.1.0\npaths: {a: {}}\n")
	says(t, d, "The OpenAPI document "+d.Dir+"/openapi.yaml as it is on disk is not taken, the last good one goes on", "openapi.yaml:2: ")
	d.WriteFile(t, "openapi.yaml", described)
	says(t, d)
	d.WriteFile(t, "policies/a.rego", "package tollgate.authz\n\ndeny contains nonsense if {\n")
	says(t, d, "The policies as they are on disk are not taken, generation 1 goes on", "a.rego:")
	d.WriteFile(t, "policies/a.rego", good)
	d.WriteFile(t, "keys.yaml", "")
	says(t, d, "The keys of file "+d.Dir+"/keys.yaml are not taken, the last good ones go on")
	require.Equal(t, 200, d.from(t, harness.CRM, "/leads").Status)
	d.WriteFile(t, "keys.yaml", setup.Keys)
	d.WriteFile(t, "secrets/ws_acme/token", "two\nlines")
	says(t, d, "The secrets as they are on disk are not taken, the last good ones go on")
	d.WriteFile(t, "secrets/ws_acme/token", "value-of-a-secret")
	says(t, d)

	d.WriteFile(t, "policies/a.rego", "package tollgate.authz\n\ndeny contains {\"code\": \"FORBIDDEN\", \"message\": \"no\", \"details\": {}} if count(input.request.headers) > 1000\n")
	require.NoError(t, os.Chmod(filepath.Join(d.Dir, "secrets/ws_acme/token"), 0o644))
	d.WriteFile(t, "secrets/ws_acme/another", "another-value") // a mode alone is no change
	says(t, d, "Policy decisions are not remembered, every request is evaluated")
	says(t, d, "secrets/ws_acme/token", "chmod o-r")
	says(t, d, "a plan in use is not configured: its workspaces are denied; plan: platinum; write: plan platinum <limit>/<duration>, or denied platinum")
	require.NotContains(t, d.send(t, "GET", "/tollgate/status", "").body, "value-of-a-secret")
}

func TestRedisAwayIsAProblem(t *testing.T) {
	server := services.Redis(t)
	for mode, words := range map[string]string{
		"local": "each gateway grants its share of the limits", "allow": "nothing is limited", "refuse": "requests are answered 503",
	} {
		t.Run(mode, func(t *testing.T) {
			setup := harness.World()
			setup.Options += "\ncounters redis " + server.URL() + " {\n on_outage " + mode + "\n prefix " + mode + "\n}"
			d := open(t, setup)
			require.Equal(t, 200, d.from(t, harness.CRM, "/leads").Status)
			says(t, d)
			server.Kill()
			for range 10 {
				d.from(t, harness.CRM, "/leads")
			}
			says(t, d, "Redis at "+server.Address()+"/0 is away, on_outage says "+mode+": "+words)
			server.Start()
			require.Eventually(t, func() bool {
				return !strings.Contains(d.send(t, "GET", "/tollgate/status", "").body, "is away, on_outage")
			}, harness.WaitFor, 50*harness.Tick)
		})
	}
}

// TestADatabaseThatIsAwayIsAProblem until it is back.
func TestADatabaseThatIsAwayIsAProblem(t *testing.T) {
	server := services.Postgres(t)
	address := server.Database()
	setup := harness.World()
	setup.Options = "keys postgres " + address + "\nplan big 100/1m"
	d := open(t, setup)
	says(t, d)
	server.Stop()
	says(t, d, "The key store postgres", "does not answer (changes): keys known good go on for 5m0s, all others are answered 503")
	require.Equal(t, 503, d.from(t, harness.CRM, "/leads").Status)
	says(t, d, "does not answer (look-ups)")
	require.Equal(t, 503, d.send(t, "GET", "/tollgate/workspaces/ws_acme", "").status)
	for question, status := range map[string]int{
		`{"method": "GET", "address": "/leads", "key_id": "key_crm"}`: 503,
		`{"method": "GET", "address": "leads", "key_id": "key_crm"}`:  400, // whatever the store says
	} {
		a := d.send(t, "POST", "/tollgate/explain", question, "Content-Type", "application/json")
		require.Equal(t, status, a.status, a.body)
		require.NotContains(t, a.body, services.PostgresPassword)
	}
	server.Start()
	require.Eventually(t, func() bool { return d.from(t, harness.CRM, "/leads").Status == 401 }, harness.WaitFor, 50*harness.Tick)
	says(t, d)
}

// TestAMovedDatabaseIsAProblem: an empty one in its place would know no key.
func TestAMovedDatabaseIsAProblem(t *testing.T) {
	setup := harness.World()
	setup.Options = "keys sqlite $DIR/tollgate.db\nplan big 100/1m"
	d := open(t, setup)
	require.Equal(t, 401, d.from(t, harness.CRM, "/leads").Status)
	says(t, d)
	require.NoError(t, os.Rename(filepath.Join(d.Dir, "tollgate.db"), filepath.Join(d.Dir, "moved.db")))
	says(t, d, "The key store sqlite "+d.Dir+"/tollgate.db does not answer")
	require.NoError(t, os.Rename(filepath.Join(d.Dir, "moved.db"), filepath.Join(d.Dir, "tollgate.db")))
	require.Eventually(t, func() bool {
		return !strings.Contains(d.send(t, "GET", "/tollgate/status", "").body, "does not answer")
	}, harness.WaitFor, 50*harness.Tick)
}

func TestABackendThatFailsIsAProblem(t *testing.T) {
	setup := harness.World()
	setup.Gate += "route GET /away\n"
	setup.Then = "handle /away {\n reverse_proxy 127.0.0.1:1\n}\nhandle {\n reverse_proxy $BACKEND\n}"
	d := open(t, setup)
	d.Backend.Answer(func(w http.ResponseWriter, _ *http.Request) { w.WriteHeader(http.StatusInternalServerError) })
	for range 60 {
		d.from(t, harness.CRM, "/leads")
		d.from(t, harness.CRM, "/away")
		for range 30 { // what is refused hides nothing
			d.from(t, "", "/leads")
		}
	}
	says(t, d, "The backend answered ", "requests with a 5xx in the last five minutes.")
	says(t, d, "The gateway answered ", "requests with a 5xx of its own in the last five minutes.")
}
