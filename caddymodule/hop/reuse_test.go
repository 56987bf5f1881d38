package hop

import (
	"bufio"
	"bytes"
	"context"
	"errors"
	"io"
	"net"
	"net/http"
	"net/http/httptrace"
	"net/textproto"
	"runtime"
	"strings"
	"sync"
	"sync/atomic"
	"testing"

	"github.com/stretchr/testify/require"
	"go.uber.org/goleak"
)

// silent gives a backend that reads a request, says something, and reads on until the connection ends.
func silent(t testing.TB, answer string) *rawBackend {
	t.Helper()
	return serveRaw(t, func(conn *net.TCPConn, in *bufio.Reader) {
		if _, err := http.ReadRequest(in); err == nil {
			_, _ = io.WriteString(conn, answer)
			_, _ = io.Copy(io.Discard, in)
		}
	})
}

// TestWhichConnectionsAreKept, of a backend that closes none: those whose answer was read to its end, which was to be seen, and no byte more.
func TestWhichConnectionsAreKept(t *testing.T) {
	defer goleak.VerifyNone(t)
	for name, c := range map[string]struct {
		method, answer string
		kept           int
	}{
		"a length":                   {"GET", "HTTP/1.1 200 OK\r\nContent-Length: 2\r\n\r\nok", 1},
		"chunks":                     {"GET", "HTTP/1.1 200 OK\r\nTransfer-Encoding: chunked\r\n\r\n2\r\nok\r\n0\r\n\r\n", 1},
		"trailers":                   {"GET", "HTTP/1.1 200 OK\r\nTransfer-Encoding: chunked\r\n\r\n2\r\nok\r\n0\r\nX-Sum: 1\r\n\r\n", 1},
		"no body":                    {"GET", "HTTP/1.1 200 OK\r\nContent-Length: 0\r\n\r\n", 1},
		"204":                        {"GET", "HTTP/1.1 204 No Content\r\n\r\n", 1},
		"304":                        {"GET", "HTTP/1.1 304 Not Modified\r\nContent-Length: 2\r\n\r\n", 1},
		"HEAD":                       {"HEAD", "HTTP/1.1 200 OK\r\nContent-Length: 2\r\n\r\n", 1},
		"HEAD of chunks":             {"HEAD", "HTTP/1.1 200 OK\r\nTransfer-Encoding: chunked\r\n\r\n", 1},
		"early hints":                {"GET", "HTTP/1.1 103 Early Hints\r\n\r\nHTTP/1.1 200 OK\r\nContent-Length: 2\r\n\r\nok", 1},
		"HTTP/1.0 that stays":        {"GET", "HTTP/1.0 200 OK\r\nConnection: keep-alive\r\nContent-Length: 2\r\n\r\nok", 1},
		"HTTP/1.0":                   {"GET", "HTTP/1.0 200 OK\r\nContent-Length: 2\r\n\r\nok", 0},
		"Connection: close":          {"GET", "HTTP/1.1 200 OK\r\nConnection: close\r\nContent-Length: 2\r\n\r\nok", 0},
		"Connection: close, no body": {"GET", "HTTP/1.1 204 No Content\r\nConnection: close\r\n\r\n", 0},
		"Connection: close, HEAD":    {"HEAD", "HTTP/1.1 200 OK\r\nConnection: close\r\nContent-Length: 2\r\n\r\n", 0},
		"101 to nothing":             {"GET", "HTTP/1.1 101 Switching Protocols\r\n\r\n", 0},
		"101 to something":           {"GET", "HTTP/1.1 101 Switching Protocols\r\nConnection: Upgrade\r\nUpgrade: x\r\n\r\n", 0},
		"a line too much":            {"GET", "HTTP/1.1 200 OK\r\nContent-Length: 2\r\n\r\nok\r\n", 0},
		"a line too much, chunks":    {"GET", "HTTP/1.1 200 OK\r\nTransfer-Encoding: chunked\r\n\r\n2\r\nok\r\n0\r\n\r\n\r\n", 0},
		"two answers":                {"GET", "HTTP/1.1 200 OK\r\nContent-Length: 2\r\n\r\nokHTTP/1.1 200 OK\r\nContent-Length: 2\r\n\r\nok", 0},
		"204 with a body":            {"GET", "HTTP/1.1 204 No Content\r\nContent-Length: 2\r\n\r\nok", 0},
		"304 with a body":            {"GET", "HTTP/1.1 304 Not Modified\r\nContent-Length: 2\r\n\r\nok", 0},
		"HEAD with a body":           {"HEAD", "HTTP/1.1 200 OK\r\nContent-Length: 2\r\n\r\nok", 0},
		"not HTTP":                   {"GET", "220 mail.example.com ESMTP\r\n", 0},
		"a chunk that is none":       {"GET", "HTTP/1.1 200 OK\r\nTransfer-Encoding: chunked\r\n\r\n2\r\nok\r\nx\r\n", 0},
	} {
		t.Run(name, func(t *testing.T) {
			b := silent(t, c.answer)
			transport := own(t, standard())
			r, err := http.NewRequest(c.method, "http://"+b.addr+"/", nil)
			require.NoError(t, err)
			if response, err := transport.RoundTrip(r); err == nil {
				if c.method == "HEAD" || response.ContentLength == 0 {
					require.Equal(t, c.kept, transport.Idle(), "there is nothing to be read")
				}
				if response.StatusCode != http.StatusSwitchingProtocols {
					_, _ = io.Copy(io.Discard, response.Body)
				}
				require.Equal(t, c.kept, transport.Idle(), "before it is closed")
				require.NoError(t, response.Body.Close())
			}
			require.Equal(t, c.kept, transport.Idle())
			transport.Close()
			b.end() // whatever is not kept has been closed
		})
	}
}

// TestAnAnswerThatIsNotReadEndsItsConnection, and is not read afterwards either.
func TestAnAnswerThatIsNotReadEndsItsConnection(t *testing.T) {
	defer goleak.VerifyNone(t)
	for name, most := range map[string]int64{"nothing": 0, "a byte": 1, "all, but not its end": 2} {
		t.Run(name, func(t *testing.T) {
			b := silent(t, "HTTP/1.1 200 OK\r\nTransfer-Encoding: chunked\r\n\r\n2\r\nok\r\n")
			transport := own(t, standard())
			r, err := http.NewRequest("GET", "http://"+b.addr+"/", nil)
			require.NoError(t, err)
			response, err := transport.RoundTrip(r)
			require.NoError(t, err)
			_, err = io.ReadFull(response.Body, make([]byte, most))
			require.NoError(t, err)
			require.NoError(t, response.Body.Close())
			require.NoError(t, response.Body.Close())
			require.Zero(t, transport.Idle())
			b.end()
			_, err = response.Body.Read(make([]byte, 9))
			require.ErrorIs(t, err, errReadAfterClose)
		})
	}
}

// TestABodyThatHasEndedReadsNoMore: its connection may have another request by then.
func TestABodyThatHasEndedReadsNoMore(t *testing.T) {
	defer goleak.VerifyNone(t)
	b := serveRaw(t, func(conn *net.TCPConn, in *bufio.Reader) {
		for answers(conn, in) {
			continue
		}
	})
	transport := own(t, standard())
	r, err := http.NewRequest("GET", "http://"+b.addr+"/", nil)
	require.NoError(t, err)
	first, err := transport.RoundTrip(r)
	require.NoError(t, err)
	_, err = io.Copy(io.Discard, first.Body)
	require.NoError(t, err)
	second, err := transport.RoundTrip(r)
	require.NoError(t, err)
	for range 3 {
		n, err := first.Body.Read(make([]byte, 9))
		require.Zero(t, n)
		require.Equal(t, io.EOF, err)
	}
	require.NoError(t, first.Body.Close())
	text, err := io.ReadAll(second.Body)
	require.NoError(t, err)
	require.Equal(t, "ok", string(text))
	require.Equal(t, 1, transport.Idle(), "once, however often its end is read")
	require.EqualValues(t, 1, b.accepted.Load())
	transport.Close()
	b.end()
}

// TestAClientThatLeavesAtTheEndTakesItsConnectionWithIt: the connection is about to be closed, so no other request may have it.
func TestAClientThatLeavesAtTheEndTakesItsConnectionWithIt(t *testing.T) {
	defer goleak.VerifyNone(t)
	b := silent(t, "HTTP/1.1 200 OK\r\nContent-Length: 2\r\n\r\nok")
	transport := own(t, standard())
	for range 100 { // as who closes it may be faster
		ctx, cancel := context.WithCancel(context.Background())
		r, err := http.NewRequestWithContext(ctx, "GET", "http://"+b.addr+"/", nil)
		require.NoError(t, err)
		response, err := transport.RoundTrip(r)
		require.NoError(t, err)
		cancel()
		_, _ = io.Copy(io.Discard, response.Body) // has been received already
		require.Zero(t, transport.Idle())
	}
	b.end()
}

// TestARequestThatIsStillWrittenKeepsItsTextAndItsConnection to itself: the answer came before it was read.
func TestARequestThatIsStillWrittenKeepsItsTextAndItsConnection(t *testing.T) {
	defer goleak.VerifyNone(t)
	read := make(chan struct{})
	got := make(chan string, 1)
	b := serveRaw(t, func(conn *net.TCPConn, in *bufio.Reader) {
		r, err := http.ReadRequest(in)
		if err != nil {
			return
		}
		_, _ = io.WriteString(conn, "HTTP/1.1 200 OK\r\nContent-Length: 2\r\n\r\nok")
		<-read
		text, _ := io.ReadAll(r.Body)
		got <- string(text)
	})
	from := standard()
	narrowly(from)
	transport := own(t, from)
	text := strings.Repeat("a", largeSize)
	r, err := http.NewRequest("POST", "http://"+b.addr+"/", io.NopCloser(strings.NewReader(text)))
	require.NoError(t, err)
	r.ContentLength = largeSize
	conn, err := from.DialContext(context.Background(), "tcp", b.addr)
	require.NoError(t, err)
	c, err := transport.newConnection(b.addr, conn)
	require.NoError(t, err)
	var composed bytes.Buffer
	require.NoError(t, compose(&composed, r))
	response, free, err := c.exchange(r, composed.Bytes())
	require.NoError(t, err)
	require.False(t, free, "the text is still being written")
	close(read)
	require.True(t, text == <-got)
	_, err = io.Copy(io.Discard, response.Body)
	require.NoError(t, err)
	require.Zero(t, transport.Idle())
	b.end()
}

// dialsAndWaits dials, and waits until the backend has said something or ended the connection.
func dialsAndWaits(ctx context.Context, network, address string) (net.Conn, error) {
	conn, err := new(net.Dialer).DialContext(ctx, network, address)
	for s := newSocket(conn); err == nil && s.quiet(); {
		runtime.Gosched()
	}
	return conn, err
}

// TestABackendThatSpeaksFirstIsRefused: an answer that was there before the request is not the request's.
func TestABackendThatSpeaksFirstIsRefused(t *testing.T) {
	defer goleak.VerifyNone(t)
	for name, said := range map[string]string{"an answer": "HTTP/1.1 200 OK\r\nContent-Length: 4\r\n\r\nevil", "a greeting": "220 mail\r\n", "its end": ""} {
		t.Run(name, func(t *testing.T) {
			b := serveRaw(t, func(conn *net.TCPConn, in *bufio.Reader) {
				_, _ = io.WriteString(conn, said)
				if said != "" {
					_, _ = io.Copy(io.Discard, in)
				}
			})
			from := standard()
			from.DialContext = dialsAndWaits
			transport := own(t, from)
			r, err := http.NewRequest("GET", "http://"+b.addr+"/", nil)
			require.NoError(t, err)
			_, err = transport.RoundTrip(r)
			require.ErrorIs(t, err, errUnasked)
			require.Zero(t, transport.Idle())
			b.end()
		})
	}
}

// TestAListenerToInterimAnswersMayRefuse them, with both transports.
func TestAListenerToInterimAnswersMayRefuse(t *testing.T) {
	enough := errors.New("enough")
	ctx := httptrace.WithClientTrace(context.Background(), &httptrace.ClientTrace{
		Got1xxResponse: func(int, textproto.MIMEHeader) error { return enough },
	})
	b := silent(t, "HTTP/1.1 103 Early Hints\r\n\r\nHTTP/1.1 204 No Content\r\n\r\n")
	said := func(transport http.RoundTripper) string {
		r, err := http.NewRequestWithContext(ctx, "GET", "http://"+b.addr+"/", nil)
		require.NoError(t, err)
		_, err = transport.RoundTrip(r)
		require.ErrorIs(t, err, enough)
		return err.Error()
	}
	ours := own(t, standard())
	require.Equal(t, said(standard()), said(ours))
	require.Zero(t, ours.Idle())
	b.end()
}

// ended is a body that is read by two at once, who both come to its end.
type ended struct {
	both  sync.WaitGroup
	reads atomic.Int64
}

// Read waits for the other reader.
func (e *ended) Read([]byte) (int, error) {
	e.reads.Add(1)
	e.both.Done()
	e.both.Wait()
	return 0, io.EOF
}

// Close does nothing.
func (*ended) Close() error { return nil }

// TestTwoReadersGiveAConnectionBackOnce, and who reads afterwards does not touch it.
func TestTwoReadersGiveAConnectionBackOnce(t *testing.T) {
	defer goleak.VerifyNone(t)
	b := serveRaw(t, func(conn *net.TCPConn, in *bufio.Reader) {
		for answers(conn, in) {
			continue
		}
	})
	transport := own(t, standard())
	post(t, transport, b.addr)
	c := transport.idle.take(b.addr)
	twice := new(ended)
	twice.both.Add(2)
	of := &body{of: twice, c: c, stop: context.AfterFunc(context.Background(), func() {}), keep: true}
	var readers sync.WaitGroup
	errs := make([]error, 2)
	for i := range errs {
		readers.Go(func() { _, errs[i] = of.Read(nil) })
	}
	readers.Wait()
	require.Equal(t, []error{io.EOF, io.EOF}, errs)
	_, err := of.Read(nil)
	require.Equal(t, io.EOF, err)
	require.EqualValues(t, 2, twice.reads.Load())
	require.NoError(t, of.Close())
	require.Equal(t, 1, transport.Idle())
	post(t, transport, b.addr)
	require.EqualValues(t, 1, b.accepted.Load(), "the connection was not closed")
	transport.Close()
	b.end()
}
