package dashboard_test

import (
	"context"
	"io"
	"net"
	"net/http"
	"path/filepath"
	"strings"
	"testing"

	"github.com/stretchr/testify/require"

	"github.com/tollgate-gateway/tollgate/caddymodule/harness"
	"github.com/tollgate-gateway/tollgate/caddymodule/services"
)

// TestOtherSitesReadNothing: neither a page of another origin, nor one whose name leads here.
func TestOtherSitesReadNothing(t *testing.T) {
	d := open(t, harness.World())
	_, port, err := net.SplitHostPort(d.admin)
	require.NoError(t, err)
	for _, path := range []string{"", "status", "refusals", "workspaces/ws_acme", "events", "page/page.js"} {
		for name, headers := range map[string][]string{
			"another origin":   {"Origin", "https://evil.example", "Sec-Fetch-Mode", "cors"},
			"no origin":        {"Origin", "null", "Sec-Fetch-Mode", "cors"},
			"without CORS":     {"Sec-Fetch-Mode", "no-cors", "Sec-Fetch-Site", "cross-site"},
			"a rebound name":   {"Host", "evil.example:" + port},
			"another port":     {"Host", "127.0.0.1:1"},
			"a referring page": {"Referer", "https://evil.example/", "Sec-Fetch-Mode", "cors"},
		} {
			a := d.send(t, "GET", "/tollgate/"+path, "", headers...)
			require.GreaterOrEqual(t, a.status, 400, "%s: %s", name, path)
			require.Less(t, a.status, 500)
			require.NotContains(t, a.body, "ws_acme")
			require.Empty(t, a.header.Get("Access-Control-Allow-Origin"))
		}
	}
	a := d.send(t, "POST", "/tollgate/explain", "{}", "Origin", "https://evil.example", "Content-Type", "application/json")
	require.Equal(t, 403, a.status)
	require.Equal(t, 200, d.send(t, "GET", "/tollgate/status", "", "Origin", "http://"+d.admin, "Sec-Fetch-Mode", "cors").status)
	require.Equal(t, 200, d.send(t, "GET", "/tollgate/status", "", "Host", "localhost:"+port).status)
}

// TestWildcardAddress: there Caddy checks no Host, so nobody may ask but by the names that the configuration gives.
func TestWildcardAddress(t *testing.T) {
	d := open(t, harness.World())
	for _, wildcard := range []string{"", "0.0.0.0", "[::]"} {
		port := services.FreePort(t)
		d.admin = services.Address(port)
		address := strings.TrimPrefix(services.Address(port), "127.0.0.1")
		require.NoError(t, d.Load(d.text(wildcard+address)))
		for _, path := range []string{"", "status", "workspaces/ws_acme/windows"} {
			a := d.send(t, "GET", "/tollgate/"+path, "")
			require.Equal(t, 403, a.status, "%s %s", wildcard, path)
			require.Contains(t, a.body, "origins "+d.admin)
			require.Equal(t, 403, d.send(t, "GET", "/tollgate/"+path, "", "Host", "evil.example"+address).status)
		}
		require.Equal(t, 200, d.send(t, "GET", "/config/", "").status, "Caddy itself checks nothing there")

		require.NoError(t, d.Load(d.text(wildcard+address, "origins "+d.admin+" gateway.internal"+address)))
		require.Equal(t, 200, d.send(t, "GET", "/tollgate/status", "").status)
		require.Equal(t, 200, d.send(t, "GET", "/tollgate/status", "", "Host", "gateway.internal"+address).status)
		require.Equal(t, 403, d.send(t, "GET", "/tollgate/status", "", "Host", "evil.example"+address).status)
	}
}

// TestUnixSocket: no browser opens it, and whoever may is the file system's affair.
func TestUnixSocket(t *testing.T) {
	d := open(t, harness.World())
	socket := filepath.Join(t.TempDir(), "admin.sock")
	require.NoError(t, d.Load(d.text("unix/"+socket)))
	client := http.Client{Transport: &http.Transport{DialContext: func(ctx context.Context, _, _ string) (net.Conn, error) {
		return new(net.Dialer).DialContext(ctx, "unix", socket)
	}}}
	defer client.CloseIdleConnections()
	response, err := client.Get("http://127.0.0.1/tollgate/status")
	require.NoError(t, err)
	body, err := io.ReadAll(response.Body)
	require.NoError(t, err)
	require.NoError(t, response.Body.Close())
	require.Equal(t, 200, response.StatusCode, string(body))
}
