package hop

import (
	"bufio"
	"context"
	"fmt"
	"io"
	"math/rand/v2"
	"net"
	"net/http"
	"os"
	"strconv"
	"strings"
	"sync"
	"sync/atomic"
	"testing"
	"time"

	"github.com/stretchr/testify/require"
	"go.uber.org/goleak"
)

// storm is what came of many requests. Each carries an id in its header and body, and so must its answer.
type storm struct {
	whole   atomic.Int64 // answers that came to their end
	foreign atomic.Int64 // answers, and requests at the backend, with another id than their own
	// late are second answers that the backend sent only when the next request was on its way, and what came after them on the connection:
	// nothing tells such an answer from the right one, with no transport. They say of themselves what they are.
	late atomic.Int64
}

// TestNoAnswerReachesAnotherRequest sends requests of all kinds to a backend that closes at any byte, resets, stalls, restarts, answers
// before it has read, says too much and answers twice. Whatever comes back whole carries the request's own id. No connection and no
// goroutine stays.
func TestNoAnswerReachesAnotherRequest(t *testing.T) {
	defer goleak.VerifyNone(t)
	requests, clients := int64(5000), 64
	if os.Getenv("TOLLGATE_TEST_LONG") != "" {
		requests, clients = 100_000, 256 // most of the time they wait
	}
	if n, err := strconv.ParseInt(os.Getenv("TOLLGATE_STORM"), 10, 64); err == nil {
		requests, clients = n, 512
	}
	var s storm
	b := serveRaw(t, s.serve)
	from := standard()
	from.ResponseHeaderTimeout = 300 * time.Millisecond
	from.DialContext = func(ctx context.Context, network, address string) (net.Conn, error) {
		if rand.IntN(2) == 0 {
			return narrow(ctx, network, address)
		}
		return new(net.Dialer).DialContext(ctx, network, address)
	}
	transport := own(t, from)
	var next atomic.Int64
	var all sync.WaitGroup
	for range clients {
		all.Go(func() {
			for n := next.Add(1); n <= requests; n = next.Add(1) {
				if n%1000 == 0 {
					b.restart()
				}
				s.ask(transport, b.addr, fmt.Sprintf("id-%d", n))
			}
		})
	}
	all.Wait()
	require.LessOrEqual(t, transport.Idle(), 32)
	transport.Close()
	b.end()
	require.Zero(t, b.open.Load(), "connections that stay")
	t.Logf("%d requests, %d answered whole, %d late second answers, %d connections", requests, s.whole.Load(), s.late.Load(), b.accepted.Load())
	require.Zero(t, s.foreign.Load(), "answers of other requests")
	require.Greater(t, s.whole.Load(), requests/20) // most of them; fewer in time where the machine is busy
}

// serve answers the requests of a connection, mostly.
func (s *storm) serve(conn *net.TCPConn, in *bufio.Reader) {
	if rand.IntN(2) == 0 {
		_ = conn.SetReadBuffer(16 << 10)
	}
	mark := ""
	for {
		r, err := http.ReadRequest(in)
		if err != nil {
			return
		}
		early := rand.IntN(8) == 0 // answers before it has read
		if !early && !s.read(r) {
			return
		}
		answer := func() string {
			id := r.Header.Get("X-Id")
			head := "HTTP/1.1 200 OK\r\n" + mark + "X-Id: " + id + "\r\n"
			switch {
			case r.Method == http.MethodHead || rand.IntN(3) == 0:
				head += fmt.Sprintf("Content-Length: %d\r\n\r\n", len(id))
			default:
				head, id = head+"Transfer-Encoding: chunked\r\n\r\n", fmt.Sprintf("%x\r\n%s\r\n0\r\n\r\n", len(id), id)
			}
			if r.Method == http.MethodHead {
				return head
			}
			return head + id
		}
		text := answer()
		if rand.IntN(8) == 0 {
			text = "HTTP/1.1 103 Early Hints\r\n\r\n" + text
		}
		switch rand.IntN(60) {
		case 0, 1, 2: // ends anywhere
			_, _ = io.WriteString(conn, text[:rand.IntN(len(text)+1)])
			return
		case 3, 4, 5: // is reset anywhere
			_, _ = io.WriteString(conn, text[:rand.IntN(len(text)+1)])
			_ = conn.SetLinger(0)
			return
		case 6, 7, 8: // answers twice at once
			text += answer()
		case 9, 10: // answers again a moment later, or begins to
			_, _ = io.WriteString(conn, text)
			mark = "X-Late: yes\r\n"
			text = answer()
			if begun := len("HTTP/1.1 200 OK\r\n" + mark); rand.IntN(2) == 0 {
				text = text[:begun+rand.IntN(len(text)-begun)]
			}
		case 11: // stalls in the middle until the client leaves
			_, _ = io.WriteString(conn, text[:rand.IntN(len(text))])
			_, _ = io.Copy(io.Discard, conn)
			return
		case 12, 13: // says a line too much
			text += "\r\n"
		}
		_, _ = io.WriteString(conn, text)
		if early && !s.read(r) {
			return
		}
	}
}

// read reads a request's body, which carries the same id as the header, to its end.
func (s *storm) read(r *http.Request) bool {
	body, err := io.ReadAll(r.Body)
	if err == nil && r.ContentLength > 0 && !strings.HasSuffix(string(body), " "+r.Header.Get("X-Id")) {
		s.foreign.Add(1)
	}
	return err == nil
}

func (s *storm) ask(transport http.RoundTripper, addr, id string) {
	ctx, cancel := context.WithTimeout(context.Background(), time.Duration(200+rand.IntN(200))*time.Millisecond)
	defer cancel()
	method := []string{"GET", "HEAD", "POST", "PUT"}[rand.IntN(4)]
	var sent io.Reader
	if method == "PUT" {
		sent = io.NopCloser(strings.NewReader(strings.Repeat("x", rand.IntN(MaxBody-100)) + " " + id))
	}
	r, err := http.NewRequestWithContext(ctx, method, "http://"+addr+"/", sent)
	if err != nil {
		return
	}
	if sent != nil {
		text, _ := io.ReadAll(sent)
		r.Body, r.ContentLength = io.NopCloser(strings.NewReader(string(text))), int64(len(text))
	}
	r.Header.Set("X-Id", id)
	switch rand.IntN(40) {
	case 0:
		cancel() // the client has left
	case 1:
		defer time.AfterFunc(time.Duration(rand.IntN(1000))*time.Microsecond, cancel).Stop() // the client leaves
	}
	response, err := transport.RoundTrip(r)
	if err != nil {
		return
	}
	defer func() { _ = response.Body.Close() }()
	if rand.IntN(20) == 0 {
		return // the client leaves before the body
	}
	body, err := io.ReadAll(response.Body)
	switch {
	case response.Header.Get("X-Late") != "":
		s.late.Add(1)
	case response.Header.Get("X-Id") != id:
		s.foreign.Add(1)
	case err == nil && method != "HEAD" && string(body) != id:
		s.foreign.Add(1)
	case err == nil:
		s.whole.Add(1)
	}
}

func BenchmarkRoundTrip(b *testing.B) {
	for _, name := range []string{"standard", "own"} {
		b.Run(name, func(b *testing.B) {
			backend := serveRaw(b, func(conn *net.TCPConn, in *bufio.Reader) {
				for {
					if _, err := http.ReadRequest(in); err != nil {
						return
					}
					_, _ = io.WriteString(conn, "HTTP/1.1 200 OK\r\nContent-Length: 2\r\n\r\nok")
				}
			})
			std := standard()
			var transport http.RoundTripper = std
			if name == "own" {
				ours := own(b, std)
				defer ours.Close()
				transport = ours
			}
			b.ReportAllocs()
			for b.Loop() {
				r, _ := http.NewRequest("GET", "http://"+backend.addr+"/", nil)
				response, err := transport.RoundTrip(r)
				if err != nil {
					b.Fatal(err)
				}
				_, _ = io.Copy(io.Discard, response.Body)
				_ = response.Body.Close()
			}
			std.CloseIdleConnections()
		})
	}
}
