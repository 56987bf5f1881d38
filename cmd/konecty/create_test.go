package main

import (
	"net/http"
	"net/http/httptest"
	"path/filepath"
	"strings"
	"testing"

	"github.com/stretchr/testify/require"
)

func TestDataComesFromTheCommandLineAFileOrStandardInput(t *testing.T) {
	k := newTool(t, newBare(t))
	text := `{"name": "P", "price": {"currency": "BRL", "value": 10.50}, "stock": 12345678901234567890}`
	file := writeFile(t, filepath.Join(t.TempDir(), "p.json"), text)
	k.stdin = text + "\n"
	for _, data := range []string{text, "@" + file, "-"} {
		dry := k.run("create", "Product", "--dry-run", "--data", data).ok().stdout
		require.Contains(t, dry, "12345678901234567890", "numbers keep their digits")
		require.Contains(t, dry, "10.50")
	}
}

func TestDataThatIsNoObjectIsUsage(t *testing.T) {
	b := newBare(t)
	k := newTool(t, b)
	for _, data := range []string{"[]", "null", "7", `"x"`, "{", "{} {}", "{},", "name=x", "@" + filepath.Join(t.TempDir(), "nothing.json"), "-", ""} {
		k.run("create", "Contact", "--data", data, "--lookup=campaign").fails(exitUsage).oneLine()
	}
	k.run("create", "Contact", "--data", "[]").fails(exitUsage, "--data must be one JSON object").oneLine()
	k.run("create", "Contact", "--data", "{x").fails(exitUsage, "at byte 2").oneLine()
	k.run("create", "Contact", "--data", "@nothing.json").fails(exitUsage, "nothing.json").oneLine()
	k.run("create", "Contact").fails(exitUsage, "data").oneLine()
	require.Empty(t, b.requests(), "nothing is sent")
}

func TestNothingIsSentThatWouldFail(t *testing.T) {
	b := newBare(t)
	k := newTool(t, b)
	for words, says := range map[string]string{
		`Contac|{"name": {"first": "A"}}`:                  "no module Contac: did you mean Contact?",
		`cont|{"name": {"first": "A"}}`:                    "no module cont: did you mean Contact?",
		`Invoice|{"name": {"first": "A"}}`:                 `no module Invoice: "konecty modules" lists them`,
		`Contact|{}`:                                       "name: is required",
		`Contact|{"name": null, "notes": ""}`:              "name: is required",
		`Contact|{"name": {"first": "A"}, "tags": [true]}`: "tags: must be a list; element 1 must be text",
	} {
		document, data, _ := strings.Cut(words, "|")
		k.run("create", document, "--data", data).fails(exitRefused, says)
		for _, asked := range b.requests() {
			require.True(t, strings.HasPrefix(asked, "GET "), words)
		}
	}
}

func TestAmbiguousModules(t *testing.T) {
	k := answering(t, 200, "application/json", `{"success": true, "data": {"modules": [
		{"document": "Lead", "label": "Contact", "fields": []}, {"document": "Person", "label": "Contact", "fields": []}]}}`)
	k.run("create", "contact", "--data", `{"a": 1}`).fails(exitRefused, "contact may be Lead or Person: say which").oneLine()
}

func TestEmptyRecords(t *testing.T) {
	k := answering(t, 200, "application/json", `{"success": true, "data": {"modules": [{"document": "Lead", "label": "Lead", "fields": []}]}}`)
	k.run("create", "Lead", "--data", `{"a": null}`).fails(exitRefused, "the record has no field").oneLine()
}

func TestLookupsFillFields(t *testing.T) {
	k := newTool(t, newBare(t))
	sent := func(arguments ...string) (record map[string]any) {
		k.run(append([]string{"create", "Opportunity", "--dry-run"}, arguments...)...).ok().decoded(&record)
		return record
	}
	reference := func(id string) any { return map[string]any{"_id": id} }
	const starter, premium = "p5RvTzKpL8sJc3WqH", "p2YbGsNwQ4tKc9XdF"
	require.Equal(t, map[string]any{"contact": reference(maria)}, sent("--lookup", "contact=maria"))
	require.Equal(t, map[string]any{"contact": reference(maria), "products": []any{reference(starter), reference(premium)}},
		sent("--lookup", "contact=16503", "--lookup", "products=7", "--lookup", "products=premium"))
	require.Equal(t, map[string]any{"contact": reference(maria), "products": []any{reference("x"), reference(starter)}},
		sent("--lookup", "contact=16503", "--lookup", "products=Starter", "--data", `{"products": {"_id": "x"}}`))
	require.Equal(t, map[string]any{"contact": reference(maria), "products": []any{reference("x"), reference(starter)}},
		sent("--lookup", "contact=16503", "--lookup", "products=Starter", "--data", `{"products": [{"_id": "x"}]}`))
}

func TestLookupsThatFail(t *testing.T) {
	b := newBare(t)
	k := newTool(t, b)
	k.run("create", "Opportunity", "--data", `{"contact": {"_id": "x"}}`, "--lookup", "contact=16503", "--lookup", "products=99",
		"--lookup", "status=Nova", "--lookup", "nothing=7").fails(exitRefused,
		"contact: is given twice", "products: matches nothing: no Product has 99", "status: is not a lookup", "nothing: is not a field of Opportunity")
	require.NotContains(t, b.requests(), "POST /rest/data/Opportunity")
	for _, text := range []string{"contact", "contact=", "=16503", ""} {
		k.run("create", "Opportunity", "--lookup", text).fails(exitUsage, "--lookup must look like contact=16503").oneLine()
	}
}

func TestUnclearLookupsShowTheCandidates(t *testing.T) {
	k := newTool(t, newBare(t))
	contact := []string{"create", "Contact", "--data", `{"name": {"first": "Ana"}}`, "--dry-run", "--lookup"}
	k.run(append(contact, "campaign=friday")...).fails(exitRefused, "campaign: is not clear",
		`{"_id": "c3WqHn5RvTzKpL8sJ"} 41 Black Friday`, `{"_id": "c9XdFm2YbGsNwQ4tK"} 42 Black Friday Revival`)
	require.Contains(t, k.run(append(contact, "campaign=black friday")...).ok().stdout, "c3WqHn5RvTzKpL8sJ", "the one that is called so")
	for range 5 {
		k.run("create", "Campaign", "--data", `{"name": "Black Friday", "channels": ["Meta"]}`).ok()
	}
	k.run(append(contact, "campaign=black friday")...).fails(exitRefused, "campaign: is not clear", "and more")
}

func TestCreatedRecordsArePrinted(t *testing.T) {
	k := newTool(t, newBare(t))
	out := k.run("create", "Contact", "--data", `{"name": {"first": "Ana"}, "email": [{"address": "ana@example.com"}, {"address": "a@b.com"}]}`).ok().stdout
	require.Regexp(t, `^created Contact \w{17}\n\n_id +\w{17}\ncode +16505\nemail +ana@example\.com, a@b\.com\nname +Ana\n(?s).*\n_createdAt `, out)
	var record map[string]any
	k.run("create", "Contact", "--json", "--data", `{"name": {"first": "Ana"}}`).ok().decoded(&record)
	require.EqualValues(t, 16506, record["code"])
}

func TestRefusedRecords(t *testing.T) {
	k := newTool(t, newBare(t, "Product", "Message.sendAt"))
	message := []string{"create", "Message", "--lookup", "contact=16503", "--data", `{"subject": "Hi", "type": "SMS", "sendAt": "2026-01-01T00:00:00Z"}`}
	k.run(message...).fails(exitRefused, "Message was refused", "sendAt: [Message] You don't have permission to create field sendAt → leave it out")
	k.run("create", "Product", "--data", `{"name": "P", "price": {"currency": "BRL", "value": 1}}`).
		fails(exitRefused, "[Product] You don't have permission to create records").oneLine()

	refused := k.run(append(message, "--json")...)
	require.Equal(t, exitRefused, refused.code)
	require.Empty(t, refused.stderr)
	var body struct {
		Success *bool
		Error   struct {
			Code, Message string
			Details       map[string]string
		}
	}
	refused.decoded(&body)
	require.False(t, *body.Success)
	require.Equal(t, "Message was refused", body.Error.Message)
	require.Contains(t, body.Error.Details["sendAt"], "leave it out")
}

// TestWhatOnlyTheServerKnows has a server whose metadata says little.
func TestWhatOnlyTheServerKnows(t *testing.T) {
	server := httptest.NewServer(http.HandlerFunc(func(w http.ResponseWriter, r *http.Request) {
		if r.Method == http.MethodGet {
			_, _ = w.Write([]byte(`{"success": true, "data": {"modules": [{"document": "Lead", "label": "Lead", "fields": [
				{"name": "name", "type": "text"}, {"name": "status", "type": "picklist", "options": {"a": "A"}}]}]}}`))
			return
		}
		_, _ = w.Write([]byte(`{"success": false, "errors": [{"message": "Field name is required"}, {"message": "Value for field hidden.part must be a valid String"},
			{"message": "[Lead] The limit of leads is reached"}, {"message": "[Lead] Ask the sales team"}]}`))
	}))
	t.Cleanup(server.Close)
	k := &tool{t: t, host: server.URL, token: token, home: t.TempDir()}
	got := k.run("create", "Lead", "--data", `{"status": "a"}`).fails(exitRefused)
	require.Equal(t, strings.Join([]string{
		"konecty: Lead was refused: [Lead] The limit of leads is reached; [Lead] Ask the sales team:",
		"  name: Field name is required → send text",
		"  hidden: Value for field hidden.part must be a valid String", ""}, "\n"), got.stderr)
}

func TestTerminalsDoNotObeyTheServer(t *testing.T) {
	k := answering(t, 200, "application/json", `{"success": true, "data": {"modules": [{"document": "A\u001b[2J", "label": "L\u009b\u202e", "fields": [
		{"name": "b\u0007", "type": "picklist", "label": "x\ny", "isRequired": true, "options": {"\u001b]0;o": 1}}]}]}}`)
	for _, words := range [][]string{{"modules"}, {"fields", "A"}, {"create", "A\x1b[2J", "--data", `{"a": 1}`}, {"search", "zzz"}, {"lookup", "B\x1b[2J", "1"}} {
		got := k.run(words...)
		require.NotRegexp(t, "[\x1b\a\u009b\u202e]", got.stdout+got.stderr)
		require.NotEmpty(t, got.stdout+got.stderr)
	}
}
