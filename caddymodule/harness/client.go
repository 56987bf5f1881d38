package harness

import (
	"bufio"
	"bytes"
	"compress/gzip"
	"context"
	"crypto/tls"
	"errors"
	"io"
	"net"
	"net/http"
	"strings"
	"sync"
	"syscall"
	"testing"
	"time"

	"github.com/quic-go/quic-go/http3"
	"github.com/stretchr/testify/require"
)

// Proto is the protocol a request is sent by.
type Proto string

// The protocols the harness speaks. H2C is HTTP/2 without TLS; H2 and H3 need Setup.HTTPS.
const (
	H1  Proto = "HTTP/1.1"
	H2C Proto = "HTTP/2 without TLS"
	H2  Proto = "HTTP/2"
	H3  Proto = "HTTP/3"
)

// Request is one request of a test.
type Request struct {
	// Method defaults to GET, Path to "/", Proto to H1.
	Method, Path string
	Proto        Proto
	// Key is sent as Bearer token unless empty.
	Key string
	// Header is sent as it is; names keep their spelling.
	Header http.Header
	Body   string
}

// Answer is what came back, read to its end.
type Answer struct {
	Status  int
	Header  http.Header
	Trailer http.Header
	Body    string
}

// Do sends a request and reads the answer to its end.
func (g *Gateway) Do(t testing.TB, r Request) *Answer {
	t.Helper()
	answer, err := g.Try(r)
	if errors.Is(err, io.EOF) || errors.Is(err, syscall.ECONNRESET) {
		// A reload catches connections that wait to be accepted by the old listener: they have reached nobody.
		answer, err = g.Try(r)
	}
	require.NoError(t, err)
	return answer
}

// Try is Do for goroutines and for tests of broken answers: it gives the error.
func (g *Gateway) Try(r Request) (*Answer, error) {
	response, err := g.Open(context.Background(), r)
	if err != nil {
		return nil, err
	}
	defer func() { _ = response.Body.Close() }()
	body, err := readBody(response)
	return &Answer{Status: response.StatusCode, Header: response.Header, Trailer: response.Trailer, Body: string(body)}, err
}

// readBody reads a body to its end, decoded. The harness always takes gzip, so that a gateway with encode uses it.
func readBody(response *http.Response) ([]byte, error) {
	if response.Header.Get("Content-Encoding") != "gzip" || response.Request.Method == http.MethodHead {
		return io.ReadAll(response.Body)
	}
	decoded, err := gzip.NewReader(response.Body)
	if err != nil {
		return nil, err
	}
	return io.ReadAll(decoded)
}

// Open sends a request and gives the answer with its body still to be read.
func (g *Gateway) Open(ctx context.Context, r Request) (*http.Response, error) {
	if r.Body == "" {
		return g.Send(ctx, r, nil)
	}
	return g.Send(ctx, r, strings.NewReader(r.Body))
}

// Send is Open with another body.
func (g *Gateway) Send(ctx context.Context, r Request, body io.Reader) (*http.Response, error) {
	base := "http://" + g.Addr
	if r.Proto == H2 || r.Proto == H3 {
		base = "https://" + g.TLSAddr
	}
	if r.Path == "" {
		r.Path = "/"
	}
	request, err := http.NewRequestWithContext(ctx, r.Method, base+r.Path, body)
	if err != nil {
		return nil, err
	}
	request.Header.Set("Accept-Encoding", "gzip")
	for name, values := range r.Header {
		request.Header[name] = values
	}
	if r.Key != "" {
		request.Header.Set("Authorization", "Bearer "+r.Key)
	}
	return g.clients.of(r.Proto).RoundTrip(request)
}

// Raw sends bytes over a connection of their own and reads one answer to the given method.
func (g *Gateway) Raw(t testing.TB, method, text string) *Answer {
	t.Helper()
	conn, err := net.Dial("tcp", g.Addr)
	require.NoError(t, err)
	defer func() { _ = conn.Close() }()
	require.NoError(t, conn.SetDeadline(time.Now().Add(20*time.Second)))
	_, err = io.WriteString(conn, text)
	require.NoError(t, err)
	response, err := http.ReadResponse(bufio.NewReader(conn), &http.Request{Method: method})
	require.NoError(t, err)
	defer func() { _ = response.Body.Close() }()
	var body bytes.Buffer
	if response.StatusCode == http.StatusSwitchingProtocols {
		awaitEnd(conn)
	} else {
		_, err = io.Copy(&body, response.Body)
		require.NoError(t, err)
	}
	return &Answer{Status: response.StatusCode, Header: response.Header, Trailer: response.Trailer, Body: body.String()}
}

// awaitEnd returns when the other end of an upgraded connection has closed both its halves: to stop Caddy while it copies is a race of
// its own byte counters (Cleanup writes to a connection that is being copied to).
func awaitEnd(conn net.Conn) {
	_, err := io.Copy(io.Discard, conn)
	for ; err == nil; time.Sleep(time.Millisecond) {
		_, err = io.WriteString(conn, "x")
	}
}

// clients holds one transport a protocol, made when first asked for.
type clients struct {
	mu         sync.Mutex
	transports map[Proto]http.RoundTripper
}

func (c *clients) of(proto Proto) http.RoundTripper {
	c.mu.Lock()
	defer c.mu.Unlock()
	if transport := c.transports[proto]; transport != nil {
		return transport
	}
	if c.transports == nil {
		c.transports = make(map[Proto]http.RoundTripper)
	}
	c.transports[proto] = newTransport(proto)
	return c.transports[proto]
}

// trust takes any certificate: it is the test's own, made by the gateway a moment ago on loopback.
func trust() *tls.Config {
	return &tls.Config{InsecureSkipVerify: true, ServerName: "localhost"} //nolint:gosec
}

func newTransport(proto Proto) http.RoundTripper {
	if proto == H3 {
		return &http3.Transport{TLSClientConfig: trust()}
	}
	transport := &http.Transport{
		TLSClientConfig: trust(), DisableCompression: true, MaxIdleConnsPerHost: 256, Protocols: new(http.Protocols),
	}
	switch proto {
	case H2C:
		transport.Protocols.SetUnencryptedHTTP2(true)
	case H2:
		transport.Protocols.SetHTTP2(true)
	default:
		transport.Protocols.SetHTTP1(true)
	}
	return transport
}

// CloseClients ends the connections that the harness keeps to the gateway.
func (g *Gateway) CloseClients() { g.clients.close() }

func (c *clients) close() {
	c.mu.Lock()
	defer c.mu.Unlock()
	for _, transport := range c.transports {
		switch transport := transport.(type) {
		case *http.Transport:
			transport.CloseIdleConnections()
		case *http3.Transport:
			_ = transport.Close()
		}
	}
}

// closeIdle ends connections over TCP that no request uses.
func (c *clients) closeIdle() {
	c.mu.Lock()
	defer c.mu.Unlock()
	for _, transport := range c.transports {
		if transport, ok := transport.(*http.Transport); ok {
			transport.CloseIdleConnections()
		}
	}
}
