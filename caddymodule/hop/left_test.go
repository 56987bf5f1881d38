package hop

import (
	"bufio"
	"bytes"
	"context"
	"io"
	"net"
	"net/http"
	"net/http/httptrace"
	"net/textproto"
	"sync/atomic"
	"testing"
	"time"

	"github.com/stretchr/testify/require"
	"go.uber.org/goleak"
)

// closable is a body that knows whether it has been closed.
type closable struct {
	io.Reader
	closed bool
}

// Close notes it.
func (c *closable) Close() error {
	c.closed = true
	return nil
}

// TestABodyIsClosedWhateverHappens to its request. One whose client has left goes nowhere.
func TestABodyIsClosedWhateverHappens(t *testing.T) {
	defer goleak.VerifyNone(t)
	b := serveRaw(t, func(conn *net.TCPConn, in *bufio.Reader) {
		for answers(conn, in) {
			continue
		}
	})
	dialled, fail := 0, false
	from := standard()
	from.DialContext = func(_ context.Context, network, address string) (net.Conn, error) {
		dialled++
		if fail {
			return nil, errDial
		}
		return net.Dial(network, address)
	}
	transport := own(t, from)
	ask := func(ctx context.Context) error {
		body := &closable{Reader: bytes.NewReader([]byte("all of it"))}
		r, err := http.NewRequestWithContext(ctx, "POST", "http://"+b.addr+"/", body)
		require.NoError(t, err)
		r.ContentLength = int64(len("all of it"))
		response, err := transport.RoundTrip(r)
		if err == nil {
			require.NoError(t, response.Body.Close())
		}
		require.True(t, body.closed)
		return err
	}
	gone, cancel := context.WithCancel(context.Background())
	cancel()
	require.ErrorIs(t, ask(gone), context.Canceled)
	require.Zero(t, dialled)
	require.Equal(t, "ok", post(t, transport, b.addr))
	require.ErrorIs(t, ask(gone), context.Canceled)
	require.Equal(t, 1, transport.Idle(), "untouched")
	require.Equal(t, 1, dialled)
	require.NoError(t, ask(context.Background())) // its answer is not read: the connection ends
	fail = true
	require.ErrorIs(t, ask(context.Background()), errDial)
	transport.Close()
	b.end()
}

// slow is a connection on which a write takes its time to fail.
type slow struct {
	*net.TCPConn
	written *atomic.Bool
}

// Write returns later.
func (s slow) Write(p []byte) (int, error) {
	n, err := s.TCPConn.Write(p)
	<-time.After(short)
	s.written.Store(true)
	return n, err
}

// TestWhoReadsTheTextIsWaitedFor: another request gets the buffer afterwards.
func TestWhoReadsTheTextIsWaitedFor(t *testing.T) {
	defer goleak.VerifyNone(t)
	b := serveRaw(t, func(conn *net.TCPConn, in *bufio.Reader) {
		_, _ = http.ReadRequest(in)
		_, _ = io.WriteString(conn, "no answer\r\n\r\n")
		_, _ = io.ReadAll(conn)
	})
	var written atomic.Bool
	from := standard()
	from.DialContext = func(ctx context.Context, network, address string) (net.Conn, error) {
		conn, err := narrow(ctx, network, address)
		if err != nil {
			return nil, err
		}
		return slow{conn.(*net.TCPConn), &written}, nil
	}
	r, err := http.NewRequest("POST", "http://"+b.addr+"/", io.NopCloser(large()))
	require.NoError(t, err)
	r.ContentLength = largeSize
	_, err = own(t, from).RoundTrip(r)
	require.ErrorContains(t, err, "malformed HTTP")
	require.True(t, written.Load())
	b.end()
}

// TestAnAnswerThatIsTooLateIsNone, even where it is there when its time is over.
func TestAnAnswerThatIsTooLateIsNone(t *testing.T) {
	for name, transport := range map[string]func(*http.Transport) http.RoundTripper{
		"standard": func(from *http.Transport) http.RoundTripper { return from },
		"own":      func(from *http.Transport) http.RoundTripper { return own(t, from) },
	} {
		t.Run(name, func(t *testing.T) {
			ended := make(chan struct{})
			b := serveRaw(t, func(conn *net.TCPConn, in *bufio.Reader) {
				_, _ = http.ReadRequest(in)
				_, _ = io.WriteString(conn, "HTTP/1.1 103 Early Hints\r\n\r\nHTTP/1.1 200 OK\r\nContent-Length: 2\r\n\r\nok")
				_, _ = io.Copy(io.Discard, in)
				close(ended)
			})
			from := standard()
			headerTimeout(from)
			ctx := httptrace.WithClientTrace(context.Background(), &httptrace.ClientTrace{
				Got1xxResponse: func(int, textproto.MIMEHeader) error {
					<-ended // the answer has come with it
					return nil
				},
			})
			r, err := http.NewRequestWithContext(ctx, "GET", "http://"+b.addr+"/", nil)
			require.NoError(t, err)
			_, err = transport(from).RoundTrip(r)
			require.EqualError(t, err, timeoutError{}.Error())
			require.ErrorIs(t, err, context.DeadlineExceeded)
			b.end()
		})
	}
}

// watched is a context that counts who waits for its end.
type watched struct {
	context.Context
	done    chan struct{}
	waiting int
}

// Done never happens.
func (w *watched) Done() <-chan struct{} { return w.done }

// AfterFunc is what context.AfterFunc asks for, if a context has it.
func (w *watched) AfterFunc(func()) (stop func() bool) {
	w.waiting++
	return func() bool {
		w.waiting--
		return true
	}
}

// TestNothingStaysWithTheContextThatLives on after its request.
func TestNothingStaysWithTheContextThatLives(t *testing.T) {
	defer goleak.VerifyNone(t)
	const ok = "HTTP/1.1 200 OK\r\nContent-Length: 2\r\n\r\nok"
	for name, c := range map[string]struct {
		answer string
		read   bool
	}{
		"read to its end": {ok, true}, "not read": {ok, false}, "no body": {"HTTP/1.1 204 No Content\r\n\r\n", false}, "not HTTP": {"SSH\r\n\r\n", false},
		"a bad chunk": {"HTTP/1.1 200 OK\r\nTransfer-Encoding: chunked\r\n\r\nx\r\n", true},
		"an upgrade":  {"HTTP/1.1 101 Switching Protocols\r\nConnection: Upgrade\r\nUpgrade: x\r\n\r\n", false},
	} {
		t.Run(name, func(t *testing.T) {
			b := silent(t, c.answer)
			transport := own(t, standard())
			ctx := &watched{Context: context.Background(), done: make(chan struct{})}
			r, err := http.NewRequestWithContext(ctx, "GET", "http://"+b.addr+"/", nil)
			require.NoError(t, err)
			if response, err := transport.RoundTrip(r); err == nil {
				if c.read {
					require.LessOrEqual(t, ctx.waiting, 1)
					_, _ = io.Copy(io.Discard, response.Body)
					require.Zero(t, ctx.waiting)
				}
				require.NoError(t, response.Body.Close())
			}
			require.Zero(t, ctx.waiting)
			transport.Close()
			b.end()
		})
	}
}
