package caddymodule_test

import (
	"bytes"
	"encoding/json"
	"fmt"
	"io"
	"os"
	"path/filepath"
	"regexp"
	"strings"
	"testing"

	"github.com/spf13/cobra"
	"github.com/stretchr/testify/require"

	"github.com/tollgate-gateway/tollgate/caddymodule"
)

// desk is a folder with a configuration, from which a test gives commands.
type desk struct {
	dir string
	// names are what goldens call the secrets, key ids and folders that are different each time.
	names map[string]string
}

const deskCaddyfile = `{
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

// newDesk gives a desk whose configuration is the given one.
func newDesk(t *testing.T, caddyfile string) *desk {
	t.Helper()
	d := &desk{dir: t.TempDir(), names: map[string]string{}}
	d.names[d.dir] = "DIR"
	d.write(t, "Caddyfile", caddyfile)
	t.Setenv("XDG_DATA_HOME", filepath.Join(d.dir, "data"))
	t.Setenv("HOME", d.dir)
	t.Chdir(d.dir)
	return d
}

func (d *desk) write(t *testing.T, name, text string) {
	t.Helper()
	path := filepath.Join(d.dir, name)
	require.NoError(t, os.MkdirAll(filepath.Dir(path), 0o700))
	require.NoError(t, os.WriteFile(path, []byte(text), 0o600))
}

// output is what a command printed, and how it ended.
type output struct {
	out, notes string
	err        error
}

// run gives a command with the text on standard input.
func (d *desk) run(stdin string, args ...string) output {
	var out bytes.Buffer
	o := d.runTo(&out, stdin, args...)
	o.out = out.String()
	return o
}

// runTo is run with another standard output.
func (d *desk) runTo(out io.Writer, stdin string, args ...string) output {
	root := &cobra.Command{Use: "tollgate", SilenceUsage: true}
	for _, c := range caddymodule.Subcommands() {
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
	return output{notes: notes.String(), err: err}
}

// must is run for what must succeed; it gives standard output.
func (d *desk) must(t *testing.T, args ...string) string {
	t.Helper()
	o := d.run("", args...)
	require.NoError(t, o.err, args)
	return o.out
}

// created makes a key and gives its id and secret.
func (d *desk) created(t *testing.T, args ...string) (id, secret string) {
	t.Helper()
	var key struct{ ID, Secret string }
	require.NoError(t, json.Unmarshal([]byte(d.must(t, append([]string{"key", "create", "--json"}, args...)...)), &key))
	return key.ID, key.Secret
}

// What is different each time, in the texts that goldens hold.
var (
	anyKey    = regexp.MustCompile(`key_[0-9A-Za-z]{16}`)
	anySecret = regexp.MustCompile(`tg_[0-9A-Za-z]{40}`)
	anyTime   = regexp.MustCompile(`20\d\d-\d\d-\d\dT\d\d:\d\d:\d\d(\.\d+)?Z`)
	anyUnix   = regexp.MustCompile(`"reset":\d{10}`)
	anyActor  = regexp.MustCompile(`command \S+@[^\s"]+( *)`)
)

// steady puts names in the place of what is different each time, of the same width where tables need it.
func (d *desk) steady(text string) string {
	text = strings.ReplaceAll(text, d.dir, "DIR")
	name := func(pattern *regexp.Regexp, format string) {
		text = pattern.ReplaceAllStringFunc(text, func(found string) string {
			if d.names[found] == "" {
				d.names[found] = fmt.Sprintf(format, len(d.names))
			}
			return d.names[found]
		})
	}
	name(anySecret, "tg_"+strings.Repeat("*", 37)+"%03d")
	name(anyKey, "key_%016d")
	text = anyTime.ReplaceAllString(text, "2026-MM-DDThh:mm:ssZ")
	text = anyUnix.ReplaceAllString(text, `"reset":1234567890`)
	return anyActor.ReplaceAllString(text, "command ACTOR  ")
}

// TestCommandTranscripts gives the commands of each transcript, which begin with "$ ", and compares what they print. A
// line "< text" is standard input, "KEY" the last key that was made. Notes for people beside the answer begin with "! ".
func TestCommandTranscripts(t *testing.T) {
	files, err := filepath.Glob("testdata/commands/*.txt")
	require.NoError(t, err)
	require.NotEmpty(t, files)
	for _, file := range files {
		golden, err := os.ReadFile(file)
		require.NoError(t, err)
		absolute, err := filepath.Abs(file)
		require.NoError(t, err)
		t.Run(strings.TrimSuffix(filepath.Base(file), ".txt"), func(t *testing.T) {
			got := newDesk(t, deskCaddyfile).transcript(string(golden))
			if *update {
				require.NoError(t, os.WriteFile(absolute, []byte(got), 0o600))
				return
			}
			require.Equal(t, string(golden), got)
		})
	}
}

// transcript gives the commands of a golden and writes down what happens.
func (d *desk) transcript(golden string) string {
	var got strings.Builder
	stdin, key := "", "KEY"
	for line := range strings.Lines(golden) {
		text, input := strings.CutPrefix(line, "< ")
		given, isCommand := strings.CutPrefix(strings.TrimSuffix(line, "\n"), "$ ")
		switch {
		case input:
			stdin += text
			got.WriteString(line)
		case strings.HasPrefix(line, "#"):
			got.WriteString(line)
		case isCommand:
			o := d.run(stdin, words(strings.ReplaceAll(given, "KEY", key))...)
			stdin = ""
			if made := anyKey.FindString(o.out); made != "" && strings.Contains(given, "create") {
				key = made
			}
			got.WriteString(line + d.steady(o.out))
			for note := range strings.Lines(o.notes) {
				got.WriteString("! " + d.steady(note))
			}
			got.WriteString("\n")
		}
	}
	return got.String()
}

// words splits a line at spaces, but for those in double quotes.
func words(line string) (split []string) {
	for n, part := range strings.Split(line, `"`) {
		if n%2 == 1 {
			split = append(split, part)
			continue
		}
		split = append(split, strings.Fields(part)...)
	}
	return split
}

// writeAll is write into a folder that may not be there yet.
func (d *desk) writeAll(t *testing.T, name, text string) {
	t.Helper()
	require.NoError(t, os.MkdirAll(filepath.Join(d.dir, filepath.Dir(name)), 0o700))
	d.write(t, name, text)
}
