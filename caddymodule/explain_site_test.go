package caddymodule

import (
	"testing"

	"github.com/caddyserver/caddy/v2/modules/caddyhttp"
	"github.com/stretchr/testify/require"
)

// TestListener: of several servers on one port a URL means the one that the network would choose, or explain says that it
// cannot tell.
func TestListener(t *testing.T) {
	on := func(listen ...string) *server {
		return &server{Server: &caddyhttp.Server{Listen: listen}, httpPort: 80}
	}
	open, local, remote, ranged := on(":8080"), on("127.0.0.1:8080", "[::1]:8080"), on("192.0.2.1:8080"), on("tcp/:9000-9010", "unix//run/x.sock")
	for name, c := range map[string]struct {
		servers []*server
		host    string
		port    uint
		want    *server
	}{
		"none":                        {[]*server{open, ranged}, "h", 80, nil},
		"the only one":                {[]*server{open, ranged}, "h", 8080, open},
		"a range of ports":            {[]*server{open, ranged}, "h", 9005, ranged},
		"bound to the address":        {[]*server{open, local}, "::1", 8080, local},
		"bound elsewhere":             {[]*server{open, local}, "h", 8080, open},
		"bound, and the only one":     {[]*server{local}, "h", 8080, local},
		"of several, the one that is": {[]*server{local, remote}, "192.0.2.1", 8080, remote},
	} {
		t.Run("finds/"+name, func(t *testing.T) {
			found, err := listener(c.servers, c.host, c.port)
			require.NoError(t, err)
			require.Same(t, c.want, found)
		})
	}
	_, err := listener([]*server{local, remote}, "h", 8080)
	require.ErrorContains(t, err, "several servers of the configuration listen on port 8080")

	require.Equal(t, "a.example.com:8080,b.example.com:8080", (&site{server: open, hosts: []string{"a.example.com", "b.example.com"}}).String())
	require.Equal(t, "a:9000-9010,unix//run/x.sock", (&site{server: ranged, hosts: []string{"a"}}).String())
	require.Equal(t, ":8080", (&site{server: open}).String())
}
