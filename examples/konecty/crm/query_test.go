package crm_test

import (
	"encoding/json"
	"slices"
	"testing"

	"github.com/stretchr/testify/require"

	"github.com/tollgate-gateway/tollgate/examples/konecty/crm"
)

// explored is what the explorer answers.
func (h *harness) explored(query string) []crm.Module {
	h.t.Helper()
	got := h.ask("GET", "/rest/query/explorer/modules"+query, "")
	require.Equal(h.t, 200, got.status, got.text)
	var body struct {
		Success bool
		Data    struct{ Modules []crm.Module }
	}
	require.NoError(h.t, json.Unmarshal([]byte(got.text), &body))
	require.True(h.t, body.Success)
	return body.Data.Modules
}

func TestModules(t *testing.T) {
	h := open(t)
	names, types := []string{}, map[string]bool{}
	for _, m := range h.explored("?lang=en") {
		names = append(names, m.Document)
		for _, f := range m.Fields {
			types[f.Type] = true
			require.NotEmpty(t, f.Label, "%s.%s", m.Document, f.Name)
			require.Equal(t, f.Type == "picklist", f.Options != nil, f.Name)
			require.Equal(t, f.Type == "lookup" || f.Type == "inheritLookup", f.Document != "", f.Name)
		}
	}
	require.Equal(t, []string{"Activity", "Campaign", "Contact", "Message", "Opportunity", "Product"}, names)
	for _, name := range []string{"text", "url", "richText", "number", "percentage", "boolean", "date", "dateTime", "picklist", "lookup",
		"inheritLookup", "email", "phone", "personName", "address", "money", "geoloc", "json", "file", "autoNumber"} {
		require.True(t, types[name], name)
		delete(types, name)
	}
	require.Empty(t, types, "types that no caller knows")
}

func TestModulesSpeakTheLanguageThatIsAskedFor(t *testing.T) {
	h := open(t)
	for query, labels := range map[string][2]string{
		"":             {"Contato", "Situação"},
		"?lang=pt_BR":  {"Contato", "Situação"},
		"?lang=en":     {"Contact", "Status"},
		"?lang=tlh":    {"Contact", "status"},
		"?lang=en&x=1": {"Contact", "Status"},
	} {
		all := h.explored(query)
		at := slices.IndexFunc(all, func(m crm.Module) bool { return m.Document == "Contact" })
		require.Equal(t, labels[0], all[at].Label, query)
		require.Equal(t, labels[1], all[at].Fields[2].Label, query)
		require.Contains(t, all[at].Fields[2].Options, "Ativo")
		require.Contains(t, all[at].ReverseLookups, crm.ReverseLookup{Document: "Message", Lookup: "contact", Label: map[bool]string{true: "Mensagem", false: "Message"}[labels[0] == "Contato"]})
	}
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
		`{"document": "Foo"}`: "Unknown document Foo",
		`{}`:                  "Unknown document ",
		`[]`:                  "Invalid query",
		`{"document": "Contact", "filter": {"match": "xor"}}`:                                        "Filter must contains",
		`{"document": "Contact", "filter": {"conditions": 7}}`:                                       "Invalid query",
		`{"document": "Contact", "filter": {"conditions": [{"term": "code", "operator": "regex"}]}}`: "Operator regex not supported for field code",
	} {
		got := h.ask("POST", "/rest/query/json", body)
		require.Equal(t, 400, got.status, body)
		require.Contains(t, got.header.Get("Content-Type"), "application/x-ndjson")
		require.Contains(t, got.text, `{"_meta":{"success":false,"errors":[{"message":"`+says, body)
	}
}
