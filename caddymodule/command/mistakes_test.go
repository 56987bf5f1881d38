package command_test

import (
	"database/sql"
	"io/fs"
	"os"
	"path/filepath"
	"strings"
	"testing"

	"github.com/stretchr/testify/require"

	"github.com/tollgate-gateway/tollgate/caddymodule/harness"
	"github.com/tollgate-gateway/tollgate/caddymodule/keystore/storetest"
)

var blunders = map[string]harness.Blunder{
	"unknown workspace":             {Line: "key create --workspace ws_nobody", Want: `workspace "ws_nobody" does not exist`},
	"unknown workspace to show":     {Line: "workspace show ws_nobody", Want: `workspace "ws_nobody" does not exist`},
	"unknown workspace to set":      {Line: "workspace set ws_nobody --plan pro", Want: `workspace "ws_nobody" does not exist`},
	"unknown workspace to list":     {Line: "key list --workspace ws_nobody", Want: `workspace "ws_nobody" does not exist`},
	"unknown plan":                  {Line: "workspace create ws_new --plan gold", Want: "plan 'gold' is not configured: write one of custom, enterprise, free, pro, starter, tiny, trial"},
	"unknown plan to set":           {Line: "workspace set ws_acme --plan gold", Want: "plan 'gold' is not configured"},
	"no plan":                       {Line: "workspace create ws_new", Want: `required flag(s) "plan" not set`},
	"workspace that exists":         {Line: "workspace create ws_acme --plan pro", Want: "ws_acme exists already"},
	"bad id":                        {Line: "workspace create ws/new --plan pro", Want: `id "ws/new" is not valid`},
	"id that is too long":           {Line: "workspace create " + strings.Repeat("w", 65) + " --plan pro", Want: "at most 64"},
	"limit without duration":        {Line: "workspace create ws_new --plan pro --limit 500", Want: `window "500" has no '/'`},
	"limit of 0":                    {Line: "workspace set ws_acme --limit 0/1m", Want: "from 1 to"},
	"two limits of one duration":    {Line: "workspace set ws_acme --limit 5/1m --limit 6/1m", Want: "same duration"},
	"quota without a period":        {Line: "workspace create ws_new --plan pro --quota 500", Want: `quota "500" has no '/'`},
	"quota of 0":                    {Line: "workspace set ws_acme --quota 0/month", Want: `quota "0/month": the limit must be from 1 to`},
	"quota of per cent":             {Line: "workspace set ws_acme --quota 80%/month", Want: `"80%" is not a whole number`},
	"quota of a duration":           {Line: "workspace set ws_acme --quota 5/30d", Want: "a limit per 30d is a window"},
	"quota of a year":               {Line: "workspace set ws_acme --quota 5/year", Want: "'year' is not a period: write day or month"},
	"two quotas of one period":      {Line: "workspace set ws_acme --quota 5/day --quota 6/day", Want: "same period"},
	"none beside a quota":           {Line: "workspace set ws_acme --quota 6/day --quota none", Want: `"none"`},
	"empty quota":                   {Line: `workspace set ws_acme --quota ""`, Want: "--quota is empty"},
	"month as a limit":              {Line: "workspace set ws_acme --limit 5/month", Want: "a limit per calendar month is a quota"},
	"month as a limit of a key":     {Line: "key create --workspace ws_acme --limit 5/month", Want: "a limit per calendar month is a quota"},
	"limit of a key of 0":           {Line: "key create --workspace ws_acme --limit 0/1m", Want: `window "0/1m": the limit must be from 1 to`},
	"limit of a key without unit":   {Line: "key create --workspace ws_acme --limit 5/60", Want: `window "5/60"`},
	"too many limits of a key":      {Line: "key create --workspace ws_acme --limit 1/1s --limit 1/2s --limit 1/3s --limit 1/4s --limit 1/5s", Want: "5 windows are too many: at most 4 are allowed"},
	"empty limit of a key":          {Line: `key create --workspace ws_acme --limit ""`, Want: "--limit is empty"},
	"quota of a key":                {Line: "key create --workspace ws_acme --quota 5/day", Want: "unknown flag: --quota"},
	"none beside a limit":           {Line: "workspace set ws_acme --limit none --limit 6/1m", Want: `"none"`},
	"metadata without a name":       {Line: "workspace set ws_acme --metadata =eu", Want: "write them as region=eu"},
	"metadata without a value":      {Line: "workspace set ws_acme --metadata region", Want: "write them as region=eu"},
	"nothing to set":                {Line: "workspace set ws_acme", Want: "nothing to change"},
	"star in the middle of a scope": {Line: "key create --workspace ws_acme --scope agent.*.read", Want: "'*' may stand only as the whole last segment"},
	"empty scope":                   {Line: `key create --workspace ws_acme --scope ""`, Want: "--scope is empty: write a value, or leave the flag out"},
	"empty scope among others":      {Line: `key create --workspace ws_acme --scope a --scope ""`, Want: "--scope is empty"},
	"empty expiry":                  {Line: `key create --workspace ws_acme --expires ""`, Want: "--expires is empty"},
	"empty expiry of an import":     {Stdin: harness.GoodSecret + "\n", Line: `key import --workspace ws_acme --expires ""`, Want: "--expires is empty"},
	"empty network":                 {Line: `key create --workspace ws_acme --allow-ip ""`, Want: "--allow-ip is empty"},
	"empty workspace":               {Line: `key create --workspace ""`, Want: "--workspace is empty"},
	"empty workspace to list":       {Line: `key list --workspace ""`, Want: "--workspace is empty"},
	"empty configuration":           {Line: `key list --config ""`, Want: "--config is empty"},
	"empty adapter":                 {Line: `key list --adapter ""`, Want: "--adapter is empty"},
	"empty plan":                    {Line: `workspace set ws_acme --plan ""`, Want: "--plan is empty"},
	"empty limit":                   {Line: `workspace set ws_acme --limit ""`, Want: "--limit is empty"},
	"empty metadata":                {Line: `workspace set ws_acme --metadata ""`, Want: "--metadata is empty"},
	"empty workspace id":            {Line: `workspace create "" --plan pro`, Want: "WORKSPACE_ID is empty: write one"},
	"rotate nothing":                {Line: "key rotate", Want: "missing KEY_ID; usage: rotate KEY_ID, or rotate --all --workspace W"},
	"rotate a key and all":          {Line: "key rotate KEY --all --workspace ws_acme", Want: "KEY_ID and --all exclude each other"},
	"rotate all of everybody":       {Line: "key rotate --all --yes", Want: "--all needs --workspace"},
	"rotate a workspace by itself":  {Line: "key rotate --workspace ws_acme", Want: "--workspace and --yes go with --all"},
	"rotate all without a terminal": {Line: "key rotate --all --workspace ws_acme", Want: "no key of workspace ws_acme was rotated: there is no terminal to ask at; write --yes to do it unasked"},
	"rotate all of nobody":          {Line: "key rotate --all --workspace ws_none --yes", Want: `workspace "ws_none" does not exist`},
	"empty grace":                   {Line: `key rotate KEY --grace ""`, Want: "--grace is empty"},
	"empty key id":                  {Line: `key show ""`, Want: "KEY_ID is empty: write one"},
	"no admin endpoint to show":     {Line: "dashboard", Want: "the configuration has no admin endpoint"},
	"no gateway to show":            {Line: "dashboard --address 127.0.0.1:1", Want: "no gateway answers at the admin endpoint 127.0.0.1:1"},
	"no address to show":            {Line: `dashboard --address ""`, Want: "--address is empty"},
	"empty folder to scan":          {Line: `key scan ""`, Want: "FOLDER is empty: write one"},
	"empty folder to check":         {Line: `policy check ""`, Want: "FOLDER is empty: write one"},
	"empty folder to test":          {Line: `policy test ""`, Want: "FOLDER is empty: write one"},
	"empty query to explain":        {Line: `explain GET /leads --key-id KEY --query ""`, Want: "--query is empty"},
	"empty address to explain":      {Line: `explain GET /leads --key-id KEY --ip ""`, Want: "--ip is empty"},
	"empty method to explain":       {Line: `explain "" /leads --key-id KEY`, Want: "METHOD is empty"},
	"CIDR with host bits":           {Line: "key create --workspace ws_acme --allow-ip 203.0.113.7/24", Want: "its host bits are set, write 203.0.113.0/24"},
	"octal address":                 {Line: "key create --workspace ws_acme --allow-ip 0127.0.0.1", Want: `address "0127.0.0.1" is not valid`},
	"expiry in the past":            {Line: "key create --workspace ws_acme --expires 2020-01-01T00:00:00Z", Want: "is in the past"},
	"expiry of no time":             {Line: "key create --workspace ws_acme --expires 0s", Want: "is in the past"},
	"expiry that is not a time":     {Line: "key create --workspace ws_acme --expires tomorrow", Want: "expiry 'tomorrow' is not valid"},
	"expiry without a zone":         {Line: "key create --workspace ws_acme --expires 2099-01-01T00:00:00", Want: "is not valid"},
	"name with a line break":        {Line: "key create --workspace ws_acme --name \"a\nb\"", Want: "unprintable"},
	"empty name":                    {Line: `key create --workspace ws_acme --name ""`, Want: "--name is empty"},
	"no workspace":                  {Line: "key create --scope a", Want: `required flag(s) "workspace" not set`},
	"bad workspace id":              {Line: "key create --workspace ../x", Want: "is not valid"},
	"unknown key":                   {Line: "key show key_nobody", Want: `key "key_nobody" does not exist`},
	"unknown key to revoke":         {Line: "key revoke key_nobody", Want: `key "key_nobody" does not exist`},
	"unknown key to explain":        {Line: "explain GET /leads --key-id key_nobody", Want: `key "key_nobody" does not exist`},
	"grace that is not a duration":  {Line: "key rotate key_nobody --grace soon", Want: `duration "soon" is not valid`},
	"grace that is too long":        {Line: "key rotate KEY --grace 9999d", Want: "out of range"},
	"no key":                        {Line: "key revoke", Want: "missing KEY_ID; usage: revoke KEY_ID"},
	"two keys":                      {Line: "key revoke KEY KEY", Want: "; usage: revoke KEY_ID"},
	"workspace without its flag":    {Line: "key create ws_acme", Want: "unexpected argument 'ws_acme': use --workspace ws_acme"},
	"scopes with a comma":           {Line: "key create --workspace ws_acme --scope a.b,c.d", Want: "repeat the flag, as in --scope a.b --scope c.d"},
	"unknown command":               {Line: "key destroy KEY", Want: "unknown command 'key destroy'"},
	"no command":                    {Line: "workspace", Want: "'workspace' needs a command"},
	"unknown flag":                  {Line: "key create --workspace ws_acme --scopes a", Want: "unknown flag: --scopes"},
	"nothing to import":             {Line: "key import --workspace ws_acme", Want: "standard input is empty"},
	"secret that is too short":      {Stdin: harness.GoodSecret + "\nshort\n", Line: "key import --workspace ws_acme", Want: "line 2: a secret must have from 16 to 256 characters"},
	"secret that does not print":    {Stdin: "imported\tsecret-0123456789\n", Line: "key import --workspace ws_acme", Want: "line 1: a secret must be made of visible ASCII"},
	"empty line":                    {Stdin: harness.GoodSecret + "\n\n" + harness.GoodSecret + "1\n", Line: "key import --workspace ws_acme", Want: "line 2: "},
	"secret twice":                  {Stdin: harness.GoodSecret + "\n" + harness.GoodSecret + "\n", Line: "key import --workspace ws_acme", Want: "line 2 is the same as line 1"},
	"wrong checksum":                {Stdin: "tg_" + strings.Repeat("0", 40) + "\n", Line: "key import --workspace ws_acme", Want: "line 1: the secret begins like one of ours ('tg_') and has a wrong checksum"},
	"secret that is known":          {Stdin: harness.GoodSecret + "1\n" + "known-secret-0123456789\n", Line: "key import --workspace ws_acme", Want: "line 2: this secret belongs to key"},
	"hash that is not one":          {Stdin: harness.GoodSecret + "\n", Line: "key import --workspace ws_acme --sha256", Want: "line 1: this is not a SHA-256 hash"},
	"hash of a wrong checksum":      {Stdin: "tg_" + strings.Repeat("0", 40) + "\n", Line: "key hash", Want: "the secret begins like one of ours ('tg_') and has a wrong checksum"},
	"hash of a short secret":        {Stdin: "short\n", Line: "key hash", Want: "from 16 to 256"},
	"secret on the command line":    {Stdin: harness.GoodSecret, Line: "key hash imported-secret-0123456789", Want: "unexpected argument; usage: hash"},
	"scan of nothing":               {Line: "key scan nowhere", Want: "nowhere"},
	"explain without a key":         {Line: "explain GET /leads", Want: `required flag(s) "key-id" not set`},
	"explain of a word":             {Line: "explain GET leads --key-id KEY", Want: "'leads' is neither a path nor a URL"},
	"explain of a foreign site":     {Line: "explain GET https://other.example.com/leads --key-id KEY", Want: "has no site for https://other.example.com: they are :8080"},
	"explain with a bad address":    {Line: "explain GET /leads --key-id KEY --ip 0127.0.0.1", Want: "'0127.0.0.1' is not an IP address"},
	"explain with two queries":      {Line: "explain GET /leads?a=1 --query a=2 --key-id KEY", Want: "the query is given twice"},
	"explain with no such body":     {Line: "explain POST /leads --key-id KEY --body nowhere.json", Want: "nowhere.json"},
	"no such configuration":         {Line: "key list --config nowhere/Caddyfile", Want: "nowhere/Caddyfile"},
	"no such adapter":               {Line: "key list --adapter toml", Want: "there is no adapter 'toml'"},
	"policies that are not there":   {Line: "policy check nowhere", Want: "nowhere"},
	"no policies named":             {Line: "policy test", Want: "names no policies"},
}

// TestCommandMistakes: whatever is wrong is one clear line and a failure, and nothing is written.
func TestCommandMistakes(t *testing.T) {
	d := harness.NewDesk(t, harness.DeskCaddyfile)
	d.Must(t, "workspace", "create", "ws_acme", "--plan", "pro")
	key, _ := d.Created(t, "--workspace", "ws_acme")
	require.NoError(t, d.Run("known-secret-0123456789\n", "key", "import", "--workspace", "ws_acme").Err)
	before, bytes := contents(t, d), stored(t, d)
	for name, b := range blunders {
		t.Run("refuses/"+name, func(t *testing.T) {
			d.Refuses(t, b, key)
			require.Equal(t, before, contents(t, d), "nothing was written")
			require.Equal(t, bytes, stored(t, d), "not a byte, the history included")
		})
	}
}

// contents is what the store holds, by the store's own words.
func contents(t *testing.T, d *harness.Desk) string {
	t.Helper()
	return d.Must(t, "workspace", "list", "--json") + d.Must(t, "key", "list", "--json")
}

// stored are the bytes of the store's files: with every command the last connection ends, and all of it is in them.
func stored(t *testing.T, d *harness.Desk) map[string]string {
	t.Helper()
	names, err := filepath.Glob(filepath.Join(d.Dir, "tollgate.db*"))
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
			d := harness.NewDesk(t, harness.DeskCaddyfile)
			d.Refuses(t, harness.Blunder{Line: line, Want: "tollgate.db does not exist: create it with: workspace create"}, "")
			require.Equal(t, []string{"Caddyfile"}, files(t, d))
		})
	}
	for _, line := range []string{"workspace create ws/acme --plan pro", "workspace create ws_acme --plan gold", "workspace create ws_acme --plan pro --limit x"} {
		t.Run("makes none/"+line, func(t *testing.T) {
			d := harness.NewDesk(t, harness.DeskCaddyfile)
			require.Error(t, d.Run("", harness.Words(line)...).Err)
			require.Equal(t, []string{"Caddyfile"}, files(t, d))
		})
	}
}

func files(t *testing.T, d *harness.Desk) (list []string) {
	t.Helper()
	require.NoError(t, filepath.WalkDir(d.Dir, func(path string, entry fs.DirEntry, err error) error {
		if err == nil && !entry.IsDir() {
			name, _ := filepath.Rel(d.Dir, path)
			list = append(list, name)
		}
		return err
	}))
	return list
}

// TestStoresThatAreNone: what is not a key store is left as it is.
func TestStoresThatAreNone(t *testing.T) {
	for name, c := range map[string]struct{ text, want string }{
		"corrupt": {strings.Repeat("this is not a database ", 100), "is not a SQLite database"},
		"empty":   {"", "create it with: workspace create"},
	} {
		t.Run("refuses/"+name, func(t *testing.T) {
			d := harness.NewDesk(t, harness.DeskCaddyfile)
			d.Write(t, "tollgate.db", c.text)
			d.Refuses(t, harness.Blunder{Line: "key list", Want: c.want}, "")
			left, err := os.ReadFile("tollgate.db")
			require.NoError(t, err)
			require.Equal(t, c.text, string(left))
		})
	}
	t.Run("refuses/folder", func(t *testing.T) {
		d := harness.NewDesk(t, harness.DeskCaddyfile)
		require.NoError(t, os.Mkdir("tollgate.db", 0o700))
		d.Refuses(t, harness.Blunder{Line: "workspace create ws_acme --plan pro", Want: "is not a regular file"}, "")
	})
	t.Run("refuses/missing folder", func(t *testing.T) {
		d := harness.NewDesk(t, strings.Replace(harness.DeskCaddyfile, "tollgate.db", "data/tollgate.db", 1))
		d.Refuses(t, harness.Blunder{Line: "workspace create ws_acme --plan pro", Want: "there is no such folder"}, "")
	})
	for name, c := range map[string]struct{ statement, line, want string }{
		"table that is gone":  {"DROP TABLE tollgate_history", "key history KEY", "restore a backup"},
		"table gone, written": {"DROP TABLE tollgate_history", "key revoke KEY", "restore a backup"},
		"version of text":     {"UPDATE tollgate_meta SET version = 'x'", "key list", "restore a backup"},
		"row that is gone":    {"DELETE FROM tollgate_meta", "workspace list", "restore a backup"},
		"time of text":        {"UPDATE tollgate_keys SET created_at = 'x'", "key show KEY", "restore a backup"},
	} {
		t.Run("refuses/"+name, func(t *testing.T) {
			d := harness.NewDesk(t, harness.DeskCaddyfile)
			d.Must(t, "workspace", "create", "ws_acme", "--plan", "pro")
			key, _ := d.Created(t, "--workspace", "ws_acme")
			execute(t, d, c.statement)
			d.Refuses(t, harness.Blunder{Line: c.line, Want: c.want}, key)
			storetest.IsForOperators(t, d.Run("", harness.Words(strings.ReplaceAll(c.line, "KEY", key))...).Err, filepath.Join(d.Dir, "tollgate.db"))
		})
	}
}

// revision counts the changes of the desk's store.
func revision(t *testing.T, d *harness.Desk) (revision int) {
	t.Helper()
	db, err := sql.Open("sqlite", filepath.Join(d.Dir, "tollgate.db"))
	require.NoError(t, err)
	defer func() { require.NoError(t, db.Close()) }()
	require.NoError(t, db.QueryRow("SELECT revision FROM tollgate_meta").Scan(&revision))
	return revision
}

// execute changes the desk's store behind everybody's back.
func execute(t *testing.T, d *harness.Desk, statement string) {
	t.Helper()
	db, err := sql.Open("sqlite", filepath.Join(d.Dir, "tollgate.db"))
	require.NoError(t, err)
	defer func() { require.NoError(t, db.Close()) }()
	_, err = db.Exec(statement)
	require.NoError(t, err)
}

// TestKeysFileIsReadByCommands, and written by people only.
func TestKeysFileIsReadByCommands(t *testing.T) {
	d := harness.NewDesk(t, strings.Replace(harness.DeskCaddyfile, "sqlite tollgate.db", "file keys.yaml", 1))
	const text = `workspaces:
  - id: ws_acme
    plan: pro
    keys:
      - {id: key_crm, name: crm agent, sha256: 9f86d081884c7d659a2feaa0c55ad015a3bf4f1b2b0b822cd15d6c15b0f00a08, scopes: [agent.leads.read]}
`
	d.Write(t, "keys.yaml", text)
	require.Contains(t, d.Must(t, "key", "list"), "key_crm  ws_acme    crm agent  active")
	require.Contains(t, d.Must(t, "workspace", "list"), "ws_acme")
	require.Contains(t, d.Must(t, "explain", "GET", "/leads", "--key-id", "key_crm"), "goes to the backend")
	for _, line := range []string{
		"workspace create ws_new --plan pro", "workspace set ws_acme --plan tiny", "key create --workspace ws_acme",
		"key disable key_crm", "key enable key_crm", "key revoke key_crm", "key rotate key_crm",
	} {
		d.Refuses(t, harness.Blunder{Line: line, Want: "keys.yaml is a keys file: edit the file"}, "")
	}
	d.Refuses(t, harness.Blunder{Line: "key history key_crm", Want: "has no history"}, "")
	d.Refuses(t, harness.Blunder{Stdin: harness.GoodSecret, Line: "key import --workspace ws_acme", Want: "edit the file"}, "")
	left, err := os.ReadFile("keys.yaml")
	require.NoError(t, err)
	require.Equal(t, text, string(left))
}
