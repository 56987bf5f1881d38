package dashboard_test

import (
	"encoding/json"
	"io"
	"net/http"
	"strings"
	"testing"

	"github.com/stretchr/testify/require"

	"github.com/tollgate-gateway/tollgate/caddymodule/harness"
	"github.com/tollgate-gateway/tollgate/caddymodule/services"
)

// desk is a running gateway and its admin endpoint.
type desk struct {
	*harness.Gateway
	admin string
	setup harness.Setup
}

// open starts a gateway whose admin endpoint is at a free port. Options of the endpoint may follow.
func open(t *testing.T, setup harness.Setup, options ...string) *desk {
	t.Helper()
	d := &desk{Gateway: harness.New(t), admin: services.Address(services.FreePort(t)), setup: setup}
	d.WriteFile(t, "keys.yaml", setup.Keys)
	require.NoError(t, d.Load(d.text(d.admin, options...)))
	return d
}

// text is the gateway's Caddyfile with an admin endpoint.
func (d *desk) text(address string, options ...string) string {
	admin := "admin " + address
	if len(options) > 0 {
		admin += " {\n" + strings.Join(options, "\n") + "\n}"
	}
	return strings.Replace(d.setup.Caddyfile(), "admin off", admin, 1)
}

// answer is what the admin endpoint said.
type answer struct {
	status int
	body   string
	header http.Header
}

// send sends a request to the admin endpoint. Headers are names and values; Host is the request's host.
func (d *desk) send(t *testing.T, method, path, body string, headers ...string) answer {
	t.Helper()
	request, err := http.NewRequestWithContext(t.Context(), method, "http://"+d.admin+path, strings.NewReader(body))
	require.NoError(t, err)
	for i := 0; i < len(headers); i += 2 {
		if headers[i] == "Host" {
			request.Host = headers[i+1]
			continue
		}
		request.Header.Set(headers[i], headers[i+1])
	}
	response, err := http.DefaultClient.Do(request)
	require.NoError(t, err)
	defer func() { _ = response.Body.Close() }()
	text, err := io.ReadAll(response.Body)
	require.NoError(t, err)
	return answer{response.StatusCode, string(text), response.Header}
}

// ask gives what the endpoint says at a path below /tollgate/.
func ask[T any](t *testing.T, d *desk, path string) (value T) {
	t.Helper()
	a := d.send(t, "GET", "/tollgate/"+path, "")
	require.Equal(t, 200, a.status, a.body)
	require.NoError(t, json.Unmarshal([]byte(a.body), &value), a.body)
	return value
}

// explain asks what would happen to a request.
func (d *desk) explain(t *testing.T, question string) answer {
	t.Helper()
	return d.send(t, "POST", "/tollgate/explain", question, "Content-Type", "application/json")
}

// from asks with the key of that secret.
func (d *desk) from(t *testing.T, secret, path string) *harness.Answer {
	t.Helper()
	return d.Do(t, harness.Request{Path: path, Key: secret})
}
