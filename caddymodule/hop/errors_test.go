package hop

import (
	"bufio"
	"context"
	"errors"
	"fmt"
	"io"
	"net"
	"net/http"
	"strings"
	"testing"
	"time"

	"github.com/stretchr/testify/require"
	"go.uber.org/goleak"
)

// failure is a way in which a request fails.
type failure struct {
	// backend serves a connection after it has read the request's header; nil: it reads on and answers nothing.
	backend func(conn *net.TCPConn, r *http.Request)
	// transport changes the options.
	transport func(*http.Transport)
	// body is the request's; "": none.
	body io.Reader
	// size is the body's length.
	size int64
	// timeout is when the request's context ends; 0: never. leave is when the client leaves.
	timeout, leave time.Duration
	// warm sends a request that is answered before.
	warm bool
}

func says(text string) func(*net.TCPConn, *http.Request) {
	return func(conn *net.TCPConn, r *http.Request) {
		_, _ = io.WriteString(conn, text)
		_, _ = io.Copy(io.Discard, conn)
	}
}

// impatient is a connection with the deadlines of Caddy's read_timeout and write_timeout.
type impatient struct{ *net.TCPConn }

func (i impatient) Read(p []byte) (int, error) {
	_ = i.SetReadDeadline(time.Now().Add(40 * time.Millisecond))
	return i.TCPConn.Read(p)
}

func (i impatient) Write(p []byte) (int, error) {
	_ = i.SetWriteDeadline(time.Now().Add(40 * time.Millisecond))
	return i.TCPConn.Write(p)
}

func dialImpatient(t *http.Transport) {
	t.DialContext = func(ctx context.Context, network, address string) (net.Conn, error) {
		conn, err := narrow(ctx, network, address)
		if err != nil {
			return nil, err
		}
		return impatient{conn.(*net.TCPConn)}, nil
	}
}

var errDial = errors.New("no way there")

const short = 40 * time.Millisecond

var failures = map[string]failure{
	"nobody there":                        {transport: func(t *http.Transport) { t.DialContext = func(context.Context, string, string) (net.Conn, error) { return nil, errDial } }},
	"dialling takes too long":             {timeout: short, transport: dialsForever},
	"the client leaves during dialling":   {leave: short, transport: dialsForever},
	"no answer in time":                   {transport: func(t *http.Transport) { t.ResponseHeaderTimeout = short }},
	"no answer in time, warm":             {warm: true, transport: func(t *http.Transport) { t.ResponseHeaderTimeout = short }},
	"half a header in time":               {backend: says("HTTP/1.1 200 OK\r\nX-A"), transport: func(t *http.Transport) { t.ResponseHeaderTimeout = short }},
	"early hints in time and no answer":   {backend: says("HTTP/1.1 103 Early Hints\r\n\r\n"), transport: func(t *http.Transport) { t.ResponseHeaderTimeout = short }},
	"deadline before the answer":          {timeout: short},
	"deadline in the header":              {timeout: short, backend: says("HTTP/1.1 200 OK\r\nX-A")},
	"deadline in the body":                {timeout: short, backend: says("HTTP/1.1 200 OK\r\nContent-Length: 9\r\n\r\nok")},
	"the client leaves before the answer": {leave: short},
	"the client leaves, warm":             {leave: short, warm: true},
	"the client leaves in the header":     {leave: short, backend: says("HTTP/1.1 200 OK\r\nX-A")},
	"the client leaves in the body":       {leave: short, backend: says("HTTP/1.1 200 OK\r\nContent-Length: 9\r\n\r\nok")},
	"the client leaves in the chunks":     {leave: short, backend: says("HTTP/1.1 200 OK\r\nTransfer-Encoding: chunked\r\n\r\n2\r\nok\r\n")},
	"the client had left":                 {leave: -1},
	"read timeout before the answer":      {transport: dialImpatient},
	"read timeout in the body":            {transport: dialImpatient, backend: says("HTTP/1.1 200 OK\r\nContent-Length: 9\r\n\r\nok")},
	"the body breaks off":                 {body: io.MultiReader(strings.NewReader("half"), broken_{}), size: 9},
	"the body is short":                   {body: strings.NewReader("half"), size: 9},
	"the body is long":                    {body: strings.NewReader("half and half"), size: 9},
	"reset before the answer": {backend: func(conn *net.TCPConn, _ *http.Request) { _ = conn.SetLinger(0) }},
	"end before the answer":   {backend: func(*net.TCPConn, *http.Request) {}},
	"reset in the body": {backend: func(conn *net.TCPConn, _ *http.Request) {
		_, _ = io.WriteString(conn, "HTTP/1.1 200 OK\r\nContent-Length: 9\r\n\r\nok")
		_ = conn.SetLinger(0)
	}},
}

type broken_ struct{}

var errBody = errors.New("the client's body broke off")

func (broken_) Read([]byte) (int, error) { return 0, errBody }

func dialsForever(t *http.Transport) {
	t.DialContext = func(ctx context.Context, _, _ string) (net.Conn, error) {
		<-ctx.Done()
		return nil, ctx.Err()
	}
}
