package main

import (
	"encoding/json"
	"net/http"
	"net/http/httptest"
	"strings"
	"testing"

	"github.com/stretchr/testify/require"

	"github.com/tollgate-gateway/tollgate/caddymodule/harness"
	"github.com/tollgate-gateway/tollgate/examples/konecty/crm"
	"github.com/tollgate-gateway/tollgate/examples/shipped"
)

// The secrets of the keys, and records that the backend begins with.
const (
	all     = "all-secret-of-the-tests"
	contact = "contact-secret-of-the-tests"
	stale   = "stale-secret-of-the-tests"
	nothing = "nothing-secret-of-the-tests"

	maria = "JeSqMH6mkP5f233Rp"
)

// What ws_stale's secret is: a session that has ended.
const oldToken = "s3ssion-token-that-has-ended"

const gatewayKeys = `workspaces:
  - id: ws_acme
    plan: pro
    limits: [100000/1m]
    keys:
      - {id: key_all, name: all, sha256: $SHA(` + all + `), scopes: ["konecty.*"]}
      - {id: key_contact, name: contact, sha256: $SHA(` + contact + `), scopes: [konecty.Contact.create]}
  - id: ws_stale
    plan: pro
    keys: [{id: key_stale, name: stale, sha256: $SHA(` + stale + `), scopes: ["konecty.*"]}]
  - id: ws_nothing
    plan: pro
    keys: [{id: key_nothing, name: nothing, sha256: $SHA(` + nothing + `), scopes: ["konecty.*"]}]
`

// Changes of the Caddyfile that some tests need.
var (
	unjudged  = []string{"\t\tpolicies policies ", "\t\t# policies policies "}
	impatient = []string{"response_header_timeout 40s", "response_header_timeout 300ms"}
)

// newCRM is the backend. Its session may not create products, nor say when a message is sent.
func newCRM(t *testing.T) *crm.Server {
	t.Helper()
	server, err := crm.New(crm.Options{Token: token, Denied: []string{"Product", "Message.sendAt"}})
	require.NoError(t, err)
	return server
}

// gateway runs the shipped Caddyfile in front of a backend, without the copies of errors that it keeps for published
// clients: what reads its answers here takes the envelope alone.
func gateway(t *testing.T, server http.Handler, changes ...string) *harness.Gateway {
	t.Helper()
	return keeping(t, server, append(changes, "\t\t\tkeep_errors ", "\t\t\t# keep_errors ")...)
}

// keeping runs the shipped Caddyfile in front of a backend. A decision may take as long as a loaded machine needs for it.
func keeping(t *testing.T, server http.Handler, changes ...string) *harness.Gateway {
	t.Helper()
	return shipped.Start(t, shipped.Setup{
		Caddyfile: "Caddyfile", Backend: server, Keys: gatewayKeys, Options: "policy_timeout 20s\nrefusal_throttle off",
		Changes: append(changes, "\t\twhoami /me\n", "\t\twhoami /me\n\t\tpublic GET /metrics\n",
			"\n\thandle {\n", "\n\thandle /metrics {\n\t\tmetrics\n\t}\n\thandle {\n"),
		Files: map[string]string{"secrets/ws_acme/konecty_token": token + "\n", "secrets/ws_stale/konecty_token": oldToken},
	})
}

// posted is a request with a JSON body.
func posted(target, key, body string) harness.Request {
	return harness.Request{Method: "POST", Path: target, Key: key, Body: body, Header: http.Header{"Content-Type": {"application/json"}}}
}

// The endpoints, each with a request that is in order.
const (
	explorer = "/rest/query/explorer/modules"
	query    = "/rest/query/json"
	data     = "/rest/data/"
)

func endpoints(key string) map[string]harness.Request {
	return map[string]harness.Request{
		"modules": {Path: explorer + "?lang=en", Key: key},
		"query":   posted(query, key, `{"document": "Contact", "filter": {"textSearch": "maria"}}`),
		"create":  posted(data+"Contact", key, `{"name": {"first": "Ana"}}`),
		"read":    {Path: data + "Contact/" + maria, Key: key},
		"fields":  {Path: "/rest/menu/documents/Contact", Key: key},
		"find":    {Path: data + "Contact/find?fields=_id,name&limit=1", Key: key},
		"search":  posted(data+"Contact/find", key, `{"match": "and", "conditions": [{"term": "code", "operator": "equals", "value": 16503}]}`),
	}
}

// said are the details of a refusal.
func said(t *testing.T, a *harness.Answer) map[string]any {
	t.Helper()
	var details map[string]any
	require.NoError(t, json.Unmarshal(a.Envelope(t).Error.Details, &details))
	return details
}

// lacks requires that these scopes are named.
func lacks(scopes ...any) func(*testing.T, *harness.Answer, []harness.Seen) {
	return func(t *testing.T, a *harness.Answer, _ []harness.Seen) {
		require.Equal(t, map[string]any{"missing_scopes": scopes}, said(t, a))
	}
}

func TestAKeyForOneModuleCreatesItsRecordsOnly(t *testing.T) {
	g := gateway(t, newCRM(t))
	refused := func(name string, r harness.Request, check func(*testing.T, *harness.Answer, []harness.Seen)) harness.Case {
		return harness.Case{Name: "refuses/" + name, Request: r, Status: 403, Code: "FORBIDDEN", Limits: harness.Workspace, Check: check}
	}
	good := `{"name": {"first": "Ana"}}`
	g.Run(t, []harness.Case{
		{Name: "creates a contact", Request: posted(data+"Contact", contact, good), Status: 200, Hits: 1, Limits: harness.Workspace,
			Check: func(t *testing.T, a *harness.Answer, seen []harness.Seen) {
				require.Contains(t, a.Body, `"success":true`)
				require.Contains(t, a.Body, `"first":"Ana"`)
				require.Equal(t, []string{"Bearer " + token}, seen[0].Header.Values("Authorization"))
				require.Equal(t, "ws_acme", seen[0].Header.Get("X-Tollgate-Workspace"))
			}},
		refused("a message", posted(data+"Message", contact, `{"type": "SMS", "subject": "Hi", "contact": {"_id": "`+maria+`"}}`), lacks("konecty.Message.create")),
		refused("modules", harness.Request{Path: explorer, Key: contact}, lacks("konecty.modules.read")),
		refused("query", posted(query, contact, `{"document": "Contact"}`), lacks("konecty.query", "konecty.Contact.read")),
		refused("reading it", harness.Request{Path: data + "Contact/" + maria, Key: contact}, lacks("konecty.Contact.read")),
		refused("Contact.x", posted(data+"Contact.x", contact, good), nil),
		refused("Contact.*", posted(data+"Contact.*", contact, good), nil),
		refused("*", posted(data+"*", contact, good), nil),
		refused("contact", posted(data+"contact", contact, good), lacks("konecty.contact.create")),
		refused("Contact.x, with all scopes", posted(data+"Contact.x", all, good), nil),
	})
}

// TestWhatClientsRelyOnHolds compares answers with those of the backend without a gateway.
func TestWhatClientsRelyOnHolds(t *testing.T) {
	server := newCRM(t)
	g := gateway(t, server)
	bare := func(r harness.Request) *httptest.ResponseRecorder {
		recorder := httptest.NewRecorder()
		request := httptest.NewRequest(r.Method, r.Path, strings.NewReader(r.Body))
		request.Header = http.Header{"Authorization": {token}, "Content-Type": r.Header["Content-Type"]}
		server.ServeHTTP(recorder, request)
		return recorder
	}
	for name, r := range map[string]harness.Request{
		"modules":           {Method: "GET", Path: explorer + "?lang=pt_BR"},
		"a module":          {Method: "GET", Path: "/rest/menu/documents/Contact"},
		"found records":     {Method: "GET", Path: data + "Contact/find?fields=name"},
		"a record":          {Method: "GET", Path: data + "Contact/" + maria},
		"rows":              posted(query, "", `{"document": "Campaign", "filter": {"textSearch": "black friday"}, "includeMeta": true}`),
		"many lines":        posted(query, "", `{"document": "Contact"}`),
		"no rows":           posted(query, "", `{"document": "Contact", "filter": {"conditions": [{"term": "code", "operator": "equals", "value": 1}], "match": "and"}}`),
		"rows without meta": posted(query, "", `{"document": "Product", "fields": "name"}`),
	} {
		want := bare(r)
		require.Equal(t, http.StatusOK, want.Code, want.Body)
		r.Header = r.Header.Clone()
		if r.Header == nil {
			r.Header = http.Header{}
		}
		r.Header.Set("Authorization", all) // raw, as Konecty's clients send it
		g.Run(t, []harness.Case{{Name: name, Request: r, Status: 200, Hits: 1, Limits: harness.Workspace, Check: func(t *testing.T, a *harness.Answer, _ []harness.Seen) {
			require.Equal(t, want.Body.String(), a.Body, "byte for byte")
			require.Equal(t, name == "no rows", a.Body == "")
			for _, header := range []string{"Content-Type", "X-Total-Count"} {
				require.Equal(t, want.Header().Values(header), a.Header.Values(header), header)
			}
		}}})
	}
	soft := bare(posted(data+"Message", "", `{"type": "x", "contact": {"_id": "`+maria+`"}}`))
	require.Equal(t, http.StatusOK, soft.Code)
	require.JSONEq(t, `{"success": false, "errors": [{"message": "Field subject is required"}, {"message": "Value x for field type is invalid"}]}`, soft.Body.String(),
		"who asks the backend directly reads its errors")
}

func TestTheKeyIsWhoeverSendsIt(t *testing.T) {
	g := gateway(t, newCRM(t))
	for name, authorization := range map[string]string{"raw": all, "Bearer": "Bearer " + all, "bearer": "bearer  " + all} {
		r := harness.Request{Path: "/me", Header: http.Header{"Authorization": {authorization}}}
		g.Run(t, []harness.Case{{Name: name, Request: r, Status: 200, Limits: harness.Workspace, Check: func(t *testing.T, a *harness.Answer, _ []harness.Seen) {
			require.Contains(t, a.Body, `"key_all"`)
		}}})
	}
	for name, authorization := range map[string]string{"the session token": token, "a scheme": "Basic " + all, "two words": all + " " + all} {
		r := harness.Request{Path: explorer, Header: http.Header{"Authorization": {authorization}}}
		g.Run(t, []harness.Case{{Name: "refuses/" + name, Request: r, Status: 401, Code: "UNAUTHORIZED", Limits: harness.AuthLimit}})
	}
}
