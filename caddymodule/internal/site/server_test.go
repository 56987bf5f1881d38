package site

import (
	"testing"

	"github.com/caddyserver/caddy/v2/modules/caddyhttp"
	"github.com/stretchr/testify/require"
)

func on(listen ...string) *Server { return &Server{Server: &caddyhttp.Server{Listen: listen}} }

func TestListensOn(t *testing.T) {
	t.Parallel()
	require.True(t, on(":8080").ListensOn(8080))
	require.True(t, on("127.0.0.1:80", "[::1]:8080").ListensOn(8080))
	require.True(t, on("tcp/:9000-9010", "unix//run/x.sock").ListensOn(9005))
	require.False(t, on("tcp/:9000-9010", "unix//run/x.sock").ListensOn(9011))
	require.False(t, on().ListensOn(80))
}

func TestLabel(t *testing.T) {
	t.Parallel()
	require.Equal(t, "a.example.com:8080,b.example.com:8080", on(":8080").Label([]string{"a.example.com", "b.example.com"}))
	require.Equal(t, "a:9000-9010,unix//run/x.sock", on("tcp/:9000-9010", "unix//run/x.sock").Label([]string{"a"}))
	require.Equal(t, ":8080", on(":8080").Label(nil))
}
