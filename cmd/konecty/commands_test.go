package main

import (
	"encoding/json"
	"net/http"
	"net/http/httptest"
	"os"
	"path/filepath"
	"strings"
	"testing"

	"github.com/stretchr/testify/require"
)

func TestModules(t *testing.T) {
	k := newTool(t, newBare(t))
	require.Equal(t, strings.Join([]string{
		"DOCUMENT     LABEL        FIELDS", "Activity     Activity     17", "Campaign     Campaign     17", "Contact      Contact      21", "Group        Group        8",
		"Message      Message      17", "Opportunity  Opportunity  16", "Product      Product      15", "Specimen     Specimen     61", "User         User         17", ""}, "\n"),
		k.run("modules", "--lang", "en").ok().stdout)
	require.Contains(t, k.run("modules").ok().stdout, "Oportunidade", "the server's own language")

	var modules []struct {
		Document string
		Fields   []map[string]any
	}
	k.run("modules", "--json").ok().decoded(&modules)
	require.Len(t, modules, 9)
	require.Equal(t, "Activity", modules[0].Document)
	require.Equal(t, map[string]any{"name": "code", "type": "autoNumber", "label": "Código"}, modules[0].Fields[0])
}

func TestSearch(t *testing.T) {
	k := newTool(t, newBare(t))
	require.Equal(t, "DOCUMENT  LABEL    FIELDS\nContact   Contato  21\n", k.run("search", "CONT").ok().stdout)
	require.Contains(t, k.run("search", "oport").ok().stdout, "Opportunity", "labels count")
	k.run("search", "mensagen").fails(exitRefused, "no module holds mensagen", "did you mean Message?").oneLine()
}

func TestModulesAreFoundByRoughNames(t *testing.T) {
	k := newTool(t, newBare(t))
	for word, document := range map[string]string{
		"Contact": "Contact", "contact": "Contact", "Contato": "Contact", "contatos": "Contact", "oport": "Opportunity",
		"Mensagen": "Message", "mesage": "Message", "odut": "Product", "Produto": "Product",
	} {
		require.True(t, strings.HasPrefix(k.run("fields", word).ok().stdout, document+" ("), word)
	}
	k.run("fields", "c").fails(exitRefused, "c may be Campaign or Contact: say which").oneLine()
	k.run("fields", "invoice").fails(exitRefused, "no module invoice", "konecty modules").oneLine()
	k.run("fields", "").fails(exitRefused, "no module")
}

func TestFields(t *testing.T) {
	k := newTool(t, newBare(t))
	table := k.run("fields", "Contact", "--lang", "en").ok().stdout
	for _, row := range []string{
		`(?m)^NAME +TYPE +LABEL +REQUIRED +TAKES$`,
		`(?m)^code +autoNumber +Code +never send$`,
		`(?m)^name +personName +Name +yes$`,
		`(?m)^status +picklist +Status +default Ativo +one of: Ativo, Inativo$`,
		`(?m)^type +picklist +Types +a list of 0 to 3 of: client, lead, partner, supplier$`,
		`(?m)^email +email list +E-mail$`,
		`(?m)^tags +text list +Tags +none twice$`,
		`(?m)^newsletter +boolean +Newsletter +default false$`,
		`(?m)^campaign +lookup +Campaign +_id of Campaign$`,
		`(?m)^_merge +text, maybe a list +_merge$`,
		`(?m)^Its records are named by: Activity\.contact, Contact\.mainContact, Message\.contact, `,
	} {
		require.Regexp(t, row, table)
	}
	require.NotContains(t, table, "not known")
	require.Regexp(t, `(?m)^targets +number list +Targets +default 0 +from 0, at most 12$`, k.run("fields", "Campaign", "--lang", "en").ok().stdout)
	require.Regexp(t, `(?m)^short +text +Short +of at most 5 characters$`, k.run("fields", "Specimen", "--lang", "en").ok().stdout)
	require.Regexp(t, `(?m)^status +picklist +Status +default Nova +one of: Enviada, `, k.run("fields", "Message", "--lang", "en").ok().stdout, "a default by language")
	var module struct {
		Complete bool
		Fields   []map[string]any
	}
	k.run("fields", "contact", "--json").ok().decoded(&module)
	require.True(t, module.Complete)
	require.Equal(t, map[string]any{"en": "Active", "pt_BR": "Ativo"}, module.Fields[2]["options"].(map[string]any)["Ativo"])
	require.Equal(t, 1.0, module.Fields[2]["maxSelected"])
	require.Equal(t, false, module.Fields[2]["isList"])
}

// explorerOnly is a server, or a gateway, that tells nobody what fields require.
func explorerOnly(t *testing.T, status int, body string) *tool {
	t.Helper()
	b := newBare(t)
	server := httptest.NewServer(http.HandlerFunc(func(w http.ResponseWriter, r *http.Request) {
		if strings.HasPrefix(r.URL.Path, "/rest/menu/") {
			w.WriteHeader(status)
			_, _ = w.Write([]byte(body))
			return
		}
		b.Server.ServeHTTP(w, r)
	}))
	t.Cleanup(server.Close)
	return &tool{t: t, host: server.URL, token: token, home: t.TempDir()}
}

func TestWhereNobodyTellsWhatFieldsRequire(t *testing.T) {
	for name, c := range map[string]struct {
		status int
		body   string
	}{
		"no such route":          {404, `{"success":false,"error":{"code":"NOT_FOUND","message":"There is no such resource.","details":null}}`},
		"no scope":               {403, `{"success":false,"error":{"code":"FORBIDDEN","message":"No.","details":null}}`},
		"an old server":          {404, `{"statusCode":404,"error":"Not Found","message":"Route GET:/rest/menu/documents/Contact not found"}`},
		"nothing":                {200, ""},
		"null":                   {200, "null"},
		"closed to the session":  {200, `{"success":false,"errors":[{"message":"[Contact] You don't have permission"}]}`},
		"an object of something": {200, `{"_id":"Contact"}`},
	} {
		t.Run(name, func(t *testing.T) {
			k := explorerOnly(t, c.status, c.body)
			table := k.run("fields", "Contact", "--lang", "en").ok().stdout
			require.Regexp(t, `(?m)^email +email, maybe a list +E-mail$`, table)
			require.Regexp(t, `(?m)^status +picklist, maybe a list +Status +one of, or a list of: Ativo, Inativo$`, table)
			require.Contains(t, table, "is not known")
			// A value and a list of values are both right, and nothing is required.
			for _, data := range []string{`{"name": {"first": "A"}, "type": ["client"], "email": [{"address": "a@b.com"}]}`,
				`{"name": {"first": "A"}, "type": "client", "email": {"address": "a@b.com"}}`, `{"notes": "x"}`} {
				k.run("create", "Contact", "--dry-run", "--data", data).ok()
			}
			k.run("create", "Contact", "--dry-run", "--data", `{"email": "a"}`).fails(exitRefused, "email: must be")
			require.Contains(t, k.run("metadata", "--out", t.TempDir()).ok().stdout, "not known is what the fields of these require, since nobody tells this session: Activity, ")
		})
	}
	for name, k := range map[string]*tool{
		"an outage": explorerOnly(t, 200, `{"success":false,"errors":[{"message":"connect ECONNREFUSED 10.20.0.5:27017"}]}`),
		"no server": explorerOnly(t, 502, `{}`), "no Konecty": explorerOnly(t, 200, "<html>"),
	} {
		k.run("fields", "Contact").fails(exitUnreachable).oneLine()
		folder := t.TempDir()
		k.run("metadata", "--out", folder).fails(exitUnreachable)
		entries, err := os.ReadDir(folder)
		require.NoError(t, err)
		require.Empty(t, entries, "%s: nothing half known is written", name)
	}
	explorerOnly(t, 200, `{"success":false,"errors":[{"message":"[get-user] User not found"}]}`).run("fields", "Contact").fails(exitRefused, "log in again").oneLine()
}

func TestLookup(t *testing.T) {
	b := newBare(t)
	k := newTool(t, b)
	require.Equal(t, "_ID                CODE   NAME\nJeSqMH6mkP5f233Rp  16503  Maria Silva\n", k.run("lookup", "Contact", "16503").ok().stdout)
	require.Equal(t, "_ID                CODE  NAME\nc3WqHn5RvTzKpL8sJ  41    Black Friday\n", k.run("lookup", "Campaign", "friday", "--limit", "1").ok().stdout)
	require.Equal(t, "_ID                EMAIL.ADDRESS      CODE\nJeSqMH6mkP5f233Rp  maria@example.com  16503\n",
		k.run("lookup", "contato", "silva", "--fields", "email.address,code").ok().stdout)
	var records []map[string]any
	k.run("lookup", "Product", "8", "--json", "--fields", "_createdAt,name").ok().decoded(&records)
	require.Equal(t, "Premium", records[0]["name"])

	k.run("lookup", "Contact", "nobody").fails(exitRefused, "no Contact matches nobody").oneLine()
	k.run("lookup", "Contact", "007").fails(exitRefused, "no Contact matches 007").oneLine()
	b.requests()
	for words, says := range map[string]string{
		"lookup Contac 1":                  "no module Contac: did you mean Contact?",
		"lookup cont 1":                    "no module cont: did you mean Contact?",
		"lookup Contact 1 --fields nme":    "Contact has no field nme",
		"lookup Contact 1 --fields name,x": "Contact has no field x",
	} {
		k.run(strings.Fields(words)...).fails(exitRefused, says).oneLine()
		require.Equal(t, []string{"GET /rest/query/explorer/modules"}, b.requests(), "nothing is sent that would fail")
	}
	for _, words := range []string{"lookup Contact 1 --limit 0", "lookup Contact 1 --limit 1001", "lookup Contact", "lookup Contact 1 2"} {
		k.run(strings.Fields(words)...).fails(exitUsage).oneLine()
		require.Empty(t, b.requests())
	}
	k.run("lookup", "Contact", " ").fails(exitUsage, "the term is empty").oneLine()
}

func TestMetadataIsWhatThePoliciesRead(t *testing.T) {
	k := newTool(t, newBare(t))
	folder := t.TempDir()
	path := filepath.Join(folder, "modules.json")
	require.Equal(t, "wrote 9 modules to "+path+"\n", k.run("metadata", "--out", folder, "--lang", "en").ok().stdout)
	written, err := os.ReadFile(path)
	require.NoError(t, err)
	committed, err := os.ReadFile("../../examples/konecty/policies/konecty/modules.json")
	require.NoError(t, err)
	require.Equal(t, string(committed), string(written),
		"write it anew: konecty metadata --lang en --out examples/konecty/policies/konecty")

	var report map[string]any
	k.run("metadata", "--out", folder, "--json").ok().decoded(&report)
	require.Equal(t, map[string]any{"file": path, "modules": 9.0, "incomplete": []any{}}, report)
	entries, err := os.ReadDir(folder)
	require.NoError(t, err)
	require.Len(t, entries, 1, "no temporary files stay")

	k.run("metadata").fails(exitUsage, "out").oneLine()
	k.run("metadata", "--out", filepath.Join(path, "folder")).fails(exitRefused, "making the folder").oneLine()
	k.run("metadata", "--out", filepath.Join(folder, "new")).ok()
	require.NoError(t, os.MkdirAll(filepath.Join(folder, "taken", "modules.json"), 0o700))
	k.run("metadata", "--out", filepath.Join(folder, "taken")).fails(exitRefused, "writing the metadata").oneLine()
}

func TestMetadataIsNeverReplacedByNothing(t *testing.T) {
	k := answering(t, 200, "application/json", `{"success": true, "data": {"modules": []}}`)
	folder := t.TempDir()
	path := writeFile(t, filepath.Join(folder, "modules.json"), "{}")
	k.run("metadata", "--out", folder).fails(exitRefused, "no modules").oneLine()
	text, err := os.ReadFile(path)
	require.NoError(t, err)
	require.Equal(t, "{}", string(text))
}

func TestMetadataKeepsWhatItDoesNotKnow(t *testing.T) {
	k := answering(t, 200, "application/json", `{"success": true, "data": {"modules": [{"document": "A", "label": "B", "fields": [
		{"name": "x", "type": "composite", "objectRefId": "Y", "maxValue": null, "minValue": "$now", "options": null}]}]}}`)
	folder := t.TempDir()
	k.run("metadata", "--out", folder).ok()
	text, err := os.ReadFile(filepath.Join(folder, "modules.json"))
	require.NoError(t, err)
	var written map[string]any
	require.NoError(t, json.Unmarshal(text, &written))
	require.Equal(t, map[string]any{"modules": map[string]any{"A": map[string]any{"document": "A", "label": "B", "fields": map[string]any{
		"x": map[string]any{"name": "x", "type": "composite", "objectRefId": "Y", "maxValue": nil, "minValue": "$now", "options": nil}}}}}, written)
}
