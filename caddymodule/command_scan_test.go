package caddymodule_test

import (
	"os"
	"testing"

	"github.com/stretchr/testify/require"
)

func TestKeyScan(t *testing.T) {
	d := newDesk(t, deskCaddyfile)
	d.must(t, "workspace", "create", "ws_acme", "--plan", "pro")
	live, secret := d.created(t, "--workspace", "ws_acme")
	revoked, old := d.created(t, "--workspace", "ws_acme")
	d.must(t, "key", "revoke", revoked)
	d.writeAll(t, "src/notes.txt", "nothing\nthe old one: "+old+"\n")
	require.Empty(t, d.must(t, "key", "scan", "src"), "a revoked key is no leak")

	d.writeAll(t, "src/deep/.env", "# keys\n\nTOLLGATE_KEY="+secret+"\n")
	o := d.run("", "key", "scan", "src")
	require.ErrorContains(t, o.err, "live keys found: 1")
	require.Regexp(t, `^\S*src/deep/.env:3  `+live+`  ws_acme\n$`, o.out)
	require.NotContains(t, o.out+o.notes, secret)
	o = d.run("", "key", "scan", "src", "--json")
	require.Error(t, o.err)
	require.Contains(t, o.out, `"line":3,"key":"`+live+`","workspace":"ws_acme"}]`)

	d.writeAll(t, "evil/a\n\x1b[2J", secret)
	require.Regexp(t, `^\S*evil/a��\[2J:1  `+live, d.run("", "key", "scan", "evil").out, "names of files do not move the cursor")

	d.must(t, "key", "revoke", live)
	require.NoError(t, d.run("", "key", "scan", "src").err)
	if os.Geteuid() != 0 {
		require.NoError(t, os.Chmod("src/notes.txt", 0))
		o = d.run("", "key", "scan", "src")
		require.ErrorContains(t, o.err, "files that could not be read: 1")
		require.Contains(t, o.notes, "not scanned: ")
	}
}
