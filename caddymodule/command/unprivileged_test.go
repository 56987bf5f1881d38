//go:build unix

package command_test

import (
	"os"
	"path/filepath"
	"testing"

	"github.com/stretchr/testify/require"

	"github.com/tollgate-gateway/tollgate/caddymodule/harness"
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
				d := harness.NewDesk(t, harness.DeskCaddyfile)
				if c.made {
					d.Must(t, "workspace", "create", "ws_acme", "--plan", "pro")
				}
				before := files(t, d)
				require.NoError(t, os.Chmod(d.Dir, 0o500))
				t.Cleanup(func() { _ = os.Chmod(d.Dir, 0o700) })
				d.Refuses(t, harness.Blunder{Line: c.line, Want: c.want}, "")
				storetest.IsForOperators(t, d.Run("", harness.Words(c.line)...).Err, filepath.Join(d.Dir, "tollgate.db"))
				require.Equal(t, before, files(t, d))
			})
		})
	}
}
