package file_test

import (
	"encoding/json"
	"net/netip"
	"strings"
	"testing"
	"time"

	"github.com/stretchr/testify/require"

	"github.com/tollgate-gateway/tollgate/caddymodule/keystore"
	"github.com/tollgate-gateway/tollgate/caddymodule/keystore/file"
	"github.com/tollgate-gateway/tollgate/caddymodule/record"
)

func TestParseReadsEverything(t *testing.T) {
	want := record.Identity{
		Workspace: &record.Workspace{
			ID: "ws_acme", Plan: "pro",
			Limits: []record.Window{{Limit: 500, Duration: time.Minute}, {Limit: 9000, Duration: record.Day}},
			Metadata: map[string]any{"region": "eu", "seats": json.Number("12"), "ratio": json.Number("1.5"), "beta": true, "note": nil,
				"since": "2026-01-01", "tags": []any{"a", json.Number("-3")}, "deep": map[string]any{"er": "😀"}},
		},
		Key: &record.Key{
			ID: "key_crm", Name: "crm agent", Scopes: []record.Scope{"agent.leads.*", "agent.support.write"},
			AllowedIPs: []netip.Prefix{netip.MustParsePrefix("203.0.113.0/24"), netip.MustParsePrefix("2001:db8::1/128")},
			ExpiresAt:  time.Date(2027, 1, 1, 0, 0, 0, 0, time.UTC), Disabled: true,
		},
	}
	for name, text := range map[string]string{
		"YAML": `
workspaces:
  - id: ws_acme
    plan: pro
    limits: [500/1m, 9000/1d]
    metadata: {region: eu, seats: 12, ratio: 1.5, beta: true, note: null, since: 2026-01-01, tags: [a, -3], deep: {er: 😀}}
    keys:
      - id: key_crm
        name: crm agent
        sha256: ` + strings.ToUpper(sumText(crm)) + `
        scopes: [agent.leads.*, agent.support.write]
        allowed_ips: [203.0.113.0/24, "2001:db8::1"]
        expires_at: 2027-01-01T02:00:00+02:00
        disabled: true
`,
		"JSON": `{"workspaces": [
	{"id": "ws_acme", "plan": "pro", "limits": ["500/1m", "9000/1d"],
	 "metadata": {"region": "eu", "seats": 12, "ratio": 1.5, "beta": true, "note": null, "since": "2026-01-01", "tags": ["a", -3], "deep": {"er": "\ud83d\ude00"}},
	 "keys": [{"id": "key_crm", "name": "crm agent", "sha256": "` + sumText(crm) + `", "scopes": ["agent.leads.*", "agent.support.write"],
	 "allowed_ips": ["203.0.113.0/24", "2001:db8::1"], "expires_at": "2027-01-01T00:00:00Z", "disabled": true}]}
]}`,
	} {
		t.Run(name, func(t *testing.T) {
			identities, err := file.Parse("keys", []byte(text))
			require.NoError(t, err)
			require.Equal(t, map[record.Sum]*record.Identity{record.SumOf(crm): &want}, identities)
		})
	}
}

func TestParseTakesWhatNeedNotBeThere(t *testing.T) {
	for name, text := range map[string]string{
		"no workspaces":                                "workspaces: []",
		"a workspace without keys":                     "workspaces: [{id: ws_1, plan: free}]",
		"an empty list of keys":                        "workspaces: [{id: ws_1, plan: free, keys: []}]",
		"a byte order mark":                            "\ufeffworkspaces: []",
		"Windows line ends":                            "workspaces:\r\n  - id: ws_1\r\n    plan: free\r\n",
		"a document marker":                            "---\nworkspaces: []\n...\n",
		"an escaped backslash in JSON, next to a pair": `{"workspaces": [{"id": "a", "plan": "p", "metadata": {"x": "\\ud83d\\ude00 \ud83d\ude00"}}]}`,
	} {
		t.Run(name, func(t *testing.T) {
			identities, err := file.Parse("keys.yaml", []byte(text))
			require.NoError(t, err)
			require.Empty(t, identities)
		})
	}
}

func TestParseAnEmptyAllowlistRestrictsNothing(t *testing.T) { // D14
	identities, err := file.Parse("k", []byte("workspaces: [{id: w, plan: p, keys: [{id: k, sha256: "+sumText(crm)+", allowed_ips: []}]}]"))
	require.NoError(t, err)
	require.Empty(t, identities[record.SumOf(crm)].Key.AllowedIPs)
}

func TestParseNamesFileLineAndRemedy(t *testing.T) {
	head := "workspaces:\n- id: ws_acme\n  plan: pro\n"
	keyHead := head + "  keys:\n  - id: key_1\n    sha256: " + sumText(crm) + "\n"
	for _, test := range []struct{ name, text, want string }{
		{"an empty file", "", `k.yaml: the file is empty: write "workspaces: []"`},
		{"comments only", "# nothing\n", "k.yaml: the file is empty"},
		{"a null", "~", `k.yaml:1: the file must be a mapping such as "workspaces: …"`},
		{"a list", "- a", "k.yaml:1: the file must be a mapping"},
		{"broken YAML", "workspaces:\n  - id: [", "k.yaml:2: the file is neither valid YAML nor JSON"},
		{"broken JSON", `{"workspaces": [}`, "k.yaml:1: the file is neither valid YAML nor JSON"},
		{"invalid UTF-8", "workspaces: [\xff]", "k.yaml:1: the file is neither valid YAML nor JSON"},
		{"two documents", "workspaces: []\n---\nworkspaces: []\n", "k.yaml:2: a second document begins here"},
		{"an unknown field of the file", "workspace: []", `k.yaml:1: the file has no "workspace": known are workspaces`},
		{"no workspaces at all", "{}", `k.yaml:1: the file needs "workspaces"`},
		{"workspaces without a value", "workspaces:\n", `k.yaml:1: "workspaces" has no value`},
		{"workspaces by name", "workspaces:\n  ws_acme: {plan: pro}", "k.yaml:2: workspaces must be a list"},
		{"a word twice", "workspaces: []\nworkspaces: []", `k.yaml:2: "workspaces" stands here a second time`},
		{"a workspace without id", "workspaces:\n- plan: pro", `k.yaml:2: a workspace needs "id"`},
		{"a workspace without plan", "workspaces:\n- id: ws", `k.yaml:2: a workspace needs "plan"`},
		{"a bad workspace id", "workspaces:\n- id: ../etc\n  plan: pro", `k.yaml:2: id "../etc" is not valid`},
		{"a workspace twice", head + "- id: ws_acme\n  plan: pro", "k.yaml:4: workspace id ws_acme already stands in line 2"},
		{"an unknown field of a workspace", head + "  limit: [1/1m]", `k.yaml:4: a workspace has no "limit": known are id, plan, limits`},
		{"suspended without a reason", head + "  suspended: true", "k.yaml:4: suspended is not a reason: write why in a few words, or leave the word out"},
		{"suspended with an empty reason", head + "  suspended: ''", `k.yaml:4: reason "" has 0 characters: write 1 to 200`},
		{"a bad window", head + "  limits:\n  - 60/1m\n  - 60", `k.yaml:6: window "60" has no '/'`},
		{"a window of nothing", head + "  limits: [0/1m]", "k.yaml:4: window \"0/1m\": the limit must be from 1"},
		{"two windows of one duration", head + "  limits: [1/1m, 2/60s]", "k.yaml:4: windows 1/1m and 2/1m have the same duration"},
		{"limits that are not a list", head + "  limits: 60/1m", "k.yaml:4: limits must be a list"},
		{"a month among the limits", head + "  limits: [9/month]", "k.yaml:4: window \"9/month\": a limit per calendar month is a quota"},
		{"a bad quota", head + "  quotas:\n  - 9/day\n  - 9", `k.yaml:6: quota "9" has no '/'`},
		{"a quota of nothing", head + "  quotas: [0/month]", "k.yaml:4: quota \"0/month\": the limit must be from 1"},
		{"a quota of a duration", head + "  quotas: [9/30d]", "k.yaml:4: quota \"9/30d\": its period is day or month"},
		{"two quotas of one period", head + "  quotas: [1/day, 2/day]", "k.yaml:4: quotas 1/day and 2/day have the same period"},
		{"quotas that are not a list", head + "  quotas: 9/day", "k.yaml:4: quotas must be a list"},
		{"quotas without a value", head + "  quotas:", `k.yaml:4: "quotas" has no value`},
		{"quotas of a key", keyHead + "    quotas: [9/day]", `k.yaml:7: a key has no "quotas"`},
		{"a bad limit of a key", keyHead + "    limits:\n    - 9/1m\n    - 9/1", `k.yaml:9: window "9/1"`},
		{"five limits of a key", keyHead + "    limits: [1/1s, 1/2s, 1/3s, 1/4s, 1/5s]", "k.yaml:7: 5 windows are too many: at most 4 are allowed"},
		{"a month among a key's limits", keyHead + "    limits: [9/month]", "k.yaml:7: window \"9/month\": a limit per calendar month is a quota"},
		{"metadata that is not a mapping", head + "  metadata: eu", "k.yaml:4: metadata must be a mapping"},
		{"metadata with a name that is not text", head + "  metadata: {1: a}", `k.yaml:4: a name in metadata must be text: put "1" in quotes`},
		{"metadata with a name twice", head + "  metadata: {a: 1, a: 2}", `k.yaml:4: "a" stands here a second time`},
		{"metadata that JSON cannot say", head + "  metadata: {a: .nan}", "k.yaml:4: \".nan\" is not a number that JSON knows"},
		{"an alias", head + "  metadata: {a: &x 1, b: *x}", "k.yaml:4: anchors and aliases are not read"},
		{"a key without sha256", head + "  keys:\n  - id: key_1", `k.yaml:5: a key needs "sha256"`},
		{"a key with a secret", keyHead + "    secret: abc", `k.yaml:7: a key has no "secret": known are id, name, sha256`},
		{"a key twice", keyHead + "  - id: key_1\n    sha256: " + sumText(mail), "k.yaml:7: key id key_1 already stands in line 5"},
		{"a sha256 twice", keyHead + "  - id: key_2\n    sha256: " + strings.ToUpper(sumText(crm)), "k.yaml:8: this sha256 already stands in line 6"},
		{"a sha256 that is too short", head + "  keys:\n  - {id: k, sha256: abcd}", "k.yaml:5: sha256 is not the SHA-256 of a secret"},
		{"a name with a line break", keyHead + "    name: \"a\\nb\"", "k.yaml:7: name \"a\\nb\" holds the unprintable character"},
		{"an empty name", keyHead + "    name: \"\"", "k.yaml:7: name \"\" has 0 characters"},
		{"a scope with a wildcard in the middle", keyHead + "    scopes: [agent.*.read]", "k.yaml:7: scope \"agent.*.read\": '*' may stand only"},
		{"scopes that are not a list", keyHead + "    scopes: agent.*", "k.yaml:7: scopes must be a list: write [] for none"},
		{"scopes without a value", keyHead + "    scopes:", `k.yaml:7: "scopes" has no value`},
		{"an allowlist without a value", keyHead + "    allowed_ips:", `k.yaml:7: "allowed_ips" has no value`},
		{"D11 an octal address", keyHead + "    allowed_ips: [0127.2.3.1]", `k.yaml:7: address "0127.2.3.1" is not valid`},
		{"D11 a short address", keyHead + "    allowed_ips: [127.1]", `k.yaml:7: address "127.1" is not valid`},
		{"D11 a decimal address", keyHead + "    allowed_ips: [2130706433]", `k.yaml:7: address "2130706433" is not valid`},
		{"D12 host bits", keyHead + "    allowed_ips: [203.0.113.7/24]", "k.yaml:7: address \"203.0.113.7/24\" is not valid: its host bits are set, write 203.0.113.0/24"},
		{"D12 an empty address", keyHead + "    allowed_ips: [\"\"]", `k.yaml:7: address "" is not valid`},
		{"a null address", keyHead + "    allowed_ips: [~]", `k.yaml:7: address "~" is not valid`},
		{"a date without a time", keyHead + "    expires_at: 2027-01-01", `k.yaml:7: time "2027-01-01" is not valid: write it in RFC 3339`},
		{"a day that does not exist", keyHead + "    expires_at: 2027-02-30T00:00:00Z", "k.yaml:7: time"},
		{"disabled in quotes", keyHead + "    disabled: \"false\"", "k.yaml:7: write true or false"},
		{"disabled as yes", keyHead + "    disabled: yes", "k.yaml:7: write true or false"},
		{"too many scopes", keyHead + "    scopes: [" + strings.Repeat("a.b, ", 101) + "]", "k.yaml:5: 101 scopes are too many"},
		{"too many addresses", keyHead + "    allowed_ips: [" + strings.Repeat("10.0.0.1, ", 1001) + "]", "k.yaml:5: 1001 addresses are too many"},
		{"too much metadata", head + "  metadata: {a: " + strings.Repeat("x", 70_000) + "}", "k.yaml:2: metadata has"},
		{"an id that is a list", "workspaces:\n- id: [a]\n  plan: p", "k.yaml:2: a single value is expected here"},
	} {
		t.Run(test.name, func(t *testing.T) {
			_, err := file.Parse("k.yaml", []byte(test.text))
			require.ErrorContains(t, err, test.want)
			require.NotContains(t, err.Error(), "\n", "one line")
		})
	}
}

func TestParseNeverRepeatsASecretPastedAsItsHash(t *testing.T) {
	_, err := file.Parse("k.yaml", []byte("workspaces: [{id: w, plan: p, keys: [{id: k, sha256: "+crm+"}]}]"))
	require.ErrorContains(t, err, "64 hexadecimal digits")
	require.NotContains(t, err.Error(), crm)
}

func FuzzParse(f *testing.F) {
	f.Add([]byte(keys("500/1m")))
	f.Add([]byte(`{"workspaces": [{"id": "w", "plan": "p", "metadata": {"a": [1, {"b": null}]}}]}`))
	f.Add([]byte(`{"workspaces": [{"id": "w", "plan": "p", "quotas": ["9/month", "1/day"], "keys": [{"id": "k", "limits": ["5/1s"], "sha256": "` + sumText(crm) + `"}]}]}`))
	f.Add([]byte("workspaces: [{id: &a w, plan: *a, <<: {}}]"))
	f.Add([]byte("workspaces: [{id: w, plan: p, metadata: {a: !!binary aGk=, b: 0x1F, c: 1_000, d: 2001-01-01}}]"))
	f.Fuzz(func(t *testing.T, data []byte) {
		identities, err := file.Parse("keys.yaml", data)
		if err != nil {
			require.True(t, strings.HasPrefix(err.Error(), "keys.yaml:"), err)
			return
		}
		for _, identity := range identities {
			require.NoError(t, record.CheckID(identity.Key.ID))
			require.NoError(t, record.CheckID(identity.Workspace.ID))
			require.NoError(t, keystore.CheckKey(identity.Key))
			require.NoError(t, keystore.CheckWorkspace(identity.Workspace))
			_, err := json.Marshal(identity.Workspace.Metadata)
			require.NoError(t, err)
		}
	})
}
