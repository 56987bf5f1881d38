package command_test

import (
	"encoding/json"
	"strings"
	"testing"

	"github.com/stretchr/testify/require"

	"github.com/tollgate-gateway/tollgate/caddymodule/harness"
)

// TestKeySet changes what is named, and nothing else.
func TestKeySet(t *testing.T) {
	d := harness.NewDesk(t, harness.DeskCaddyfile)
	d.Must(t, "workspace", "create", "ws_acme", "--plan", "pro")
	key, _ := d.Created(t, "--workspace", "ws_acme", "--name", "crm", "--scope", "agent.leads.read", "--allow-ip", "203.0.113.0/24", "--limit", "60/1m")
	for line, want := range map[string]string{
		"--name sales":                          `{"name":{"old":"crm","new":"sales"}}`,
		"--scope agent.leads.write --scope a.*": `{"scopes":{"old":["agent.leads.read"],"new":["agent.leads.write","a.*"]}}`,
		"--allow-ip 10.0.0.0/8 --no-name":       `{"allowed_ips":{"old":["203.0.113.0/24"],"new":["10.0.0.0/8"]},"name":{"old":"crm","new":""}}`,
		"--no-scopes --no-allow-ip":             `{"scopes":{"old":["agent.leads.read"],"new":[]},"allowed_ips":{"old":["203.0.113.0/24"],"new":[]}}`,
		"--expires 2099-01-01T00:00:00Z":        `{"expires_at":{"old":null,"new":"2099-01-01T00:00:00Z"}}`,
		"--limit 50/1m --limit 5/1s":            `{"limits":{"old":["60/1m"],"new":["50/1m","5/1s"]}}`,
		"--no-limits":                           `{"limits":{"old":["60/1m"],"new":[]}}`,
		"--no-expiry":                           `{}`,
	} {
		t.Run(line, func(t *testing.T) {
			o := d.Run("", harness.Words("key set "+key+" "+line+" --json")...)
			require.NoError(t, o.Err)
			var got struct {
				ID      string
				Changed json.RawMessage
			}
			require.NoError(t, json.Unmarshal([]byte(o.Out), &got))
			require.Equal(t, key, got.ID)
			require.JSONEq(t, want, string(got.Changed))
			d.Must(t, "key", "set", key, "--name", "crm", "--scope", "agent.leads.read", "--allow-ip", "203.0.113.0/24", "--limit", "60/1m", "--no-expiry")
		})
	}
	for line, want := range map[string]string{
		"":                             "nothing to change: write --name",
		"--name x --no-name":           "--name and --no-name contradict each other: write one of them",
		"--scope a --no-scopes":        "--scope and --no-scopes contradict each other",
		"--allow-ip ::1 --no-allow-ip": "--allow-ip and --no-allow-ip contradict each other",
		"--limit 5/1m --no-limits":     "--limit and --no-limits contradict each other",
		"--limit 0/1m":                 "window \"0/1m\": the limit must be from 1 to",
		"--limit none":                 "window \"none\" has no '/'",
		"--limit 5/month":              "a limit per calendar month is a quota",
		"--limit 5/1m --limit 6/60s":   "same duration",
		"--limit 5/1m,6/1h":            "window \"5/1m,6/1h\"",
		"--limit 1/1s --limit 2/2s --limit 3/3s --limit 4/4s --limit 5/5s": "5 windows are too many: at most 4 are allowed",
		"--quota 5/month":                "unknown flag: --quota",
		"--expires 1d --no-expiry":       "--expires and --no-expiry contradict each other",
		"--no-scopes=false":              "--no-scopes=false says nothing: leave it out",
		"--scope a..b":                   "has an empty segment",
		"--allow-ip 127.1":               "is not valid",
		"--expires 2001-01-01T00:00:00Z": "is in the past",
		"--name=":                        "--name is empty",
	} {
		t.Run("refuses/"+line, func(t *testing.T) {
			before := revision(t, d)
			require.ErrorContains(t, d.Run("", harness.Words("key set "+key+" "+line)...).Err, want)
			require.Equal(t, before, revision(t, d))
		})
	}
	d.Must(t, "key", "revoke", key)
	require.ErrorContains(t, d.Run("", "key", "set", key, "--name", "x").Err, "that is final, create another")
}

// TestScopesThatOpenNothing are told when a key gets them, and given all the same.
func TestScopesThatOpenNothing(t *testing.T) {
	d := harness.NewDesk(t, harness.DeskCaddyfile)
	d.Must(t, "workspace", "create", "ws_acme", "--plan", "pro")
	key, _ := d.Created(t, "--workspace", "ws_acme")
	for scope, warned := range map[string]bool{
		"agent.leads.read": false, "agent.*": false, "*": false, "konecty.Lead.create": false, "konecty.*": false, "konecty.Lead.*": false,
		"agent.lead.read": true, "agent.leads": true, "agent.leads.read.*": true, "konecty.Lead.delete": true, "konecty.Lead": true,
		"konecty.a.b.create": true, "konecty.Lead.create.*": true, "tollgate.keys.read": true, "Agent.*": true,
	} {
		for _, line := range []string{"key create --workspace ws_acme", "key set " + key} {
			o := d.Run("", append(strings.Fields(line), "--scope", scope)...)
			require.NoError(t, o.Err)
			require.Equal(t, warned, strings.Contains(o.Notes, "warning: no route of Caddyfile needs the scope "+scope+"\n"), "%s: %s", scope, o.Notes)
		}
	}
	d.Write(t, "Caddyfile", strings.Replace(harness.DeskCaddyfile, "whoami /me\n\t}", "whoami /me\n\t}\n\ttollgate_keys /keys", 1))
	require.NotContains(t, d.Run("", "key", "set", key, "--scope", "tollgate.admin.*").Notes, "warning")
	d.Write(t, "Caddyfile", "{\n\ttollgate {\n\t\tkeys sqlite tollgate.db\n\t}\n}\n")
	require.NotContains(t, d.Run("", "key", "set", key, "--scope", "any.thing").Notes, "warning", "it has no routes at all")
}

// TestALeakedSecretIsEnded: from what a scan finds to the secret that is no more, by its fingerprint.
func TestALeakedSecretIsEnded(t *testing.T) {
	d := harness.NewDesk(t, harness.DeskCaddyfile)
	d.Must(t, "workspace", "create", "ws_acme", "--plan", "pro")
	key, secret := d.Created(t, "--workspace", "ws_acme")
	d.Write(t, "leak.txt", "token="+secret+"\n")
	found := d.Run("", "key", "scan", "leak.txt")
	require.ErrorContains(t, found.Err, "key rotate KEY_ID --grace 0s")
	shown := d.Run("", "key", "show", key)
	require.Contains(t, shown.Notes, "if a secret has leaked: key rotate "+key+" --grace 0s")
	fingerprint := strings.Fields(strings.Split(shown.Out, "LAST USED\n")[1])[0]
	require.Len(t, fingerprint, 8)
	require.Contains(t, found.Out, fingerprint)
	require.NotContains(t, secret, fingerprint)

	kept := d.Run("", "key", "rotate", key)
	require.Contains(t, kept.Out, "(1d more)")
	require.Contains(t, kept.Notes, "if the old secret has leaked: key rotate "+key+" --grace 0s")
	require.Error(t, d.Run("", "key", "scan", "leak.txt").Err, "it lives on for the grace")
	require.Contains(t, d.Must(t, "key", "rotate", key, "--grace", "0s"), "old secret   ended 20")
	require.NoError(t, d.Run("", "key", "scan", "leak.txt").Err)
	require.Regexp(t, fingerprint+`  20\S+Z  ended 20`, d.Must(t, "key", "show", key))
	for line := range strings.Lines(d.Must(t, "key", "show", key)) {
		require.LessOrEqual(t, len(strings.TrimSpace(line)), 80)
	}
}

// TestKeyListFilters: all that is written must hold, and every answer is one array.
func TestKeyListFilters(t *testing.T) {
	d := harness.NewDesk(t, harness.DeskCaddyfile)
	d.Must(t, "workspace", "create", "ws_acme", "--plan", "pro")
	soon, _ := d.Created(t, "--workspace", "ws_acme", "--scope", "agent.*", "--expires", "10d")
	late, _ := d.Created(t, "--workspace", "ws_acme", "--scope", "agent.leads.read", "--expires", "100d")
	for line, want := range map[string][]string{
		"--expiring 30d":           {soon},
		"--expiring 200d":          {soon, late},
		"--scope agent.leads.read": {soon, late},
		"--scope agent.*":          {soon},
		"--scope Agent.leads.read": {},
		"--unused 90d":             {},
		"--unused 0s":              {soon, late},
		"--unused 0s --expiring 30d --scope agent.leads.read --workspace ws_acme": {soon},
	} {
		var keys []struct{ ID string }
		require.NoError(t, json.Unmarshal([]byte(d.Must(t, append(harness.Words("key list "+line), "--json")...)), &keys), line)
		ids := []string{}
		for _, key := range keys {
			ids = append(ids, key.ID)
		}
		require.ElementsMatch(t, want, ids, line)
		require.Equal(t, len(want)+1, strings.Count(d.Must(t, harness.Words("key list "+line)...), "\n"), line)
	}
	for line, want := range map[string]string{
		"--unused soon": "--unused:", "--expiring -1d": "--expiring:", "--scope a..b": "--scope:", "--workspace ws_none": "ws_none",
	} {
		require.ErrorContains(t, d.Run("", harness.Words("key list "+line)...).Err, want)
	}
}
