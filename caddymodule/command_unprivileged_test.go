//go:build unix

package caddymodule_test

import (
	"os"
	"path/filepath"
	"testing"

	"github.com/stretchr/testify/require"

	"github.com/tollgate-gateway/tollgate/caddymodule/keystore/storetest"
)

// TestFoldersThatCannotBeWritten are said once, by the name of the store: to a real user, whom permissions bind.
func TestFoldersThatCannotBeWritten(t *testing.T) {
	for name, c := range map[string]struct {
		made       bool
		line, want string
	}{
		"no store": {false, "workspace create ws_acme --plan pro", "creating key store "},
		"a store":  {true, "key create --workspace ws_acme", "it and its folder must be writable by this user"},
	} {
		t.Run("refuses/"+name, func(t *testing.T) {
			storetest.Unprivileged(t, func(t *testing.T) {
				d := newDesk(t, deskCaddyfile)
				if c.made {
					d.must(t, "workspace", "create", "ws_acme", "--plan", "pro")
				}
				before := d.files(t)
				require.NoError(t, os.Chmod(d.dir, 0o500))
				t.Cleanup(func() { _ = os.Chmod(d.dir, 0o700) })
				d.refuses(t, blunder{line: c.line, want: c.want}, "")
				storetest.IsForOperators(t, d.run("", words(c.line)...).err, filepath.Join(d.dir, "tollgate.db"))
				require.Equal(t, before, d.files(t))
			})
		})
	}
}
