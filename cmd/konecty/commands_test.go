package main

import (
	"encoding/json"
	"os"
	"path/filepath"
	"strings"
	"testing"

	"github.com/stretchr/testify/require"
)

func TestModules(t *testing.T) {
	k := newTool(t, newBare(t))
	require.Equal(t, strings.Join([]string{
		"DOCUMENT     LABEL        FIELDS", "Activity     Activity     10", "Campaign     Campaign     10", "Contact      Contact      15",
		"Message      Message      10", "Opportunity  Opportunity  11", "Product      Product      8", ""}, "\n"), k.run("modules", "--lang", "en").ok().stdout)
	require.Contains(t, k.run("modules").ok().stdout, "Oportunidade", "the server's own language")

	var modules []struct {
		Document string
		Fields   []map[string]any
	}
	k.run("modules", "--json").ok().decoded(&modules)
	require.Len(t, modules, 6)
	require.Equal(t, "Activity", modules[0].Document)
	require.Equal(t, map[string]any{"name": "code", "type": "autoNumber", "label": "Código", "isList": false, "isRequired": false}, modules[0].Fields[0])
}

func TestSearch(t *testing.T) {
	k := newTool(t, newBare(t))
	require.Equal(t, "DOCUMENT  LABEL    FIELDS\nContact   Contato  15\n", k.run("search", "CONT").ok().stdout)
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
		`(?m)^status +picklist +Status +default Ativo +Ativo, Inativo$`,
		`(?m)^type +picklist +Types +1 to 3 of: client, lead, partner, supplier$`,
		`(?m)^email +email list +E-mail$`,
		`(?m)^newsletter +boolean +Newsletter +default false$`,
		`(?m)^campaign +lookup +Campaign +_id of Campaign$`,
	} {
		require.Regexp(t, row, table)
	}
	var module struct{ Fields []map[string]any }
	k.run("fields", "contact", "--json").ok().decoded(&module)
	require.Equal(t, map[string]any{"Ativo": "Ativo", "Inativo": "Inativo"}, module.Fields[2]["options"])
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
	require.Equal(t, "wrote 6 modules to "+path+"\n", k.run("metadata", "--out", folder, "--lang", "en").ok().stdout)
	written, err := os.ReadFile(path)
	require.NoError(t, err)
	committed, err := os.ReadFile("../../examples/konecty/policies/konecty/modules.json")
	require.NoError(t, err)
	require.Equal(t, string(committed), string(written),
		"write it anew: konecty metadata --lang en --out examples/konecty/policies/konecty")

	var report map[string]any
	k.run("metadata", "--out", folder, "--json").ok().decoded(&report)
	require.Equal(t, map[string]any{"file": path, "modules": 6.0}, report)
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
