package sqlite_test

import (
	"fmt"
	"os"
	"path/filepath"
	"strings"
	"testing"

	"github.com/stretchr/testify/require"

	"github.com/tollgate-gateway/tollgate/caddymodule/harness"
)

func TestKeysSQLiteMistakes(t *testing.T) {
	for name, m := range map[string]struct{ text, want string }{
		"too much":   {option("keys sqlite a.db b.db"), "write the path of one database"},
		"empty path": {option(`keys sqlite ""`), "the path is empty"},
		"block":      {option("keys sqlite a.db {\n\t\t\tmode 0600\n\t\t}"), "unknown option 'mode'"},
	} {
		t.Run("refuses/"+name, func(t *testing.T) {
			_, err := harness.Adapt(m.text, "/etc/caddy/Caddyfile")
			require.ErrorContains(t, err, m.want)
			require.ErrorContains(t, err, "/etc/caddy/Caddyfile:")
		})
	}
}

func TestValidateCreatesNoKeyStore(t *testing.T) {
	const site = ":8080 {\n\ttollgate {\n\t\troute GET /leads\n\t}\n}\n"
	for name, c := range map[string]struct{ keys, want string }{
		"takes/no global block":       {keys: ""},
		"takes/default place":         {keys: "keys sqlite"},
		"takes/named database":        {keys: "keys sqlite tollgate.db"},
		"refuses/folder in its place": {keys: "keys sqlite .", want: "is not a regular file"},
		"refuses/missing folder":      {keys: "keys sqlite nowhere/tollgate.db", want: "there is no such folder"},
		"refuses/unset placeholder":   {keys: "keys sqlite {env.TOLLGATE_TEST_UNSET}", want: "reading the path"},
	} {
		t.Run(name, func(t *testing.T) {
			text := site
			if c.keys != "" {
				text = option(c.keys) + site
			}
			d := harness.NewDesk(t, text)
			_, err := harness.Validate(t, text, filepath.Join(d.Dir, "Caddyfile"))
			if c.want == "" {
				require.NoError(t, err)
			} else {
				require.ErrorContains(t, err, c.want)
			}
			entries, err := os.ReadDir(d.Dir)
			require.NoError(t, err)
			require.Len(t, entries, 1)
		})
	}
}

// TestThePlaceOfAStoreIsWhole, however its path is written: one folder's store is never taken for another's.
func TestThePlaceOfAStoreIsWhole(t *testing.T) {
	const (
		caddyfile = "{\n\ttollgate {\n\t\tkeys %s\n\t}\n}\n:8080\n"
		document  = `{"apps": {"tollgate": {"keys": %s}}}`
	)
	for name, c := range map[string]struct{ file, text, keys, env, want string }{
		"Caddyfile":                    {"there/Caddyfile", caddyfile, "sqlite a.db", "", "sqlite DIR/there/a.db"},
		"Caddyfile, folder of braces":  {"{env.HOME}/Caddyfile", caddyfile, "sqlite a.db", "", "sqlite DIR/{env.HOME}/a.db"},
		"Caddyfile, placeholder":       {"there/Caddyfile", caddyfile, "sqlite {env.TOLLGATE_TEST_DB}", "a.db", "sqlite DIR/there/a.db"},
		"Caddyfile, placeholder above": {"there/Caddyfile", caddyfile, "sqlite {env.TOLLGATE_TEST_DB}", "../a.db", "sqlite DIR/a.db"},
		"JSON":                         {"there/caddy.json", document, `{"store": "sqlite", "path": "a.db"}`, "", "sqlite DIR/a.db"},
		"JSON, placeholder":            {"there/caddy.json", document, `{"store": "sqlite", "path": "{env.TOLLGATE_TEST_DB}"}`, "a.db", "sqlite DIR/a.db"},
	} {
		t.Run(name, func(t *testing.T) {
			t.Setenv("TOLLGATE_TEST_DB", c.env)
			d := harness.NewDesk(t, "")
			d.WriteAll(t, c.file, fmt.Sprintf(c.text, c.keys))
			o := d.Run("", "workspace", "create", "ws_acme", "--plan", "pro", "--config", c.file)
			require.NoError(t, o.Err)
			want := strings.Replace(c.want, "DIR", d.Dir, 1)
			require.Equal(t, "changed key store: "+want+"\n", o.Notes)
			require.FileExists(t, strings.TrimPrefix(want, "sqlite "))
		})
	}
	t.Run("JSON, keys file", func(t *testing.T) {
		d := harness.NewDesk(t, "")
		d.Write(t, "caddy.json", fmt.Sprintf(document, `{"store": "file", "path": "keys.yaml"}`))
		d.Write(t, "keys.yaml", "workspaces: [{id: ws_acme, plan: pro}]\n")
		d.Refuses(t, harness.Blunder{Line: "workspace set ws_acme --plan trial --config caddy.json", Want: d.Dir + "/keys.yaml is a keys file"}, "")
	})
}

// TestAStoreThatOthersMayOpen is warned of, and left as its people made it.
func TestAStoreThatOthersMayOpen(t *testing.T) {
	const warning = "others than its owner may open the key store"
	for name, mode := range map[string]os.FileMode{"own": 0o600, "a group's": 0o660, "everybody's": 0o644} {
		t.Run(name, func(t *testing.T) {
			d := harness.NewDesk(t, harness.DeskCaddyfile)
			d.Must(t, "workspace", "create", "ws_acme", "--plan", "pro")
			path := filepath.Join(d.Dir, "tollgate.db")
			require.NoError(t, os.Chmod(path, mode))
			g := harness.New(t)
			require.NoError(t, g.Load(harness.Setup{Options: "keys sqlite " + path, Gate: "route GET /leads"}.Caddyfile()))
			require.Equal(t, mode != 0o600, strings.Contains(g.ReadFile(t, "caddy.log"), warning))
			require.Empty(t, d.Run("", "key", "list").Notes, "commands do not repeat it")
			info, err := os.Stat(path)
			require.NoError(t, err)
			require.Equal(t, mode, info.Mode())
		})
	}
}

// TestGatewayMakesTheDefaultStore: a gateway without any configuration of keys is ready for commands.
func TestGatewayMakesTheDefaultStore(t *testing.T) {
	g := harness.New(t)
	d := harness.NewDesk(t, ":8080\n")
	text := "{\n\tadmin off\n\tpersist_config off\n}\nhttp://:$PORT {\n\ttollgate {\n\t\troute GET /leads\n\t}\n\trespond ok\n}\n"
	require.NoError(t, g.Load(text))
	require.Equal(t, 401, g.Do(t, harness.Request{Path: "/leads", Key: "nobody-knows-this-secret"}).Status)
	store := filepath.Join(d.Dir, "data", "caddy", "tollgate.db")
	require.Eventually(t, func() bool { return d.Run("", "workspace", "list").Err == nil }, harness.WaitFor, harness.Tick)
	info, err := os.Stat(store)
	require.NoError(t, err)
	require.Equal(t, os.FileMode(0o600), info.Mode().Perm())

	d.Must(t, "workspace", "create", "ws_acme", "--plan", "pro")
	_, secret := d.Created(t, "--workspace", "ws_acme")
	require.Equal(t, 200, g.Do(t, harness.Request{Path: "/leads", Key: secret}).Status)
}

// TestWorkspaceCreateMakesTheDefaultStore where Caddy never ran, folder included.
func TestWorkspaceCreateMakesTheDefaultStore(t *testing.T) {
	d := harness.NewDesk(t, ":8080\n")
	d.Refuses(t, harness.Blunder{Line: "workspace list", Want: "data/caddy/tollgate.db does not exist"}, "")
	d.Must(t, "workspace", "create", "ws_acme", "--plan", "pro")
	require.FileExists(t, filepath.Join(d.Dir, "data", "caddy", "tollgate.db"))
	require.Contains(t, d.Must(t, "workspace", "list"), "ws_acme")
}

// option is a Caddyfile with one line in the global block.
func option(line string) string { return "{\n\ttollgate {\n\t\t" + line + "\n\t}\n}\n" }
