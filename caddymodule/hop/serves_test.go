package hop

import (
	"bufio"
	"context"
	"crypto/tls"
	"io"
	"net"
	"net/http"
	"net/http/httptrace"
	"net/textproto"
	"strings"
	"testing"

	"github.com/stretchr/testify/require"
	"go.uber.org/goleak"
)

// TestWhatItServes and what it does not, each by one change to a request that it serves.
func TestWhatItServes(t *testing.T) {
	body := func(size int64, of int) func(*http.Request) {
		return func(r *http.Request) {
			r.Body, r.ContentLength = io.NopCloser(strings.NewReader(strings.Repeat("a", of))), size
		}
	}
	header := func(name, value string) func(*http.Request) {
		return func(r *http.Request) { r.Header[name] = []string{value} }
	}
	traced := func(trace httptrace.ClientTrace) func(*http.Request) {
		return func(r *http.Request) { *r = *r.WithContext(httptrace.WithClientTrace(r.Context(), &trace)) }
	}
	for name, c := range map[string]struct {
		change func(*http.Request)
		served bool
		unread bool // the body is not there yet
	}{
		"nothing":                       {func(*http.Request) {}, true, false},
		"nothing, nothing read":         {func(*http.Request) {}, true, true},
		"no body, said so":              {func(r *http.Request) { r.Body = http.NoBody }, true, true},
		"a body":                        {body(2, 2), true, false},
		"the largest body":              {body(MaxBody, MaxBody), true, false},
		"a body that is larger":         {body(MaxBody+1, MaxBody+1), false, false},
		"a body that is not there yet":  {body(2, 2), false, true},
		"a body of unknown length":      {body(-1, 2), false, false},
		"a body of no length":           {body(0, 0), false, false},
		"a length and no body":          {func(r *http.Request) { r.ContentLength = 2 }, false, false},
		"an unknown length and no body": {func(r *http.Request) { r.ContentLength = -1 }, false, false},
		"a trailer":                     {func(r *http.Request) { r.Trailer = http.Header{"X-Sum": nil} }, false, false},
		"a transfer encoding":           {func(r *http.Request) { r.TransferEncoding = []string{"chunked"} }, false, false},
		"to be closed":                  {func(r *http.Request) { r.Close = true }, false, false},
		"Cancel": {func(r *http.Request) {
			//lint:ignore SA1019 it must be refused
			r.Cancel = make(chan struct{})
		}, false, false},
		"no URL":                   {func(r *http.Request) { r.URL = nil }, false, false},
		"no header":                {func(r *http.Request) { r.Header = nil }, false, false},
		"https":                    {func(r *http.Request) { r.URL.Scheme = "https" }, false, false},
		"no scheme":                {func(r *http.Request) { r.URL.Scheme = "" }, false, false},
		"ws":                       {func(r *http.Request) { r.URL.Scheme = "ws" }, false, false},
		"HTTP in capitals":         {func(r *http.Request) { r.URL.Scheme = "HTTP" }, false, false},
		"no port":                  {func(r *http.Request) { r.URL.Host = "127.0.0.1" }, false, false},
		"a name in its own script": {func(r *http.Request) { r.URL.Host = "bücher.example:80" }, false, false},
		"IPv6":                     {func(r *http.Request) { r.URL.Host = "[::1]:80" }, true, false},
		"a host of its own":        {func(r *http.Request) { r.Host = "example.com" }, true, false},
		"a host that breaks lines": {func(r *http.Request) { r.Host = "example.com\r\nX-A: b" }, false, false},
		"CONNECT":                  {func(r *http.Request) { r.Method = "CONNECT" }, false, false},
		"a method that is none":    {func(r *http.Request) { r.Method = "GET / HTTP/1.1\r\nX-A: b\r\n" }, false, false},
		"no method":                {func(r *http.Request) { r.Method = "" }, false, false},
		"a method of its own":      {func(r *http.Request) { r.Method = "PROPFIND" }, true, false},
		"Connection":               {header("Connection", "keep-alive"), false, false},
		"Upgrade":                  {header("Upgrade", "websocket"), false, false},
		"Expect":                   {header("Expect", "100-continue"), false, false},
		"TE":                       {header("Te", "trailers"), false, false},
		"Trailer":                  {header("Trailer", "X-Sum"), false, false},
		"Transfer-Encoding":        {header("Transfer-Encoding", "chunked"), false, false},
		"a header":                 {header("X-A", "b"), true, false},
		"a name with a space":      {header("X A", "b"), false, false},
		"a name that breaks lines": {header("X-A: b\r\nX-B", "c"), false, false},
		"a value breaks lines":     {header("X-A", "b\r\nX-B: c"), false, false},
		"a value with a bare LF":   {header("X-A", "b\nX-B: c"), false, false},
		"a value with NUL":         {header("X-A", "b\x00"), false, false},
		"a large header":           {header("X-A", strings.Repeat("a", MaxHeader)), false, false},
		"a large query":            {func(r *http.Request) { r.URL.RawQuery = strings.Repeat("a", MaxHeader) }, false, false},
		"a large path":             {func(r *http.Request) { r.URL.Path = "/" + strings.Repeat("a", MaxHeader) }, false, false},
		"a large host":             {func(r *http.Request) { r.Host = strings.Repeat("a", MaxHeader+1) }, false, false},
		"a listener to 1xx":        {traced(httptrace.ClientTrace{Got1xxResponse: func(int, textproto.MIMEHeader) error { return nil }}), true, false},
		"trace: GetConn":           {traced(httptrace.ClientTrace{GetConn: func(string) {}}), false, false},
		"trace: GotConn":           {traced(httptrace.ClientTrace{GotConn: func(httptrace.GotConnInfo) {}}), false, false},
		"trace: PutIdleConn":       {traced(httptrace.ClientTrace{PutIdleConn: func(error) {}}), false, false},
		"trace: first byte":        {traced(httptrace.ClientTrace{GotFirstResponseByte: func() {}}), false, false},
		"trace: 100":               {traced(httptrace.ClientTrace{Got100Continue: func() {}}), false, false},
		"trace: DNSStart":          {traced(httptrace.ClientTrace{DNSStart: func(httptrace.DNSStartInfo) {}}), false, false},
		"trace: DNSDone":           {traced(httptrace.ClientTrace{DNSDone: func(httptrace.DNSDoneInfo) {}}), false, false},
		"trace: ConnectStart":      {traced(httptrace.ClientTrace{ConnectStart: func(_, _ string) {}}), false, false},
		"trace: ConnectDone":       {traced(httptrace.ClientTrace{ConnectDone: func(_, _ string, _ error) {}}), false, false},
		"trace: TLSHandshakeStart": {traced(httptrace.ClientTrace{TLSHandshakeStart: func() {}}), false, false},
		"trace: TLSHandshakeDone":  {traced(httptrace.ClientTrace{TLSHandshakeDone: func(tls.ConnectionState, error) {}}), false, false},
		"trace: WroteHeaderField":  {traced(httptrace.ClientTrace{WroteHeaderField: func(string, []string) {}}), false, false},
		"trace: WroteHeaders":      {traced(httptrace.ClientTrace{WroteHeaders: func() {}}), false, false},
		"trace: Wait100Continue":   {traced(httptrace.ClientTrace{Wait100Continue: func() {}}), false, false},
		"trace: WroteRequest":      {traced(httptrace.ClientTrace{WroteRequest: func(httptrace.WroteRequestInfo) {}}), false, false},
	} {
		t.Run(name, func(t *testing.T) {
			r, err := http.NewRequest("GET", "http://127.0.0.1:80/a?b=c", nil)
			require.NoError(t, err)
			c.change(r)
			require.Equal(t, c.served, Serves(r, !c.unread))
		})
	}
}

// TestWhichTransportsItTakesOver, by one change to one that it does.
func TestWhichTransportsItTakesOver(t *testing.T) {
	h2c := new(http.Protocols)
	h2c.SetUnencryptedHTTP2(true)
	both := new(http.Protocols)
	both.SetHTTP1(true)
	both.SetHTTP2(true)
	for name, c := range map[string]struct {
		change func(*http.Transport)
		taken  bool
	}{
		"nothing":             {func(*http.Transport) {}, true},
		"HTTP/1 and 2":        {func(t *http.Transport) { t.Protocols = both }, true},
		"h2c":                 {func(t *http.Transport) { t.Protocols = h2c }, false},
		"no dialler":          {func(t *http.Transport) { t.DialContext = nil }, false},
		"no connections kept": {func(t *http.Transport) { t.DisableKeepAlives = true }, false},
		"none idle":           {func(t *http.Transport) { t.MaxIdleConnsPerHost = -1 }, false},
		"so many connections": {func(t *http.Transport) { t.MaxConnsPerHost = 5 }, false},
	} {
		t.Run(name, func(t *testing.T) {
			from := standard()
			c.change(from)
			_, ok := FromStandard(from)
			require.Equal(t, c.taken, ok)
		})
	}
}

// TestARequestOfWhichNothingWasWrittenIsSentAgain, whatever its method, on a new connection, once; with a body it is not.
func TestARequestOfWhichNothingWasWrittenIsSentAgain(t *testing.T) {
	defer goleak.VerifyNone(t)
	for name, c := range map[string]struct {
		method, body string
		used, again  bool
	}{
		"GET":               {"GET", "", true, true},
		"POST":              {"POST", "", true, true},
		"POST with a body":  {"POST", "all of it", true, false},
		"a new connection":  {"GET", "", false, false},
		"POST on a new one": {"POST", "", false, false},
	} {
		t.Run(name, func(t *testing.T) {
			gone := make(chan struct{})
			b := serveRaw(t, func(conn *net.TCPConn, in *bufio.Reader) {
				for answers(conn, in) {
					continue
				}
				<-gone // it does not close
			})
			var dialled []*net.TCPConn
			deaf := !c.used
			from := standard()
			from.DialContext = func(ctx context.Context, network, address string) (net.Conn, error) {
				conn, err := new(net.Dialer).DialContext(ctx, network, address)
				if err == nil {
					dialled = append(dialled, conn.(*net.TCPConn))
					if deaf {
						err = conn.(*net.TCPConn).CloseWrite()
					}
				}
				return conn, err
			}
			transport := own(t, from)
			if c.used {
				require.Equal(t, "ok", post(t, transport, b.addr))
				require.NoError(t, dialled[0].CloseWrite())
			}
			var sent io.Reader
			if c.body != "" {
				sent = io.NopCloser(strings.NewReader(c.body))
			}
			r, err := http.NewRequest(c.method, "http://"+b.addr+"/", sent)
			require.NoError(t, err)
			r.ContentLength = int64(len(c.body))
			response, err := transport.RoundTrip(r)
			require.Equal(t, c.again, err == nil)
			if err == nil {
				_, err = io.Copy(io.Discard, response.Body)
				require.NoError(t, err)
				require.Len(t, dialled, 2)
				require.Equal(t, 1, transport.Idle())
			} else {
				require.Len(t, dialled, 1)
				require.Zero(t, transport.Idle())
			}
			close(gone)
			transport.Close()
			b.end()
		})
	}
}

// TestWhichOptionsItTakesOver: each to its own.
func TestWhichOptionsItTakesOver(t *testing.T) {
	o, ok := FromStandard(&http.Transport{
		DialContext: new(net.Dialer).DialContext, ResponseHeaderTimeout: 1, MaxResponseHeaderBytes: 2, MaxIdleConns: 3, MaxIdleConnsPerHost: 4,
		IdleConnTimeout: 5, ReadBufferSize: 6,
	})
	require.True(t, ok)
	require.NotNil(t, o.Dial)
	o.Dial = nil
	require.Equal(t, Options{ResponseHeaderTimeout: 1, MaxHeaderBytes: 2, MaxIdle: 3, MaxIdleOfHost: 4, IdleTimeout: 5, ReadBuffer: 6}, o)
}

// TestWhatIsLeftOut is as with net/http.
func TestWhatIsLeftOut(t *testing.T) {
	require.Equal(t, Options{MaxHeaderBytes: 10 << 20, MaxIdleOfHost: 2, ReadBuffer: 4 << 10}, New(Options{}).options)
}

// TestWhatMayBeSentAgain is what net/http sends again.
func TestWhatMayBeSentAgain(t *testing.T) {
	for method, again := range map[string]bool{
		"": true, "GET": true, "HEAD": true, "OPTIONS": true, "TRACE": true,
		"POST": false, "PUT": false, "PATCH": false, "DELETE": false, "PROPFIND": false, "get": false,
	} {
		r := &http.Request{Method: method, Header: make(http.Header)}
		require.Equal(t, again, replayable(r), method)
		for _, name := range []string{"Idempotency-Key", "X-Idempotency-Key"} {
			r.Header = http.Header{name: {"a"}}
			require.True(t, replayable(r), method)
		}
	}
}
