package output_test

import (
	"strings"
	"testing"
	"unicode/utf8"

	"github.com/stretchr/testify/require"

	"github.com/tollgate-gateway/tollgate/caddymodule/internal/output"
)

// TestTable: columns give way in their order of width, ids and times never do, and cells of any script stand below each other.
func TestTable(t *testing.T) {
	columns := []output.Column{output.Whole("KEY"), output.Short("NAME"), output.Wide("BY"), output.Path("FILE"), output.Short("STATE")}
	for name, tt := range map[string]struct {
		width int
		row   []string
		want  string
	}{
		"fits":                {40, []string{"key_1", "crm", "ada", "a/b.txt", "live"}, "KEY    NAME  FILE     STATE\nkey_1  crm   a/b.txt  live\n"},
		"any width":           {0, []string{"key_1", "crm", "ada", "a/b.txt", "live"}, "KEY    NAME  BY   FILE     STATE\nkey_1  crm   ada  a/b.txt  live\n"},
		"shortens the widest": {40, []string{"key_1", "the agent of the sales", "ada", "folder/in/b.txt", "live"}, "KEY    NAME          FILE          STATE\nkey_1  the agent o…  …er/in/b.txt  live\n"},
		"two cells a letter":  {40, []string{"key_1", "販売部門の代理人が使う鍵", "", "a", "live"}, "KEY    NAME                  FILE  STATE\nkey_1  販売部門の代理人が…   a     live\n"},
		"joining accents":     {40, []string{"key_1", "e\u0301te\u0301", "", "a", "live"}, "KEY    NAME  FILE  STATE\nkey_1  e\u0301te\u0301   a     live\n"},
		"ids stay":            {20, []string{"key_" + strings.Repeat("x", 20), "crm", "", "a", "live"}, "KEY                       NAME  FILE  STATE\nkey_xxxxxxxxxxxxxxxxxxxx  crm   a     live\n"},
		"control characters":  {40, []string{"key_1", "a\x1b[2J\x00\n", "", "a", "live"}, "KEY    NAME     FILE  STATE\nkey_1  a\ufffd[2J\ufffd\ufffd  a     live\n"},
	} {
		t.Run(name, func(t *testing.T) {
			var b strings.Builder
			require.NoError(t, output.Table(&b, tt.width, columns, [][]string{tt.row}))
			require.Equal(t, tt.want, b.String())
		})
	}
}

// TestHang: what is broken is still there, whole where it may be copied.
func TestHang(t *testing.T) {
	for name, tt := range map[string]struct{ text, want string }{
		"short":               {"one two", "one two"},
		"at spaces":           {"one two three four five", "one two three four\n  five"},
		"a long word":         {"a key " + strings.Repeat("x", 16) + " of", "a key\n    " + strings.Repeat("x", 16) + "\n      of"},
		"a word past a line":  {"in /" + strings.Repeat("x", 30), "in\n  /" + strings.Repeat("x", 30)},
		"JSON":                {`{"a":"one","b":"two","c":"three"}`, `{"a":"one",` + "\n  " + `"b":"two",` + "\n  " + `"c":"three"}`},
		"no spaces":           {"販売部門の代理人が使う鍵", "販売部門の代理人が使\n  う鍵"},
		"unbroken":            {output.Unbroken("sqlite /var/lib/tollgate.db") + " x", "sqlite /var/lib/tollgate.db\n  x"},
		"control characters":  {"a\x1b[2J\nb\x00c", "a\ufffd[2J\ufffdb c"},
		"two spaces stay two": {"a  b", "a  b"},
	} {
		t.Run(name, func(t *testing.T) {
			indent := 2
			if name == "a long word" {
				indent = 6
			}
			require.Equal(t, tt.want, output.Hang(tt.text, 0, indent, 20))
		})
	}
}

// FuzzHang: no letter is lost, and no control character gets through.
func FuzzHang(f *testing.F) {
	f.Add("GET /leads?a=1,2 is refused", 10, 4, 20)
	f.Add("販売, e\u0301 \u00a0 \x1b", 0, 2, 5)
	f.Fuzz(func(t *testing.T, text string, at, indent, width int) {
		if at < 0 || indent < 0 || width < 1 || at > 100 || indent > 100 || width > 200 || strings.Contains(text, "\x00") {
			t.Skip()
		}
		got := output.Hang(text, at, indent, width)
		require.True(t, utf8.ValidString(got))
		join := strings.NewReplacer("\n", "", " ", "").Replace
		require.Equal(t, join(output.Printable(text)), join(got))
	})
}
