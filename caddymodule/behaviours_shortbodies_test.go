package caddymodule_test

import (
	"bytes"
	"crypto/tls"
	"io"
	"net"
	"net/http"
	"strconv"
	"strings"
	"testing"
	"time"

	"github.com/stretchr/testify/require"
	"golang.org/x/net/http2"
	"golang.org/x/net/http2/hpack"

	"github.com/tollgate-gateway/tollgate/caddymodule/harness"
)

// TestShortBodies: a body that ends before its Content-Length says so is refused, whatever the protocol.
func TestShortBodies(t *testing.T) {
	for site, before := range sites {
		setup := harness.World()
		setup.HTTPS, setup.Before = true, before
		setup.Gate += "route POST /judged {\n body 1KB\n}\n"
		g := harness.Start(t, setup)
		secure := &tls.Config{InsecureSkipVerify: true, ServerName: "localhost", NextProtos: []string{"h2"}} //nolint:gosec // its own certificate
		for protocol, send := range map[string]func(t *testing.T, path string) int{
			"HTTP/1.1": func(t *testing.T, path string) int {
				conn := harness.Dial(t, g.Addr)
				conn.Say(t, harness.Post(path, harness.CRM, "Content-Length: 20")+`{"a": 1}`)
				require.NoError(t, conn.CloseWrite())
				return conn.Answer(t, "POST").StatusCode
			},
			"HTTP/2, its end with the header": func(t *testing.T, path string) int {
				conn, err := tls.Dial("tcp", g.TLSAddr, secure)
				require.NoError(t, err)
				return shortOverHTTP2(t, conn, path, "")
			},
			"HTTP/2, its end with the data": func(t *testing.T, path string) int {
				conn, err := tls.Dial("tcp", g.TLSAddr, secure)
				require.NoError(t, err)
				return shortOverHTTP2(t, conn, path, `{"a": 1}`)
			},
			"HTTP/2 without TLS": func(t *testing.T, path string) int { return shortOverHTTP2(t, harness.Dial(t, g.Addr), path, "") },
			"HTTP/3": func(t *testing.T, path string) int {
				request, err := http.NewRequestWithContext(t.Context(), "POST", "https://"+g.TLSAddr+path, http.NoBody)
				require.NoError(t, err)
				request.ContentLength = 20
				request.Header = harness.Header("Authorization", "Bearer "+harness.CRM, "Content-Type", "application/json")
				return g.ShortOverHTTP3(t, request, `{"a": 1}`)
			},
		} {
			for _, path := range []string{"/leads", "/judged", "/open/x"} {
				t.Run(site+"/"+protocol+path, func(t *testing.T) {
					g.Backend.Seen()
					if status := send(t, path); status != wasReset { // net/http itself resets streams whose data is shorter
						require.Equal(t, 400, status)
					}
					for _, seen := range g.Backend.Seen() {
						require.True(t, seen.Broken, "no backend takes it for whole")
					}
				})
			}
		}
	}
}

// TestShortBodiesMakeNoKey: half a request to the management of keys changes nothing.
func TestShortBodiesMakeNoKey(t *testing.T) {
	d := harness.NewDesk(t, harness.DeskCaddyfile)
	d.Must(t, "workspace", "create", "ws_acme", "--plan", "pro")
	_, secret := d.Created(t, "--workspace", "ws_acme", "--scope", "tollgate.keys.*")
	g := harness.New(t)
	setup := harness.Setup{Options: "keys sqlite " + d.Dir + "/tollgate.db", Gate: "route GET,POST /keys", Then: "tollgate_keys /keys", HTTPS: true}
	require.NoError(t, g.Load(setup.Caddyfile()))
	g.AwaitCertificate(t)
	request, err := http.NewRequestWithContext(t.Context(), "POST", "https://"+g.TLSAddr+"/keys", http.NoBody)
	require.NoError(t, err)
	request.ContentLength = 40
	request.Header = harness.Header("Authorization", "Bearer "+secret, "Content-Type", "application/json")
	require.Equal(t, 400, g.ShortOverHTTP3(t, request, `{"name": "half"}`))
	require.Equal(t, 1, strings.Count(d.Must(t, "key", "list"), "key_"))
}

// wasReset stands for the status of a stream that was reset.
const wasReset = -1

// shortOverHTTP2 sends a request whose body is shorter than its Content-Length, and gives the answer's status. An empty
// body ends the stream with the header.
func shortOverHTTP2(t *testing.T, conn net.Conn, path, body string) (status int) {
	t.Helper()
	defer func() { _ = conn.Close() }()
	require.NoError(t, conn.SetDeadline(time.Now().Add(harness.WaitFor)))
	_, err := io.WriteString(conn, http2.ClientPreface)
	require.NoError(t, err)
	framer := http2.NewFramer(conn, conn)
	framer.ReadMetaHeaders = hpack.NewDecoder(4096, nil)
	require.NoError(t, framer.WriteSettings())
	var block bytes.Buffer
	encoder := hpack.NewEncoder(&block)
	for _, field := range [][2]string{{":method", "POST"}, {":scheme", "https"}, {":authority", "localhost"}, {":path", path},
		{"authorization", "Bearer " + harness.CRM}, {"content-type", "application/json"}, {"content-length", "20"}} {
		require.NoError(t, encoder.WriteField(hpack.HeaderField{Name: field[0], Value: field[1]}))
	}
	require.NoError(t, framer.WriteHeaders(http2.HeadersFrameParam{StreamID: 1, BlockFragment: block.Bytes(), EndHeaders: true, EndStream: body == ""}))
	if body != "" {
		require.NoError(t, framer.WriteData(1, true, []byte(body)))
	}
	for {
		frame, err := framer.ReadFrame()
		require.NoError(t, err)
		switch frame := frame.(type) {
		case *http2.MetaHeadersFrame:
			status, err = strconv.Atoi(frame.PseudoValue("status"))
			require.NoError(t, err)
			return status
		case *http2.RSTStreamFrame:
			return wasReset
		}
	}
}

// TestClientsAreNotTheBackendsFault: whoever breaks off its own body hears 400, and takes the backend from nobody.
func TestClientsAreNotTheBackendsFault(t *testing.T) {
	setup := harness.World()
	setup.Then = "reverse_proxy $BACKEND {\n fail_duration 1m\n max_fails 1\n}"
	g := harness.Start(t, setup)
	for name, text := range map[string]string{
		"it ends":             harness.Post("/leads", harness.CRM, "Content-Length: 100000") + "{",
		"a chunk that is bad": harness.Post("/leads", harness.CRM, "Transfer-Encoding: chunked") + "3\r\nabc\r\nzz\r\n",
	} {
		t.Run(name, func(t *testing.T) {
			conn := harness.Dial(t, g.Addr)
			conn.Say(t, text)
			require.NoError(t, conn.CloseWrite())
			require.Equal(t, 400, conn.Answer(t, "POST").StatusCode)
			require.Equal(t, 200, g.Do(t, harness.Request{Path: "/leads", Key: harness.CRM}).Status, "the backend is there for everybody else")
		})
	}
}
