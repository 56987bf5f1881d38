package main

import (
	"testing"

	"github.com/stretchr/testify/require"
)

// tellStory is the whole workflow, against the example's server or a gateway in front of it: discover, a wrong payload, all
// its problems, lookup, create, read back. A gateway's key needs konecty.*. The server gets two records to create, and
// stores one of them.
func tellStory(t *testing.T, host, key string) {
	t.Helper()
	k := &tool{t: t, host: host, token: key, home: t.TempDir()}

	// Discover.
	require.Contains(t, k.run("modules", "--lang", "en").ok().stdout, "Message")
	require.Contains(t, k.run("search", "mess", "--lang", "en").ok().stdout, "Message")
	require.Regexp(t, `(?m)^contact +lookup list +Contact +yes +_id of Contact$`, k.run("fields", "mesage", "--lang", "en").ok().stdout)

	// A wrong payload: everything that is wrong is said at once.
	wrong := k.run("create", "Message", "--lookup", "contact=nobody", "--data",
		`{"subject": true, "status": "nova", "email": {"address": "maria"}, "sendAt": "tomorrow", "code": 1, "_id": "x", "bdy": "", "subjct": "Hi"}`)
	wrong.fails(exitRefused, "subject: must be text", "status: must be one of: Enviada, Falha no Envio, Nova, Rascunho", "email: must be a list",
		"sendAt: must be a time", "code: is generated", "_id: is generated", "subjct: is not a field of Message: did you mean subject?",
		"type: is required", "contact: matches nothing: no Contact has nobody")
	require.NotContains(t, wrong.stderr, "bdy", `"" is not sent`)

	// Lookup.
	require.Contains(t, k.run("lookup", "Contact", "16503").ok().stdout, maria)
	require.Contains(t, k.run("lookup", "Contact", "maria silva", "--fields", "name.full,email.address").ok().stdout, "maria@example.com")

	// Create, first without sending.
	right := []string{"create", "Message", "--lookup", "contact=16503", "--lookup", "campaign=Black Friday", "--data",
		`{"subject": "Bem-vindo!", "body": "<p>Olá</p>", "type": "Email", "email": {"address": "maria@example.com"}, "sendAt": "2026-12-01T09:00:00-03:00"}`}
	var dry, created map[string]any
	k.run(append(right, "--dry-run")...).ok().decoded(&dry)
	require.Equal(t, []any{map[string]any{"_id": maria}}, dry["contact"], "the metadata says that it is a list")
	k.run(append(right, "--json")...).ok().decoded(&created)
	require.Equal(t, "2026-12-01T12:00:00.000Z", created["sendAt"])
	require.Equal(t, "Nova", created["status"])
	require.Equal(t, "Maria Silva", created["contact"].([]any)[0].(map[string]any)["name"].(map[string]any)["full"])

	// Read back.
	var found []map[string]any
	k.run("lookup", "Message", "Bem-vindo", "--fields", "subject,contact,status", "--json").ok().decoded(&found)
	require.Equal(t, []map[string]any{{"_id": created["_id"], "subject": "Bem-vindo!", "contact": created["contact"], "status": "Nova"}}, found)

	// What only the server can know: it refuses, and the program says of the field what to do.
	k.run("create", "Message", "--data", `{"subject": "Hi", "type": "Email", "contact": {"_id": "nobody"}}`).
		fails(exitRefused, "Message was refused", "contact: Record not found", "konecty lookup Contact")
}

func TestStoryAgainstTheBareServer(t *testing.T) {
	b := newBare(t)
	tellStory(t, b.url, token)
	creates := 0
	for _, asked := range b.requests() {
		if asked == "POST /rest/data/Message" {
			creates++
		}
	}
	require.Equal(t, 2, creates, "the wrong payload and the dry run are not sent")
}
