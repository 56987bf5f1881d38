package harness

import (
	"bufio"
	"io"
	"net"
	"net/http"
	"testing"
	"time"

	"github.com/quic-go/quic-go"
	"github.com/quic-go/quic-go/http3"
	"github.com/stretchr/testify/require"
)

// Conn is a client's connection, on which a test writes what it likes.
type Conn struct {
	*net.TCPConn
	reader *bufio.Reader
}

// Dial connects. The connection ends with its test.
func Dial(t testing.TB, address string) *Conn {
	t.Helper()
	conn, err := net.Dial("tcp", address)
	require.NoError(t, err)
	t.Cleanup(func() { _ = conn.Close() })
	require.NoError(t, conn.SetDeadline(time.Now().Add(WaitFor)))
	return &Conn{conn.(*net.TCPConn), bufio.NewReader(conn)}
}

// Say writes bytes.
func (c *Conn) Say(t testing.TB, text string) {
	t.Helper()
	_, err := io.WriteString(c.TCPConn, text)
	require.NoError(t, err)
}

// Answer reads one answer to its end, which its Body then has no more.
func (c *Conn) Answer(t testing.TB, method string) *http.Response {
	t.Helper()
	response, err := http.ReadResponse(c.reader, &http.Request{Method: method})
	require.NoError(t, err)
	_, err = io.Copy(io.Discard, response.Body)
	require.NoError(t, err)
	return response
}

// Head reads the head of an answer, and leaves its body where it is.
func (c *Conn) Head(t testing.TB) *http.Response {
	t.Helper()
	response, err := http.ReadResponse(c.reader, nil)
	require.NoError(t, err)
	return response
}

// Rest is what still comes on the connection, until it ends.
func (c *Conn) Rest() string {
	text, _ := io.ReadAll(c.reader) // a reset ends it as well
	return string(text)
}

// Post is the header of a POST of JSON; an empty key sends none.
func Post(path, key string, headers ...string) string {
	text := "POST " + path + " HTTP/1.1\r\nHost: localhost\r\nContent-Type: application/json\r\n"
	if key != "" {
		text += "Authorization: Bearer " + key + "\r\n"
	}
	for _, header := range headers {
		text += header + "\r\n"
	}
	return text + "\r\n"
}

// RawBackend is a server that reads a request's header and answers these bytes at once, without a look at the body.
func RawBackend(t testing.TB, answer string) (address string) {
	t.Helper()
	listener, err := net.Listen("tcp", "127.0.0.1:0")
	require.NoError(t, err)
	t.Cleanup(func() { _ = listener.Close() })
	go func() {
		for {
			conn, err := listener.Accept()
			if err != nil {
				return
			}
			go func() {
				defer func() { _ = conn.Close() }()
				if _, err := http.ReadRequest(bufio.NewReader(conn)); err != nil {
					return
				}
				_, _ = io.WriteString(conn, answer)
				_, _ = io.Copy(io.Discard, conn) // until the proxy closes
			}()
		}
	}()
	return listener.Addr().String()
}

// ShortOverHTTP3 sends a request whose body is shorter than its Content-Length, which no client does by itself, and gives
// the answer's status.
func (g *Gateway) ShortOverHTTP3(t testing.TB, r *http.Request, body string) int {
	t.Helper()
	conn, err := quic.DialAddr(t.Context(), g.TLSAddr, http3.ConfigureTLSConfig(trust()), nil)
	require.NoError(t, err)
	defer func() { _ = conn.CloseWithError(0, "") }()
	stream, err := (&http3.Transport{}).NewClientConn(conn).OpenRequestStream(t.Context())
	require.NoError(t, err)
	require.NoError(t, stream.SendRequestHeader(r))
	_, err = io.WriteString(stream, body)
	require.NoError(t, err)
	require.NoError(t, stream.Close())
	response, err := stream.ReadResponse()
	require.NoError(t, err)
	return response.StatusCode
}
