package envelope

import (
	"bufio"
	"bytes"
	"context"
	"io"
	"net"
	"net/http"
	"net/http/httptest"
	"net/http/httptrace"
	"net/textproto"
	"runtime"
	"testing"
	"testing/synctest"
	"time"

	"github.com/stretchr/testify/require"
	"github.com/tollgate-gateway/tollgate/caddymodule/refusal"
)

// The first bytes of a stream arrive while the backend is still at it.
func TestFirstBytesAreNotHeldBack(t *testing.T) {
	for name, tt := range map[string]struct{ contentType, first string }{
		"event stream":        {"text/event-stream", "data: 1\n\n"},
		"event stream of 4xx": {"text/event-stream", "data: no\n\n"},
		"ndjson":              {"application/x-ndjson", "{\"row\":1}\n"},
		"JSON that succeeds":  {"application/json", `{"success":true,`},
		"JSON list":           {"application/json", `[1,`},
		"any other":           {"", "hello"},
	} {
		t.Run(name, func(t *testing.T) {
			goOn := make(chan struct{}, 3)
			backend := httptest.NewServer(http.HandlerFunc(func(w http.ResponseWriter, r *http.Request) {
				w.Header().Set("Content-Type", tt.contentType)
				if name == "event stream of 4xx" {
					w.WriteHeader(418)
				}
				_, _ = io.WriteString(w, tt.first)
				w.(http.Flusher).Flush()
				<-goOn
				_, _ = io.WriteString(w, "last")
			}))
			defer backend.Close()
			over(t, newGateway(newMapper(t), proxyTo(backend.Listener.Addr().String())), func(t *testing.T, c client) {
				res, err := c.Get(c.url)
				require.NoError(t, err, "the header comes before the end")
				defer res.Body.Close()
				first := make([]byte, len(tt.first))
				_, err = io.ReadFull(res.Body, first)
				require.NoError(t, err)
				require.Equal(t, tt.first, string(first))
				goOn <- struct{}{}
				rest, err := io.ReadAll(res.Body)
				require.NoError(t, err)
				require.Equal(t, "last", string(rest))
			})
		})
	}
}

func TestInformationalHeadersPass(t *testing.T) {
	backend, _ := rawBackend(t, says("HTTP/1.1 103 X\r\nLink: </a>\r\nX-RateLimit-Limit: 9\r\n\r\nHTTP/1.1 103 X\r\nLink: </b>\r\n\r\n"+whole(200, "ok", "Link: </c>")))
	over(t, newGateway(newMapper(t), proxyTo(backend)), func(t *testing.T, c client) {
		var links, limits []string
		ctx := httptrace.WithClientTrace(t.Context(), &httptrace.ClientTrace{Got1xxResponse: func(code int, h textproto.MIMEHeader) error {
			require.Equal(t, 103, code)
			links, limits = append(links, h["Link"]...), append(limits, h["X-Ratelimit-Limit"]...)
			return nil
		}})
		req, err := http.NewRequestWithContext(ctx, http.MethodGet, c.url, nil)
		require.NoError(t, err)
		res, err := c.Do(req)
		require.NoError(t, err)
		defer res.Body.Close()
		require.Equal(t, []string{"</a>", "</b>"}, links)
		require.Equal(t, []string{"60", "60"}, limits, "ours, not the backend's")
		require.Equal(t, []string{"</c>"}, res.Header.Values("Link"))
		require.Equal(t, []string{"60"}, res.Header.Values("X-RateLimit-Limit"))
	})
}

func TestTrailersPass(t *testing.T) {
	for name, tt := range map[string]struct {
		announce string
		code     int
		want     http.Header
	}{
		"announced":        {"X-Sum", 200, http.Header{"X-Sum": {"abc"}}},
		"not announced":    {"", 200, http.Header{"X-Sum": {"abc"}}},
		"of an error: not": {"X-Sum", 400, nil},
	} {
		t.Run(name, func(t *testing.T) {
			backend := httptest.NewServer(http.HandlerFunc(func(w http.ResponseWriter, r *http.Request) {
				prefix := http.TrailerPrefix
				if tt.announce != "" {
					w.Header().Set("Trailer", tt.announce)
					prefix = ""
				}
				w.WriteHeader(tt.code)
				_, _ = io.WriteString(w, "body")
				w.(http.Flusher).Flush()
				w.Header().Set(prefix+"X-Sum", "abc")
				if tt.announce == "" {
					w.Header().Set(prefix+"X-RateLimit-Limit", "9")
				}
			}))
			defer backend.Close()
			over(t, newGateway(newMapper(t), proxyTo(backend.Listener.Addr().String())), func(t *testing.T, c client) {
				res, _, err := c.do(t, http.MethodGet)
				require.NoError(t, err)
				require.Empty(t, res.Header.Get("X-Sum"))
				require.Equal(t, len(tt.want), len(res.Trailer), "%v", res.Trailer)
				for name := range tt.want {
					require.Equal(t, tt.want[name], res.Trailer[name])
				}
			})
		})
	}
}

func TestUpgradeIsATunnel(t *testing.T) {
	g := newGateway(newMapper(t), http.HandlerFunc(func(w http.ResponseWriter, r *http.Request) {
		w.Header().Set("Connection", "Upgrade")
		w.Header().Set("Upgrade", "websocket")
		w.Header().Set("Content-Type", "application/json")
		w.WriteHeader(http.StatusSwitchingProtocols) // as Caddy does: first the header, then the connection
		conn, rw, err := http.NewResponseController(w).Hijack()
		require.NoError(t, err)
		defer conn.Close()
		_ = rw.Flush()
		_, _ = io.Copy(conn, rw)
	}))
	front := httptest.NewServer(g)
	defer front.Close()
	conn, err := net.Dial("tcp", front.Listener.Addr().String())
	require.NoError(t, err)
	_, _ = io.WriteString(conn, "GET / HTTP/1.1\r\nHost: x\r\nConnection: Upgrade\r\nUpgrade: websocket\r\n\r\n")
	r := bufio.NewReader(conn)
	res, err := http.ReadResponse(r, nil)
	require.NoError(t, err)
	require.Equal(t, 101, res.StatusCode)
	require.Equal(t, []string{"60"}, res.Header.Values("X-RateLimit-Limit"))
	_, _ = io.WriteString(conn, "{\"success\":false}\n")
	line, err := r.ReadString('\n')
	require.NoError(t, err)
	require.Equal(t, "{\"success\":false}\n", line)
	require.NoError(t, conn.Close())
	report := <-g.reports
	require.Equal(t, 101, report.Status)
	require.Empty(t, report.Code)
}

// layered is a writer that can nothing itself: who asks for more must follow Unwrap.
type layered struct{ http.ResponseWriter }

func (l layered) Unwrap() http.ResponseWriter { return l.ResponseWriter }

func TestResponseControllerWorksThroughBothWays(t *testing.T) {
	m := newMapper(t)
	server := httptest.NewServer(http.HandlerFunc(func(under http.ResponseWriter, r *http.Request) {
		var w Writer
		w.Init(layered{under}, Options{Mapper: m, Method: r.Method})
		control := http.NewResponseController(layered{&w})
		require.NoError(t, control.SetReadDeadline(time.Time{}))
		require.NoError(t, control.SetWriteDeadline(time.Time{}))
		require.NoError(t, control.EnableFullDuplex())
		require.NoError(t, control.Flush(), "a flush implies a header")
		require.True(t, w.Sent())
		conn, _, err := control.Hijack()
		require.NoError(t, err)
		defer conn.Close()
		_, err = w.Write([]byte("x"))
		require.ErrorIs(t, err, http.ErrHijacked)
		require.False(t, w.Refuse(&refusal.Refusal{Kind: refusal.Internal}))
		w.Finish(io.ErrUnexpectedEOF, nil)
	}))
	defer server.Close()
	res, err := server.Client().Get(server.URL)
	require.NoError(t, err)
	res.Body.Close()
}

func TestHijackIsRefusedWhereItIsNotPossible(t *testing.T) {
	var w Writer
	w.Init(httptest.NewRecorder(), Options{Mapper: newMapper(t)})
	_, _, err := w.Hijack()
	require.ErrorIs(t, err, http.ErrNotSupported)
	require.False(t, w.Sent(), "a refusal is still possible")
}

// hijackable is a recorder whose connection can be taken.
type hijackable struct{ *httptest.ResponseRecorder }

func (hijackable) Hijack() (net.Conn, *bufio.ReadWriter, error) { return nil, nil, nil }

func TestAHijackedConnectionIsNeverLate(t *testing.T) {
	synctest.Test(t, func(t *testing.T) {
		var w Writer
		w.Init(hijackable{httptest.NewRecorder()}, Options{Mapper: newMapper(t), Cancel: func() { t.Error("cancelled") }})
		w.WriteHeader(http.StatusForbidden)
		_, _, err := w.Hijack()
		require.NoError(t, err)
		<-time.After(2 * bodyTimeout)
		w.Finish(nil, nil)
	})
}

// readerFrom counts what arrives by ReadFrom.
type readerFrom struct {
	*httptest.ResponseRecorder
	n int64
}

func (r *readerFrom) ReadFrom(src io.Reader) (int64, error) {
	n, err := io.Copy(r.Body, src)
	r.n += n
	return n, err
}

func TestReadFromStaysOpen(t *testing.T) {
	for name, tt := range map[string]struct {
		contentType string
		least       int64
	}{"success": {"text/plain", 9000}, "JSON, once decided": {"application/json", 9000 - 4096}} {
		t.Run(name, func(t *testing.T) {
			under := &readerFrom{ResponseRecorder: httptest.NewRecorder()}
			under.Header().Set("Content-Type", tt.contentType)
			var w Writer
			w.Init(under, Options{Mapper: newMapper(t), Method: http.MethodGet})
			body := listing(9000, true)
			n, err := io.Copy(&w, io.LimitReader(bytes.NewReader(body), 1<<20))
			require.NoError(t, err)
			require.EqualValues(t, len(body), n)
			require.Equal(t, body, under.Body.Bytes())
			require.GreaterOrEqual(t, under.n, tt.least-200, "the rest goes the short way")
		})
	}
}

// filler is text of a given length.
type filler int64

func (f *filler) Read(p []byte) (int, error) {
	if *f == 0 {
		return 0, io.EOF
	}
	n := min(int64(len(p)), int64(*f))
	p[0] = 'x' // the rest is whatever the buffer holds: a gigabyte of copying would test nothing
	*f -= filler(n)
	return int(n), nil
}

// discard is a ResponseWriter that keeps nothing.
type discard struct {
	h http.Header
	n int64
}

func (d *discard) Header() http.Header { return d.h }
func (d *discard) WriteHeader(int)     {}
func (d *discard) Write(p []byte) (int, error) {
	d.n += int64(len(p))
	return len(p), nil
}

func TestAGigabyteTakesNoMemory(t *testing.T) {
	const size = 1 << 30
	for name, head := range map[string]string{"says success first": `{"success":true,"data":"`, "never says": `{"data":"`} {
		t.Run(name, func(t *testing.T) {
			under := &discard{h: http.Header{"Content-Type": jsonType}}
			var w Writer
			w.Init(under, Options{Mapper: newMapper(t), Method: http.MethodGet})
			buf := bytes.Repeat([]byte("x"), 32<<10)
			runtime.GC()
			var before, after runtime.MemStats
			runtime.ReadMemStats(&before)
			rest := filler(size)
			_, err := io.CopyBuffer(writeOnly{&w}, io.MultiReader(bytes.NewReader([]byte(head)), &rest), buf)
			require.NoError(t, err)
			w.Finish(nil, nil)
			runtime.ReadMemStats(&after)
			require.EqualValues(t, size+len(head), under.n)
			took := after.TotalAlloc - before.TotalAlloc
			t.Logf("%d KiB allocated in all", took>>10)
			require.Less(t, took, uint64(1<<20))
		})
	}
}

// A client that leaves ends the request to the backend, and is no failure.
func TestClientLeavesAnError(t *testing.T) {
	arrived := make(chan struct{}, 3)
	backend, ended := rawBackend(t, func(conn net.Conn) {
		arrived <- struct{}{}
		stalls(chunked(400) + "1\r\nx\r\n")(conn)
	})
	g := newGateway(newMapper(t), proxyTo(backend))
	over(t, g, func(t *testing.T, c client) {
		ctx, cancel := context.WithCancel(t.Context())
		req, err := http.NewRequestWithContext(ctx, http.MethodGet, c.url, nil)
		require.NoError(t, err)
		go func() { <-arrived; cancel() }()
		_, err = c.Do(req)
		require.ErrorIs(t, err, context.Canceled)
		require.True(t, (<-g.reports).ClientGone)
		<-ended // the backend is let go
	})
}
