package loopback

import (
	"testing"

	"github.com/stretchr/testify/require"
)

func TestHost(t *testing.T) {
	for _, host := range []string{"localhost", "LOCALHOST", "localhost.", "db.localhost", "127.0.0.1", "127.9.9.9", "::1", "[::1]", "::ffff:127.0.0.1", "/var/run/postgresql", "@tollgate"} {
		require.True(t, Host(host), host)
	}
	for _, host := range []string{"", "0.0.0.0", "::", "10.0.0.1", "redis", "localhost.example.com", "1270.0.0.1", "127.0.0.1.nip.io"} {
		require.False(t, Host(host), host)
	}
}
