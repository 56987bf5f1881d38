package crm_test

import (
	"encoding/json"
	"net/http/httptest"
	"net/url"
	"slices"
	"testing"

	"github.com/stretchr/testify/require"

	"github.com/tollgate-gateway/tollgate/examples/konecty/crm"
)

// explored is what the explorer answers.
func (h *harness) explored(query string) []object {
	h.t.Helper()
	got := h.ask("GET", "/rest/query/explorer/modules"+query, "")
	require.Equal(h.t, 200, got.status, got.text)
	var body struct {
		Success bool
		Data    struct{ Modules []object }
	}
	require.NoError(h.t, json.Unmarshal([]byte(got.text), &body))
	require.True(h.t, body.Success)
	return body.Data.Modules
}

// TestTheExplorerKnowsNoBounds holds it to what the real one shows of a field.
func TestTheExplorerKnowsNoBounds(t *testing.T) {
	h := open(t)
	names, types := []string{}, map[string]bool{}
	for _, m := range h.explored("?lang=en") {
		names = append(names, m["document"].(string))
		require.Contains(t, m, "reverseLookups")
		for _, field := range m["fields"].([]any) {
			f := field.(object)
			types[f["type"].(string)] = true
			lookup := f["type"] == "lookup" || f["type"] == "inheritLookup"
			require.Equal(t, f["type"] == "picklist", f["options"] != nil, f)
			require.Equal(t, lookup, f["document"] != nil, f)
			require.Equal(t, lookup, f["descriptionFields"] != nil, f)
			for name := range f {
				require.Contains(t, []string{"name", "type", "label", "options", "document", "descriptionFields"}, name)
			}
		}
	}
	require.Equal(t, []string{"Activity", "Campaign", "Contact", "Group", "Message", "Opportunity", "Product", "Specimen", "User"}, names)
	require.Len(t, types, 25, "every type of field")
}

func TestModulesSpeakTheLanguageThatIsAskedFor(t *testing.T) {
	h := open(t)
	for query, labels := range map[string][2]string{
		"": {"Contato", "Situação"}, "?lang=pt_BR": {"Contato", "Situação"}, "?lang=en": {"Contact", "Status"}, "?lang=tlh": {"Contact", "Status"},
	} {
		all := h.explored(query)
		at := slices.IndexFunc(all, func(m object) bool { return m["document"] == "Contact" })
		require.Equal(t, labels[0], all[at]["label"], query)
		status := all[at]["fields"].([]any)[2].(object)
		require.Equal(t, labels[1], status["label"], query)
		require.Equal(t, object{"en": "Active", "pt_BR": "Ativo"}, status["options"].(object)["Ativo"], "in all languages")
		require.Contains(t, all[at]["reverseLookups"], any(object{"document": "Message", "lookup": "contact", "label": map[bool]string{true: "Mensagem", false: "Message"}[labels[0] == "Contato"]}))
	}
}

func TestTheMenuKnowsWhatFieldsRequire(t *testing.T) {
	var m crm.Module
	require.NoError(t, json.Unmarshal([]byte(open(t).ask("GET", "/rest/menu/documents/Contact", "").text), &m))
	require.Equal(t, "Contact", m.ID)
	require.True(t, m.Fields[1].IsRequired)
	require.Equal(t, 3, *m.Fields[3].MaxSelected)
	require.True(t, m.Fields[4].IsList)
}

func TestDocumentsThatAreClosedToTheSession(t *testing.T) {
	server, err := crm.New(crm.Options{Token: token, Closed: []string{"User"}})
	require.NoError(t, err)
	h := &harness{t, server}
	require.Len(t, h.explored(""), 8)
	require.JSONEq(t, "null", h.ask("GET", "/rest/menu/documents/User", "").text)
	require.Equal(t, []string{"[User] You don't have permission read records"}, h.ask("GET", "/rest/data/User/x", "").problems())
	require.Equal(t, []string{"[User] You don't have permission read records"}, h.ask("GET", "/rest/data/User/find", "").problems())
	require.Equal(t, []string{"[User] You don't have permission to create records"}, h.create("User", object{"name": "x"}).problems())
	require.Contains(t, h.ask("POST", "/rest/query/json", `{"document": "User"}`).text, "dataExplorer.errors.primaryNoReadAccess")
	require.NotContains(t, h.ask("POST", "/rest/query/json", `{"document": "Contact", "relations": [{"document": "User", "lookup": "x", "on": {"left": "_user._id", "right": "_id"}, "aggregators": {"u": {"aggregator": "push"}}}]}`).text, "bcrypt")
}

func TestQueries(t *testing.T) {
	h := open(t)
	for name, c := range map[string]struct {
		body string
		ids  []any
	}{
		"by code":                {`{"document": "Contact", "filter": {"match": "and", "conditions": [{"term": "code", "operator": "equals", "value": 16503}]}}`, []any{maria}},
		"conditions as object":   {`{"document": "Contact", "filter": {"match": "and", "conditions": {"code:equals": {"term": "code", "operator": "equals", "value": 16503}}}}`, []any{maria}},
		"by a part of a list":    {`{"document": "Contact", "filter": {"conditions": [{"term": "email.address", "operator": "equals", "value": "maria@example.com"}]}}`, []any{maria}},
		"all conditions":         {`{"document": "Contact", "filter": {"match": "and", "conditions": [{"term": "code", "operator": "equals", "value": 16503}, {"term": "status", "operator": "equals", "value": "Inativo"}]}}`, []any{}},
		"any condition":          {`{"document": "Contact", "filter": {"match": "or", "conditions": [{"term": "code", "operator": "equals", "value": 16503}, {"term": "status", "operator": "equals", "value": "Inativo"}]}}`, []any{maria}},
		"not equal":              {`{"document": "Contact", "filter": {"conditions": [{"term": "code", "operator": "not_equals", "value": 16503}]}}`, []any{"KtWrNJ7nmQ6g344Sq"}},
		"in":                     {`{"document": "Contact", "filter": {"conditions": [{"term": "_id", "operator": "in", "value": ["` + maria + `", "x"]}]}}`, []any{maria}},
		"part of a text":         {`{"document": "Campaign", "filter": {"conditions": [{"term": "name", "operator": "contains", "value": "REVIVAL"}]}}`, []any{"c9XdFm2YbGsNwQ4tK"}},
		"between":                {`{"document": "Campaign", "filter": {"conditions": [{"term": "code", "operator": "between", "value": {"greater_or_equals": 42, "less_or_equals": 50}}]}}`, []any{"c9XdFm2YbGsNwQ4tK"}},
		"filters within":         {`{"document": "Campaign", "filter": {"match": "and", "filters": [{"match": "or", "conditions": [{"term": "code", "operator": "equals", "value": 42}, {"term": "code", "operator": "equals", "value": 7}]}]}}`, []any{"c9XdFm2YbGsNwQ4tK"}},
		"sorted":                 {`{"document": "Campaign", "sort": [{"property": "code", "direction": "DESC"}]}`, []any{"c9XdFm2YbGsNwQ4tK", friday}},
		"disabled":               {`{"document": "Campaign", "limit": 1, "filter": {"conditions": [{"term": "nothing", "operator": "equals", "value": 1, "disabled": true}]}}`, []any{friday}},
		"code as text is none":   {`{"document": "Contact", "filter": {"conditions": [{"term": "code", "operator": "equals", "value": "16503"}]}}`, []any{}},
		"an object equals none":  {`{"document": "Contact", "filter": {"conditions": [{"term": "name", "operator": "equals", "value": {}}]}}`, []any{}},
		"text in any case":       {`{"document": "Contact", "filter": {"textSearch": "SILVA maria"}}`, []any{maria}},
		"text in any order":      {`{"document": "Campaign", "filter": {"textSearch": "friday black revival"}}`, []any{"c9XdFm2YbGsNwQ4tK"}},
		"text that nobody has":   {`{"document": "Contact", "filter": {"textSearch": "nobody"}}`, []any{}},
		"a limit":                {`{"document": "Campaign", "limit": 1}`, []any{friday}},
		"a start":                {`{"document": "Campaign", "start": 1, "limit": 5}`, []any{"c9XdFm2YbGsNwQ4tK"}},
		"documents without rows": {`{"document": "Message"}`, []any{}},
	} {
		t.Run(name, func(t *testing.T) {
			ids := []any{}
			for _, row := range h.query(c.body) {
				ids = append(ids, row["_id"])
			}
			require.Equal(t, c.ids, ids)
		})
	}
}

func TestRows(t *testing.T) {
	h := open(t)
	require.Equal(t, []object{{"_id": friday, "code": 41.0, "name": "Black Friday"}},
		h.query(`{"document": "Campaign", "fields": "code, name ,nothing", "limit": 1}`))
	require.Equal(t, []object{{"_id": maria, "name": object{"full": "Maria Silva"}}},
		h.query(`{"document": "Contact", "fields": "name.full", "limit": 1}`))
	require.Equal(t, []object{{"_id": maria, "email": []any{object{"address": "maria@example.com"}}, "campaign": object{"name": "Black Friday"}}},
		h.query(`{"document": "Contact", "fields": "email.address,campaign.name,status.x", "limit": 1}`))
	whole := h.query(`{"document": "Contact", "fields": "email,email.address,name,name.full", "limit": 1}`)
	require.Equal(t, object{"first": "Maria", "last": "Silva", "full": "Maria Silva"}, whole[0]["name"])

	empty := h.ask("POST", "/rest/query/json", `{"document": "Message"}`)
	require.Equal(t, 200, empty.status)
	require.Empty(t, empty.text, "no rows is an empty body")

	counted := h.ask("POST", "/rest/query/json", `{"document": "Campaign", "limit": 1, "includeMeta": true}`)
	require.Equal(t, "2", counted.header.Get("X-Total-Count"))
	require.Contains(t, counted.text, `{"_meta":{"success":true,"total":2}}`+"\n")
}

func TestRefusedQueries(t *testing.T) {
	h := open(t)
	for body, says := range map[string]string{
		`{"document": "Foo"}`: "Document 'Foo' not found in metadata",
		`[]`:                  ": Expected ",
		`{"document": "Contact", "fields": ["name"]}`:                                                                                      "fields: Expected string, received array",
		`{"document": "Contact", "filter": {"conditions": [{"term": "code", "operator": "regex", "value": 1}]}}`:                           "All conditions must contain term, operator and value",
		`{"document": "Contact", "filter": {"conditions": [{"term": "nofield", "operator": "equals", "value": 1}]}}`:                       "Field [nofield] does not exists at [Contact]",
		`{"document": "User", "filter": {"conditions": [{"term": "pass.dataword", "operator": "exists", "value": true}]}}`:                 "Field type [password] of [password] not supported to filter",
		`{"document": "Contact", "relations": [{"document": "Nope", "lookup": "x", "aggregators": {"n": {"aggregator": "count"}}}]}`:       "Relation document 'Nope' not found",
		`{"document": "Contact", "relations": [{"document": "Product", "lookup": "name", "aggregators": {"n": {"aggregator": "count"}}}]}`: "Lookup field 'name' in 'Product'",
		`{"document": "Contact", "relations": [{"document": "Message", "lookup": "contact"}]}`:                                             "relations.0.aggregators",
	} {
		got := h.ask("POST", "/rest/query/json", body)
		require.Equal(t, 400, got.status, body)
		require.Contains(t, got.header.Get("Content-Type"), "application/x-ndjson")
		require.Contains(t, got.text, `{"_meta":{"success":false,"errors":[{"message":"`+says, body)
	}
}

func TestRelations(t *testing.T) {
	h := open(t)
	rows := h.query(`{"document": "Campaign", "fields": "code", "limit": 1, "relations": [{"document": "Contact", "lookup": "campaign", "fields": "code", "aggregators": {"n": {"aggregator": "count"}, "who": {"aggregator": "push"}},
		"relations": [{"document": "Opportunity", "lookup": "contact", "fields": "code,products", "aggregators": {"deals": {"aggregator": "push", "field": "products._id"}}}]}]}`)
	require.Len(t, rows, 1)
	require.EqualValues(t, 1, rows[0]["n"])
	require.Equal(t, []any{[]any{starter}}, rows[0]["who"].([]any)[0].(object)["deals"])

	grouped := h.query(`{"document": "Contact", "fields": "code", "groupBy": ["status"], "aggregators": {"n": {"aggregator": "count"}}}`)
	require.Equal(t, []object{{"status": "Ativo", "n": 2.0}}, grouped)
}

func TestFinds(t *testing.T) {
	h := open(t)
	filter := url.QueryEscape(url.QueryEscape(`{"match":"and","conditions":[{"term":"code","operator":"equals","value":41}]}`))
	for target, want := range map[string]string{
		"Campaign/find?fields=code&limit=1&start=1":                                                             `{"success": true, "total": 2, "data": [{"_id": "c9XdFm2YbGsNwQ4tK", "code": 42}]}`,
		"Campaign/find?fields=code&filter=" + filter:                                                            `{"success": true, "total": 1, "data": [{"_id": "` + friday + `", "code": 41}]}`,
		"Campaign/find?fields=code&limit=1&sort=" + url.QueryEscape(`[{"property":"code","direction":"DESC"}]`): `{"success": true, "total": 2, "data": [{"_id": "c9XdFm2YbGsNwQ4tK", "code": 42}]}`,
	} {
		require.JSONEq(t, want, h.ask("GET", "/rest/data/"+target, "").text, target)
	}
	posted := h.ask("POST", "/rest/data/Campaign/find?fields=code", `{"match": "and", "conditions": [{"term": "code", "operator": "equals", "value": 41}]}`)
	require.JSONEq(t, `{"success": true, "total": 1, "data": [{"_id": "`+friday+`", "code": 41}]}`, posted.text)
	require.Equal(t, 500, h.ask("GET", "/rest/data/Campaign/find?filter=%25zz", "").status)
	require.Equal(t, 500, h.ask("GET", "/rest/data/Campaign/find?filter=x", "").status)
}

// TestItsWeaknesses are those of the real server, which policies in front of it close: each of these ways was tried there.
func TestItsWeaknesses(t *testing.T) {
	h := open(t)
	for name, target := range map[string]string{
		"a record": "User/" + crm.UserID, "credentials": "User/find?fields=services", "no list": "User/find", "an empty name": "User/find?fields=,",
		"a list twice": "User/find?fields=name&fields=code", "spaces within": "User/find?fields=ser+vices", "joined": "Contact/find?fields=_user.services&withDetailFields=true",
		"joined to a record": "Contact/" + maria + "?fields=_user.services&withDetailFields=true",
	} {
		require.Contains(t, h.ask("GET", "/rest/data/"+target, "").text, token, name)
	}
	for name, body := range map[string]string{
		"a query":       `{"document": "User", "fields": "services"}`,
		"a relation":    `{"document": "Group", "relations": [{"document": "User", "lookup": "group", "aggregators": {"u": {"aggregator": "push"}}}]}`,
		"a group":       `{"document": "User", "fields": "name", "groupBy": ["services.resume.loginTokens.hashedToken"]}`,
		"an aggregator": `{"document": "User", "fields": "name", "groupBy": ["name"], "aggregators": {"x": {"aggregator": "push", "field": "services"}}}`,
	} {
		require.Contains(t, h.ask("POST", "/rest/query/json", body).text, token, name)
	}
	require.Contains(t, h.ask("POST", "/rest/data/User/find", `{"fields": "name"}`).text, token, "the body is the filter, all of it")
	changed := h.ask("PUT", "/rest/data/User", `{"ids": [{"_id": "`+crm.UserID+`", "_updatedAt": "2026-01-01T00:00:00Z"}], "data": {"jobTitle": "x"}}`)
	require.Contains(t, changed.text, token, "an update answers with the whole record")

	require.Empty(t, h.create("Product", object{"name": "P", "price": object{"currency": "s3", "value": 1}}).problems())
	asked := func(operator string) int {
		return len(h.query(`{"document": "Product", "filter": {"match": "and", "conditions": [{"term": "name", "operator": "equals", "value": "P"},
			{"term": "price.currency", "operator": "` + operator + `", "value": "$user.services.resume.loginTokens[0].hashedToken"}]}}`))
	}
	require.Equal(t, []int{1, 0}, []int{asked("less_than"), asked("greater_than")}, "guesses are compared with the session's token")
}

func TestUpdatesAndDeletes(t *testing.T) {
	h := open(t)
	target := `"ids": [{"_id": "` + maria + `", "_updatedAt": {"$date": "2026-01-01T00:00:00Z"}}]`
	changed := h.ask("PUT", "/rest/data/Contact", `{`+target+`, "data": {"notes": "Hi", "campaign": {}, "status": "Inativo"}}`).record()
	require.Equal(t, "Hi", changed["notes"])
	require.NotContains(t, changed, "campaign")
	require.EqualValues(t, 16503, changed["code"])
	for body, says := range map[string]string{
		`7`:                                    "[Contact] Invalid payload",
		`{}`:                                   "[Contact] Payload must contain an array of ids with at least one item",
		`{"ids": [{"_id": "x"}]}`:              "[Contact] Each id must contain an string field named _id an date field named _updatedAt",
		`{` + target + `, "data": {}}`:         "[Contact] Data must have at least one field",
		`{` + target + `, "data": {"nme": 1}}`: "Field nme does not exists on Contact",
		`{"ids": [{"_id": "x", "_updatedAt": "y"}], "data": {"notes": "x"}}`: "[Contact] You don't have permission to update records x or they don't exists",
	} {
		require.Equal(t, []string{says}, h.ask("PUT", "/rest/data/Contact", body).problems(), body)
	}
	require.JSONEq(t, `{"success": true, "data": ["`+maria+`"]}`, h.ask("DELETE", "/rest/data/Contact", `{`+target+`}`).text)
	require.Equal(t, []string{"[Contact] You don't have permission to delete records " + maria + " or they don't exists"}, h.ask("DELETE", "/rest/data/Contact", `{`+target+`}`).problems())
}

func TestLogin(t *testing.T) {
	h := open(t)
	require.JSONEq(t, `{"passwordEnabled": true, "emailOtpEnabled": true, "whatsAppOtpEnabled": true}`, h.ask("GET", "/api/auth/login-options", "").text)
	for who, name := range map[string]string{`"email": "admin@example.com"`: "admin@example.com", `"phoneNumber": "+12125550100"`: "+12125550100"} {
		require.Contains(t, h.ask("POST", "/api/auth/verify-otp", `{`+who+`, "otpCode": "123456"}`).text, "OTP not found or expired")
		require.Equal(t, 200, h.ask("POST", "/api/auth/request-otp", `{`+who+`}`).status)
		code := h.server.SentCode(name)
		require.Regexp(t, `^\d{6}$`, code)
		require.Equal(t, 400, h.ask("POST", "/api/auth/verify-otp", `{`+who+`, "otpCode": "12345"}`).status)
		var opened struct {
			Success, Logged bool
			AuthID          string
			User            object
		}
		require.NoError(t, json.Unmarshal([]byte(h.ask("POST", "/api/auth/verify-otp", `{`+who+`, "otpCode": "`+code+`"}`).text), &opened))
		require.True(t, opened.Success && opened.Logged)
		require.Equal(t, "wNq8KdRt5vYbXcZgM", opened.User["_id"])
		r := httptest.NewRequest("GET", "/rest/data/Contact/"+maria, nil)
		r.Header.Set("Authorization", opened.AuthID)
		require.Empty(t, h.send(r).problems(), "the session is open")
		require.Equal(t, 400, h.ask("POST", "/api/auth/verify-otp", `{`+who+`, "otpCode": "`+code+`"}`).status, "a code is used once")
	}
	for body, status := range map[string]int{
		`{}`: 400, `{"email": "x"}`: 400, `{"phoneNumber": "55"}`: 400, `{"email": "a@b.com", "phoneNumber": "+5511"}`: 400, `{"email": "nobody@example.com"}`: 404,
	} {
		require.Equal(t, status, h.ask("POST", "/api/auth/request-otp", body).status, body)
	}
}
