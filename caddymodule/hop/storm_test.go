package hop

import (
	"bufio"
	"context"
	"errors"
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
	"syscall"
	"testing"
	"time"

	"github.com/stretchr/testify/require"
	"go.uber.org/goleak"

	"github.com/tollgate-gateway/tollgate/caddymodule/services"
)

// storm is what came of many requests. Each carries its number in its header and body, and so must its answer.
type storm struct {
	whole atomic.Int64 // answers that came to their end

	// The first four must not be.
	foreign atomic.Int64 // answers, and requests at the backend, with another number than their own
	cut     atomic.Int64 // answers that lack something and came without an error
	twice   atomic.Int64 // requests that reached the backend more often than they may
	outside atomic.Int64 // requests at the backend that nobody sent

	// late are second answers that the backend sent only when the next request was on its way, and what came after them on the connection:
	// nothing tells such an answer from the right one, with no transport. They say of themselves what they are.
	late atomic.Int64

	came []atomic.Int32 // how often each request came to the backend

	mu       sync.Mutex
	troubles map[string]int64
}

// troubles are the ways in which backends and clients misbehave, with the number of requests among which each must have happened once.
var troubles = map[string]int64{
	"backend ends the connection": 100, "backend resets the connection": 100, "backend answers twice at once": 100,
	"backend answers again a moment later": 200, "backend begins another answer a moment later": 200, "backend stalls": 500,
	"backend says a line too much": 200, "backend answers before it has read a body": 200, "backend sends early hints": 50,
	"backend starts anew": 2000, "nobody listens": 2000, "the client has left": 200, "the client leaves": 500, "the client leaves before the body": 50,
}

func (s *storm) happened(trouble string) {
	s.mu.Lock()
	defer s.mu.Unlock()
	s.troubles[trouble]++
}

// TestNoAnswerReachesAnotherRequest sends requests of all kinds to a backend that closes at any byte, resets, stalls, restarts, answers
// before it has read, says too much and answers twice. Whatever comes back carries the request's own number, most come back whole, and
// none reaches the backend twice that may not. No connection and no goroutine stays.
func TestNoAnswerReachesAnotherRequest(t *testing.T) {
	defer goleak.VerifyNone(t)
	requests, clients := int64(6000), 64
	if os.Getenv("TOLLGATE_TEST_LONG") != "" {
		requests, clients = 200_000, 128
	}
	if n, err := strconv.ParseInt(os.Getenv("TOLLGATE_STORM"), 10, 64); err == nil {
		requests, clients = n, 128
	}
	s := storm{troubles: make(map[string]int64), came: make([]atomic.Int32, requests+1)}
	// Its port is none that a client's connection could get while the backend starts anew.
	b := serveRawAt(t, services.Address(services.FreePort(t)), s.serve)
	from := standard()
	from.MaxIdleConnsPerHost = clients / 2
	from.ResponseHeaderTimeout = time.Second
	from.DialContext = func(ctx context.Context, network, address string) (net.Conn, error) {
		if rand.IntN(4) == 0 {
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
					s.happened("backend starts anew")
					b.restart()
				}
				s.ask(transport, b, n)
			}
		})
	}
	all.Wait()
	require.LessOrEqual(t, transport.Idle(), clients/2)
	transport.Close()
	b.end()
	require.Zero(t, b.open.Load(), "connections that stay")
	t.Logf("%d requests, %d answered whole, %d late second answers, %d connections, %v", requests, s.whole.Load(), s.late.Load(), b.accepted.Load(), s.troubles)
	require.Zero(t, s.foreign.Load(), "answers of other requests")
	require.Zero(t, s.cut.Load(), "answers that were cut and do not say so")
	require.Zero(t, s.twice.Load(), "requests that were sent twice and may not be")
	require.Zero(t, s.outside.Load(), "requests that nobody sent")
	require.Greater(t, s.whole.Load(), requests/2)
	for trouble, among := range troubles {
		require.GreaterOrEqual(t, s.troubles[trouble], requests/among, trouble)
	}
}

// serve answers the requests of a connection, mostly.
func (s *storm) serve(conn *net.TCPConn, in *bufio.Reader) {
	if rand.IntN(4) == 0 {
		_ = conn.SetReadBuffer(16 << 10)
	}
	mark := ""
	for {
		r, err := http.ReadRequest(in)
		if err != nil {
			return
		}
		s.arrived(r)
		early := rand.IntN(16) == 0
		if early && r.ContentLength > 0 {
			s.happened("backend answers before it has read a body")
		}
		if !early && !s.read(r) {
			return
		}
		text, last := answer(r, mark)
		if rand.IntN(16) == 0 {
			s.happened("backend sends early hints")
			text = "HTTP/1.1 103 Early Hints\r\n\r\n" + text
		}
		trouble := rand.IntN(200)
		if last && trouble > 15 {
			trouble = 199 // whatever comes after it belongs to it
		}
		switch trouble {
		case 0, 1, 2, 3, 4, 5, 6, 7:
			s.happened("backend ends the connection")
			_, _ = io.WriteString(conn, text[:rand.IntN(len(text)+1)])
			return
		case 8, 9, 10, 11, 12, 13, 14, 15:
			s.happened("backend resets the connection")
			_, _ = io.WriteString(conn, text[:rand.IntN(len(text)+1)])
			_ = conn.SetLinger(0)
			return
		case 16, 17, 18, 19, 20, 21:
			s.happened("backend answers twice at once")
			if len(text) > 4<<10 {
				mark = lateMark // what does not go at once may come late
			}
			more, _ := answer(r, mark)
			text += more
		case 22, 23, 24:
			s.happened("backend answers again a moment later")
			mark = lateMark
			_, _ = io.WriteString(conn, text)
			text, _ = answer(r, mark)
		case 25, 26, 27:
			s.happened("backend begins another answer a moment later")
			mark = lateMark
			_, _ = io.WriteString(conn, text)
			text, _ = answer(r, mark)
			begun := len("HTTP/1.1 200 OK\r\n" + mark)
			text = text[:begun+rand.IntN(len(text)-begun)]
		case 28:
			s.happened("backend stalls") // until the client leaves
			_, _ = io.WriteString(conn, text[:rand.IntN(len(text))])
			_, _ = io.Copy(io.Discard, conn)
			return
		case 29, 30, 31:
			s.happened("backend says a line too much")
			text += "\r\n"
		}
		_, _ = io.WriteString(conn, text)
		if last || early && !s.read(r) {
			return
		}
	}
}

// lateMark is what late answers say of themselves.
const lateMark = "X-Late: yes\r\n"

// answer gives an answer to a request, with a length, in chunks, or until the connection ends. It says the request's number many times.
func answer(r *http.Request, mark string) (text string, last bool) {
	unit := r.Header.Get("X-Id") + " "
	times := 1
	if rand.IntN(16) == 0 {
		times = 1 + rand.IntN(2000)
	}
	body := strings.Repeat(unit, times)
	head := fmt.Sprintf("HTTP/1.1 200 OK\r\n%sX-Id: %sX-Times: %d\r\n", mark, strings.TrimSuffix(unit, " ")+"\r\n", times)
	switch rand.IntN(20) {
	case 0:
		head, last = head+"Connection: close\r\n\r\n", true
	case 1, 2, 3, 4, 5, 6, 7:
		head += fmt.Sprintf("Content-Length: %d\r\n\r\n", len(body))
	default:
		at := rand.IntN(len(body))
		chunks := ""
		for _, part := range []string{body[:at], body[at:]} {
			if part != "" {
				chunks += fmt.Sprintf("%x\r\n%s\r\n", len(part), part)
			}
		}
		head, body = head+"Transfer-Encoding: chunked\r\n\r\n", chunks+"0\r\n\r\n"
	}
	if r.Method == http.MethodHead {
		return head, last
	}
	return head + body, last
}

// arrived counts a request that came to the backend. GET and HEAD may be sent again, once.
func (s *storm) arrived(r *http.Request) {
	n, err := strconv.Atoi(strings.TrimPrefix(r.Header.Get("X-Id"), "id-"))
	if err != nil || n < 1 || n >= len(s.came) {
		s.outside.Add(1)
		return
	}
	most := int32(1)
	if r.Method == http.MethodGet || r.Method == http.MethodHead {
		most = 2
	}
	if s.came[n].Add(1) > most {
		s.twice.Add(1)
	}
}

// read reads a request's body, which carries the same number as the header, to its end.
func (s *storm) read(r *http.Request) bool {
	body, err := io.ReadAll(r.Body)
	if err == nil && r.ContentLength > 0 && !strings.HasSuffix(string(body), " "+r.Header.Get("X-Id")) {
		s.foreign.Add(1)
	}
	return err == nil
}

func (s *storm) ask(transport http.RoundTripper, b *rawBackend, n int64) {
	ctx, cancel := context.WithTimeout(context.Background(), time.Duration(500+rand.IntN(1000))*time.Millisecond)
	defer cancel()
	id := fmt.Sprintf("id-%d", n)
	r, err := http.NewRequestWithContext(ctx, []string{"GET", "HEAD", "POST", "PUT"}[rand.IntN(4)], "http://"+b.addr+"/", nil)
	if err != nil {
		return
	}
	if r.Method == "PUT" {
		text := strings.Repeat("x", rand.IntN(MaxBody-100)) + " " + id
		r.Body, r.ContentLength = io.NopCloser(strings.NewReader(text)), int64(len(text))
	}
	r.Header.Set("X-Id", id)
	switch rand.IntN(80) {
	case 0:
		s.happened("the client has left")
		cancel()
	case 1:
		s.happened("the client leaves")
		defer time.AfterFunc(time.Duration(rand.IntN(1000))*time.Microsecond, cancel).Stop()
	}
	response, err := transport.RoundTrip(r)
	if err != nil {
		if errors.Is(err, syscall.ECONNREFUSED) {
			s.happened("nobody listens")
			b.restarted()
		}
		return
	}
	defer func() { _ = response.Body.Close() }()
	if rand.IntN(20) == 0 {
		s.happened("the client leaves before the body")
		return
	}
	body, err := io.ReadAll(response.Body)
	unit := id + " "
	times, _ := strconv.Atoi(response.Header.Get("X-Times"))
	switch {
	case response.Header.Get("X-Late") != "":
		s.late.Add(1)
	case response.Header.Get("X-Id") != id, !strings.HasPrefix(strings.Repeat(unit, times), string(body)):
		s.foreign.Add(1)
	case err != nil:
	case r.Method == "HEAD" || len(body) == len(unit)*times:
		s.whole.Add(1)
	case !response.Close: // what goes until the end of the connection does not tell where it is cut
		s.cut.Add(1)
	}
}
