package hop

import (
	"bufio"
	"bytes"
	"context"
	"errors"
	"fmt"
	"io"
	"net"
	"net/http"
	"strings"
	"sync/atomic"
	"testing"
	"time"

	"github.com/stretchr/testify/require"
	"go.uber.org/goleak"
)

// failure is a way in which a request may fail.
type failure struct {
	// backend serves a connection after it has read the request's header, until gone is closed; nil: it reads and says nothing.
	backend func(conn *net.TCPConn, gone <-chan struct{})
	// transport changes the options.
	transport func(*http.Transport)
	// body is the request's, said to have size bytes; nil: none.
	body func() io.Reader
	size int64
	// timeout is when the request's context ends; leave, when the client leaves. 0: never.
	timeout, leave time.Duration
	// late lets it leave only once the answer's header is there.
	late bool
	// warm sends a request before, which is answered.
	warm bool
	// method is the request's; "": GET without a body, POST with one.
	method string
	// here is what comes of it where this package differs, on purpose; "": what comes of it with net/http.
	here string
	// unsent says that here nothing of the request is sent.
	unsent bool
}

// short passes where nothing comes, long is enough for what comes.
const (
	short = 40 * time.Millisecond
	long  = 600 * time.Millisecond
)

var (
	errDial = errors.New("no way there")
	errBody = errors.New("the client's body broke off")
)

var failures = map[string]failure{
	"nobody there":                        {transport: dials(func(context.Context) error { return errDial })},
	"nobody there for a body":             {transport: dials(func(context.Context) error { return errDial }), body: text("all of it"), size: 9},
	"dialling takes too long":             {timeout: short, transport: dials(wait)},
	"the client leaves during dialling":   {leave: short, transport: dials(wait)},
	"no answer in time":                   {transport: headerTimeout},
	"no answer in time, warm":             {warm: true, transport: headerTimeout},
	"no answer in time to a body":         {transport: headerTimeout, body: text("all of it"), size: 9},
	"half a header in time":               {backend: says("HTTP/1.1 200 OK\r\nX-A"), transport: headerTimeout},
	"early hints in time and no answer":   {backend: says("HTTP/1.1 103 Early Hints\r\n\r\n"), transport: headerTimeout},
	"a header in time and no body":        {backend: says("HTTP/1.1 200 OK\r\nContent-Length: 9\r\n\r\nok"), transport: headerTimeout, timeout: long},
	"deadline before the answer":          {timeout: short},
	"deadline in the header":              {timeout: short, backend: says("HTTP/1.1 200 OK\r\nX-A")},
	"deadline in the body":                {timeout: long, backend: says("HTTP/1.1 200 OK\r\nContent-Length: 9\r\n\r\nok")},
	"the client leaves before the answer": {leave: short},
	"the client leaves, warm":             {leave: short, warm: true},
	"the client leaves in the header":     {leave: short, backend: says("HTTP/1.1 200 OK\r\nX-A")},
	"the client leaves in the body":       {leave: short, late: true, backend: says("HTTP/1.1 200 OK\r\nContent-Length: 9\r\n\r\nok")},
	"the client leaves in the chunks":     {leave: short, late: true, backend: says("HTTP/1.1 200 OK\r\nTransfer-Encoding: chunked\r\n\r\n2\r\nok\r\n")},
	"the client had left":                 {leave: -1},
	"read timeout before the answer":      {transport: impatient(short, 0)},
	"read timeout in the body":            {transport: impatient(long, 0), backend: says("HTTP/1.1 200 OK\r\nContent-Length: 9\r\n\r\nok")},
	"reset":                               {backend: ends(true)},
	"reset, warm":                         {backend: ends(true), warm: true},
	"reset, warm, POST":                   {backend: ends(true), warm: true, method: "POST"},
	"reset, warm, DELETE":                 {backend: ends(true), warm: true, method: "DELETE"},
	"reset, warm, with a body":            {backend: ends(true), warm: true, body: text("all of it"), size: 9, method: "PUT"},
	"end":                                 {backend: ends(false)},
	"end, warm":                           {backend: ends(false), warm: true},
	"end, warm, HEAD":                     {backend: ends(false), warm: true, method: "HEAD"},
	"end, warm, POST":                     {backend: ends(false), warm: true, method: "POST"},
	"end, warm, with a body":              {backend: ends(false), warm: true, body: text("all of it"), size: 9},

	// net/http sends the half, and says "readfrom" before the error.
	"the body breaks off": {
		body: func() io.Reader { return io.MultiReader(strings.NewReader("half"), breaks{}) }, size: 9,
		here: "header: " + errBody.Error() + " timeout:false canceled:false deadline:false dial:false body:true", unsent: true,
	},
	// net/http writes around a write_timeout of Caddy where the request has a body, by ReadFrom.
	"not read in time": {
		body: large, size: largeSize, transport: impatient(0, short), timeout: 20 * long,
		here: "header: net/http: HTTP/1.x transport connection broken: write tcp i/o timeout timeout:false canceled:false deadline:false dial:false body:false",
	},

	// The request does not fit into the buffers of the system.
	"answered before it was read": {backend: says("HTTP/1.1 413 Too Large\r\nContent-Length: 2\r\n\r\nno"), body: large, size: largeSize, transport: narrowly},
	"not read and not answered":   {body: large, size: largeSize, transport: narrowly, timeout: short},
	"not read, and the client leaves in the body": {
		backend: says("HTTP/1.1 200 OK\r\nContent-Length: 9\r\n\r\nok"), body: large, size: largeSize, transport: narrowly, leave: short, late: true,
	},
	"not read, warm":                   {body: large, size: largeSize, transport: narrowly, leave: short, warm: true},
	"read and not answered in time":    {body: large, size: largeSize, transport: func(t *http.Transport) { narrowly(t); headerTimeout(t) }, backend: reads},
	"read and answered":                {body: large, size: largeSize, transport: narrowly, backend: readsAndSays("HTTP/1.1 200 OK\r\nContent-Length: 2\r\n\r\nok")},
	"read, answered, and read no more": {body: large, size: largeSize, transport: narrowly, backend: readsAndSays("HTTP/1.1 200 OK\r\nContent-Length: 2\r\n\r\nok"), warm: true},
}

func dials(how func(context.Context) error) func(*http.Transport) {
	return func(t *http.Transport) {
		t.DialContext = func(ctx context.Context, _, _ string) (net.Conn, error) { return nil, how(ctx) }
	}
}

func wait(ctx context.Context) error {
	select {
	case <-ctx.Done():
		return errDial // whatever a dialler makes of it
	case <-time.After(long): // net/http dials on for others
		return errDial
	}
}

func headerTimeout(t *http.Transport) { t.ResponseHeaderTimeout = short }

func narrowly(t *http.Transport) { t.DialContext = narrow }

// timed is a connection with the deadlines of Caddy's read_timeout and write_timeout.
type timed struct {
	*net.TCPConn
	read, write time.Duration
}

func (t timed) Read(p []byte) (int, error) {
	if t.read > 0 {
		_ = t.SetReadDeadline(time.Now().Add(t.read))
	}
	return t.TCPConn.Read(p)
}

func (t timed) Write(p []byte) (int, error) {
	if t.write > 0 {
		_ = t.SetWriteDeadline(time.Now().Add(t.write))
	}
	return t.TCPConn.Write(p)
}

func impatient(read, write time.Duration) func(*http.Transport) {
	return func(t *http.Transport) {
		t.DialContext = func(ctx context.Context, network, address string) (net.Conn, error) {
			conn, err := narrow(ctx, network, address)
			if err != nil {
				return nil, err
			}
			return timed{conn.(*net.TCPConn), read, write}, nil
		}
	}
}

func text(s string) func() io.Reader { return func() io.Reader { return strings.NewReader(s) } }

// largeSize is that of a body that no system's buffers take.
const largeSize = 1 << 20

func large() io.Reader { return bytes.NewReader(make([]byte, largeSize)) }

// breaks is a body that cannot be read.
type breaks struct{}

func (breaks) Read([]byte) (int, error) { return 0, errBody }

// says gives a backend that reads no more and says something.
func says(text string) func(*net.TCPConn, <-chan struct{}) {
	return func(conn *net.TCPConn, gone <-chan struct{}) {
		_, _ = io.WriteString(conn, text)
		<-gone
	}
}

// ends gives a backend that closes the connection, or resets it.
func ends(reset bool) func(*net.TCPConn, <-chan struct{}) {
	return func(conn *net.TCPConn, _ <-chan struct{}) {
		if reset {
			_ = conn.SetLinger(0)
		}
	}
}

func reads(conn *net.TCPConn, _ <-chan struct{}) { _, _ = io.Copy(io.Discard, conn) }

func readsAndSays(text string) func(*net.TCPConn, <-chan struct{}) {
	return func(conn *net.TCPConn, _ <-chan struct{}) {
		_, _ = io.CopyN(io.Discard, conn, largeSize-8<<10)
		_, _ = io.WriteString(conn, text)
		_, _ = io.Copy(io.Discard, conn)
	}
}

// TestFailuresAreThoseOfTheStandardTransport lets a request fail in every way of the table with both transports, and wants the same error,
// of the same kind, sent again or not, but for two that say why not. No goroutine stays.
func TestFailuresAreThoseOfTheStandardTransport(t *testing.T) {
	for name, f := range failures {
		t.Run(name, func(t *testing.T) {
			from := standard()
			if f.transport != nil {
				f.transport(from)
			}
			want := f.here
			if want == "" {
				want = f.tale(t, from, from.CloseIdleConnections)
			}
			// net/http ends its goroutines a moment later.
			defer goleak.VerifyNone(t)
			ours := own(t, from)
			got := f.tale(t, ours, ours.Close)
			require.Equal(t, want, got)
		})
	}
}

func (f failure) tale(t *testing.T, transport http.RoundTripper, end func()) string {
	gone := make(chan struct{})
	var tries atomic.Int64
	b := serveRaw(t, func(conn *net.TCPConn, in *bufio.Reader) {
		for {
			r, err := http.ReadRequest(in)
			if err != nil {
				return
			}
			if r.URL.Path == "/warm" {
				_, _ = io.WriteString(conn, "HTTP/1.1 204 No Content\r\n\r\n")
				continue
			}
			tries.Add(1)
			serve := f.backend
			if serve == nil {
				serve = says("")
			}
			serve(conn, gone)
			return
		}
	})
	if f.warm {
		r, err := http.NewRequest("GET", "http://"+b.addr+"/warm", nil)
		require.NoError(t, err)
		response, err := transport.RoundTrip(r)
		require.NoError(t, err)
		require.NoError(t, response.Body.Close())
	}
	tale := f.ask(t, transport, b.addr)
	close(gone)
	end()
	b.end()
	if f.unsent {
		require.Zero(t, tries.Load())
	}
	if tries.Load() > 1 {
		tale += ", sent again"
	}
	return addresses.ReplaceAllString(tale, "$1 tcp")
}

func (f failure) ask(t *testing.T, transport http.RoundTripper, addr string) string {
	ctx, cancel := context.WithCancel(context.Background())
	defer cancel()
	if f.timeout > 0 {
		ctx, cancel = context.WithTimeout(ctx, f.timeout)
		defer cancel()
	}
	leave := func() func() bool { return time.AfterFunc(f.leave, cancel).Stop }
	switch {
	case f.leave > 0 && !f.late:
		defer leave()()
	case f.leave < 0:
		cancel()
	}
	method := f.method
	if method == "" {
		method = "GET"
		if f.body != nil {
			method = "POST"
		}
	}
	var unread *strings.Reader
	r, err := http.NewRequestWithContext(ctx, method, "http://"+addr+"/", nil)
	require.NoError(t, err)
	if f.body != nil {
		body := f.body()
		unread, _ = body.(*strings.Reader)
		r.Body, r.ContentLength = io.NopCloser(body), f.size
	}
	tell := func(where string, err error) string {
		timeout, ok := err.(net.Error) // as Caddy asks
		left := ""
		if unread != nil {
			left = fmt.Sprintf(", %d bytes unread", unread.Len())
		}
		return fmt.Sprint(where, err, " timeout:", ok && timeout.Timeout(), " canceled:", errors.Is(err, context.Canceled), " deadline:",
			errors.Is(err, context.DeadlineExceeded), " dial:", errors.Is(err, errDial), " body:", errors.Is(err, errBody), left)
	}
	response, err := transport.RoundTrip(r)
	if err != nil {
		return tell("header: ", err)
	}
	defer func() { _ = response.Body.Close() }()
	if f.late {
		defer leave()()
	}
	body, err := io.ReadAll(response.Body)
	return tell(response.Status+" "+string(body)+": ", err)
}
