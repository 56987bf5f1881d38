//go:build unix

package apikey_test

import (
	"path/filepath"
	"syscall"
	"testing"

	"github.com/stretchr/testify/require"

	"github.com/tollgate-gateway/tollgate/caddymodule/apikey"
)

func TestScanRefusesWhatCannotBeScanned(t *testing.T) {
	dir := t.TempDir()
	pipe := filepath.Join(dir, "pipe")
	require.NoError(t, syscall.Mkfifo(pipe, 0o600))
	for _, root := range []string{pipe, "/dev/null"} {
		_, err := apikey.Scan(root, "tg", func(apikey.Found) error { return nil })
		require.ErrorContains(t, err, root+" is neither a folder nor a regular file")
	}
	unread, err := apikey.Scan(dir, "tg", func(apikey.Found) error { return nil })
	require.NoError(t, err, "one below a folder is passed by, as is every other that is not a file")
	require.Empty(t, unread)
}
