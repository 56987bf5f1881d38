package main

import (
	"cmp"
	"fmt"
	"net/http"
	"net/http/httptest"
	"net/url"
	"slices"
	"strings"
	"testing"

	"github.com/stretchr/testify/require"

	"github.com/tollgate-gateway/tollgate/caddymodule/harness"
	"github.com/tollgate-gateway/tollgate/examples/konecty/crm"
	"github.com/tollgate-gateway/tollgate/examples/shipped"
)

// keyed is a gateway with a key for each list of scopes. The secret of a key is that of its number.
func keyed(t *testing.T, server http.Handler, scopes ...[]string) *harness.Gateway {
	t.Helper()
	keys := "workspaces:\n  - id: ws_acme\n    plan: pro\n    limits: [1000000/1m]\n    keys:\n"
	for i, list := range scopes {
		keys += fmt.Sprintf("      - {id: key_%d, name: key, sha256: $SHA(%s), scopes: [\"%s\"]}\n", i, secretOf(i), strings.Join(list, `", "`))
	}
	return shipped.Start(t, shipped.Setup{Caddyfile: "Caddyfile", Backend: server, Keys: keys, Options: "policy_timeout 20s\nrefusal_throttle off",
		Files: map[string]string{"secrets/ws_acme/konecty_token": token}})
}

func secretOf(key int) string { return fmt.Sprintf("secret-of-the-key-with-number-%d", key) }

// operation is a route of the Caddyfile, as the matrix asks it of a document.
type operation struct {
	name string
	// scope is what the route needs, with the document for %s.
	scope string
	// lists tells that it takes a list of fields.
	lists   bool
	request func(document, fields string) harness.Request
}

const target = `"ids": [{"_id": "nobody", "_updatedAt": "2026-01-01T00:00:00Z"}]`

var operations = []operation{
	{"modules", "konecty.modules.read", false, func(string, string) harness.Request { return harness.Request{Path: explorer} }},
	{"menu", "konecty.modules.read", false, func(document, _ string) harness.Request {
		return harness.Request{Path: "/rest/menu/documents/" + document}
	}},
	{"query", "konecty.query", true, func(document, fields string) harness.Request {
		return posted(query, "", `{"document": "`+document+`", "fields": "`+fields+`"}`)
	}},
	{"relation", "konecty.query", true, func(document, fields string) harness.Request {
		return posted(query, "", `{"document": "Group", "fields": "name", "relations": [{"document": "`+document+`", "lookup": "x", "on": {"left": "_id", "right": "group._id"},
			"fields": "`+fields+`", "aggregators": {"x": {"aggregator": "push"}}}]}`)
	}},
	{"find", "konecty.%s.find", true, func(document, fields string) harness.Request {
		return harness.Request{Path: data + document + "/find?fields=" + url.QueryEscape(fields)}
	}},
	{"post find", "konecty.%s.find", true, func(document, fields string) harness.Request {
		return posted(data+document+"/find?fields="+url.QueryEscape(fields), "", `{"match": "and"}`)
	}},
	{"read", "konecty.%s.read", true, func(document, fields string) harness.Request {
		return harness.Request{Path: data + document + "/" + crm.UserID + "?fields=" + url.QueryEscape(fields)}
	}},
	{"create", "konecty.%s.create", false, func(document, _ string) harness.Request {
		if document == "User" {
			return posted(data+document, "", `{"username": "x", "group": {"_id": "pQ7sVnRkDgWfTzJxH"}}`)
		}
		return posted(data+document, "", `{"name": {"first": "A"}}`)
	}},
	{"update", "konecty.%s.update", false, func(document, _ string) harness.Request {
		r := posted(data+document, "", `{`+target+`, "data": {"jobTitle": "x"}}`)
		r.Method = "PUT"
		return r
	}},
	{"delete", "konecty.%s.delete", false, func(document, _ string) harness.Request {
		r := posted(data+document, "", `{`+target+`}`)
		r.Method = "DELETE"
		return r
	}},
}

// lists are the fields that the matrix asks for, and whether anybody may.
var lists = map[string]func(document string) bool{
	"_id,name":                     func(string) bool { return true },
	"":                             func(document string) bool { return document != "User" },
	"services":                     func(string) bool { return false },
	"name,_user.services.password": func(string) bool { return false },
	"*":                            func(string) bool { return false },
	"password":                     func(string) bool { return false },
}

// may says what a key with scopes may ask, told otherwise than the policies tell it.
func may(scopes []string, o operation, document, fields string) bool {
	needed := []string{strings.ReplaceAll(o.scope, "%s", document)}
	if o.name == "query" || o.name == "relation" {
		needed = append(needed, "konecty."+document+".read")
	}
	if o.name == "relation" {
		needed = append(needed, "konecty.Group.read")
	}
	for _, need := range needed {
		held := slices.Contains(scopes, need)
		if wild := slices.Contains(scopes, "*") || slices.Contains(scopes, "konecty.*"); !held && (!wild || strings.HasPrefix(need, "konecty.User.")) {
			return false
		}
	}
	if o.name == "update" && document == "User" {
		return false // the answer would hold its sessions
	}
	return !o.lists || lists[fields](document)
}

// TestEachScopeOpensItsOwnRouteAndNothingElse goes through each scope, route, document and list of fields.
func TestEachScopeOpensItsOwnRouteAndNothingElse(t *testing.T) {
	scopes := [][]string{{"konecty.query"}, {"konecty.modules.read"}, {"konecty.*"}, {"*"}, {"konecty.User.*"}, {"konecty.query", "konecty.Contact.read"},
		{"konecty.query", "konecty.User.read", "konecty.Group.read"}, {"konecty.query", "konecty.User.find"}}
	for _, document := range []string{"Contact", "User"} {
		for _, verb := range []string{"read", "find", "create", "update", "delete"} {
			scopes = append(scopes, []string{"konecty." + document + "." + verb})
		}
	}
	server := newCRM(t)
	g := keyed(t, server, scopes...)
	asked := 0
	for key, held := range scopes {
		for _, o := range operations {
			for _, document := range []string{"Contact", "User"} {
				for fields := range lists {
					if !o.lists && fields != "" {
						continue
					}
					r := o.request(document, fields)
					r.Key = secretOf(key)
					g.Backend.Seen() // those before
					a := g.Do(t, r)
					hits := len(g.Backend.Seen())
					want := 0
					if may(held, o, document, fields) {
						want = 1
					}
					require.Equal(t, want, hits, "%v %s %s %q: %d %s", held, o.name, document, fields, a.Status, a.Body)
					if hits == 0 {
						require.Contains(t, []int{400, 403}, a.Status)
					}
					for _, secret := range []string{token, "bcrypt", "loginTokens"} {
						require.NotContains(t, a.Body, secret, "%v %s %s %q", held, o.name, document, fields)
					}
					asked++
				}
			}
		}
	}
	require.Greater(t, asked, 1000)
}

// whoever has all scopes, those included that no wildcard reaches.
var whoever = []string{"konecty.*", "konecty.User.read", "konecty.User.find", "konecty.User.create", "konecty.User.update", "konecty.User.delete"}

// attacks ask for the session in whatever way. The first part are those that the backend alone answers with it.
func attacks() (open, more []harness.Request) {
	get := func(path string) harness.Request { return harness.Request{Path: data + path} }
	ask := func(body string) harness.Request { return posted(query, "", body) }
	oracle := func(document, value string) string {
		return `{"document": "` + document + `", "fields": "_id", "filter": {"match": "and", "conditions": [{"term": "name", "operator": "not_equals", "value": ` + value + `}]}}`
	}
	const push = `"aggregators": {"x": {"aggregator": "push"}}`
	put := posted(data+"User", "", `{"ids": [{"_id": "`+crm.UserID+`", "_updatedAt": "2026-01-01T00:00:00Z"}], "data": {"jobTitle": "x"}}`)
	put.Method = "PUT"
	open = []harness.Request{
		get("User/" + crm.UserID), get("User/" + crm.UserID + "?fields=services"), get("User/" + crm.UserID + "?fields=,"), get("User/" + crm.UserID + "?fields=name&fields=code"),
		get("User/" + crm.UserID + "?fields="), get("User/" + crm.UserID + "?f%69elds=services"), get("User/find"), get("User/find?fields=services"), get("User/find?fields=name,services"),
		get("User/find?fields=ser+vices"), get("User/find?fields=ser%09vices"), get("User/find?fields=%20,%20"), get("User/find?fields=services.resume"), get("User/find?fields=_id&fields=_id"),
		get("User/find?fields=,,"), get("Contact/find?fields=_user.services&withDetailFields=true"),
		get("Contact/" + maria + "?fields=_user.services.password&withDetailFields=true"), get("Contact/" + maria + "?fields=_id,_user.services&withDetailFields=true"),
		posted(data+"User/find", "", `{"fields": "_id,name"}`), posted(data+"User/find", "", `{"match": "and", "conditions": []}`), posted(data+"User/find?fields=services", "", `{}`),
		posted(data+"User/find?fields=_id&fields=name", "", `{}`), put,
		ask(`{"document": "User"}`), ask(`{"document": "User", "fields": "services"}`), ask(`{"document": "User", "fields": "\u0073ervices"}`), ask(`{"\u0064ocument": "User", "fields": "services"}`),
		ask(`{"document": "User", "fields": ""}`), ask(`{"document": "User", "fields": " "}`), ask(`{"document": "User", "fields": "ser vices"}`), ask(`{"document": "User", "fields": "name,services.password.bcrypt"}`),
		ask(`{"document": "User", "fields": "name", "groupBy": ["services"]}`), ask(`{"document": "User", "fields": "name", "groupBy": ["name"], "aggregators": {"x": {"aggregator": "push", "field": "services"}}}`),
		ask(`{"document": "User", "fields": "name", "groupBy": ["name"], "aggregators": {"services": {"aggregator": "first", "field": "services.resume.loginTokens"}}}`),
		ask(`{"document": "Group", "relations": [{"document": "User", "lookup": "group", ` + push + `}]}`), ask(`{"document": "Group", "relations": [{"document": "User", "lookup": "group", "fields": "services", ` + push + `}]}`),
		ask(`{"document": "Group", "relations": [{"document": "User", "lookup": "group", "fields": " , ", ` + push + `}]}`),
		ask(`{"document": "Contact", "relations": [{"document": "User", "lookup": "x", "on": {"left": "_user._id", "right": "_id"}, ` + push + `}]}`),
		ask(`{"document": "Campaign", "relations": [{"document": "Contact", "lookup": "campaign", ` + push + `, "relations": [{"document": "User", "lookup": "x", "on": {"left": "_user._id", "right": "_id"}, ` + push + `}]}]}`),
		ask(`{"document": "Campaign", "relations": [{"document": "Contact", "lookup": "campaign", ` + push + `, "relations": [{"document": "Opportunity", "lookup": "contact", ` + push + `, "relations": [
			{"document": "User", "lookup": "x", "on": {"left": "_user._id", "right": "_id"}, "fields": "services", ` + push + `}]}]}]}`),
	}
	more = []harness.Request{
		get("Contact/find?fields=_user&withDetailFields=true&fields=_user.services"),
		get("user/find?fields=services"), get("USER/find"), get("User.History/find"), get("User%2Ffind"), get("User/find/?fields=services"), get("User/FIND?fields=services"), get("User/" + crm.UserID + "/history"),
		get("User/kpi?kpiConfig=" + url.QueryEscape(`{"operation":"max","field":"services"}`)), get("User/graph"), get("User/pivot"), get("Contact/kpi"), get("User/lookup/group"), get("User/list/Default/json"),
		get("Contact/queue/next/x"), {Path: "/rest/menu/list"}, {Path: "/rest/query/sql", Method: "POST", Body: `{"sql": "SELECT services FROM User"}`, Header: http.Header{"Content-Type": {"application/json"}}},
		get("User/find?fields=_id&sort=" + url.QueryEscape(`[{"property":"services.password.bcrypt"}]`)), get("User/find?fields=_id&sort=" + url.QueryEscape(`{"t\u0065rm":"serv\u0069ces"}`)),
		get("User/find?fields=_id&sort=" + url.QueryEscape(`[{"property":"name","property":"services"}]`)), get("User/find?fields=_id&filter=" + url.QueryEscape(`{"match":"and","conditions":[{"term":"password","operator":"exists","value":true}]}`)),
		get("User/find?fields=_id&filter=" + url.QueryEscape(url.QueryEscape(`{"conditions":[{"term":"services","operator":"exists","value":true}]}`))),
		get("User/find?fields=_id&filter=" + url.QueryEscape(`{"conditions":{"value":{"term":"s%2565rvices","operator":"exists","value":true}}}`)),
		get("User/find?fields=_id&filter=" + url.QueryEscape(`{"conditions":[{"term":"name","operator":"equals","value":"$user.services.resume.loginTokens[0].hashedToken"}]}`)),
		ask(`{"document": "User", "document": "Contact", "fields": "services"}`), ask(`{"document": "Contact", "fields": "name", "fields": "services"}`), ask(`[{"document": "User"}]`), ask(`"User"`), ask(`{"document": ["User"], "fields": "services"}`),
		ask(`{"document": {"x": "User"}}`), ask(`{"document": "User", "fields": ["services"]}`), ask(`{"document": "User", "fields": {"services": 1}}`), ask(`{"document": "User", "fields": 1}`), ask(`{"document": "User", "fields": "*"}`),
		ask(`{"document": "User", "fields": "ser\u00a0vices"}`), ask(`{"document": "User", "fields": "ser\ufeffvices,_id"}`), ask(`{"document": "User", "fields": "$services"}`), ask(`{"document": "User", "fields": "Services"}`),
		ask(`{"document": "Contact", "relations": {"0": {"document": "User", "fields": "services"}}}`), ask(`{"document": "Contact", "relations": [["User"]]}`), ask(`{"document": "Contact", "relations": [{"lookup": "services"}]}`),
		ask(`{"document": "User", "fields": "_id", "filter": {"match": "and", "conditions": [{"term": "pass.dataword", "operator": "exists", "value": true}]}}`),
		ask(`{"document": "User", "fields": "_id", "filter": {"match": "and", "filters": [{"filters": [{"conditions": {"x": {"term": "services.password.bcrypt", "operator": "starts_with", "value": "$2"}}}]}]}}`),
		ask(`{"document": "User", "fields": "_id", "filter": {"match": "and", "conditions": [{"term": "name", "operator": "equals", "value": {"$regex": "^A"}}]}}`), ask(`{"document": "User", "fields": "_id", "$where": "1"}`),
		ask(`{"document": "User", "fields": "_id", "sort": [{"property": "password"}]}`), ask(`{"document": "User", "fields": "_id", "sort": "[{\"property\": \"pass\\u0077ord\"}]"}`), ask(`{"document": "User", "fields": "_id", "sort": "services"}`),
		ask(oracle("Contact", `"$user.services.resume.loginTokens[0].hashedToken"`)), ask(oracle("Contact", `"$user.\u0073ervices"`)), ask(oracle("Contact", `"$user.['services'].password"`)), ask(oracle("Contact", `["$user.services"]`)),
		ask(oracle("Contact", `{"greater_or_equals": "$user.services.password.bcrypt"}`)), ask(oracle("Contact", `"$user.x..services"`)),
		{Method: "POST", Path: query, Body: `document=User&fields=services`, Header: http.Header{"Content-Type": {"application/x-www-form-urlencoded"}}},
		{Method: "POST", Path: query, Body: `{"document": "User", "fields": "services"}`, Header: http.Header{"Content-Type": {"text/plain"}}}, {Method: "POST", Path: query},
		{Method: "HEAD", Path: data + "User/find?fields=services"}, {Method: "PATCH", Path: data + "User"},
	}
	return open, more
}

func TestTheSessionIsNotReadThroughTheGateway(t *testing.T) {
	server := newCRM(t)
	g := keyed(t, server, whoever)
	open, more := attacks()
	require.Greater(t, len(open)+len(more), 90)
	for _, r := range open {
		request := httptest.NewRequest(methodOf(r), r.Path, strings.NewReader(r.Body))
		request.Header = http.Header{"Authorization": {token}, "Content-Type": r.Header["Content-Type"]}
		recorder := httptest.NewRecorder()
		server.ServeHTTP(recorder, request)
		require.Regexp(t, `bcrypt|hashedToken`, recorder.Body.String(), "%s %s: the backend alone tells, or the attack proves nothing: %s", r.Path, r.Body, recorder.Body)
	}
	for _, r := range append(open, more...) {
		r.Key = secretOf(0)
		g.Backend.Seen() // those before
		a := g.Do(t, r)
		require.Empty(t, g.Backend.Seen(), "%s %s: %s", r.Path, r.Body, a.Body)
		require.GreaterOrEqual(t, a.Status, 400, "%s %s", r.Path, r.Body)
		require.Less(t, a.Status, 500, "%s %s: %s", r.Path, r.Body, a.Body)
	}
}

func methodOf(r harness.Request) string { return cmp.Or(r.Method, http.MethodGet) }

// TestUsersAreReadByWhoMay has what is left: the fields of users that are no secret, and what other documents hold of them.
func TestUsersAreReadByWhoMay(t *testing.T) {
	g := keyed(t, newCRM(t), whoever)
	get := func(path string) harness.Request { return harness.Request{Path: data + path, Key: secretOf(0)} }
	filter := url.QueryEscape(strings.ReplaceAll(`{"match":"and","conditions":[{"term":"username","operator":"equals","value":"admin"}]}`, "a", "%61"))
	for name, r := range map[string]harness.Request{
		"query": posted(query, secretOf(0), `{"document": "User", "fields": "name, username", "filter": {"match": "and", "conditions": [{"term": "username", "operator": "equals", "value": "admin"}]}}`),
		"find":  get("User/find?fields=_id,username&filter=" + filter), "read": get("User/wNq8KdRt5vYbXcZgM?fields=_id,username"),
		"own":      posted(query, secretOf(0), `{"document": "User", "fields": "username", "filter": {"match": "and", "conditions": [{"term": "group._id", "operator": "equals", "value": "$user.group._id"}, {"term": "username", "operator": "equals", "value": "admin"}]}}`),
		"relation": posted(query, secretOf(0), `{"document": "Group", "fields": "name", "relations": [{"document": "User", "lookup": "group", "fields": "_id,username", "aggregators": {"x": {"aggregator": "push"}}}]}`),
	} {
		a := g.Do(t, r)
		require.Equal(t, 200, a.Status, "%s: %s", name, a.Body)
		require.Contains(t, a.Body, `"admin"`, name)
		require.NotContains(t, a.Body, "services", name)
	}
	require.Contains(t, g.Do(t, get("Contact/"+maria)).Body, `"_user":[{"_id":"`+crm.UserID, "what a record holds of a user stays in it")
}
