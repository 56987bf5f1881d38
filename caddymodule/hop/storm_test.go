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
	"sync"
	"sync/atomic"
	"testing"
	"time"

	"github.com/stretchr/testify/require"
	"go.uber.org/goleak"
)

// TestNoAnswerReachesAnotherRequest sends requests that carry an id to a backend that closes at any byte, resets, stalls, says too much
// and answers twice. Whatever comes back whole carries the request's own id. No connection and no goroutine stays.
func TestNoAnswerReachesAnotherRequest(t *testing.T) {
	defer goleak.VerifyNone(t)
	requests := int64(8000)
	if os.Getenv("TOLLGATE_TEST_LONG") != "" {
		requests = 1_000_000
	}
	b := serveRaw(t, func(conn *net.TCPConn, in *bufio.Reader) {
		for {
			r, err := http.ReadRequest(in)
			if err != nil {
				return
			}
			id := r.Header.Get("X-Id")
			text := fmt.Sprintf("HTTP/1.1 200 OK\r\nX-Id: %s\r\nContent-Length: %d\r\n\r\n%s", id, len(id), id)
			switch rand.IntN(4) {
			case 0:
				text = fmt.Sprintf("HTTP/1.1 200 OK\r\nX-Id: %s\r\nTransfer-Encoding: chunked\r\n\r\n%x\r\n%s\r\n0\r\n\r\n", id, len(id), id)
			case 1:
				text = "HTTP/1.1 103 Early Hints\r\n\r\n" + text
			}
			switch rand.IntN(24) {
			case 0: // ends anywhere
				_, _ = io.WriteString(conn, text[:rand.IntN(len(text)+1)])
				return
			case 1: // is reset anywhere
				_, _ = io.WriteString(conn, text[:rand.IntN(len(text)+1)])
				_ = conn.SetLinger(0)
				return
			case 2: // answers twice at once
				text += text
			case 3: // answers again a moment later
				_, _ = io.WriteString(conn, text)
				text = text[:rand.IntN(len(text)+1)]
			case 4: // stalls in the middle until the client leaves
				_, _ = io.WriteString(conn, text[:rand.IntN(len(text))])
				_, _ = io.Copy(io.Discard, conn)
				return
			case 5: // says a line too much
				text += "\r\n"
			}
			_, _ = io.WriteString(conn, text)
		}
	})
	transport := own(t, standard())
	var next, whole, wrong atomic.Int64
	var all sync.WaitGroup
	for range 32 {
		all.Go(func() {
			for {
				n := next.Add(1)
				if n > requests {
					return
				}
				id := fmt.Sprintf("id-%d", n)
				got, ok := ask(transport, b.addr, id)
				if ok {
					whole.Add(1)
					if got != id+id {
						wrong.Add(1)
					}
				}
			}
		})
	}
	all.Wait()
	require.LessOrEqual(t, transport.Idle(), 32)
	transport.Close()
	b.end()
	require.Zero(t, b.open.Load(), "connections that stay")
	t.Logf("%d requests, %d answered whole, %d wrong, %d connections", requests, whole.Load(), wrong.Load(), b.accepted.Load())
	require.Zero(t, wrong.Load(), "answers of other requests")
	require.Greater(t, whole.Load(), requests/2)
}

func ask(transport http.RoundTripper, addr, id string) (string, bool) {
	ctx, cancel := context.WithTimeout(context.Background(), 100*time.Millisecond)
	defer cancel()
	method := []string{"GET", "HEAD", "POST"}[rand.IntN(3)]
	r, err := http.NewRequestWithContext(ctx, method, "http://"+addr+"/", nil)
	if err != nil {
		return "", false
	}
	r.Header.Set("X-Id", id)
	response, err := transport.RoundTrip(r)
	if err != nil {
		return "", false
	}
	defer func() { _ = response.Body.Close() }()
	if method == "HEAD" {
		return response.Header.Get("X-Id") + id, true
	}
	if rand.IntN(20) == 0 {
		return "", false // the client leaves
	}
	body, err := io.ReadAll(response.Body)
	return response.Header.Get("X-Id") + string(body), err == nil
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
