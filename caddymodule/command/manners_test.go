package command

import (
	"bytes"
	"testing"
	"unicode/utf8"

	"github.com/spf13/cobra"
	"github.com/stretchr/testify/assert"
	"github.com/stretchr/testify/require"

	"github.com/tollgate-gateway/tollgate/caddymodule/internal/output"
)

// tree makes the commands as a program has them, below "tollgate".
func tree() *cobra.Command {
	root := &cobra.Command{Use: "tollgate"}
	for _, c := range Subcommands() {
		cmd := &cobra.Command{Use: c.Name + " " + c.Usage, Short: c.Short, Long: c.Long}
		c.CobraFunc(cmd)
		root.AddCommand(cmd)
	}
	return root
}

// TestHelpFitsATerminalAndShowsAnExample: of every command, and no example is of a command that there is not.
func TestHelpFitsATerminalAndShowsAnExample(t *testing.T) {
	unused := map[string]bool{}
	for words := range examples {
		unused[words] = true
	}
	var walk func(*cobra.Command)
	walk = func(cmd *cobra.Command) {
		var help bytes.Buffer
		cmd.SetOut(&help)
		require.NoError(t, cmd.Help())
		for line := range bytes.Lines(help.Bytes()) {
			assert.LessOrEqual(t, utf8.RuneCount(bytes.TrimRight(line, "\n")), output.Width, "%s: %s", cmd.CommandPath(), line)
		}
		if words := cmd.CommandPath(); cmd.HasParent() {
			delete(unused, words[len("tollgate "):])
		}
		if !cmd.HasSubCommands() {
			assert.Contains(t, cmd.Example, "  "+cmd.CommandPath(), "%s has an example", cmd.CommandPath())
		}
		for _, sub := range cmd.Commands() {
			walk(sub)
		}
	}
	walk(tree())
	require.Empty(t, unused)
}

// TestWhatWasMeant: a slip of the finger is answered with what was meant, and what may be a secret is not repeated.
func TestWhatWasMeant(t *testing.T) {
	for line, want := range map[string]string{
		"key crate":                         "unknown command 'key crate': did you mean 'key create'?",
		"key lsit":                          "unknown command 'key lsit': did you mean 'key list'?",
		"workspace suspned":                 "unknown command 'workspace suspned': did you mean 'workspace suspend'?",
		"key tg_4f2a6b":                     "unknown command: write one of create, ",
		"key frobnicate":                    "unknown command 'key frobnicate': write one of create, ",
		"key list --worksapce ws":           "unknown flag: --worksapce: did you mean --workspace?",
		"key create --scopes x":             "unknown flag: --scopes: did you mean --scope?",
		"explain GET / --keyid x":           "unknown flag: --keyid: did you mean --key-id?",
		"key list --frobnicate":             "unknown flag: --frobnicate: 'tollgate key list --help' lists those that there are",
		"key list --tg_secret-of-mine":      "unknown flag: 'tollgate key list --help' lists those that there are",
		"key list -tg_secret-of-mine":       "unknown flag: 'tollgate key list --help' lists those that there are",
		"key list --=tg_secret-of-mine":     "unknown flag: 'tollgate key list --help' lists those that there are",
		"key --tg_secret-of-mine":           "unknown flag: 'tollgate key --help' lists those that there are",
		"key list --json=tg_secret-of-mine": "value of --json is not valid: write a bool",
		"key list --workspace":              "flag needs an argument: --workspace",
		"tg_secret-of-mine":                 "unknown command: 'tollgate --help' lists those that there are",
		"tg_secret-of-mine --config x":      "unknown command: 'tollgate --help' lists those that there are",
		"--tg_secret-of-mine":               "unknown flag: 'tollgate --help' lists those that there are",
		"-tg_secret-of-mine":                "unknown flag: 'tollgate --help' lists those that there are",
		"worksapce list":                    "unknown command 'tollgate worksapce': did you mean 'tollgate workspace'?",
		"worksapce list --plan pro":         "unknown command 'tollgate worksapce': did you mean 'tollgate workspace'?",
		"--hlep":                            "unknown flag: --hlep: did you mean --help?",
	} {
		root := tree()
		AnswerSlips(root)
		root.SilenceErrors, root.SilenceUsage = true, true
		root.SetArgs(split(line))
		err := root.Execute()
		require.ErrorContains(t, err, want, line)
		require.NotContains(t, err.Error(), "secret-of-mine")
	}
}

func split(line string) (words []string) {
	for word := range bytes.FieldsSeq([]byte(line)) {
		words = append(words, string(word))
	}
	return words
}

func TestNearest(t *testing.T) {
	names := []string{"create", "list", "show", "set", "revoke", "rotate"}
	for word, want := range map[string]string{"crate": "create", "lits": "list", "sett": "set", "revok": "revoke", "x": "", "delete": "", "": "", "shwo": "show"} {
		require.Equal(t, want, nearest(word, names), word)
	}
}

func TestWrap(t *testing.T) {
	require.Equal(t, "one two\nthree\n\n    as  it is, and however long\n\nfour", wrap("one\ntwo three\n\n    as  it is, and however long\n\nfour", 8))
}
