package envelope

import (
	"bufio"
	"errors"
	"fmt"
	"io"
	"net"
	"net/http"
	"net/http/httptest"
	"os"
	"strings"
	"testing"

	"github.com/stretchr/testify/require"
)

func TestABodyTheCallerBrokeIsNotTheBackendsFailure(t *testing.T) {
	backend := httptest.NewServer(http.HandlerFunc(func(_ http.ResponseWriter, r *http.Request) {
		_, _ = io.Copy(io.Discard, r.Body)
	}))
	defer backend.Close()
	front := httptest.NewServer(newGateway(newMapper(t), proxyTo(backend.Listener.Addr().String())))
	defer front.Close()
	for name, body := range map[string]string{
		"broken chunk": "Transfer-Encoding: chunked\r\n\r\n5\r\nhello\r\nzz\r\n",
		"early end":    "Content-Length: 100\r\n\r\nhello",
	} {
		t.Run(name, func(t *testing.T) {
			conn, err := net.Dial("tcp", front.Listener.Addr().String())
			require.NoError(t, err)
			defer conn.Close()
			_, err = io.WriteString(conn, "POST / HTTP/1.1\r\nHost: x\r\n"+body)
			require.NoError(t, err)
			require.NoError(t, conn.(*net.TCPConn).CloseWrite())
			res, err := http.ReadResponse(bufio.NewReader(conn), nil)
			require.NoError(t, err)
			answer, err := io.ReadAll(res.Body)
			require.NoError(t, err)
			require.Equal(t, 400, res.StatusCode)
			require.Equal(t, BodyBroken.Message, requireEnvelope(t, answer).Error.Message)
		})
	}
}

// reading is a body whose first Read fails.
type reading struct{ err error }

func (r reading) Read([]byte) (int, error) { return 0, r.err }
func (r reading) Close() error             { return nil }

func TestWhoBrokeTheBody(t *testing.T) {
	tests := []struct {
		name       string
		read       error
		closeFirst bool
		returned   error
		want       *Kind
	}{
		{"caller's, taken for the backend's", io.ErrUnexpectedEOF, false, HandlerError(502, nil), BodyBroken},
		{"caller's, taken for ours", io.ErrUnexpectedEOF, false, errors.New("x"), BodyBroken},
		{"caller too slow", fmt.Errorf("read: %w", os.ErrDeadlineExceeded), false, HandlerError(504, nil), BodyLate},
		{"caller's body too large", fmt.Errorf("read: %w", &http.MaxBytesError{Limit: 1}), false, HandlerError(502, nil), BodyTooLarge},
		{"what says 4xx already", io.ErrUnexpectedEOF, false, HandlerError(413, nil), BodyTooLarge},
		{"backend's: the body is read to its end", io.EOF, false, HandlerError(502, nil), UpstreamUnreachable},
		{"backend's: the transport closed the body", http.ErrBodyReadAfterClose, true, HandlerError(502, nil), UpstreamUnreachable},
	}
	for _, tt := range tests {
		t.Run(tt.name, func(t *testing.T) {
			o := exchange(t, Options{Method: "POST"}, func(w http.ResponseWriter) error {
				body := w.(*Writer).RequestBody(reading{tt.read})
				if tt.closeFirst {
					require.NoError(t, body.Close())
				}
				_, err := body.Read(make([]byte, 1))
				require.ErrorIs(t, err, tt.read)
				return tt.returned
			})
			o.requireRefusal(t, tt.want, SourceCaddy)
		})
	}
}

func TestNoBodyStaysNone(t *testing.T) {
	var w Writer
	require.Nil(t, w.RequestBody(nil))
	require.Equal(t, http.NoBody, w.RequestBody(http.NoBody))
	body := io.NopCloser(strings.NewReader("hello"))
	read, err := io.ReadAll(w.RequestBody(body))
	require.NoError(t, err)
	require.Equal(t, "hello", string(read))
	require.Nil(t, w.body.failure())
}
