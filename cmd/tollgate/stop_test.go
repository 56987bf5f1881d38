package main

import (
	"bufio"
	"context"
	"fmt"
	"io"
	"net"
	"net/http"
	"net/http/httptest"
	"os"
	"path/filepath"
	"strings"
	"syscall"
	"testing"
	"time"

	"github.com/stretchr/testify/require"
	"golang.org/x/net/websocket"
)

// stopping is a gateway in a process of its own, in front of a backend with slow answers, streams and WebSockets.
type stopping struct {
	*gateway
	secret, id string
	// reached is told of each slow request that has come, and finish ends one; tell makes the streams say something.
	reached, finish chan struct{}
	tell            chan string
}

// startStopping runs it with global options, and options of reverse_proxy.
func startStopping(t *testing.T, global, proxy string) *stopping {
	t.Helper()
	s := &stopping{reached: make(chan struct{}, 1), finish: make(chan struct{}), tell: make(chan string)}
	s.gateway = newGateway(t, "\ttollgate {\n\t\tkeys sqlite tollgate.db\n\t}\n"+global, "")
	backend := httptest.NewServer(http.HandlerFunc(s.serve))
	t.Cleanup(backend.Close)
	text, err := os.ReadFile(filepath.Join(s.dir, "Caddyfile"))
	require.NoError(t, err)
	before, _, found := strings.Cut(string(text), "\treverse_proxy ")
	require.True(t, found)
	s.write(t, "Caddyfile", before+"\treverse_proxy "+strings.TrimPrefix(backend.URL, "http://")+" {\n\t\t"+proxy+"\n\t}\n}\n")
	s.must(t, "workspace", "create", "ws_acme", "--plan", "enterprise", "--limit", "1000000/1m")
	s.id, s.secret = s.newKey(t)
	s.start(t)
	t.Cleanup(s.kill)
	return s
}

func (s *stopping) serve(w http.ResponseWriter, r *http.Request) {
	switch r.URL.RawQuery {
	case "slow":
		s.reached <- struct{}{}
		select {
		case <-s.finish:
		case <-r.Context().Done():
		}
	case "events":
		w.Header().Set("Content-Type", "text/event-stream")
		for {
			_ = http.NewResponseController(w).Flush()
			select {
			case event := <-s.tell:
				_, _ = io.WriteString(w, "data: "+event+"\n\n")
			case <-r.Context().Done():
				return
			}
		}
	case "socket":
		websocket.Server{Handler: echo}.ServeHTTP(w, r)
		return
	}
	_, _ = io.WriteString(w, "ok")
}

// echo says what it hears, and answers a close frame with one, as RFC 6455 (5.5.1) asks of every end: x/net/websocket alone hangs up. Caddy closes both
// ends, in either order; where the backend hangs up before the client's turn has come, its end is all that the client hears.
func echo(c *websocket.Conn) {
	_, _ = io.Copy(c, c)
	c.PayloadType = websocket.CloseFrame
	_, _ = c.Write([]byte{0x03, 0xe9})
}

func (s *stopping) reload(t *testing.T) {
	t.Helper()
	s.must(t, "reload", "--force")
}

// slow sends a slow request and waits until the backend has it; the answer comes when it is finished.
func (s *stopping) slow(t *testing.T) <-chan string {
	t.Helper()
	answer := make(chan string, 1)
	go func() {
		status, body, err := s.ask("slow")
		answer <- fmt.Sprint(status, " ", body, " ", err)
	}()
	<-s.reached
	return answer
}

// ask sends a request on a connection of its own and reads its answer.
func (s *stopping) ask(query string) (status int, body string, err error) {
	response, err := s.open(query)
	if err != nil {
		return 0, "", err
	}
	defer func() { _ = response.Body.Close() }()
	text, err := io.ReadAll(response.Body)
	return response.StatusCode, string(text), err
}

func (s *stopping) open(query string) (*http.Response, error) {
	request, err := http.NewRequestWithContext(context.Background(), "GET", s.url+"/leads?"+query, nil)
	if err != nil {
		return nil, err
	}
	request.Header.Set("Authorization", "Bearer "+s.secret)
	return (&http.Transport{DisableKeepAlives: true}).RoundTrip(request)
}

// stream opens a stream of events, and gives its lines; it is closed with the stream.
func (s *stopping) stream(t *testing.T) <-chan string {
	t.Helper()
	response, err := s.open("events")
	require.NoError(t, err)
	require.Equal(t, 200, response.StatusCode)
	lines := make(chan string, 10)
	go func() {
		defer close(lines)
		defer func() { _ = response.Body.Close() }()
		for scanner := bufio.NewScanner(response.Body); scanner.Scan(); {
			if line := scanner.Text(); line != "" {
				lines <- line
			}
		}
	}()
	return lines
}

// hears reports whether what the backend says reaches the client of a stream.
func (s *stopping) hears(t *testing.T, lines <-chan string, event string) {
	t.Helper()
	s.tell <- event
	require.Equal(t, "data: "+event, <-lines)
}

// socket opens a WebSocket.
func (s *stopping) socket(t *testing.T) net.Conn {
	t.Helper()
	address := strings.TrimPrefix(s.url, "http://")
	conn, err := net.Dial("tcp", address)
	require.NoError(t, err)
	t.Cleanup(func() { _ = conn.Close() })
	require.NoError(t, conn.SetDeadline(time.Now().Add(2*waitFor)))
	_, err = fmt.Fprintf(conn, "GET /leads?socket HTTP/1.1\r\nHost: %s\r\nOrigin: http://x\r\nAuthorization: Bearer %s\r\nConnection: Upgrade\r\nUpgrade: websocket\r\n"+
		"Sec-WebSocket-Key: dGhlIHNhbXBsZSBub25jZQ==\r\nSec-WebSocket-Version: 13\r\n\r\n", address, s.secret)
	require.NoError(t, err)
	response, err := http.ReadResponse(bufio.NewReaderSize(conn, 16), nil) // nothing follows before we speak
	require.NoError(t, err)
	require.Equal(t, 101, response.StatusCode)
	require.Equal(t, "hi", echoed(conn))
	return conn
}

// echoed sends "hi" over a WebSocket and gives what came back; or what has come in its place: "going away" is a close frame of 1001.
func echoed(conn net.Conn) string {
	_, _ = conn.Write([]byte{0x81, 0x82, 0, 0, 0, 0, 'h', 'i'}) // where it is closed, the answer says so
	return heard(conn)
}

func heard(conn net.Conn) string {
	frame := make([]byte, 4)
	if _, err := io.ReadFull(conn, frame); err != nil {
		return "cut off"
	}
	if frame[0] == 0x88 && frame[2] == 0x03 && frame[3] == 0xe9 {
		return "going away"
	}
	return string(frame[2:])
}

// TestWhatAReloadDoes to requests under way, streams and WebSockets.
func TestWhatAReloadDoes(t *testing.T) {
	t.Parallel()
	t.Run("at once", func(t *testing.T) {
		t.Parallel()
		s := startStopping(t, "\tgrace_period 1s", "")
		answer, lines, socket := s.slow(t), s.stream(t), s.socket(t)
		s.hears(t, lines, "before")
		s.reload(t)
		require.Equal(t, "going away", heard(socket), "a WebSocket is closed")
		began := time.Now()
		for n := 0; time.Since(began) < 3*time.Second; n++ { // far behind the grace period
			s.hears(t, lines, fmt.Sprint("after ", n))
		}
		s.finish <- struct{}{}
		require.Equal(t, "200 ok <nil>", <-answer, "and so does a request under way")
		require.Equal(t, 200, s.status(s.secret))
	})
	t.Run("with stream_close_delay", func(t *testing.T) {
		t.Parallel()
		s := startStopping(t, "", "stream_close_delay 3s")
		socket := s.socket(t)
		s.reload(t)
		require.Equal(t, "hi", echoed(socket), "it goes on")
		require.Equal(t, "going away", heard(socket), "and is closed after the delay")
	})
}

// TestWhatAStopDoes to new connections, requests under way, streams and WebSockets, and to the times of last uses.
func TestWhatAStopDoes(t *testing.T) {
	t.Parallel()
	stop := func(t *testing.T, s *stopping) <-chan error {
		t.Helper()
		ended := make(chan error, 1)
		require.NoError(t, s.process.Process.Signal(syscall.SIGTERM))
		go func() { ended <- s.process.Wait() }()
		return ended
	}
	refused := func(s *stopping) bool { return !answers(strings.TrimPrefix(s.url, "http://")) }
	t.Run("requests under way", func(t *testing.T) {
		t.Parallel()
		s := startStopping(t, "\tgrace_period 1m", "")
		answer, socket := s.slow(t), s.socket(t)
		require.Contains(t, s.must(t, "key", "show", s.id, "--json"), `"last_used_at":null`)
		ended := stop(t, s)
		require.Eventually(t, func() bool { return refused(s) }, waitFor, tick, "new connections are refused")
		require.Equal(t, "hi", echoed(socket), "a WebSocket goes on while a request is waited for")
		s.finish <- struct{}{}
		require.Equal(t, "200 ok <nil>", <-answer, "a request under way ends")
		require.Equal(t, "going away", heard(socket))
		if err := <-ended; !underRace { // Caddy's byte counter of a WebSocket races with its own Cleanup
			require.NoError(t, err)
		}
		require.Contains(t, s.must(t, "key", "show", s.id, "--json"), `"last_used_at":"`, "when the key was last used is written")
		require.Equal(t, "code,requests,cost\n1xx,1,1\n2xx,1,1\n", s.must(t, "usage", "--csv", "--by", "code"), "and so is what was used, once")
	})
	t.Run("past the grace period", func(t *testing.T) {
		t.Parallel()
		s := startStopping(t, "\tgrace_period 1s", "stream_close_delay 1m")
		answer, lines, socket := s.slow(t), s.stream(t), s.socket(t)
		ended := stop(t, s)
		s.hears(t, lines, "until then")
		if err := <-ended; !underRace {
			require.NoError(t, err)
		}
		_, more := <-lines
		require.False(t, more, "a stream is cut off")
		require.Contains(t, <-answer, "EOF", "and so is a request")
		require.Equal(t, "cut off", heard(socket), "a WebSocket with a delay hears nothing of it")
		require.Equal(t, "code,requests,cost\n1xx,1,1\n2xx,1,1\n", s.must(t, "usage", "--csv", "--by", "code"), "what had an answer is in the ledger")
	})
	t.Run("shutdown_delay", func(t *testing.T) {
		t.Parallel()
		s := startStopping(t, "\tshutdown_delay 3s", "header_down X-Shutting-Down {http.shutting_down}")
		require.Equal(t, "false", s.get(s.secret).Header.Get("X-Shutting-Down"))
		ended := stop(t, s)
		began := time.Now()
		for time.Since(began) < time.Second {
			require.Equal(t, 200, s.status(s.secret), "new requests are served")
		}
		require.Equal(t, "true", s.get(s.secret).Header.Get("X-Shutting-Down"))
		require.Eventually(t, func() bool { return refused(s) }, waitFor, tick)
		require.NoError(t, <-ended)
	})
}
