//go:build unix

package sqlite_test

import (
	"os"
	"path/filepath"
	"syscall"
	"testing"

	"github.com/stretchr/testify/require"

	"github.com/tollgate-gateway/tollgate/caddymodule/keystore/sqlite"
	"github.com/tollgate-gateway/tollgate/caddymodule/keystore/storetest"
	"github.com/tollgate-gateway/tollgate/caddymodule/record"
)

// A command that root runs must not leave files behind that the gateway, an unprivileged user, cannot open.
func TestACommandOfRootLeavesTheFilesToTheirOwner(t *testing.T) {
	if os.Geteuid() != 0 {
		return // only root can own files of others
	}
	path := filepath.Join(t.TempDir(), "tollgate.db")
	gateway := sqlite.New(path, sqlite.Options{Create: true})
	storetest.Fill(t, gateway, storetest.Example())
	require.NoError(t, gateway.Close())
	const somebody = 12345
	require.NoError(t, os.Chown(path, somebody, somebody))

	command := opened(t, path, sqlite.Options{})
	_, err := command.RotateKey(t.Context(), storetest.Act, "key_full", record.SumOf("another secret"), 0)
	require.NoError(t, err)
	require.Len(t, files(t, filepath.Dir(path)), 3)
	for name := range files(t, filepath.Dir(path)) {
		info, err := os.Stat(filepath.Join(filepath.Dir(path), name))
		require.NoError(t, err)
		require.EqualValues(t, somebody, info.Sys().(*syscall.Stat_t).Uid, name)
	}
}
