package dashboard_test

import (
	"encoding/json"
	"fmt"
	"strings"
	"testing"

	"github.com/stretchr/testify/require"

	"github.com/tollgate-gateway/tollgate/caddymodule/gateway"
	"github.com/tollgate-gateway/tollgate/caddymodule/harness"
	"github.com/tollgate-gateway/tollgate/caddymodule/status"
)

// refused is the answer of /tollgate/refusals.
type refused struct {
	Total    uint64
	Refusals []status.Refusal
}

// TestRefusalsSayWhy: what all reads FORBIDDEN or UNAUTHORIZED to the caller is told apart here, and the key is named.
func TestRefusalsSayWhy(t *testing.T) {
	d := open(t, harness.World())
	for _, c := range []struct{ secret, path, status, reason, key, workspace string }{
		{harness.Expired, "/leads", "401 UNAUTHORIZED", "expired", "key_expired", ""},
		{harness.Disabled, "/leads", "401 UNAUTHORIZED", "disabled", "key_disabled", ""},
		{harness.Unknown, "/leads", "401 UNAUTHORIZED", "unknown_key", "", ""},
		{"", "/leads", "401 UNAUTHORIZED", "no_key", "", ""},
		{harness.Reader, "/both", "403 FORBIDDEN", "missing_scope", "key_reader", "ws_acme"},
		{harness.Elsewhere, "/leads", "403 FORBIDDEN", "address", "key_elsewhere", "ws_acme"},
		{harness.Denied, "/leads", "403 FORBIDDEN", "plan", "key_denied", "ws_trial"},
		{harness.CRM, "/nothing", "404 NOT_FOUND", "unknown_route", "key_crm", "ws_acme"},
	} {
		id := d.from(t, c.secret, c.path).Header.Get("X-Request-Id")
		found := ask[refused](t, d, "refusals?request_id="+id).Refusals
		require.Len(t, found, 1, c.reason)
		one := found[0]
		require.Equal(t, []string{c.status, c.reason, c.key, c.workspace, "GET"},
			[]string{fmt.Sprint(one.Status, " ", one.Code), one.Reason, one.Key, one.Workspace, one.Method})
		require.Equal(t, "127.0.0.1", one.Address.String())
		if c.reason == "missing_scope" {
			require.Equal(t, []string{"agent.leads.write"}, one.MissingScopes)
			require.Equal(t, "/both", one.Route)
		}
	}
	require.Empty(t, ask[refused](t, d, "refusals?request_id="+d.from(t, harness.CRM, "/leads").Header.Get("X-Request-Id")).Refusals)
	require.Len(t, ask[refused](t, d, "refusals?n=3").Refusals, 3)
	require.Len(t, ask[refused](t, d, "refusals?workspace=ws_trial&reason=plan&n=1").Refusals, 1)
}

func TestStatusRoutesAndWorkspaces(t *testing.T) {
	d := open(t, harness.World())
	type routes []struct {
		Pattern  string
		Methods  []string
		Scopes   []string
		Source   string
		Requests uint64
		Refused  uint64
		Backend  struct {
			P50 *float64 `json:"p50_ms"`
		}
	}
	type workspaces struct {
		Busiest, Most_refused []struct {
			ID                string
			Plan              string
			Denied            bool
			Requests, Refused int64
			Windows           []struct {
				Window    string
				Remaining int64
			}
		}
	}
	before := ask[gateway.State](t, d, "status")
	for range 3 {
		require.Equal(t, 200, d.from(t, harness.Globex, "/leads/1").Status)
	}
	require.Equal(t, 403, d.from(t, harness.Globex, "/files/a").Status)
	d.from(t, harness.Denied, "/leads/1")

	s := ask[gateway.State](t, d, "status")
	require.Equal(t, "file", s.Keys.Kind)
	require.Empty(t, s.Keys.Failing)
	require.NotNil(t, s.Keys.Cache.Heard)
	require.Less(t, *s.Keys.Cache.Heard, 5.0)
	require.GreaterOrEqual(t, s.Keys.Cache.Hits-before.Keys.Cache.Hits, uint64(3), "the second request of a key is answered from memory")
	require.Equal(t, "memory", s.Counters.Engine)
	require.Nil(t, s.Counters.Shared)
	require.EqualValues(t, 3, s.Counters.Verdicts["memory"]-before.Counters.Verdicts["memory"])
	require.EqualValues(t, 1, s.Policies.Generation)
	require.Positive(t, s.Policies.Embedded)
	require.EqualValues(t, 5, s.Policies.Evaluated+s.Policies.Remembered-before.Policies.Evaluated-before.Policies.Remembered)
	require.Equal(t, "100000/1m", s.Throttles.Auth)
	require.Equal(t, []string{"100000/1m"}, s.Plans["big"])
	require.Empty(t, s.Plans["trial"])
	require.Nil(t, s.Secrets)
	require.InDelta(t, s.Now, s.Loaded, 60)

	found := false
	for _, r := range ask[routes](t, d, "routes") {
		if r.Pattern == "/leads/:id" {
			found = true
			require.Equal(t, []string{"agent.leads.read"}, r.Scopes)
			require.Contains(t, r.Source, "Caddyfile:")
			require.GreaterOrEqual(t, r.Requests, uint64(4))
			require.GreaterOrEqual(t, r.Refused, uint64(1))
			require.NotNil(t, r.Backend.P50)
		}
	}
	require.True(t, found, "the route is there")
	var globex, trial bool
	w := ask[workspaces](t, d, "workspaces")
	for _, one := range w.Busiest {
		if one.ID == "ws_globex" {
			globex = true
			require.Equal(t, "big", one.Plan)
			require.GreaterOrEqual(t, one.Requests, int64(4))
			require.Len(t, one.Windows, 1)
			require.Less(t, one.Windows[0].Remaining, int64(100000))
		}
	}
	for _, one := range w.Most_refused {
		trial = trial || one.ID == "ws_trial" && one.Denied && one.Refused > 0
	}
	require.True(t, globex && trial, "%+v", w)

	one := d.send(t, "GET", "/tollgate/workspaces/ws_globex", "")
	require.Equal(t, 200, one.status)
	require.Contains(t, one.body, `"id":"key_globex"`)
	require.Contains(t, one.body, `"reason":"missing_scope"`)
	windows := d.send(t, "GET", "/tollgate/workspaces/ws_acme/windows", "")
	require.Contains(t, windows.body, `"windows":[{"name":"1m","window":"100000/1m","used":`)
	require.Contains(t, d.send(t, "GET", "/tollgate/traffic", "").body, `"missing_scope":`)
}

// TestExplainOfTheRunningGateway answers from the very policies, keys and counts that decide, and spends nothing.
func TestExplainOfTheRunningGateway(t *testing.T) {
	setup := harness.World()
	setup.Options = "plan big 3/1h"
	d := open(t, setup)
	before := d.send(t, "GET", "/config/", "")
	var e struct {
		Verdict struct {
			Allowed bool
			Status  int
			Reason  string
		}
		Windows struct {
			Source string
			Known  bool
			List   []struct{ Remaining int64 }
		}
		Refusals []struct {
			File string
			Line int
		}
		Text string
	}
	allowed := `{"method": "GET", "address": "/leads", "key_id": "key_globex"}`
	for range 5 {
		a := d.explain(t, allowed)
		require.Equal(t, 200, a.status, a.body)
		require.NoError(t, json.Unmarshal([]byte(a.body), &e))
		require.True(t, e.Verdict.Allowed)
		require.Equal(t, "this gateway", e.Windows.Source)
	}
	left := e.Windows.List[0].Remaining
	require.Positive(t, left)
	for range left {
		require.Equal(t, 200, d.from(t, harness.Globex, "/leads").Status, "explaining spent nothing")
	}
	require.Equal(t, 429, d.from(t, harness.Globex, "/leads").Status)
	require.NoError(t, json.Unmarshal([]byte(d.explain(t, allowed).body), &e))
	require.Equal(t, 429, e.Verdict.Status)

	a := d.explain(t, `{"method": "GET", "address": "/leads", "key_id": "key_elsewhere", "ip": "192.0.2.7"}`)
	require.NoError(t, json.Unmarshal([]byte(a.body), &e))
	require.Equal(t, 403, e.Verdict.Status)
	require.Contains(t, e.Refusals[0].File, "allowlist.rego")
	require.Positive(t, e.Refusals[0].Line)
	require.Contains(t, e.Text, "allowlist.rego")
	require.NotContains(t, a.body, harness.Elsewhere)
	require.Equal(t, before.header.Get("Etag"), d.send(t, "GET", "/config/", "").header.Get("Etag"))
	require.Equal(t, 200, d.from(t, "", "/public").Status, "the gateway goes on")
}

// TestBadQuestions get the envelope and a 4xx.
func TestBadQuestions(t *testing.T) {
	d := open(t, harness.World())
	long := strings.Repeat("x", 300)
	for name, c := range map[string]struct {
		method, path, body string
		status             int
		says               string
	}{
		"unknown workspace":    {"GET", "workspaces/ws_nobody", "", 404, "ws_nobody"},
		"windows of nobody":    {"GET", "workspaces/ws_nobody/windows", "", 404, "ws_nobody"},
		"windows of no key":    {"GET", "workspaces/ws_acme/windows?key=key_nobody", "", 404, "key_nobody"},
		"windows of another's": {"GET", "workspaces/ws_acme/windows?key=key_globex", "", 404, "workspace ws_acme has no key 'key_globex'"},
		"a key of a workspace": {"GET", "workspaces/ws_acme?key=key_acme", "", 400, "'key' is not known"},
		"bad id":               {"GET", "workspaces/..%2fx", "", 404, "is not valid"},
		"hostile id":           {"GET", "workspaces/%3Cscript%3E", "", 404, "script"},
		"unknown path":         {"GET", "keys", "", 404, "/tollgate/keys"},
		"unknown file":         {"GET", "page/../admin.go", "", 404, ""},
		"writing":              {"POST", "status", "{}", 405, "write GET"},
		"deleting":             {"DELETE", "", "", 405, "write GET"},
		"explain by GET":       {"GET", "explain", "", 405, "write POST"},
		"unknown parameter":    {"GET", "refusals?reson=plan", "", 400, "request_id, workspace, reason"},
		"parameter of nothing": {"GET", "status?a=b", "", 400, "write none"},
		"n is not a number":    {"GET", "refusals?n=many", "", 400, "from 1 to 500"},
		"n is too large":       {"GET", "workspaces?n=101", "", 400, "from 1 to 100"},
		"n is 0":               {"GET", "workspaces?n=0", "", 400, "from 1 to 100"},
		"parameter twice":      {"GET", "refusals?n=1&n=2", "", 400, "once"},
		"empty parameter":      {"GET", "refusals?request_id=", "", 400, "once"},
		"long parameter":       {"GET", "refusals?request_id=" + long, "", 400, "1 to 200 bytes"},
		"bad query":            {"GET", "refusals?n=%zz", "", 400, "well formed"},
		"no JSON":              {"POST", "explain", "hello", 400, "write method, address, key_id"},
		"unknown member":       {"POST", "explain", `{"secret": "x"}`, 400, "secret"},
		"no key":               {"POST", "explain", `{"method": "GET", "address": "/leads"}`, 400, "no key_id"},
		"unknown key":          {"POST", "explain", `{"method": "GET", "address": "/leads", "key_id": "key_nobody"}`, 400, "key_nobody"},
		"bad address":          {"POST", "explain", `{"method": "GET", "address": "leads", "key_id": "key_crm"}`, 400, "leads"},
		"bad IP":               {"POST", "explain", `{"method": "GET", "address": "/leads", "key_id": "key_crm", "ip": "here"}`, 400, "here"},
		"a secret for an id":   {"POST", "explain", `{"method": "GET", "address": "/leads", "key_id": "` + harness.CRM + `"}`, 400, "secret of key key_crm"},
		"too long":             {"POST", "explain", `{"method": "` + strings.Repeat("x", 1<<20) + `"}`, 413, "longer than"},
	} {
		t.Run(name, func(t *testing.T) {
			a := d.send(t, c.method, "/tollgate/"+c.path, c.body, "Content-Type", "application/json")
			require.Equal(t, c.status, a.status, a.body)
			var envelope struct {
				Success *bool
				Error   struct {
					Code, Message string
					Details       *string
				}
			}
			require.NoError(t, json.Unmarshal([]byte(a.body), &envelope), a.body)
			require.False(t, *envelope.Success)
			require.NotEmpty(t, envelope.Error.Code)
			require.Contains(t, envelope.Error.Message, c.says)
			require.Less(t, len(a.body), 1000)
			require.NotContains(t, a.body, harness.CRM)
			require.Equal(t, "no-store", a.header.Get("Cache-Control"))
		})
	}
	require.Equal(t, 415, d.send(t, "POST", "/tollgate/explain", `{}`, "Content-Type", "text/plain").status)
}
