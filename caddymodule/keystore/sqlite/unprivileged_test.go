//go:build unix

package sqlite_test

import (
	"os"
	"path/filepath"
	"testing"

	"github.com/stretchr/testify/require"

	"github.com/tollgate-gateway/tollgate/caddymodule/keystore/sqlite"
	"github.com/tollgate-gateway/tollgate/caddymodule/keystore/storetest"
)

// TestWhatMayNotBeWrittenIsSaid once, and to whom: a real user, whom permissions bind.
func TestWhatMayNotBeWrittenIsSaid(t *testing.T) {
	for name, c := range map[string]struct {
		file, folder os.FileMode
		made         bool
		operation    string
		want         string
	}{
		"a folder in which none can be made": {0, 0o500, false, "create workspace", "creating key store "},
		"a folder that cannot be entered":    {0o600, 0, true, "keys", "opening key store "},
		"a folder without its companions":    {0o600, 0o500, true, "create key", "it and its folder must be writable by this user"},
		"a file that cannot be written":      {0o400, 0o700, true, "create key", "it and its folder must be writable by this user"},
		"a file that cannot be read":         {0, 0o700, true, "keys", "it and its folder must be writable by this user"},
	} {
		t.Run(name, func(t *testing.T) {
			storetest.Unprivileged(t, func(t *testing.T) {
				s, path := create(t)
				if c.made {
					storetest.Fill(t, s, storetest.Example())
					require.NoError(t, s.Close())
					require.NoError(t, os.Chmod(path, c.file))
				}
				require.NoError(t, os.Chmod(filepath.Dir(path), c.folder))
				t.Cleanup(func() { _ = os.Chmod(filepath.Dir(path), 0o700) })
				err := storetest.Operations(opened(t, path, sqlite.Options{Create: true}))[c.operation](t.Context())
				storetest.IsForOperators(t, err, path)
				require.ErrorContains(t, err, c.want)
				require.NotContains(t, err.Error(), "key store "+path+": key store ")
			})
		})
	}
}
