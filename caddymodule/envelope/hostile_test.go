package envelope

import (
	"bytes"
	"fmt"
	"io"
	"net"
	"net/http"
	"runtime"
	"strings"
	"testing"
	"time"

	"github.com/stretchr/testify/require"
	"github.com/tollgate-gateway/tollgate/caddymodule/refusal"
)

// chunked begins an answer whose length nobody knows.
func chunked(status int, headers ...string) string {
	return fmt.Sprintf("HTTP/1.1 %03d X\r\n%sTransfer-Encoding: chunked\r\n\r\n", status, lines(headers))
}

// whole is an answer with its length.
func whole(status int, body string, headers ...string) string {
	return fmt.Sprintf("HTTP/1.1 %03d X\r\n%sContent-Length: %d\r\n\r\n%s", status, lines(headers), len(body), body)
}

func lines(headers []string) string {
	if len(headers) == 0 {
		return ""
	}
	return strings.Join(headers, "\r\n") + "\r\n"
}

// endlessly sends a beginning, and then chunks until the connection is closed.
func endlessly(begin, chunk string, pause time.Duration) func(net.Conn) {
	piece := fmt.Appendf(nil, "%x\r\n%s\r\n", len(chunk), chunk) // once: what it takes is not the gateway's
	return func(conn net.Conn) {
		_, err := io.WriteString(conn, begin)
		for err == nil {
			_, err = conn.Write(piece)
			if pause > 0 {
				<-time.After(pause)
			}
		}
	}
}

// stalls sends a beginning and then nothing until the connection is closed.
func stalls(begin string) func(net.Conn) {
	return func(conn net.Conn) {
		_, _ = io.WriteString(conn, begin)
		_, _ = io.Copy(io.Discard, conn)
	}
}

const jsonHeader = "Content-Type: application/json"

// attack is what a backend sends, and what the caller must get.
type attack struct {
	name    string
	answer  func(net.Conn)
	status  int
	code    refusal.Code
	message string
}

// hostile are backends that break what they can. Each must get the caller an envelope, in bounded time and memory, and
// must be rid of at once.
func hostile(t testing.TB) []attack {
	coded := func(coding, body string) string {
		return whole(400, string(encoded(t, coding, strings.NewReader(body))), "Content-Encoding: "+coding, jsonHeader)
	}
	bomb := string(encoded(t, "gzip", io.LimitReader(neverEnding{}, 4<<20)))
	deep := strings.Repeat("[", 20000) + strings.Repeat("]", 20000)
	invalid, internal := refusal.CodeInvalid.Message(), refusal.CodeInternal.Message()
	malformed := refusal.UpstreamMalformed.Message
	return []attack{
		{"gzip bomb", says(whole(400, bomb, "Content-Encoding: gzip")), 400, refusal.CodeInvalid, invalid},
		{"gzip bomb of 5xx", says(whole(500, bomb, "Content-Encoding: gzip")), 500, refusal.CodeInternal, internal},
		{"gzip", says(coded("gzip", `{"message":"no"}`)), 400, refusal.CodeInvalid, "no"},
		{"deflate", says(coded("deflate", `{"message":"no"}`)), 400, refusal.CodeInvalid, "no"},
		{"br", says(coded("br", `{"message":"no"}`)), 400, refusal.CodeInvalid, "no"},
		{"zstd", says(coded("zstd", `{"message":"no"}`)), 400, refusal.CodeInvalid, "no"},
		{"an encoding that it is not", says(whole(400, `{"message":"no"}`, "Content-Encoding: gzip")), 400, refusal.CodeInvalid, invalid},
		{"endless 4xx", endlessly(chunked(422, jsonHeader), strings.Repeat("x", 1000), 0), 422, refusal.CodeInvalid, invalid},
		{"endless 5xx", endlessly(chunked(503), strings.Repeat("x", 1000), 0), 503, refusal.CodeInternal, internal},
		{"endless soft failure", endlessly(chunked(200, jsonHeader)+"11\r\n{\"success\":false,\r\n", strings.Repeat(" ", 1000), 0), 400, refusal.CodeInvalid, invalid},
		{"trickled", endlessly(chunked(404), "x", 20*time.Millisecond), 404, refusal.CodeNotFound, refusal.CodeNotFound.Message()},
		{"stalled", stalls(chunked(404) + "1\r\nx\r\n"), 404, refusal.CodeNotFound, refusal.CodeNotFound.Message()},
		{"stalled without any body", stalls(chunked(500)), 500, refusal.CodeInternal, internal},
		{"length too long, then closed", says("HTTP/1.1 400 X\r\nContent-Length: 50\r\n\r\n{\"message\":\"no\"}"), 400, refusal.CodeInvalid, invalid},
		{"length too long, then stalled", stalls("HTTP/1.1 400 X\r\nContent-Length: 50\r\n\r\n{\"message\":\"no\"}"), 400, refusal.CodeInvalid, invalid},
		{"length of a terabyte", stalls("HTTP/1.1 400 X\r\nContent-Length: 1099511627776\r\n\r\n{"), 400, refusal.CodeInvalid, invalid},
		{"length too short", says("HTTP/1.1 400 X\r\nContent-Length: 16\r\n\r\n{\"message\":\"no\"}and more"), 400, refusal.CodeInvalid, "no"},
		{"aborted chunk", says(chunked(400) + "10\r\n{\"mess"), 400, refusal.CodeInvalid, invalid},
		{"broken chunk", says(chunked(400) + "zz\r\n{\"mess"), 400, refusal.CodeInvalid, invalid},
		{"status 000", says(whole(0, "x")), 502, refusal.CodeInternal, malformed},
		{"status 099", says(whole(99, "x")), 502, refusal.CodeInternal, malformed},
		{"status 600", says(whole(600, "x")), 502, refusal.CodeInternal, malformed},
		{"status 999", says(whole(999, "x")), 502, refusal.CodeInternal, malformed},
		{"status 999 without end", endlessly(chunked(999), strings.Repeat("x", 1000), 0), 502, refusal.CodeInternal, malformed},
		{"status of four digits", says("HTTP/1.1 2000 X\r\nContent-Length: 0\r\n\r\n"), 502, refusal.CodeInternal, refusal.UpstreamUnreachable.Message},
		{"no HTTP at all", says("SSH-2.0-OpenSSH_9.9\r\n"), 502, refusal.CodeInternal, refusal.UpstreamUnreachable.Message},
		{"closed without a word", says(""), 502, refusal.CodeInternal, refusal.UpstreamUnreachable.Message},
		{"20,000 nested arrays", says(whole(400, deep, jsonHeader)), 400, refusal.CodeInvalid, invalid},
		{"invalid UTF-8", says(whole(400, "{\"message\":\"a\xff\xc0\x80b\"}", jsonHeader)), 400, refusal.CodeInvalid, "a\ufffd\ufffd\ufffdb"},
		{"control bytes in a header", says(whole(400, `{"message":"no"}`, "X-Bad: a\x01\x1bb", "Retry-After: 1\x02")), 502, refusal.CodeInternal, refusal.UpstreamUnreachable.Message},
		{"bytes above ASCII in a header", says(whole(400, `{"message":"no"}`, "X-Odd: a\xff\x80b")), 400, refusal.CodeInvalid, "no"},
		{"1xx without end", func(conn net.Conn) {
			for {
				if _, err := io.WriteString(conn, "HTTP/1.1 103 X\r\nLink: </a>\r\n\r\n"); err != nil {
					return
				}
			}
		}, 502, refusal.CodeInternal, malformed},
		{"JSON without a body", says(whole(404, "", jsonHeader)), 404, refusal.CodeNotFound, refusal.CodeNotFound.Message()},
		{"upgrade nobody asked for", says("HTTP/1.1 101 X\r\nConnection: Upgrade\r\nUpgrade: x\r\n\r\n"), 502, refusal.CodeInternal, refusal.UpstreamUnreachable.Message},
	}
}

func TestHostileBackends(t *testing.T) {
	for _, tt := range hostile(t) {
		t.Run(tt.name, func(t *testing.T) {
			t.Parallel()
			m := newMapper(t)
			m.timeout = 300 * time.Millisecond
			backend, ended := rawBackend(t, tt.answer)
			g := newGateway(m, proxyTo(backend))
			over(t, g, func(t *testing.T, c client) {
				started := time.Now()
				res, body, err := c.do(t, http.MethodGet)
				if err != nil && tt.name == "1xx without end" && c.major == 3 {
					require.ErrorContains(t, err, "too many 1xx") // this client takes five
					<-ended
					<-g.reports
					return
				}
				require.NoError(t, err)
				require.Less(t, time.Since(started), 5*time.Second)
				require.Equal(t, tt.status, res.StatusCode)
				e := requireEnvelope(t, body)
				require.Equal(t, tt.code, e.Error.Code)
				require.Equal(t, tt.message, e.Error.Message)
				require.EqualValues(t, len(body), res.ContentLength)
				require.Equal(t, "application/json", res.Header.Get("Content-Type"))
				require.Empty(t, res.Header.Get("Content-Encoding"))
				require.Equal(t, []string{"60"}, res.Header.Values("X-RateLimit-Limit"))
				<-ended // the backend is let go
				require.Equal(t, tt.status, (<-g.reports).Status)
			})
		})
	}
}

// What a hundred hostile answers take stays far below what they send.
func TestHostileBackendsTakeLittleMemory(t *testing.T) {
	backend, _ := rawBackend(t, endlessly(chunked(400, jsonHeader), strings.Repeat("x", 32<<10), 0))
	g := newGateway(newMapper(t), proxyTo(backend))
	c := clients(t, g)["HTTP/1.1"]
	_, _, err := c.do(t, http.MethodGet) // warm
	require.NoError(t, err)
	before := allocated()
	const rounds = 100
	for range rounds {
		_, _, err := c.do(t, http.MethodGet)
		require.NoError(t, err)
		<-g.reports
	}
	each := (allocated() - before) / rounds
	t.Logf("%d KiB for each", each>>10)
	require.Less(t, each, uint64(512<<10))
	runtime.GC()
}

// Answers without a body keep none, whatever the backend sends behind their header.
func TestBodiesThatMayNotBe(t *testing.T) {
	tests := []struct {
		name, method, raw string
		status            int
	}{
		{"204 with a body", "GET", whole(204, "body"), 204},
		{"304 with a body", "GET", "HTTP/1.1 304 X\r\nEtag: x\r\n\r\nbody", 304},
		{"HEAD with a body", "HEAD", whole(200, "body"), 200},
		{"HEAD of an error", "HEAD", whole(404, "body"), 404},
		{"HEAD of a JSON that may be soft", "HEAD", whole(200, `{"success":false}`, jsonHeader), 200},
		{"HEAD of a status that is not one", "HEAD", whole(999, ""), 502},
	}
	for _, tt := range tests {
		t.Run(tt.name, func(t *testing.T) {
			backend, _ := rawBackend(t, says(tt.raw))
			over(t, newGateway(newMapper(t), proxyTo(backend)), func(t *testing.T, c client) {
				res, body, err := c.do(t, tt.method)
				require.NoError(t, err)
				require.Equal(t, tt.status, res.StatusCode)
				require.Empty(t, body)
			})
		})
	}
}

// A stream that breaks is seen as broken: there is no envelope in its middle.
func TestStreamsAreCut(t *testing.T) {
	for name, raw := range map[string]string{
		"success":              chunked(200, "Content-Type: text/plain") + "6\r\nhalf a\r\n",
		"success with length":  "HTTP/1.1 200 X\r\nContent-Length: 50\r\n\r\nhalf a",
		"event stream":         chunked(200, "Content-Type: text/event-stream") + "6\r\nhalf a\r\n",
		"error's event stream": chunked(500, "Content-Type: text/event-stream") + "6\r\nhalf a\r\n",
		"undecided":            chunked(200, jsonHeader) + "6\r\n{\"a\": \r\n",
		"decided":              chunked(200, jsonHeader) + "12\r\n{\"success\": true, \r\n",
	} {
		t.Run(name, func(t *testing.T) {
			backend, _ := rawBackend(t, says(raw))
			g := newGateway(newMapper(t), proxyTo(backend))
			over(t, g, func(t *testing.T, c client) {
				_, body, err := c.do(t, http.MethodGet)
				require.Error(t, err, "the client sees a cut")
				require.NotContains(t, string(body), "error")
				require.True(t, bytes.Contains([]byte(raw), body))
				require.ErrorIs(t, (<-g.reports).Cause, http.ErrAbortHandler)
			})
		})
	}
}
