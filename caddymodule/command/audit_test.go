package command_test

import (
	"encoding/json"
	"os"
	"path/filepath"
	"strings"
	"testing"
	"unicode/utf8"

	"github.com/stretchr/testify/require"

	"github.com/tollgate-gateway/tollgate/caddymodule/harness"
)

// auditedCaddyfile has a fault of each grade, and credentials that nobody shall be shown.
const auditedCaddyfile = `{
	admin :2019
	tollgate {
		keys sqlite tollgate.db
		counters redis redis://u:hunter2@redis.example.com:6379/0
		secrets secrets
		plan tiny 3/1m
		plan gold 900/1m
	}
}
:8080 {
	tollgate {
		public GET /leads/*
		route GET /leads agent.leads.read
		route POST /leads/new agent.leads.write {
			cost 2
		}
		inject X-Token "{tollgate.secret.token}"
		inject Authorization "Bearer swordfish"
	}
	reverse_proxy localhost:9000
}
:8081 {
	reverse_proxy localhost:9000
}
`

// auditDesk makes the store of auditedCaddyfile.
func auditDesk(t *testing.T) *harness.Desk {
	d := harness.NewDesk(t, auditedCaddyfile)
	d.WriteAll(t, "secrets/ws_other/token", "opensesame")
	d.Must(t, "workspace", "create", "ws_acme", "--plan", "tiny")
	d.Must(t, "workspace", "create", "ws_small", "--plan", "tiny", "--limit", "1/1m")
	d.Created(t, "--workspace", "ws_acme", "--scope", "*", "--allow-ip", "0.0.0.0/0")
	return d
}

// TestAuditGolden: the whole of an audit, for people and for programs, and nothing secret in either.
func TestAuditGolden(t *testing.T) {
	golden, err := filepath.Abs("testdata/audit.txt")
	require.NoError(t, err)
	d := auditDesk(t)
	people, programs := d.Run("", "audit"), d.Run("", "audit", "--json")
	require.ErrorContains(t, people.Err, "3 dangers were found")
	require.ErrorContains(t, programs.Err, "3 dangers were found")
	require.True(t, json.Valid([]byte(programs.Out)))
	got := steady(d, people.Out+"\n"+programs.Out)
	for _, secret := range []string{"hunter2", "swordfish", "opensesame"} {
		require.NotContains(t, got+people.Notes+programs.Notes, secret)
	}
	for line := range strings.Lines(steady(d, people.Out)) {
		require.LessOrEqual(t, utf8.RuneCountInString(line)-1, 80, line)
	}
	if *update {
		require.NoError(t, os.WriteFile(golden, []byte(got), 0o600))
		return
	}
	want, err := os.ReadFile(golden)
	require.NoError(t, err)
	require.Equal(t, string(want), got)
}

// TestAuditWritesNothing, and takes nothing away from a store that is in use.
func TestAuditWritesNothing(t *testing.T) {
	d := auditDesk(t)
	look := func() (found []string) {
		require.NoError(t, filepath.WalkDir(d.Dir, func(path string, entry os.DirEntry, err error) error {
			require.NoError(t, err)
			info, err := entry.Info()
			require.NoError(t, err)
			found = append(found, path+" "+info.ModTime().String())
			return nil
		}))
		return found
	}
	before := look()
	require.Error(t, d.Run("", "audit").Err)
	require.Equal(t, before, look())

	d.Write(t, "Caddyfile", strings.Replace(auditedCaddyfile, "tollgate.db", "nowhere/other.db", 1))
	before = look()
	o := d.Run("", "audit")
	require.Contains(t, o.Out, "NOT LOOKED AT")
	require.Contains(t, o.Out, "key-wildcard")
	require.Equal(t, before, look())
}

// TestAuditMistakes: what cannot be audited is an error in one line, and no report.
func TestAuditMistakes(t *testing.T) {
	d := harness.NewDesk(t, harness.DeskCaddyfile)
	d.Write(t, "bad.Caddyfile", ":8080 {\n\ttollgate {\n\t\troute /leads\n\t}\n}\n")
	for _, b := range []harness.Blunder{
		{Line: "audit --config nowhere", Want: "no such file"},
		{Line: "audit --config bad.Caddyfile", Want: "bad.Caddyfile:3"},
		{Line: "audit Caddyfile", Want: "usage: audit"},
	} {
		t.Run(b.Line, func(t *testing.T) { d.Refuses(t, b, "") })
	}
}
