package main

import (
	"bufio"
	"fmt"
	"io"
	"net"
	"net/http"
	"net/http/httptest"
	"os"
	"strings"
	"testing"
	"time"

	"github.com/stretchr/testify/require"
)

func TestReadAnswer(t *testing.T) {
	t.Parallel()
	for name, c := range map[string]struct {
		text   string
		status int
		closes bool
	}{
		"length":  {"HTTP/1.1 200 OK\r\nContent-Length: 2\r\n\r\nok", 200, false},
		"none":    {"HTTP/1.1 204 No Content\r\nX: y\r\n\r\n", 204, false},
		"chunked": {"HTTP/1.1 200 OK\r\nTransfer-Encoding: chunked\r\n\r\n3\r\nabc\r\n0\r\n\r\n", 200, false},
		"closes":  {"HTTP/1.1 401 Unauthorized\r\nConnection: close\r\nContent-Length: 0\r\n\r\n", 401, true},
	} {
		t.Run(name, func(t *testing.T) {
			r := bufio.NewReader(strings.NewReader(c.text + "NEXT"))
			status, closes, err := readAnswer(r)
			require.NoError(t, err)
			require.Equal(t, c.status, status)
			require.Equal(t, c.closes, closes)
			rest, err := io.ReadAll(r)
			require.NoError(t, err)
			require.Equal(t, "NEXT", string(rest), "not a byte more was read")
		})
	}
	for _, text := range []string{"", "HTTP/1.1", "HTTP/1.1 abc\r\n\r\n", "HTTP/1.1 200 OK\r\nContent-Length: x\r\n\r\n"} {
		_, _, err := readAnswer(bufio.NewReader(strings.NewReader(text)))
		require.Error(t, err, text)
	}
}

// TestTheGeneratorCountsWhatItGets, the wrong answers among it.
func TestTheGeneratorCountsWhatItGets(t *testing.T) {
	t.Parallel()
	server := httptest.NewServer(http.HandlerFunc(func(w http.ResponseWriter, r *http.Request) {
		if r.Header.Get("Authorization") == "Bearer "+secret(1) {
			w.WriteHeader(http.StatusTeapot)
			return
		}
		fmt.Fprint(w, "ok")
	}))
	defer server.Close()
	o := options{connections: 4, workspaces: 2, round: 200 * time.Millisecond}
	plan := allCases[0].plan(&o, strings.TrimPrefix(server.URL, "http://"), true)
	got := plan.drive()
	require.Positive(t, got.Requests)
	require.InDelta(t, got.Requests/2, got.Wrong, float64(o.connections), "every other key")
	require.Equal(t, "status 418", got.First)
	require.LessOrEqual(t, got.P50, got.P99)
}

func TestUsageIsRead(t *testing.T) {
	t.Parallel()
	u, err := usageOf(os.Getpid(), "")
	if _, there := os.Stat("/proc/self/stat"); there != nil {
		t.Skip("this system has no /proc")
	}
	require.NoError(t, err)
	require.Greater(t, u.peak, int64(1<<20))
}

// TestWhoIsAway answers as who is near does, later, and many answers are on their way at once.
func TestWhoIsAway(t *testing.T) {
	t.Parallel()
	near, err := net.Listen("tcp", "127.0.0.1:0")
	require.NoError(t, err)
	defer near.Close()
	go func() {
		for {
			conn, err := near.Accept()
			if err != nil {
				return
			}
			go func() { _, _ = io.Copy(conn, conn) }()
		}
	}()
	const delay = 30 * time.Millisecond
	way, err := net.Listen("tcp", "127.0.0.1:0")
	require.NoError(t, err)
	defer way.Close()
	go func() { _ = passAll(way, near.Addr().String(), delay) }()
	conn, err := net.Dial("tcp", way.Addr().String())
	require.NoError(t, err)
	defer conn.Close()
	began := time.Now()
	for range 3 {
		_, err := io.WriteString(conn, "hello")
		require.NoError(t, err)
		answer := make([]byte, 5)
		_, err = io.ReadFull(conn, answer)
		require.NoError(t, err)
		require.Equal(t, "hello", string(answer))
	}
	require.GreaterOrEqual(t, time.Since(began), 3*delay)
}

func TestNobodyTakesPartUnasked(t *testing.T) {
	t.Parallel()
	o, err := read(nil)
	require.NoError(t, err)
	require.Equal(t, []string{"stock", "bare", "memory", "redis", "nginx", "haproxy"}, o.only)
	o, err = read([]string{"--only", "redis-1ms"})
	require.NoError(t, err)
	require.Equal(t, []string{"redis-1ms"}, o.only)
}

func TestMistakes(t *testing.T) {
	t.Parallel()
	for args, want := range map[string]string{
		"--only nobody": `unknown contestant "nobody": write one of stock, bare, memory, hop, redis, redis-1ms, nginx, haproxy`,
		"--case 500":    `unknown case "500"`,
		"extra":         `unexpected argument "extra"`,
		"--rounds 0":    "must be at least 1",
	} {
		_, err := read(strings.Fields(args))
		require.ErrorContains(t, err, want)
	}
}
