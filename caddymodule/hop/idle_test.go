package hop

import (
	"bufio"
	"io"
	"net"
	"net/http"
	"testing"
	"time"

	"github.com/stretchr/testify/require"
	"go.uber.org/goleak"
)

// TestWhatComesUnaskedEndsAConnection, whatever it is: the next request goes out on another one, also where it may not be sent twice.
func TestWhatComesUnaskedEndsAConnection(t *testing.T) {
	defer goleak.VerifyNone(t)
	for name, unasked := range map[string]string{
		"a line": "\r\n", "an answer": "HTTP/1.1 200 OK\r\nContent-Length: 4\r\n\r\nevil", "half an answer": "HTTP/1.1 200 OK\r\nX-",
		"408": "HTTP/1.1 408 Request Timeout\r\n\r\n", "early hints": "HTTP/1.1 103 Early Hints\r\n\r\n", "an end": "", "a reset": "RESET",
	} {
		t.Run(name, func(t *testing.T) {
			say := make(chan struct{})
			b := serveRaw(t, func(conn *net.TCPConn, in *bufio.Reader) {
				for answers(conn, in) {
					if _, open := <-say; !open {
						continue
					}
					switch unasked {
					case "RESET":
						_ = conn.SetLinger(0)
						_ = conn.Close()
					case "":
						_ = conn.Close()
					default:
						_, _ = io.WriteString(conn, unasked)
					}
				}
			})
			transport := own(t, standard())
			require.Equal(t, "ok", post(t, transport, b.addr))
			require.Equal(t, 1, transport.Idle())
			say <- struct{}{}
			close(say)
			require.Eventually(t, func() bool {
				transport.idle.mu.Lock()
				defer transport.idle.mu.Unlock()
				return !transport.idle.hosts[b.addr][0].socket.quiet()
			}, 10*time.Second, time.Millisecond)
			require.Equal(t, "ok", post(t, transport, b.addr))
			require.Equal(t, "ok", post(t, transport, b.addr))
			require.EqualValues(t, 2, b.accepted.Load())
			transport.Close()
			b.end()
		})
	}
}

func answers(conn net.Conn, in *bufio.Reader) bool {
	if _, err := http.ReadRequest(in); err != nil {
		return false
	}
	_, err := io.WriteString(conn, "HTTP/1.1 200 OK\r\nContent-Length: 2\r\n\r\nok")
	return err == nil
}

func post(t *testing.T, transport http.RoundTripper, addr string) string {
	t.Helper()
	r, err := http.NewRequest("POST", "http://"+addr+"/", nil)
	require.NoError(t, err)
	response, err := transport.RoundTrip(r)
	require.NoError(t, err)
	defer func() { _ = response.Body.Close() }()
	body, err := io.ReadAll(response.Body)
	require.NoError(t, err)
	return string(body)
}

// TestIdleConnectionsAreBounded: a host keeps so many, all keep so many together, the oldest goes first, and none stays longer than it may.
func TestIdleConnectionsAreBounded(t *testing.T) {
	defer goleak.VerifyNone(t)
	serve := func(conn *net.TCPConn, in *bufio.Reader) {
		for answers(conn, in) {
			continue
		}
	}
	first, second := serveRaw(t, serve), serveRaw(t, serve)
	from := standard()
	from.MaxIdleConnsPerHost, from.MaxIdleConns, from.IdleConnTimeout = 2, 3, time.Second
	transport := own(t, from)
	together := func(b *rawBackend, n int) {
		var open []*http.Response
		for range n { // n answers that are not read yet are n connections
			r, err := http.NewRequest("GET", "http://"+b.addr+"/", nil)
			require.NoError(t, err)
			response, err := transport.RoundTrip(r)
			require.NoError(t, err)
			open = append(open, response)
		}
		for _, response := range open {
			_, _ = io.Copy(io.Discard, response.Body)
		}
	}
	together(first, 4)
	require.Equal(t, 2, transport.Idle())
	together(second, 2)
	require.Equal(t, 3, transport.Idle())
	transport.idle.mu.Lock()
	require.Len(t, transport.idle.hosts[first.addr], 1)
	require.Len(t, transport.idle.hosts[second.addr], 2)
	transport.idle.mu.Unlock()
	require.Eventually(t, func() bool { return first.open.Load()+second.open.Load() == 0 }, 10*time.Second, 5*time.Millisecond)
	require.Zero(t, transport.Idle())
	transport.Close()
	first.end()
	second.end()
}

// TestIdleConnectionsThatEndAreLetGo before anybody wants them.
func TestIdleConnectionsThatEndAreLetGo(t *testing.T) {
	defer goleak.VerifyNone(t)
	end := make(chan struct{})
	b := serveRaw(t, func(conn *net.TCPConn, in *bufio.Reader) {
		answers(conn, in)
		<-end
	})
	transport := own(t, standard())
	post(t, transport, b.addr)
	transport.idle.sweep()
	require.Equal(t, 1, transport.Idle())
	close(end)
	require.Eventually(t, func() bool {
		transport.idle.sweep()
		return transport.Idle() == 0
	}, 10*time.Second, time.Millisecond)
	require.Empty(t, transport.idle.hosts, "hosts that nobody asks any more")
	transport.Close()
	b.end()
}

// TestAnIdleConnectionThatIsTooOldIsNotUsed, even where it has not been let go yet.
func TestAnIdleConnectionThatIsTooOldIsNotUsed(t *testing.T) {
	defer goleak.VerifyNone(t)
	b := serveRaw(t, func(conn *net.TCPConn, in *bufio.Reader) {
		for answers(conn, in) {
			continue
		}
	})
	from := standard()
	from.IdleConnTimeout = time.Hour
	transport := own(t, from)
	post(t, transport, b.addr)
	post(t, transport, b.addr)
	require.EqualValues(t, 1, b.accepted.Load())
	transport.idle.mu.Lock()
	transport.idle.hosts[b.addr][0].idleFrom = time.Now().Add(-time.Hour)
	transport.idle.mu.Unlock()
	post(t, transport, b.addr)
	require.EqualValues(t, 2, b.accepted.Load())
	require.Equal(t, 1, transport.Idle())
	transport.Close()
	require.Zero(t, transport.Idle())
	post(t, transport, b.addr) // what is under way ends as it began
	require.Zero(t, transport.Idle(), "nothing is kept afterwards")
	b.end()
}
