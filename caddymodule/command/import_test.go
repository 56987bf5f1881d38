package command_test

import (
	"encoding/binary"
	"encoding/hex"
	"fmt"
	"strings"
	"testing"
	"unicode/utf16"

	"github.com/stretchr/testify/require"

	"github.com/tollgate-gateway/tollgate/caddymodule/harness"
	"github.com/tollgate-gateway/tollgate/caddymodule/record"
)

// TestAListOfManyPagesHasOneHead: it is read a thousand keys at a time.
func TestAListOfManyPagesHasOneHead(t *testing.T) {
	d := harness.NewDesk(t, harness.DeskCaddyfile)
	d.Must(t, "workspace", "create", "ws_acme", "--plan", "pro")
	var secrets strings.Builder
	for n := range 1001 {
		fmt.Fprintf(&secrets, "imported-secret-%010d\n", n)
	}
	require.NoError(t, d.Run(secrets.String(), "key", "import", "--workspace", "ws_acme").Err)
	out := d.Must(t, "key", "list")
	require.Equal(t, 1002, strings.Count(out, "\n"))
	require.Equal(t, 1, strings.Count(out, "KEY "))
}

// TestImportTakesAByteOrderMark, which editors and PowerShell put in front of a text: the first secret does not get it.
func TestImportTakesAByteOrderMark(t *testing.T) {
	const secrets = "imported-secret-0123456789\r\nimported-secret-1123456789\r\n"
	sums := ""
	for _, secret := range []string{"imported-secret-0123456789", "imported-secret-1123456789"} {
		sum := record.SumOf(secret)
		sums += hex.EncodeToString(sum[:]) + "\n"
	}
	for name, c := range map[string]struct {
		text   string
		option []string
	}{
		"none":                  {text: secrets},
		"UTF-8":                 {text: "\ufeff" + secrets},
		"UTF-8, hashes":         {text: "\ufeff" + sums, option: []string{"--sha256"}},
		"UTF-16, little-endian": {text: wide(secrets, binary.LittleEndian)},
		"UTF-16, big-endian":    {text: wide(secrets, binary.BigEndian)},
	} {
		t.Run(name, func(t *testing.T) {
			d := harness.NewDesk(t, harness.DeskCaddyfile)
			d.Must(t, "workspace", "create", "ws_acme", "--plan", "pro")
			words := append([]string{"key", "import", "--workspace", "ws_acme"}, c.option...)
			require.NoError(t, d.Run(c.text, words...).Err)
			for _, secret := range []string{"imported-secret-0123456789", "imported-secret-1123456789"} {
				again := d.Run(secret+"\n", "key", "import", "--workspace", "ws_acme")
				require.ErrorContains(t, again.Err, "line 1: this secret belongs to key", "the very secret is known")
			}
		})
	}
	t.Run("hash", func(t *testing.T) {
		d := harness.NewDesk(t, harness.DeskCaddyfile)
		require.Equal(t, d.Run("imported-secret-0123456789\n", "key", "hash").Out, d.Run("\ufeffimported-secret-0123456789\r\n", "key", "hash").Out)
	})
	t.Run("refuses/a mark elsewhere", func(t *testing.T) {
		d := harness.NewDesk(t, harness.DeskCaddyfile)
		d.Must(t, "workspace", "create", "ws_acme", "--plan", "pro")
		require.ErrorContains(t, d.Run("imported-secret-0123456789\n\ufeffimported-secret-1123456789\n", "key", "import", "--workspace", "ws_acme").Err,
			"line 2: a secret must be made of visible ASCII")
	})
}

// wide is the text in UTF-16, with the mark that begins such files.
func wide(text string, order binary.AppendByteOrder) string {
	var data []byte
	for _, unit := range utf16.Encode([]rune("\ufeff" + text)) {
		data = order.AppendUint16(data, unit)
	}
	return string(data)
}
