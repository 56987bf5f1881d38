package harness

import (
	"bytes"
	"encoding/json"
	"io"
	"os"
	"path/filepath"
	"strings"
	"testing"

	"github.com/spf13/cobra"
	"github.com/stretchr/testify/require"

	"github.com/tollgate-gateway/tollgate/caddymodule/command"
)

// Desk is a folder with a configuration, from which a test gives commands.
type Desk struct {
	Dir string
	// Names are what goldens call the secrets, key ids and folders that are different each time.
	Names map[string]string
}

// DeskCaddyfile is a configuration with a store, a small plan and routes.
const DeskCaddyfile = `{
	admin off
	tollgate {
		keys sqlite tollgate.db
		plan tiny 3/1m 10/1h
	}
}
:8080 {
	tollgate {
		public GET /SKILL.md
		route GET /leads agent.leads.read
		route GET /leads/:id agent.leads.read
		route POST /leads agent.leads.write {
			cost 2
			body 64B
		}
		route POST /rest/:document konecty.:document.create
		whoami /me
	}
	reverse_proxy localhost:9000
}
`

// NewDesk gives a desk whose configuration is the given one.
func NewDesk(t *testing.T, caddyfile string) *Desk {
	t.Helper()
	d := &Desk{Dir: t.TempDir(), Names: map[string]string{}}
	d.Names[d.Dir] = "DIR"
	d.Write(t, "Caddyfile", caddyfile)
	t.Setenv("XDG_DATA_HOME", filepath.Join(d.Dir, "data"))
	t.Setenv("HOME", d.Dir)
	t.Chdir(d.Dir)
	return d
}

// Write puts a file into the desk's folder.
func (d *Desk) Write(t *testing.T, name, text string) {
	t.Helper()
	path := filepath.Join(d.Dir, name)
	require.NoError(t, os.MkdirAll(filepath.Dir(path), 0o700))
	require.NoError(t, os.WriteFile(path, []byte(text), 0o600))
}

// Output is what a command printed, and how it ended.
type Output struct {
	Out, Notes string
	Err        error
}

// Run gives a command with the text on standard input.
func (d *Desk) Run(stdin string, args ...string) Output {
	var out bytes.Buffer
	o := d.RunTo(&out, stdin, args...)
	o.Out = out.String()
	return o
}

// RunTo is run with another standard output.
func (d *Desk) RunTo(out io.Writer, stdin string, args ...string) Output {
	root := &cobra.Command{Use: "tollgate", SilenceUsage: true}
	for _, c := range command.Subcommands() {
		sub := &cobra.Command{Use: c.Name + " " + c.Usage, Short: c.Short, Long: c.Long}
		c.CobraFunc(sub)
		root.AddCommand(sub)
	}
	var notes bytes.Buffer
	root.SetIn(strings.NewReader(stdin))
	root.SetOut(out)
	root.SetErr(&notes)
	root.SetArgs(args)
	err := root.Execute()
	return Output{Notes: notes.String(), Err: err}
}

// Must is run for what must succeed; it gives standard output.
func (d *Desk) Must(t *testing.T, args ...string) string {
	t.Helper()
	o := d.Run("", args...)
	require.NoError(t, o.Err, args)
	return o.Out
}

// Created makes a key and gives its id and secret.
func (d *Desk) Created(t *testing.T, args ...string) (id, secret string) {
	t.Helper()
	var key struct{ ID, Secret string }
	require.NoError(t, json.Unmarshal([]byte(d.Must(t, append([]string{"key", "create", "--json"}, args...)...)), &key))
	return key.ID, key.Secret
}

// Words splits a line at spaces, but for those in double quotes.
func Words(line string) (split []string) {
	for n, part := range strings.Split(line, `"`) {
		if n%2 == 1 {
			split = append(split, part)
			continue
		}
		split = append(split, strings.Fields(part)...)
	}
	return split
}

// WriteAll is write into a folder that may not be there yet.
func (d *Desk) WriteAll(t *testing.T, name, text string) {
	t.Helper()
	require.NoError(t, os.MkdirAll(filepath.Join(d.Dir, filepath.Dir(name)), 0o700))
	d.Write(t, name, text)
}

// Blunder is a command that must fail, and what its one line must say.
type Blunder struct {
	Stdin string
	Line  string // split at spaces, but for those in double quotes
	Want  string
}

// GoodSecret is a secret that key import takes.
const GoodSecret = "imported-secret-0123456789"

// Refuses gives a command that must fail well.
func (d *Desk) Refuses(t *testing.T, b Blunder, key string) {
	t.Helper()
	o := d.Run(b.Stdin, Words(strings.ReplaceAll(b.Line, "KEY", key))...)
	require.Error(t, o.Err)
	require.Empty(t, o.Out)
	require.True(t, strings.HasPrefix(o.Notes, "Error: "), o.Notes)
	require.Equal(t, 1, strings.Count(o.Notes, "\n"), "one line: %s", o.Notes)
	require.Contains(t, o.Notes, b.Want)
	require.NotContains(t, o.Notes, GoodSecret, "secrets are not repeated")
}

// Explained is what explain --json says, as far as these tests look.
type Explained struct {
	Steps    []struct{ Step, Outcome, Why string }
	Refusals []struct {
		File   string
		Line   int
		Code   string
		Stands bool
		Values []struct {
			Path    string
			Present bool
			Value   any
		}
	}
	Windows struct {
		Source string
		Known  bool
		List   []struct {
			Window    string
			Remaining int64
			Reset     int64
		}
	}
	Verdict struct {
		Allowed bool
		Status  int
		Reason  string
		Error   json.RawMessage
	}
	Request struct{ Site, Host string }
	Route   struct{ Pattern string }
	Way     struct {
		Gate, Rewritten        bool
		Method, Target, Answer string
		Notes                  []string
	}
}

// Explain asks what would happen. Any verdict is a success of the command.
func (d *Desk) Explain(t *testing.T, args ...string) (e Explained) {
	t.Helper()
	require.NoError(t, json.Unmarshal([]byte(d.Must(t, append([]string{"explain", "--json"}, args...)...)), &e))
	return e
}
