package command_test

import (
	"os"
	"testing"

	"github.com/stretchr/testify/require"
	"github.com/tollgate-gateway/tollgate/caddymodule/harness"
)

func TestKeyScan(t *testing.T) {
	d := harness.NewDesk(t, harness.DeskCaddyfile)
	d.Must(t, "workspace", "create", "ws_acme", "--plan", "pro")
	live, secret := d.Created(t, "--workspace", "ws_acme")
	revoked, old := d.Created(t, "--workspace", "ws_acme")
	d.Must(t, "key", "revoke", revoked)
	d.WriteAll(t, "src/notes.txt", "nothing\nthe old one: "+old+"\n")
	require.Empty(t, d.Must(t, "key", "scan", "src"), "a revoked key is no leak")

	d.WriteAll(t, "src/deep/.env", "# keys\n\nTOLLGATE_KEY="+secret+"\n")
	o := d.Run("", "key", "scan", "src")
	require.ErrorContains(t, o.Err, "live keys found: 1")
	require.Regexp(t, `^\S*src/deep/.env:3  `+live+`  ws_acme  [0-9a-f]{8}\n$`, o.Out)
	require.NotContains(t, o.Out+o.Notes, secret)
	o = d.Run("", "key", "scan", "src", "--json")
	require.Error(t, o.Err)
	require.Contains(t, o.Out, `"line":3,"key":"`+live+`","workspace":"ws_acme","fingerprint":"`)

	d.WriteAll(t, "evil/a\n\x1b[2J", secret)
	require.Regexp(t, `^\S*evil/a��\[2J:1  `+live, d.Run("", "key", "scan", "evil").Out, "names of files do not move the cursor")

	d.Must(t, "key", "revoke", live)
	require.NoError(t, d.Run("", "key", "scan", "src").Err)
	if os.Geteuid() != 0 {
		require.NoError(t, os.Chmod("src/notes.txt", 0))
		o = d.Run("", "key", "scan", "src")
		require.ErrorContains(t, o.Err, "files that could not be read: 1")
		require.Contains(t, o.Notes, "not scanned: ")
	}
}
