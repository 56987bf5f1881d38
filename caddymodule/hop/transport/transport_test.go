package transport_test

import (
	"bufio"
	"bytes"
	"encoding/json"
	"fmt"
	"io"
	"net"
	"net/http"
	"strings"
	"sync/atomic"
	"testing"
	"time"

	"github.com/caddyserver/caddy/v2"
	"github.com/stretchr/testify/require"

	"github.com/tollgate-gateway/tollgate/caddymodule/harness"
)

// proxyTo is a site that passes everything on with this transport.
func proxyTo(transport string) string {
	return ":8080 {\n\treverse_proxy localhost:9000 {\n\t\ttransport " + transport + "\n\t}\n}\n"
}

// TestCaddyfile takes the words of Caddy's own transport, and says the same of them in JSON.
func TestCaddyfile(t *testing.T) {
	for name, block := range map[string]string{
		"nothing": "",
		"a block": `{
			read_buffer 8KiB
			write_buffer 8KiB
			max_response_header 64KiB
			dial_timeout 1s
			dial_fallback_delay 100ms
			response_header_timeout 2s
			expect_continue_timeout 3s
			read_timeout 4s
			write_timeout 5s
			keepalive 6s
			keepalive_idle_conns 7
			keepalive_idle_conns_per_host 8
			compression off
			max_conns_per_host 9
			local_address 127.0.0.1
			resolvers 127.0.0.1
		}`,
		"TLS":             "{\n tls\n tls_server_name example.com\n}",
		"no connections":  "{\n keepalive off\n}",
		"the PROXY":       "{\n proxy_protocol v2\n}",
		"HTTP/2 in clear": "{\n versions h2c\n}",
	} {
		t.Run(name, func(t *testing.T) {
			want, err := harness.Adapt(proxyTo("http "+block), "Caddyfile")
			require.NoError(t, err)
			got, err := harness.Adapt(proxyTo("tollgate "+block), "Caddyfile")
			require.NoError(t, err)
			standard := []byte(`"protocol":"http"`)
			if block == "" { // Caddy leaves its default out
				require.Contains(t, string(got), `"transport":{"protocol":"tollgate"}`)
				return
			}
			require.Equal(t, 1, bytes.Count(want, standard))
			require.JSONEq(t, string(bytes.Replace(want, standard, []byte(`"protocol":"tollgate"`), 1)), string(got))
		})
	}
	_, err := harness.Adapt(proxyTo("tollgate {\n pool 5\n}"), "Caddyfile")
	require.ErrorContains(t, err, "Caddyfile:4")
	require.ErrorContains(t, err, "unrecognized subdirective pool")
}

// TestUnknownOptionsAreRefused in JSON.
func TestUnknownOptionsAreRefused(t *testing.T) {
	config, err := harness.Adapt(proxyTo("tollgate {\n dial_timeout 1s\n}"), "Caddyfile")
	require.NoError(t, err)
	require.ErrorContains(t, caddy.Validate(parse(t, strings.Replace(string(config), "dial_timeout", "dial_timout", 1))), "dial_timout")
}

func parse(t *testing.T, config string) *caddy.Config {
	t.Helper()
	c := new(caddy.Config)
	require.NoError(t, json.Unmarshal([]byte(config), c))
	return c
}

// TestWhichRequestsItServes sends requests without Accept-Encoding: Caddy's transport asks the backend for gzip then, ours sends them as
// they are.
func TestWhichRequestsItServes(t *testing.T) {
	const ours, caddys = "", "gzip"
	get := "GET /leads HTTP/1.1\r\nHost: localhost\r\nAuthorization: Bearer " + harness.CRM + "\r\n"
	post := func(path, headers, body string) string {
		return "POST " + path + " HTTP/1.1\r\nHost: localhost\r\nContent-Type: application/json\r\nAuthorization: Bearer " + harness.CRM + "\r\n" +
			headers + "\r\n" + body
	}
	length := func(body string) string { return fmt.Sprintf("Content-Length: %d\r\n", len(body)) }
	small, large := `{"name":"Ada"}`, `{"name":"`+strings.Repeat("a", 64<<10)+`"}`
	for _, c := range []struct {
		name, options, request, want, body string
	}{
		{"a GET", "", get + "\r\n", ours, ""},
		{"a POST without a body", "", post("/open/x", "Content-Length: 0\r\n", ""), ours, ""},
		{"a body that policy read", "", post("/judged", length(small), small), ours, small},
		{"a body that nobody read", "", post("/leads", length(small), small), caddys, small},
		{"a body that is large", "", post("/judged", length(large), large), caddys, large},
		{"a body without a length", "", post("/judged", "Transfer-Encoding: chunked\r\n", fmt.Sprintf("%x\r\n%s\r\n0\r\n\r\n", len(small), small)), caddys, small},
		{"TE", "", get + "TE: trailers\r\n\r\n", caddys, ""},
		{"a large header", "", get + "X-A: " + strings.Repeat("a", 17<<10) + "\r\n\r\n", caddys, ""},
		{"options", "{\n dial_timeout 1s\n response_header_timeout 5s\n read_timeout 5s\n write_timeout 5s\n}", get + "\r\n", ours, ""},
		{"no connections kept", "{\n keepalive off\n}", get + "\r\n", caddys, ""},
		{"few connections", "{\n max_conns_per_host 5\n}", get + "\r\n", caddys, ""},
		{"HTTP/2 in clear", "{\n versions h2c\n}", get + "\r\n", caddys, ""},
		{"a forward proxy", "{\n network_proxy url http://$BACKEND\n}", get + "\r\n", caddys, ""},
	} {
		t.Run(c.name, func(t *testing.T) {
			setup := harness.World()
			setup.Gate += "route POST /judged agent.leads.write {\n body 1MiB\n}\n"
			setup.Then = "reverse_proxy $BACKEND {\n transport tollgate " + c.options + "\n}"
			g := harness.Start(t, setup)
			for range 2 { // on a new connection, and on the same
				conn := harness.Dial(t, g.Addr)
				conn.Say(t, c.request)
				require.Equal(t, 200, conn.Answer(t, "GET").StatusCode)
				seen := g.Backend.Seen()
				require.Len(t, seen, 1)
				require.Equal(t, c.want, seen[0].Header.Get("Accept-Encoding"))
				require.Equal(t, c.body, seen[0].Body)
			}
		})
	}
}

// TestStatusesAreThoseOfCaddysTransport lets backends fail and wants the same status with both.
func TestStatusesAreThoseOfCaddysTransport(t *testing.T) {
	for _, c := range []struct {
		name, proxy string
		answer      http.HandlerFunc
		want        int
	}{
		{"nobody listens", "127.0.0.1:1", nil, 502},
		{"no way there in time", "192.0.2.1:81 {\n transport http {\n dial_timeout 50ms\n}\n}", nil, 502},
		{"no header in time", "$BACKEND {\n transport http {\n response_header_timeout 50ms\n}\n}", stall, 504},
		{"nothing read in time", "$BACKEND {\n transport http {\n read_timeout 50ms\n}\n}", stall, 504},
		{"the connection ends", "$BACKEND", func(http.ResponseWriter, *http.Request) { panic(http.ErrAbortHandler) }, 502},
		{"a header that is too long", "$BACKEND {\n transport http {\n max_response_header 1KiB\n}\n}", func(w http.ResponseWriter, _ *http.Request) {
			w.Header().Set("X-A", strings.Repeat("a", 9<<10))
		}, 502},
		{"the second backend answers", "127.0.0.1:1 $BACKEND {\n lb_policy first\n lb_retries 1\n fail_duration 10s\n}", nil, 200},
	} {
		for _, body := range []string{"", `{"name":"Ada"}`} {
			statuses := map[string]int{}
			for _, transport := range []string{"", "tollgate"} {
				t.Run(fmt.Sprint(c.name, " ", transport, " ", len(body)), func(t *testing.T) {
					harness.UseTransport(t, transport)
					setup := harness.World()
					setup.Gate += "route POST /judged agent.leads.write {\n body 1MiB\n}\n"
					setup.Then = "reverse_proxy " + c.proxy
					g := harness.Start(t, setup)
					g.Backend.Answer(c.answer)
					conn := harness.Dial(t, g.Addr)
					if body == "" {
						conn.Say(t, "GET /leads HTTP/1.1\r\nHost: localhost\r\nAuthorization: Bearer "+harness.CRM+"\r\n\r\n")
					} else {
						conn.Say(t, harness.Post("/judged", harness.CRM, fmt.Sprintf("Content-Length: %d", len(body)))+body)
					}
					statuses[transport] = conn.Answer(t, "GET").StatusCode
					require.Equal(t, c.want, statuses[transport])
					if c.want == 200 && body != "" {
						require.Equal(t, body, g.Backend.Seen()[0].Body)
					}
				})
			}
			require.Equal(t, statuses[""], statuses["tollgate"], c.name)
		}
	}
}

// stall answers nothing until the proxy has left.
func stall(_ http.ResponseWriter, r *http.Request) {
	select {
	case <-r.Context().Done():
	case <-time.After(10 * time.Second):
	}
}

// TestIdleConnectionsEndWithTheConfiguration that had them.
func TestIdleConnectionsEndWithTheConfiguration(t *testing.T) {
	listener, err := net.Listen("tcp", "127.0.0.1:0")
	require.NoError(t, err)
	defer func() { _ = listener.Close() }()
	var served atomic.Int64
	ended := make(chan error, 10)
	go func() {
		for {
			conn, err := listener.Accept()
			if err != nil {
				return
			}
			go func() {
				defer func() { _ = conn.Close() }()
				for in := bufio.NewReader(conn); ; served.Add(1) {
					if _, err := http.ReadRequest(in); err != nil {
						ended <- err
						return
					}
					_, _ = io.WriteString(conn, "HTTP/1.1 200 OK\r\nContent-Length: 2\r\n\r\nok")
				}
			}()
		}
	}()
	setup := harness.World()
	setup.Then = "reverse_proxy " + listener.Addr().String() + " {\n transport tollgate\n}"
	g := harness.Start(t, setup)
	for range 3 {
		require.Equal(t, 200, g.Do(t, harness.Request{Path: "/leads", Key: harness.CRM}).Status)
	}
	require.Empty(t, ended, "one connection for all")
	setup.Gate += "route GET /more\n"
	require.NoError(t, g.Load(setup.Caddyfile()))
	select {
	case err := <-ended:
		require.ErrorIs(t, err, io.EOF)
	case <-time.After(harness.WaitFor):
		t.Fatal("the connection stays")
	}
}
