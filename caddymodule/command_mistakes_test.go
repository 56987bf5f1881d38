package caddymodule_test

import (
	"database/sql"
	"io/fs"
	"os"
	"path/filepath"
	"strings"
	"testing"

	"github.com/stretchr/testify/require"

	"github.com/tollgate-gateway/tollgate/caddymodule/keystore/storetest"
)

// blunder is a command that must fail, and what its one line must say.
type blunder struct {
	stdin string
	line  string // split at spaces, but for those in double quotes
	want  string
}

const goodSecret = "imported-secret-0123456789"

var blunders = map[string]blunder{
	"unknown workspace":             {line: "key create --workspace ws_nobody", want: `workspace "ws_nobody" does not exist`},
	"unknown workspace to show":     {line: "workspace show ws_nobody", want: `workspace "ws_nobody" does not exist`},
	"unknown workspace to set":      {line: "workspace set ws_nobody --plan pro", want: `workspace "ws_nobody" does not exist`},
	"unknown workspace to list":     {line: "key list --workspace ws_nobody", want: `workspace "ws_nobody" does not exist`},
	"unknown plan":                  {line: "workspace create ws_new --plan gold", want: "plan 'gold' is not configured: write one of custom, enterprise, free, pro, starter, tiny, trial"},
	"unknown plan to set":           {line: "workspace set ws_acme --plan gold", want: "plan 'gold' is not configured"},
	"no plan":                       {line: "workspace create ws_new", want: `required flag(s) "plan" not set`},
	"workspace that exists":         {line: "workspace create ws_acme --plan pro", want: "ws_acme exists already"},
	"bad id":                        {line: "workspace create ws/new --plan pro", want: `id "ws/new" is not valid`},
	"id that is too long":           {line: "workspace create " + strings.Repeat("w", 65) + " --plan pro", want: "at most 64"},
	"limit without duration":        {line: "workspace create ws_new --plan pro --limit 500", want: `window "500" has no '/'`},
	"limit of 0":                    {line: "workspace set ws_acme --limit 0/1m", want: "from 1 to"},
	"two limits of one duration":    {line: "workspace set ws_acme --limit 5/1m --limit 6/1m", want: "same duration"},
	"none beside a limit":           {line: "workspace set ws_acme --limit none --limit 6/1m", want: `"none"`},
	"metadata without a name":       {line: "workspace set ws_acme --metadata =eu", want: "write them as region=eu"},
	"metadata without a value":      {line: "workspace set ws_acme --metadata region", want: "write them as region=eu"},
	"nothing to set":                {line: "workspace set ws_acme", want: "nothing to change"},
	"star in the middle of a scope": {line: "key create --workspace ws_acme --scope agent.*.read", want: "'*' may stand only as the whole last segment"},
	"empty scope":                   {line: `key create --workspace ws_acme --scope ""`, want: "--scope is empty: write a value, or leave the flag out"},
	"empty scope among others":      {line: `key create --workspace ws_acme --scope a --scope ""`, want: "--scope is empty"},
	"empty expiry":                  {line: `key create --workspace ws_acme --expires ""`, want: "--expires is empty"},
	"empty expiry of an import":     {stdin: goodSecret + "\n", line: `key import --workspace ws_acme --expires ""`, want: "--expires is empty"},
	"empty network":                 {line: `key create --workspace ws_acme --allow-ip ""`, want: "--allow-ip is empty"},
	"empty workspace":               {line: `key create --workspace ""`, want: "--workspace is empty"},
	"empty workspace to list":       {line: `key list --workspace ""`, want: "--workspace is empty"},
	"empty configuration":           {line: `key list --config ""`, want: "--config is empty"},
	"empty adapter":                 {line: `key list --adapter ""`, want: "--adapter is empty"},
	"empty plan":                    {line: `workspace set ws_acme --plan ""`, want: "--plan is empty"},
	"empty limit":                   {line: `workspace set ws_acme --limit ""`, want: "--limit is empty"},
	"empty metadata":                {line: `workspace set ws_acme --metadata ""`, want: "--metadata is empty"},
	"empty workspace id":            {line: `workspace create "" --plan pro`, want: "WORKSPACE_ID is empty: write one"},
	"empty grace":                   {line: `key rotate KEY --grace ""`, want: "--grace is empty"},
	"empty key id":                  {line: `key show ""`, want: "KEY_ID is empty: write one"},
	"empty folder to scan":          {line: `key scan ""`, want: "FOLDER is empty: write one"},
	"empty folder to check":         {line: `policy check ""`, want: "FOLDER is empty: write one"},
	"empty folder to test":          {line: `policy test ""`, want: "FOLDER is empty: write one"},
	"empty query to explain":        {line: `explain GET /leads --key-id KEY --query ""`, want: "--query is empty"},
	"empty address to explain":      {line: `explain GET /leads --key-id KEY --ip ""`, want: "--ip is empty"},
	"empty method to explain":       {line: `explain "" /leads --key-id KEY`, want: "METHOD is empty"},
	"CIDR with host bits":           {line: "key create --workspace ws_acme --allow-ip 203.0.113.7/24", want: "its host bits are set, write 203.0.113.0/24"},
	"octal address":                 {line: "key create --workspace ws_acme --allow-ip 0127.0.0.1", want: `address "0127.0.0.1" is not valid`},
	"expiry in the past":            {line: "key create --workspace ws_acme --expires 2020-01-01T00:00:00Z", want: "is in the past"},
	"expiry of no time":             {line: "key create --workspace ws_acme --expires 0s", want: "is in the past"},
	"expiry that is no time":        {line: "key create --workspace ws_acme --expires tomorrow", want: "expiry 'tomorrow' is not valid"},
	"expiry without a zone":         {line: "key create --workspace ws_acme --expires 2099-01-01T00:00:00", want: "is not valid"},
	"name with a line break":        {line: "key create --workspace ws_acme --name \"a\nb\"", want: "unprintable"},
	"empty name":                    {line: `key create --workspace ws_acme --name ""`, want: "--name is empty"},
	"no workspace":                  {line: "key create --scope a", want: `required flag(s) "workspace" not set`},
	"bad workspace id":              {line: "key create --workspace ../x", want: "is not valid"},
	"unknown key":                   {line: "key show key_nobody", want: `key "key_nobody" does not exist`},
	"unknown key to revoke":         {line: "key revoke key_nobody", want: `key "key_nobody" does not exist`},
	"unknown key to explain":        {line: "explain GET /leads --key-id key_nobody", want: `key "key_nobody" does not exist`},
	"grace that is no duration":     {line: "key rotate key_nobody --grace soon", want: `duration "soon" is not valid`},
	"grace that is too long":        {line: "key rotate KEY --grace 9999d", want: "out of range"},
	"no key":                        {line: "key revoke", want: "write revoke KEY_ID"},
	"two keys":                      {line: "key revoke KEY KEY", want: "too much is written: write revoke KEY_ID"},
	"unknown command":               {line: "key destroy KEY", want: "unknown command 'key destroy'"},
	"no command":                    {line: "workspace", want: "'workspace' needs a command"},
	"unknown flag":                  {line: "key create --workspace ws_acme --scopes a", want: "unknown flag: --scopes"},
	"nothing to import":             {line: "key import --workspace ws_acme", want: "standard input is empty"},
	"secret that is too short":      {stdin: goodSecret + "\nshort\n", line: "key import --workspace ws_acme", want: "line 2: a secret must have from 16 to 256 characters"},
	"secret that does not print":    {stdin: "imported\tsecret-0123456789\n", line: "key import --workspace ws_acme", want: "line 1: a secret must be made of visible ASCII"},
	"empty line":                    {stdin: goodSecret + "\n\n" + goodSecret + "1\n", line: "key import --workspace ws_acme", want: "line 2: "},
	"secret twice":                  {stdin: goodSecret + "\n" + goodSecret + "\n", line: "key import --workspace ws_acme", want: "line 2 is the same as line 1"},
	"wrong checksum":                {stdin: "tg_" + strings.Repeat("0", 40) + "\n", line: "key import --workspace ws_acme", want: "line 1: the secret begins like one of ours ('tg_') and has a wrong checksum"},
	"secret that is known":          {stdin: goodSecret + "1\n" + "known-secret-0123456789\n", line: "key import --workspace ws_acme", want: "line 2: this secret belongs to key"},
	"hash that is none":             {stdin: goodSecret + "\n", line: "key import --workspace ws_acme --sha256", want: "line 1: this is no SHA-256"},
	"hash of a wrong checksum":      {stdin: "tg_" + strings.Repeat("0", 40) + "\n", line: "key hash", want: "the secret begins like one of ours ('tg_') and has a wrong checksum"},
	"hash of a short secret":        {stdin: "short\n", line: "key hash", want: "from 16 to 256"},
	"secret on the command line":    {stdin: goodSecret, line: "key hash imported-secret-0123456789", want: "too much is written: write hash"},
	"scan of nothing":               {line: "key scan nowhere", want: "nowhere"},
	"explain without a key":         {line: "explain GET /leads", want: `required flag(s) "key-id" not set`},
	"explain of a word":             {line: "explain GET leads --key-id KEY", want: "'leads' is neither a path nor a URL"},
	"explain of a foreign site":     {line: "explain GET https://other.example.com/leads --key-id KEY", want: "has no site for https://other.example.com: they are :8080"},
	"explain with a bad address":    {line: "explain GET /leads --key-id KEY --ip 0127.0.0.1", want: "'0127.0.0.1' is no IP address"},
	"explain with two queries":      {line: "explain GET /leads?a=1 --query a=2 --key-id KEY", want: "the query is given twice"},
	"explain with no such body":     {line: "explain POST /leads --key-id KEY --body nowhere.json", want: "nowhere.json"},
	"no such configuration":         {line: "key list --config nowhere/Caddyfile", want: "nowhere/Caddyfile"},
	"no such adapter":               {line: "key list --adapter toml", want: "there is no adapter 'toml'"},
	"policies that are not there":   {line: "policy check nowhere", want: "nowhere"},
	"no policies named":             {line: "policy test", want: "names no policies"},
}

// TestCommandMistakes: whatever is wrong is one clear line and a failure, and nothing is written.
func TestCommandMistakes(t *testing.T) {
	d := newDesk(t, deskCaddyfile)
	d.must(t, "workspace", "create", "ws_acme", "--plan", "pro")
	key, _ := d.created(t, "--workspace", "ws_acme")
	require.NoError(t, d.run("known-secret-0123456789\n", "key", "import", "--workspace", "ws_acme").err)
	before, stored := d.contents(t), d.stored(t)
	for name, b := range blunders {
		t.Run("refuses/"+name, func(t *testing.T) {
			d.refuses(t, b, key)
			require.Equal(t, before, d.contents(t), "nothing was written")
			require.Equal(t, stored, d.stored(t), "not a byte, the history included")
		})
	}
}

// refuses gives a command that must fail well.
func (d *desk) refuses(t *testing.T, b blunder, key string) {
	t.Helper()
	o := d.run(b.stdin, words(strings.ReplaceAll(b.line, "KEY", key))...)
	require.Error(t, o.err)
	require.Empty(t, o.out)
	require.True(t, strings.HasPrefix(o.notes, "Error: "), o.notes)
	require.Equal(t, 1, strings.Count(o.notes, "\n"), "one line: %s", o.notes)
	require.Contains(t, o.notes, b.want)
	require.NotContains(t, o.notes, goodSecret, "secrets are not repeated")
}

// contents is what the store holds, by the store's own words.
func (d *desk) contents(t *testing.T) string {
	t.Helper()
	return d.must(t, "workspace", "list", "--json") + d.must(t, "key", "list", "--json")
}

// stored are the bytes of the store's files: with every command the last connection ends, and all of it is in them.
func (d *desk) stored(t *testing.T) map[string]string {
	t.Helper()
	names, err := filepath.Glob(filepath.Join(d.dir, "tollgate.db*"))
	require.NoError(t, err)
	all := map[string]string{}
	for _, name := range names {
		content, err := os.ReadFile(name)
		require.NoError(t, err)
		all[filepath.Base(name)] = string(content)
	}
	return all
}

// TestCommandsNeverMakeAStore, but for one, and that not when anything else is wrong.
func TestCommandsNeverMakeAStore(t *testing.T) {
	for _, line := range []string{
		"workspace list", "workspace show ws_acme", "workspace set ws_acme --plan pro", "key list", "key show key_x",
		"key create --workspace ws_acme", "key revoke key_x", "key rotate key_x", "key history key_x", "key scan .",
		"explain GET /leads --key-id key_x",
	} {
		t.Run("refuses/"+line, func(t *testing.T) {
			d := newDesk(t, deskCaddyfile)
			d.refuses(t, blunder{line: line, want: "tollgate.db does not exist: create it with: workspace create"}, "")
			require.Equal(t, []string{"Caddyfile"}, d.files(t))
		})
	}
	for _, line := range []string{"workspace create ws/acme --plan pro", "workspace create ws_acme --plan gold", "workspace create ws_acme --plan pro --limit x"} {
		t.Run("makes none/"+line, func(t *testing.T) {
			d := newDesk(t, deskCaddyfile)
			require.Error(t, d.run("", words(line)...).err)
			require.Equal(t, []string{"Caddyfile"}, d.files(t))
		})
	}
}

func (d *desk) files(t *testing.T) (files []string) {
	t.Helper()
	require.NoError(t, filepath.WalkDir(d.dir, func(path string, entry fs.DirEntry, err error) error {
		if err == nil && !entry.IsDir() {
			name, _ := filepath.Rel(d.dir, path)
			files = append(files, name)
		}
		return err
	}))
	return files
}

// TestStoresThatAreNone: what is not a key store is left as it is.
func TestStoresThatAreNone(t *testing.T) {
	for name, c := range map[string]struct{ text, want string }{
		"corrupt": {strings.Repeat("this is no database ", 100), "is no key store, or a damaged one"},
		"empty":   {"", "create it with: workspace create"},
	} {
		t.Run("refuses/"+name, func(t *testing.T) {
			d := newDesk(t, deskCaddyfile)
			d.write(t, "tollgate.db", c.text)
			d.refuses(t, blunder{line: "key list", want: c.want}, "")
			left, err := os.ReadFile("tollgate.db")
			require.NoError(t, err)
			require.Equal(t, c.text, string(left))
		})
	}
	t.Run("refuses/folder", func(t *testing.T) {
		d := newDesk(t, deskCaddyfile)
		require.NoError(t, os.Mkdir("tollgate.db", 0o700))
		d.refuses(t, blunder{line: "workspace create ws_acme --plan pro", want: "is no regular file"}, "")
	})
	t.Run("refuses/missing folder", func(t *testing.T) {
		d := newDesk(t, strings.Replace(deskCaddyfile, "tollgate.db", "data/tollgate.db", 1))
		d.refuses(t, blunder{line: "workspace create ws_acme --plan pro", want: "there is no such folder"}, "")
	})
	for name, c := range map[string]struct{ statement, line, want string }{
		"table that is gone":  {"DROP TABLE tollgate_history", "key history KEY", "restore a backup"},
		"table gone, written": {"DROP TABLE tollgate_history", "key revoke KEY", "restore a backup"},
		"version of text":     {"UPDATE tollgate_meta SET version = 'x'", "key list", "restore a backup"},
		"row that is gone":    {"DELETE FROM tollgate_meta", "workspace list", "restore a backup"},
		"time of text":        {"UPDATE tollgate_keys SET created_at = 'x'", "key show KEY", "restore a backup"},
	} {
		t.Run("refuses/"+name, func(t *testing.T) {
			d := newDesk(t, deskCaddyfile)
			d.must(t, "workspace", "create", "ws_acme", "--plan", "pro")
			key, _ := d.created(t, "--workspace", "ws_acme")
			d.execute(t, c.statement)
			d.refuses(t, blunder{line: c.line, want: c.want}, key)
			storetest.IsForOperators(t, d.run("", words(strings.ReplaceAll(c.line, "KEY", key))...).err, filepath.Join(d.dir, "tollgate.db"))
		})
	}
}

// revision counts the changes of the desk's store.
func (d *desk) revision(t *testing.T) (revision int) {
	t.Helper()
	db, err := sql.Open("sqlite", filepath.Join(d.dir, "tollgate.db"))
	require.NoError(t, err)
	defer func() { require.NoError(t, db.Close()) }()
	require.NoError(t, db.QueryRow("SELECT revision FROM tollgate_meta").Scan(&revision))
	return revision
}

// execute changes the desk's store behind everybody's back.
func (d *desk) execute(t *testing.T, statement string) {
	t.Helper()
	db, err := sql.Open("sqlite", filepath.Join(d.dir, "tollgate.db"))
	require.NoError(t, err)
	defer func() { require.NoError(t, db.Close()) }()
	_, err = db.Exec(statement)
	require.NoError(t, err)
}

// TestKeysFileIsReadByCommands, and written by people only.
func TestKeysFileIsReadByCommands(t *testing.T) {
	d := newDesk(t, strings.Replace(deskCaddyfile, "sqlite tollgate.db", "file keys.yaml", 1))
	const text = `workspaces:
  - id: ws_acme
    plan: pro
    keys:
      - {id: key_crm, name: crm agent, sha256: 9f86d081884c7d659a2feaa0c55ad015a3bf4f1b2b0b822cd15d6c15b0f00a08, scopes: [agent.leads.read]}
`
	d.write(t, "keys.yaml", text)
	require.Contains(t, d.must(t, "key", "list"), "key_crm  ws_acme    crm agent  active")
	require.Contains(t, d.must(t, "workspace", "list"), "ws_acme")
	require.Contains(t, d.must(t, "explain", "GET", "/leads", "--key-id", "key_crm"), "goes to the backend")
	for _, line := range []string{
		"workspace create ws_new --plan pro", "workspace set ws_acme --plan tiny", "key create --workspace ws_acme",
		"key disable key_crm", "key enable key_crm", "key revoke key_crm", "key rotate key_crm",
	} {
		d.refuses(t, blunder{line: line, want: "keys.yaml is a keys file: edit the file"}, "")
	}
	d.refuses(t, blunder{line: "key history key_crm", want: "has no history"}, "")
	d.refuses(t, blunder{stdin: goodSecret, line: "key import --workspace ws_acme", want: "edit the file"}, "")
	left, err := os.ReadFile("keys.yaml")
	require.NoError(t, err)
	require.Equal(t, text, string(left))
}
