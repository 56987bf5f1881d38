package file

import (
	"fmt"
	"strings"
	"testing"

	"github.com/stretchr/testify/require"
)

func workspace(n int, more string) string {
	return fmt.Sprintf("  - id: ws_%d\n    plan: pro\n    keys:\n      - id: key_%d\n        sha256: %064x\n%s", n, n, n, more)
}

// TestWhatIsReadByPiecesIsWhatTheFileSays holds files that are easily cut at the wrong place to what the whole of them says.
func TestWhatIsReadByPiecesIsWhatTheFileSays(t *testing.T) {
	t.Parallel()
	head, two := "workspaces:\n", workspace(1, "")+workspace(2, "")
	for name, text := range map[string]string{
		"two":                       head + two,
		"no end of line":            strings.TrimSuffix(head+two, "\n"),
		"lines of Windows":          strings.ReplaceAll(head+two, "\n", "\r\n"),
		"comments":                  "# all\n\nworkspaces:\n# first\n" + workspace(1, "# second\n") + "\n" + workspace(2, "  # end\n"),
		"no indentation":            strings.ReplaceAll(strings.ReplaceAll(head+two, "\n  ", "\n"), "\n    ", "\n    "),
		"a list in brackets":        head + workspace(1, "        scopes: [\n  - a]\n") + workspace(2, ""),
		"a dash in brackets":        head + workspace(1, "        scopes: [a,\n  b]\n") + workspace(2, ""),
		"a dash in quotes":          head + workspace(1, "        name: \"a\n  - b\"\n") + workspace(2, ""),
		"a workspace in quotes":     head + workspace(1, "        name: \"a\n"+workspace(3, "")+"        x: b\"\n") + workspace(2, ""),
		"a text of several lines":   head + workspace(1, "    metadata:\n      text: |\n        - a\n        # b\n\n        c\n") + workspace(2, ""),
		"a dash by itself":          head + "  -\n    id: ws_1\n    plan: pro\n" + workspace(2, ""),
		"the same twice":            head + workspace(1, "") + workspace(1, ""),
		"a key of another":          head + workspace(1, "") + strings.Replace(workspace(2, ""), "key_2", "key_1", 1),
		"a secret of another":       head + workspace(1, "") + strings.Replace(workspace(2, ""), fmt.Sprintf("%064x", 2), fmt.Sprintf("%064x", 1), 1),
		"an anchor of another":      head + strings.Replace(workspace(1, ""), "plan: pro", "plan: &p pro", 1) + strings.Replace(workspace(2, ""), "plan: pro", "plan: *p", 1),
		"an unknown word":           head + two + "    x: y\n",
		"a second word at the edge": head + two + "x: y\n",
		"a second document":         head + two + "---\nx: y\n",
		"a tab":                     head + two + "\tx: y\n",
		"another indentation":       head + workspace(1, "") + strings.ReplaceAll(workspace(2, ""), "  ", "   "),
		"brackets":                  "workspaces: []\n",
		"nothing":                   head,
		"a list of texts":           head + "  - a\n  - b\n",
	} {
		t.Run(name, func(t *testing.T) {
			whole, wholeErr := parseWhole("keys.yaml", []byte(text))
			s, err := parse("keys.yaml", []byte(text), nil)
			require.Equal(t, wholeErr, err)
			if err == nil {
				s.pieces = nil
				require.Equal(t, whole, s)
			}
		})
	}
	s, err := parse("keys.yaml", []byte(head+two), nil)
	require.NoError(t, err)
	require.Len(t, s.pieces, 2, "the usual form is read by pieces")
}

// TestAChangeOfAFewKeysParsesThoseOnly counts what is allocated: it is what parsing costs.
func TestAChangeOfAFewKeysParsesThoseOnly(t *testing.T) {
	const workspaces = 2000
	text := func(more string) []byte {
		var b strings.Builder
		b.WriteString("workspaces:\n")
		for n := range workspaces {
			if n == workspaces/2 {
				b.WriteString(workspace(n, more))
				continue
			}
			b.WriteString(workspace(n, ""))
		}
		return []byte(b.String())
	}
	first, second := text(""), text("        name: changed\n")
	old, err := parse("keys.yaml", first, nil)
	require.NoError(t, err)
	all := testing.AllocsPerRun(1, func() { _, _ = parse("keys.yaml", second, nil) })
	few := testing.AllocsPerRun(1, func() { _, err = parse("keys.yaml", second, old) })
	require.NoError(t, err)
	require.Less(t, few, all/10)
	now, err := parse("keys.yaml", second, old)
	require.NoError(t, err)
	require.Same(t, old.keys["key_1"], now.keys["key_1"])
	changed := fmt.Sprint("key_", workspaces/2)
	require.Equal(t, "changed", now.keys[changed].Key.Name)
	before := *old.keys[changed]
	now.keep(old)
	require.Equal(t, before, *old.keys[changed], "what is in use does not change")
	require.Same(t, old.workspaces["ws_1000"], now.keys[changed].Workspace)
}
