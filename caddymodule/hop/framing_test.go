package hop

import (
	"bufio"
	"context"
	"errors"
	"fmt"
	"io"
	"net"
	"net/http"
	"net/http/httptrace"
	"net/textproto"
	"regexp"
	"strings"
	"testing"

	"github.com/stretchr/testify/require"
)

// framing are answers of backends that make mistakes, or that mean harm. A final "CLOSE" closes the connection after it; "RESET" resets it.
var framing = map[string]string{
	"plain":                           "HTTP/1.1 200 OK\r\nContent-Length: 2\r\n\r\nok",
	"empty":                           "HTTP/1.1 200 OK\r\nContent-Length: 0\r\n\r\n",
	"204":                             "HTTP/1.1 204 No Content\r\n\r\n",
	"204 with a body":                 "HTTP/1.1 204 No Content\r\nContent-Length: 2\r\n\r\nok",
	"304":                             "HTTP/1.1 304 Not Modified\r\nContent-Length: 50\r\nETag: \"a\"\r\n\r\n",
	"304 with a body":                 "HTTP/1.1 304 Not Modified\r\nContent-Length: 2\r\n\r\nok",
	"chunked":                         "HTTP/1.1 200 OK\r\nTransfer-Encoding: chunked\r\n\r\n2\r\nok\r\n0\r\n\r\n",
	"trailers":                        "HTTP/1.1 200 OK\r\nTransfer-Encoding: chunked\r\nTrailer: X-Sum\r\n\r\n2\r\nok\r\n0\r\nX-Sum: 7\r\n\r\n",
	"unannounced trailer":             "HTTP/1.1 200 OK\r\nTransfer-Encoding: chunked\r\n\r\n2\r\nok\r\n0\r\nX-Sum: 7\r\n\r\n",
	"trailer that frames":             "HTTP/1.1 200 OK\r\nTransfer-Encoding: chunked\r\nTrailer: Content-Length\r\n\r\n2\r\nok\r\n0\r\n\r\n",
	"chunk extension":                 "HTTP/1.1 200 OK\r\nTransfer-Encoding: chunked\r\n\r\n2;a=b\r\nok\r\n0\r\n\r\n",
	"to the end":                      "HTTP/1.1 200 OK\r\n\r\nokCLOSE",
	"to the end, HTTP/1.0":            "HTTP/1.0 200 OK\r\n\r\nokCLOSE",
	"HTTP/1.0 that stays":             "HTTP/1.0 200 OK\r\nConnection: keep-alive\r\nContent-Length: 2\r\n\r\nok",
	"HTTP/1.0 with a length":          "HTTP/1.0 200 OK\r\nContent-Length: 2\r\n\r\nok",
	"Connection: close":               "HTTP/1.1 200 OK\r\nConnection: close\r\nContent-Length: 2\r\n\r\nokCLOSE",
	"gzip":                            "HTTP/1.1 200 OK\r\nContent-Encoding: gzip\r\nContent-Length: 2\r\n\r\n\x1f\x8b",
	"both lengths":                    "HTTP/1.1 200 OK\r\nContent-Length: 5\r\nTransfer-Encoding: chunked\r\n\r\n2\r\nok\r\n0\r\n\r\n",
	"differing lengths":               "HTTP/1.1 200 OK\r\nContent-Length: 2\r\nContent-Length: 3\r\n\r\nok!",
	"the same length twice":           "HTTP/1.1 200 OK\r\nContent-Length: 2\r\nContent-Length: 2\r\n\r\nok",
	"lengths in one line":             "HTTP/1.1 200 OK\r\nContent-Length: 2, 2\r\n\r\nok",
	"negative length":                 "HTTP/1.1 200 OK\r\nContent-Length: -2\r\n\r\nok",
	"signed length":                   "HTTP/1.1 200 OK\r\nContent-Length: +2\r\n\r\nok",
	"huge length":                     "HTTP/1.1 200 OK\r\nContent-Length: 99999999999999999999\r\n\r\nok",
	"length that is short":            "HTTP/1.1 200 OK\r\nContent-Length: 1\r\n\r\nok",
	"length that is long":             "HTTP/1.1 200 OK\r\nContent-Length: 5\r\n\r\nokCLOSE",
	"other transfer encoding":         "HTTP/1.1 200 OK\r\nTransfer-Encoding: gzip, chunked\r\n\r\n2\r\nok\r\n0\r\n\r\n",
	"unknown transfer encoding":       "HTTP/1.1 200 OK\r\nTransfer-Encoding: identity\r\n\r\nokCLOSE",
	"transfer encoding twice":         "HTTP/1.1 200 OK\r\nTransfer-Encoding: chunked\r\nTransfer-Encoding: chunked\r\n\r\n2\r\nok\r\n0\r\n\r\n",
	"transfer encoding of HTTP/1.0":   "HTTP/1.0 200 OK\r\nTransfer-Encoding: chunked\r\n\r\n2\r\nok\r\n0\r\n\r\nCLOSE",
	"bad chunk":                       "HTTP/1.1 200 OK\r\nTransfer-Encoding: chunked\r\n\r\nxx\r\nok\r\n0\r\n\r\n",
	"huge chunk":                      "HTTP/1.1 200 OK\r\nTransfer-Encoding: chunked\r\n\r\nfffffffffffffffff\r\nok\r\n0\r\n\r\n",
	"chunk longer than it says":       "HTTP/1.1 200 OK\r\nTransfer-Encoding: chunked\r\n\r\n1\r\nok\r\n0\r\n\r\n",
	"chunk with bare LF":              "HTTP/1.1 200 OK\r\nTransfer-Encoding: chunked\r\n\r\n2\nok\n0\n\n",
	"chunk that breaks off":           "HTTP/1.1 200 OK\r\nTransfer-Encoding: chunked\r\n\r\n9\r\nokCLOSE",
	"chunks without an end":           "HTTP/1.1 200 OK\r\nTransfer-Encoding: chunked\r\n\r\n2\r\nok\r\nCLOSE",
	"trailer bomb":                    "HTTP/1.1 200 OK\r\nTransfer-Encoding: chunked\r\n\r\n2\r\nok\r\n0\r\nX-Sum: " + strings.Repeat("7", 9000) + "\r\n\r\n",
	"space before the colon":          "HTTP/1.1 200 OK\r\nContent-Length : 2\r\n\r\nokCLOSE",
	"space in a name":                 "HTTP/1.1 200 OK\r\nX A: b\r\nContent-Length: 2\r\n\r\nok",
	"line without a colon":            "HTTP/1.1 200 OK\r\nnothing\r\nContent-Length: 2\r\n\r\nok",
	"bare LF":                         "HTTP/1.1 200 OK\nContent-Length: 2\n\nok",
	"bare CR":                         "HTTP/1.1 200 OK\r\nX-A: b\rc\r\nContent-Length: 2\r\n\r\nok",
	"folded":                          "HTTP/1.1 200 OK\r\nX-A: b\r\n c\r\nContent-Length: 2\r\n\r\nok",
	"folded first":                    "HTTP/1.1 200 OK\r\n X-A: b\r\nContent-Length: 2\r\n\r\nok",
	"NUL in a value":                  "HTTP/1.1 200 OK\r\nX-A: b\x00c\r\nContent-Length: 2\r\n\r\nok",
	"NUL in a name":                   "HTTP/1.1 200 OK\r\nX\x00A: b\r\nContent-Length: 2\r\n\r\nok",
	"empty name":                      "HTTP/1.1 200 OK\r\n: b\r\nContent-Length: 2\r\n\r\nok",
	"header bomb":                     "HTTP/1.1 200 OK\r\nX-A: " + strings.Repeat("b", 70<<10) + "\r\nContent-Length: 2\r\n\r\nok",
	"header bomb without a line":      "HTTP/1.1 200 " + strings.Repeat("b", 70<<10),
	"many headers":                    "HTTP/1.1 200 OK\r\n" + strings.Repeat("X-A: b\r\n", 10000) + "Content-Length: 2\r\n\r\nok",
	"header just within the bound":    "HTTP/1.1 200 OK\r\nX-A: " + strings.Repeat("b", 60<<10) + "\r\nContent-Length: 2\r\n\r\nok",
	"large body":                      "HTTP/1.1 200 OK\r\nContent-Length: 300000\r\n\r\n" + strings.Repeat("b", 300000),
	"early hints":                     "HTTP/1.1 103 Early Hints\r\nLink: </a>\r\n\r\nHTTP/1.1 200 OK\r\nContent-Length: 2\r\n\r\nok",
	"100 that nobody expects":         "HTTP/1.1 100 Continue\r\n\r\nHTTP/1.1 200 OK\r\nContent-Length: 2\r\n\r\nok",
	"1xx storm":                       strings.Repeat("HTTP/1.1 103 Early Hints\r\nLink: </a>\r\n\r\n", 3000) + "HTTP/1.1 200 OK\r\nContent-Length: 2\r\n\r\nok",
	"1xx and no more":                 "HTTP/1.1 103 Early Hints\r\nLink: </a>\r\n\r\nCLOSE",
	"1xx with a length":               "HTTP/1.1 103 Early Hints\r\nContent-Length: 2\r\n\r\nokHTTP/1.1 200 OK\r\nContent-Length: 2\r\n\r\nok",
	"101 that nobody asked for":       "HTTP/1.1 101 Switching Protocols\r\nConnection: Upgrade\r\nUpgrade: x\r\n\r\nrawCLOSE",
	"101 without an upgrade":          "HTTP/1.1 101 Switching Protocols\r\n\r\nCLOSE",
	"two answers at once":             "HTTP/1.1 200 OK\r\nContent-Length: 2\r\n\r\nokHTTP/1.1 200 OK\r\nContent-Length: 4\r\n\r\nevil",
	"two chunked answers":             "HTTP/1.1 200 OK\r\nTransfer-Encoding: chunked\r\n\r\n0\r\n\r\nHTTP/1.1 200 OK\r\nContent-Length: 4\r\n\r\nevil",
	"two empty answers":               "HTTP/1.1 204 No Content\r\n\r\nHTTP/1.1 200 OK\r\nContent-Length: 4\r\n\r\nevil",
	"one byte too much":               "HTTP/1.1 200 OK\r\nContent-Length: 2\r\n\r\nok\n",
	"nothing":                         "CLOSE",
	"reset":                           "RESET",
	"reset in the header":             "HTTP/1.1 200 OK\r\nContRESET",
	"end in the header":               "HTTP/1.1 200 OK\r\nContCLOSE",
	"end in the status":               "HTTCLOSE",
	"not HTTP":                        "SSH-2.0-OpenSSH_9.6\r\nCLOSE",
	"HTTP/2":                          "\x00\x00\x12\x04\x00\x00\x00\x00\x00CLOSE",
	"TLS alert":                       "\x15\x03\x01\x00\x02\x02\x0aCLOSE",
	"HTTP/2.0 in a status line":       "HTTP/2.0 200 OK\r\nContent-Length: 2\r\n\r\nok",
	"HTTP/9.9":                        "HTTP/9.9 200 OK\r\nContent-Length: 2\r\n\r\nok",
	"lower case":                      "http/1.1 200 OK\r\nContent-Length: 2\r\n\r\nok",
	"status of two digits":            "HTTP/1.1 20 OK\r\nContent-Length: 2\r\n\r\nok",
	"status of four digits":           "HTTP/1.1 2000 OK\r\nContent-Length: 2\r\n\r\nok",
	"negative status":                 "HTTP/1.1 -20 OK\r\nContent-Length: 2\r\n\r\nok",
	"status 000":                      "HTTP/1.1 000 OK\r\nContent-Length: 2\r\n\r\nok",
	"status 099":                      "HTTP/1.1 099 OK\r\nContent-Length: 2\r\n\r\nok",
	"status 999":                      "HTTP/1.1 999 OK\r\nContent-Length: 2\r\n\r\nok",
	"no reason":                       "HTTP/1.1 200\r\nContent-Length: 2\r\n\r\nok",
	"empty lines first":               "\r\n\r\nHTTP/1.1 200 OK\r\nContent-Length: 2\r\n\r\nok",
	"unasked 408 with the answer":     "HTTP/1.1 200 OK\r\nContent-Length: 2\r\n\r\nokHTTP/1.1 408 Request Timeout\r\nContent-Length: 0\r\n\r\nCLOSE",
	"answer and end at the same time": "HTTP/1.1 200 OK\r\nContent-Length: 2\r\n\r\nokCLOSE",
}

// TestFramingIsThatOfTheStandardTransport sends every answer of the table through both transports, as first answer of a connection and
// as second one, to GET, HEAD and POST with a body and without, with a listener to interim answers and without, and wants the same answer
// or the same error. The request after it gets its own answer: here always, while net/http may take what came too much for it.
func TestFramingIsThatOfTheStandardTransport(t *testing.T) {
	t.Parallel()
	for name, answer := range framing {
		t.Run(name, func(t *testing.T) {
			t.Parallel()
			for _, method := range []string{"GET", "HEAD", "POST", "POST with a body"} {
				for _, listen := range []bool{false, true} {
					for before := range 2 {
						transport := standard()
						want, _ := told(t, transport, answer, method, listen, before)
						transport.CloseIdleConnections()
						ours := own(t, standard())
						got, after := told(t, ours, answer, method, listen, before)
						ours.Close()
						require.Equal(t, want, got, "%s, listening %v, after %d answers", method, listen, before)
						require.Contains(t, after, "X-Good", "%s, listening %v, after %d answers", method, listen, before)
					}
				}
			}
		})
	}
}

// addresses are different each time.
var addresses = regexp.MustCompile(`(read|write) tcp [0-9.:]+->[0-9.:]+`)

// told tells what came of requests, of which the last gets the answer, and of one more, which gets a good one.
func told(t *testing.T, transport http.RoundTripper, answer, method string, listen bool, before int) (tale, after string) {
	const good = "HTTP/1.1 200 OK\r\nContent-Length: 4\r\nX-Good: yes\r\n\r\n"
	b := serveRaw(t, func(conn *net.TCPConn, in *bufio.Reader) {
		for {
			r, err := http.ReadRequest(in)
			if err != nil {
				return
			}
			_, _ = io.Copy(io.Discard, r.Body)
			if r.URL.Path != "/bad" {
				text := good
				if r.Method != http.MethodHead {
					text += "good"
				}
				_, _ = io.WriteString(conn, text)
				continue
			}
			text, end := strings.CutSuffix(answer, "CLOSE")
			text, reset := strings.CutSuffix(text, "RESET")
			_, _ = io.WriteString(conn, text)
			if reset {
				_ = conn.SetLinger(0)
			}
			if end || reset {
				return
			}
		}
	})
	var first, last strings.Builder
	for range before {
		tell(t, &first, transport, method, "http://"+b.addr+"/good", listen)
	}
	tell(t, &first, transport, method, "http://"+b.addr+"/bad", listen)
	tell(t, &last, transport, "GET", "http://"+b.addr+"/good", listen) // is sent again if the connection ends only now
	return addresses.ReplaceAllString(first.String(), "$1 tcp"), last.String()
}

func tell(t *testing.T, tale *strings.Builder, transport http.RoundTripper, method, url string, listen bool) {
	interim := 0
	ctx := context.Background()
	if listen {
		ctx = httptrace.WithClientTrace(ctx, &httptrace.ClientTrace{Got1xxResponse: func(code int, h textproto.MIMEHeader) error {
			interim++
			if interim < 3 {
				fmt.Fprintln(tale, "interim", code, h)
			}
			return nil
		}})
	}
	var sent io.Reader
	method, with := strings.CutSuffix(method, " with a body")
	if with {
		sent = io.NopCloser(strings.NewReader("sent")) // without GetBody, as a proxy's
	}
	r, err := http.NewRequestWithContext(ctx, method, url, sent)
	require.NoError(t, err)
	if with {
		r.ContentLength = int64(len("sent"))
	}
	if ours, ok := transport.(*Transport); ok {
		require.True(t, Serves(r, true))
		defer func() { require.LessOrEqual(t, ours.Idle(), 1) }()
	}
	response, err := transport.RoundTrip(r)
	if err != nil {
		var timeout net.Error
		fmt.Fprintln(tale, "error:", err, errors.As(err, &timeout) && timeout.Timeout(), interim)
		return
	}
	_, writable := response.Body.(io.Writer)
	body, err := io.ReadAll(response.Body)
	require.NoError(t, response.Body.Close())
	fmt.Fprintln(tale, response.Status, response.Proto, response.Header, response.ContentLength, response.TransferEncoding, response.Close,
		response.Trailer, response.Uncompressed, writable, interim, string(body), err)
}
