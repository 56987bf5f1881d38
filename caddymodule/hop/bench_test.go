package hop

import (
	"bufio"
	"io"
	"net"
	"net/http"
	"testing"
)

func BenchmarkRoundTrip(b *testing.B) {
	for _, name := range []string{"standard", "own"} {
		b.Run(name, func(b *testing.B) {
			backend := serveRaw(b, func(conn *net.TCPConn, in *bufio.Reader) {
				for answers(conn, in) {
					continue
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
