package transport_test

import (
	"bufio"
	"bytes"
	"context"
	"io"
	"net"
	"net/http"
	"net/http/httptest"
	"runtime/metrics"
	"syscall"
	"testing"

	"github.com/stretchr/testify/require"

	"github.com/tollgate-gateway/tollgate/caddymodule/harness"
)

// BenchmarkAgainstCaddys asks through both transports by turns, and reports what ours needs of the CPU time and allocations that Caddy's
// needs. Client, proxy and backend are one process, so the transport's own share is larger. What ours does not serve itself (uploads,
// WebSockets) goes through Caddy's in both: what differs is the look at the request.
func BenchmarkAgainstCaddys(b *testing.B) {
	backend := httptest.NewServer(http.HandlerFunc(func(w http.ResponseWriter, r *http.Request) {
		switch {
		case r.Header.Get("Upgrade") != "":
			conn, in, err := http.NewResponseController(w).Hijack()
			if err == nil {
				_, _ = io.WriteString(conn, "HTTP/1.1 101 Switching Protocols\r\nConnection: Upgrade\r\nUpgrade: websocket\r\n\r\n")
				_, _ = io.Copy(conn, in)
				_ = conn.Close()
			}
		case r.Header.Get("Accept") == "text/event-stream":
			w.Header().Set("Content-Type", "text/event-stream")
			for range 100 {
				_, _ = io.WriteString(w, "data: something\n\n")
				_ = http.NewResponseController(w).Flush()
			}
		default:
			_, _ = io.Copy(io.Discard, r.Body)
		}
	}))
	defer backend.Close()
	g := harness.New(b)
	require.NoError(b, g.Load(`{
	admin off
	persist_config off
	log default {
		output discard
	}
}
http://:$PORT {
	reverse_proxy /tollgate `+backend.Listener.Addr().String()+` {
		transport tollgate
	}
	reverse_proxy /http `+backend.Listener.Addr().String()+`
}`))
	client := &http.Client{Transport: &http.Transport{DisableCompression: true}}
	defer client.CloseIdleConnections()
	upload := bytes.Repeat([]byte("a"), 1<<20)
	ask := func(method, path string, body []byte, accept string) {
		r, err := http.NewRequestWithContext(context.Background(), method, "http://"+g.Addr+path, bytes.NewReader(body))
		require.NoError(b, err)
		r.Header.Set("Accept", accept)
		response, err := client.Do(r)
		require.NoError(b, err)
		require.Equal(b, 200, response.StatusCode)
		_, err = io.Copy(io.Discard, response.Body)
		require.NoError(b, err)
		require.NoError(b, response.Body.Close())
	}
	for name, once := range map[string]func(path string){
		"a small GET": func(path string) { ask("GET", path, nil, "*/*") },
		"an upload":   func(path string) { ask("POST", path, upload, "*/*") },
		"a stream":    func(path string) { ask("GET", path, nil, "text/event-stream") },
		"a WebSocket": func(path string) {
			conn, err := net.Dial("tcp", g.Addr)
			require.NoError(b, err)
			defer func() { _ = conn.Close() }()
			_, err = io.WriteString(conn, "GET "+path+" HTTP/1.1\r\nHost: localhost\r\nConnection: Upgrade\r\nUpgrade: websocket\r\n\r\n")
			require.NoError(b, err)
			in := bufio.NewReader(conn)
			response, err := http.ReadResponse(in, nil)
			require.NoError(b, err)
			require.Equal(b, 101, response.StatusCode)
			for range 20 {
				_, err = io.WriteString(conn, "something")
				require.NoError(b, err)
				_, err = io.ReadFull(in, make([]byte, len("something")))
				require.NoError(b, err)
			}
		},
	} {
		b.Run(name, func(b *testing.B) {
			var cpu, allocations [2]float64
			paths := [2]string{"/http", "/tollgate"}
			for n := 0; b.Loop(); n++ {
				for turn := range 2 {
					which := (n + turn) % 2
					before, allocated := spent()
					once(paths[which])
					after, allocates := spent()
					cpu[which] += after - before
					allocations[which] += allocates - allocated
				}
			}
			b.ReportMetric(cpu[1]/cpu[0], "CPU/Caddy's")
			b.ReportMetric(allocations[1]/allocations[0], "allocs/Caddy's")
			b.ReportMetric(0, "ns/op")
		})
	}
}

// spent is the CPU time of this process in seconds, and how often it has allocated.
func spent() (cpu, allocations float64) {
	var usage syscall.Rusage
	_ = syscall.Getrusage(syscall.RUSAGE_SELF, &usage)
	sample := []metrics.Sample{{Name: "/gc/heap/allocs:objects"}}
	metrics.Read(sample)
	return float64(usage.Utime.Nano()+usage.Stime.Nano()) / 1e9, float64(sample[0].Value.Uint64())
}
