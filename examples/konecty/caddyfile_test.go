package main

import (
	"encoding/json"
	"maps"
	"net/http/httptest"
	"os"
	"regexp"
	"slices"
	"strconv"
	"strings"
	"testing"

	"github.com/stretchr/testify/require"

	"github.com/tollgate-gateway/tollgate/caddymodule/envelope"
	"github.com/tollgate-gateway/tollgate/caddymodule/refusal"
	"github.com/tollgate-gateway/tollgate/examples/konecty/crm"
)

var classifyForm = regexp.MustCompile(`(?m)^\s*classify (\w+) (?:(\d+) )?"(.+)"$`)

// mapper maps errors by the rules of the Caddyfile.
func mapper(t *testing.T) *envelope.Mapper {
	t.Helper()
	text, err := os.ReadFile("Caddyfile")
	require.NoError(t, err)
	config := envelope.Config{SoftFailures: true, KeepErrors: true, MaxBody: envelope.DefaultMaxBody}
	for _, found := range classifyForm.FindAllStringSubmatch(string(text), -1) {
		status, _ := strconv.Atoi(found[2]) // 0 where there is none
		config.Rules = append(config.Rules, envelope.Rule{Code: refusal.Code(found[1]), Status: status, Pattern: found[3]})
	}
	require.Equal(t, strings.Count(string(text), "classify "), len(config.Rules))
	m, err := envelope.NewMapper(config)
	require.NoError(t, err)
	return m
}

// TestTheCaddyfileClassifiesWhatTheBackendSays sends requests to the backend and maps its answers as the gateway does.
func TestTheCaddyfileClassifiesWhatTheBackendSays(t *testing.T) {
	m := mapper(t)
	message := `"subject": "Hi", "type": "SMS", "contact": {"_id": "JeSqMH6mkP5f233Rp"}`
	const explorer, query, contact = "/rest/query/explorer/modules", "/rest/query/json", "/rest/data/Contact"
	for name, c := range map[string]struct {
		target, body, token string
		down                bool
		status              int
		code                refusal.Code
		fields              []string
	}{
		"required": {"/rest/data/Message", `{"type": "SMS", "contact": {"_id": "JeSqMH6mkP5f233Rp"}}`, token, false, 400, refusal.CodeInvalid, []string{"subject"}},
		"several": {"/rest/data/Message", `{"type": "x", "email": {"address": "a"}, "sendAt": "never", "contact": {"_id": "JeSqMH6mkP5f233Rp"}}`, token, false, 403, refusal.CodeForbidden,
			[]string{"sendAt"}},
		"several values":   {"/rest/data/Contact", `{"name": {"first": true}, "email": {"address": "a"}, "birthday": "never"}`, token, false, 400, refusal.CodeInvalid, []string{"birthday", "email", "name"}},
		"required, lookup": {"/rest/data/Message", `{"type": "SMS", "contact": {"_id": "x"}}`, token, false, 400, refusal.CodeInvalid, []string{"contact"}},
		"a picklist": {"/rest/data/Message", `{` + message + `, "status": "x for field subject is invalid"}`, token, false, 400, refusal.CodeInvalid,
			[]string{"status"}},
		"a part":          {contact, `{"name": {"first": "A"}, "email": {"address": "a"}}`, token, false, 400, refusal.CodeInvalid, []string{"email"}},
		"a date":          {contact, `{"name": {"first": "A"}, "birthday": "never"}`, token, false, 400, refusal.CodeInvalid, []string{"birthday"}},
		"a phone":         {contact, `{"name": {"first": "A"}, "phone": {"countryCode": 55, "phoneNumber": "1"}}`, token, false, 400, refusal.CodeInvalid, []string{"phone"}},
		"a lookup":        {contact, `{"name": {"first": "A"}, "campaign": {"_id": "[get-user] x"}}`, token, false, 400, refusal.CodeInvalid, []string{"campaign"}},
		"an outage in it": {"/rest/data/Message", `{` + message + `, "status": "connect ECONNREFUSED"}`, token, false, 400, refusal.CodeInvalid, []string{"status"}},
		"no field":        {contact, `{}`, token, false, 400, refusal.CodeInvalid, nil},
		"no list":         {contact, `{"_user": {"_id": "x"}}`, token, false, 400, refusal.CodeInvalid, nil},
		"a denied field":  {"/rest/data/Message", `{` + message + `, "sendAt": "2026-01-01T00:00:00Z"}`, token, false, 403, refusal.CodeForbidden, []string{"sendAt"}},
		"a denied module": {"/rest/data/Product", `{"name": "x"}`, token, false, 403, refusal.CodeForbidden, nil},
		"no module":       {"/rest/data/Invoice", `{"name": "x"}`, token, false, 404, refusal.CodeNotFound, nil},
		"no collection":   {"/rest/data/Invoice/x", "", token, false, 404, refusal.CodeNotFound, nil},
		"no path":         {"/rest/nothing", "", token, false, 404, refusal.CodeNotFound, nil},
		"a bad query":     {query, `{"document": "Foo"}`, token, false, 400, refusal.CodeInvalid, nil},
		"a bad filter":    {query, `{"document": "Contact", "filter": {"conditions": [{"term": "x", "operator": "equals", "value": 1}]}}`, token, false, 400, refusal.CodeInvalid, nil},
		"no JSON":         {query, `{`, token, false, 400, refusal.CodeInvalid, nil},
		"it stumbles":     {"/rest/data/Specimen", `{"pair": ["red", "blue"], "note": {"a": [null]}}`, token, false, 502, refusal.CodeInternal, nil},
		// These become 502, since the site injects Authorization.
		"session, soft":     {contact, `{}`, "old", false, 401, refusal.CodeUnauthorized, nil},
		"session, explorer": {explorer, "", "old", false, 401, refusal.CodeUnauthorized, nil},
		"session, query":    {query, `{"document": "Contact"}`, "old", false, 400, refusal.CodeUnauthorized, nil},
		"down, soft":        {contact, `{}`, token, true, 503, refusal.CodeInternal, nil},
		"down, explorer":    {explorer, "", token, true, 503, refusal.CodeInternal, nil},
		"down, menu":        {"/rest/menu/documents/Contact", "", token, true, 503, refusal.CodeInternal, nil},
		"down, query":       {query, `{"document": "Contact"}`, token, true, 503, refusal.CodeInternal, nil},
	} {
		t.Run(name, func(t *testing.T) {
			recorder := ask(t, c.target, c.body, c.token, c.down)
			answer := m.Map(recorder.Code, recorder.Header().Get("Content-Type"), recorder.Body.Bytes())
			require.Equal(t, c.status, answer.Status, recorder.Body)
			require.Equal(t, c.code, answer.Code, recorder.Body)
			var body struct {
				Error struct{ Details map[string]string }
			}
			require.NoError(t, json.Unmarshal(answer.Body, &body))
			require.Equal(t, c.fields, slices.Sorted(maps.Keys(body.Error.Details)), string(answer.Body))
			require.NotContains(t, string(answer.Body), "10.20.0.5")
		})
	}
}

// ask sends a request to a backend of its own; one without a body is GET.
func ask(t *testing.T, target, body, token string, down bool) *httptest.ResponseRecorder {
	t.Helper()
	server, err := crm.New(crm.Options{Token: "s3ssion-token-of-the-tests", Denied: []string{"Product", "Message.sendAt"}})
	require.NoError(t, err)
	server.SetDatabaseDown(down)
	method := "POST"
	if body == "" {
		method = "GET"
	}
	r := httptest.NewRequest(method, target, strings.NewReader(body))
	r.Header.Set("Authorization", "Bearer "+token)
	r.Header.Set("Content-Type", "application/json")
	recorder := httptest.NewRecorder()
	server.ServeHTTP(recorder, r)
	return recorder
}
