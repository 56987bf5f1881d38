package dashboard_test

import (
	"context"
	"io"
	"net/http"
	"path/filepath"
	"strings"
	"testing"

	"github.com/stretchr/testify/require"

	"github.com/tollgate-gateway/tollgate/caddymodule/dashboard"
	"github.com/tollgate-gateway/tollgate/caddymodule/harness"
	"github.com/tollgate-gateway/tollgate/caddymodule/services"
)

// relay serves the dashboard of an admin endpoint until the test ends.
func relay(t *testing.T, admin string) *dashboard.Relay {
	t.Helper()
	r, err := dashboard.NewRelay(admin, 0)
	require.NoError(t, err)
	ctx, cancel := context.WithCancel(t.Context())
	ended := make(chan error, 1)
	go func() { ended <- r.Serve(ctx) }()
	t.Cleanup(func() {
		cancel()
		require.NoError(t, <-ended)
	})
	return r
}

// browse asks as a browser does.
func browse(t *testing.T, method, url string, headers ...string) (int, string, http.Header) {
	t.Helper()
	request, err := http.NewRequestWithContext(t.Context(), method, url, strings.NewReader(`{"method": "GET", "address": "/leads", "key_id": "key_crm"}`))
	require.NoError(t, err)
	for i := 0; i < len(headers); i += 2 {
		request.Header.Set(headers[i], headers[i+1])
		if headers[i] == "Host" {
			request.Host = headers[i+1]
		}
	}
	response, err := http.DefaultTransport.RoundTrip(request)
	require.NoError(t, err)
	defer func() { _ = response.Body.Close() }()
	body, err := io.ReadAll(response.Body)
	require.NoError(t, err)
	return response.StatusCode, string(body), response.Header
}

// TestABrowserOpensThePage although Caddy's endpoint refuses whoever types its address.
func TestABrowserOpensThePage(t *testing.T) {
	d := open(t, harness.World())
	typed := []string{"Sec-Fetch-Mode", "navigate", "Sec-Fetch-Site", "none"}
	status, body, _ := browse(t, "GET", "http://"+d.admin+"/tollgate/", typed...)
	require.Equal(t, 403, status, "if Caddy lets it through, the relay has no reason any more: %s", body)

	socket := "unix/" + filepath.Join(t.TempDir(), "admin.sock")
	for _, c := range []struct{ admin, option string }{{d.admin, ""}, {d.admin, "enforce_origin"}, {socket + "|0600", ""}} {
		admin := c.admin
		require.NoError(t, d.Load(d.text(admin, c.option)))
		url := relay(t, admin).URL()
		status, body, header := browse(t, "GET", url, typed...)
		require.Equal(t, 200, status, body)
		require.Contains(t, body, `src="page/page.js"`)
		require.Equal(t, "default-src 'none'; script-src 'self'; style-src 'self'; connect-src 'self'; img-src 'self'; "+
			"frame-ancestors 'none'; base-uri 'none'; form-action 'none'; require-trusted-types-for 'script'", header.Get("Content-Security-Policy"))
		require.Empty(t, header.Get("Set-Cookie"))
		own := []string{"Sec-Fetch-Mode", "cors", "Sec-Fetch-Site", "same-origin", "Content-Type", "application/json"}
		for _, path := range []string{"page/page.js", "page/page.css", "status", "refusals?n=5"} {
			status, body, _ = browse(t, "GET", url+path, own...)
			require.Equal(t, 200, status, body)
		}
		status, body, _ = browse(t, "POST", url+"explain", own...)
		require.Equal(t, 200, status, body)
		status, _, _ = browse(t, "GET", url, "Sec-Fetch-Mode", "navigate", "Sec-Fetch-Site", "cross-site")
		require.Equal(t, 200, status, "a link may lead to the page")
	}
}

// TestTheRelayShowsNothingElse: not what stands beside it, not to other sites, and not to who does not know its address.
func TestTheRelayShowsNothingElse(t *testing.T) {
	d := open(t, harness.World())
	r := relay(t, d.admin)
	url := r.URL()
	root := strings.TrimSuffix(url, "tollgate/")
	host := strings.Split(url, "/")[2]
	for name, c := range map[string]struct {
		method, url string
		status      int
		headers     []string
	}{
		"without the word":  {"GET", "http://" + host + "/tollgate/status", 404, nil},
		"a wrong word":      {"GET", "http://" + host + "/ABCDEFGHIJKLMNOPQRSTUVWXYZ/tollgate/status", 404, nil},
		"the configuration": {"GET", root + "config/", 404, nil},
		"stop":              {"POST", root + "stop", 404, nil},
		"dots":              {"GET", url + "../config/", 404, nil},
		"encoded dots":      {"GET", url + "%2e%2e/config/", 404, nil},
		"a rebound name":    {"GET", url + "status", 403, []string{"Host", "evil.example:" + strings.Split(host, ":")[1]}},
		"another origin":    {"GET", url + "status", 403, []string{"Origin", "https://evil.example"}},
		"another site":      {"GET", url + "status", 403, []string{"Sec-Fetch-Site", "cross-site", "Sec-Fetch-Mode", "no-cors"}},
		"another port":      {"GET", url + "status", 403, []string{"Sec-Fetch-Site", "same-site", "Sec-Fetch-Mode", "cors"}},
		"navigation to it":  {"GET", url + "status", 403, []string{"Sec-Fetch-Site", "cross-site", "Sec-Fetch-Mode", "navigate"}},
		"a form":            {"POST", url + "explain", 403, []string{"Origin", "null"}},
		"writing":           {"POST", url + "status", 405, nil},
	} {
		t.Run(name, func(t *testing.T) {
			status, body, _ := browse(t, c.method, c.url, c.headers...)
			require.Equal(t, c.status, status, body)
		})
	}
	nobody := services.Address(services.FreePort(t))
	status, body, _ := browse(t, "GET", relay(t, nobody).URL()+"status")
	require.Equal(t, 502, status)
	require.Contains(t, body, "the admin endpoint "+nobody+" does not answer")
}
