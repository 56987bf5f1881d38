package envelope

import (
	"context"
	"errors"
	"io"
	"net/http"
	"strconv"
	"strings"
	"testing"
	"testing/synctest"
	"time"

	"github.com/stretchr/testify/require"
	"github.com/tollgate-gateway/tollgate/caddymodule/refusal"
)

func TestUntouched(t *testing.T) {
	const soft = `{"success":false}`
	tests := []struct {
		name                string
		method, contentType string
		status              int
		body                string
	}{
		{"success", "GET", "text/html", 200, "<h1>hello</h1>"},
		{"soft failure of another type", "GET", "text/plain", 200, soft},
		{"soft failure as ndjson", "GET", "application/x-ndjson", 200, soft},
		{"soft failure of another status", "GET", "application/json", 202, soft},
		{"tunnel", "CONNECT", "application/json", 200, soft},
		{"no content", "GET", "", 204, ""},
		{"part of a body", "GET", "application/json", 206, soft},
		{"redirect", "GET", "text/html", 302, "<a>"},
		{"not modified", "GET", "application/json", 304, ""},
		{"HEAD of a success", "HEAD", "application/json", 200, ""},
		{"event stream", "GET", "text/event-stream", 200, "data: x\n\n"},
		{"event stream of an error", "GET", "Text/Event-Stream; charset=utf-8", 500, "data: x\n\n"},
		{"gRPC", "POST", "application/grpc", 400, "\x00\x00\x00\x00\x00"},
		{"gRPC with a codec", "POST", "application/grpc+proto", 503, "\x00"},
		{"gRPC-Web", "POST", "application/grpc-web+proto", 500, "\x00"},
	}
	for _, tt := range tests {
		t.Run(tt.name, func(t *testing.T) {
			o := exchange(t, Options{Method: tt.method}, responds(tt.status, tt.contentType, tt.body,
				"Etag", `"v1"`, "Content-Encoding", "x", "Content-Length", "17", "Trailer", "X-Sum"))
			o.requireUntouched(t, tt.status, tt.body)
			for _, name := range []string{"Etag", "Content-Encoding", "Trailer"} {
				require.NotEmpty(t, o.Header().Get(name), name)
			}
			require.Equal(t, tt.status == 204, o.Header().Get("Content-Length") == "", "204 must have none")
			require.Equal(t, tt.contentType, o.Header().Get("Content-Type"))
			require.Empty(t, o.report.Reason)
			require.Equal(t, 1, o.hook.trailers)
		})
	}
}

func TestMapsErrors(t *testing.T) {
	tests := []struct {
		name, contentType, body string
		status                  int
		code                    refusal.Code
		message                 string
	}{
		{"4xx", "application/json", `{"message":"no"}`, 422, refusal.CodeInvalid, "no"},
		{"5xx", "application/json", `{"message":"db at 10.0.0.7"}`, 503, refusal.CodeInternal, refusal.CodeInternal.Message()},
		{"402", "", "", 402, refusal.CodeForbidden, refusal.CodeForbidden.Message()},
		{"403", "", "", 403, refusal.CodeForbidden, refusal.CodeForbidden.Message()},
		{"451", "", "", 451, refusal.CodeForbidden, refusal.CodeForbidden.Message()},
		{"404", "", "", 404, refusal.CodeNotFound, refusal.CodeNotFound.Message()},
		{"405", "", "", 405, refusal.CodeNotFound, refusal.CodeNotFound.Message()},
		{"410", "", "", 410, refusal.CodeNotFound, refusal.CodeNotFound.Message()},
		{"429", "", "", 429, refusal.CodeRateLimited, refusal.CodeRateLimited.Message()},
		{"401", "text/plain", "who are you", 401, refusal.CodeUnauthorized, "who are you"},
		{"418", "text/html", "<b>", 418, refusal.CodeInvalid, refusal.CodeInvalid.Message()},
		{"599", "text/plain", "x", 599, refusal.CodeInternal, refusal.CodeInternal.Message()},
		{"no gRPC", "application/grpcx", "x", 400, refusal.CodeInvalid, refusal.CodeInvalid.Message()},
	}
	for _, tt := range tests {
		t.Run(tt.name, func(t *testing.T) {
			o := exchange(t, Options{}, responds(tt.status, tt.contentType, tt.body,
				"Content-Length", "3", "Content-Range", "bytes */9", "Etag", `"v1"`, "Last-Modified", "x", "Trailer", "X-Sum", "X-RateLimit-Limit", "9",
				"Retry-After", "7", "Www-Authenticate", "Basic", "Allow", "GET", "Access-Control-Allow-Origin", "*", "Cache-Control", "max-age=60"))
			o.requireMapped(t, tt.status, tt.code, tt.message)
			require.False(t, o.sentEarly)
			for _, name := range []string{"Content-Range", "Etag", "Last-Modified", "Trailer"} {
				require.NotContains(t, o.Result().Header, name, "stale")
			}
			for name, want := range map[string]string{"Retry-After": "7", "Www-Authenticate": "Basic", "Allow": "GET", "Access-Control-Allow-Origin": "*", "Cache-Control": "max-age=60"} {
				require.Equal(t, want, o.Header().Get(name), "kept")
			}
			require.EqualValues(t, o.Body.Len(), o.Result().ContentLength)
			require.Equal(t, []int{tt.status}, o.hook.statuses, "the hook runs once")
			require.Equal(t, 0, o.hook.trailers)
		})
	}
}

func TestPassesEnvelopes(t *testing.T) {
	const body = `{"success": false,"error":{"code":"NOT_FOUND","message":"No lead","details":null} }`
	for given, want := range map[string]string{"application/json; charset=utf-8": "application/json; charset=utf-8", "text/html": "application/json", "": "application/json"} {
		o := exchange(t, Options{}, responds(404, given, body))
		o.requireMapped(t, 404, refusal.CodeNotFound, "No lead")
		require.Equal(t, body, o.Body.String(), "byte for byte")
		require.Equal(t, want, o.Header().Get("Content-Type"))
	}
}

func TestOurCredentialFailed(t *testing.T) {
	for name, handler := range map[string]func(http.ResponseWriter) error{
		"401":                     responds(401, "text/plain", "bad token", "Www-Authenticate", "Basic realm=internal"),
		"401 in envelope":         responds(401, "application/json", `{"success":false,"error":{"code":"UNAUTHORIZED","message":"bad token","details":null}}`),
		"401 said to be too long": responds(401, "text/plain", "bad token", "Content-Length", "99999", "Www-Authenticate", "Basic"),
		"401 too long":            responds(401, "text/plain", strings.Repeat("x", DefaultMaxBody+1), "Www-Authenticate", "Basic"),
		"soft 401":                responds(200, "application/json", `{"success":false,"errors":[{"message":"bad token"}]}`),
	} {
		t.Run(name, func(t *testing.T) {
			m := newMapper(t, on(refusal.CodeUnauthorized, "bad token"))
			o := exchange(t, Options{Credential: true, Mapper: m}, handler)
			o.requireRefusal(t, refusal.UpstreamCredential, SourceBackend)
			require.NotContains(t, o.Result().Header, "Www-Authenticate")
			require.NotContains(t, o.Body.String(), "bad token")
		})
	}
	o := exchange(t, Options{Credential: true}, responds(403, "text/plain", "not yours"))
	o.requireMapped(t, 403, refusal.CodeForbidden, "not yours")
}

func TestStatusOutsideOfHTTP(t *testing.T) {
	for _, status := range []int{0, 7, 99, 600, 999, -1} {
		o := exchange(t, Options{}, responds(status, "text/event-stream", "secret"))
		o.requireRefusal(t, refusal.UpstreamMalformed, SourceBackend)
		require.Equal(t, "secret", o.report.Backend)
		require.NotContains(t, o.Body.String(), "secret")
	}
}

func TestHEAD(t *testing.T) {
	for _, status := range []int{404, 500} {
		o := exchange(t, Options{Method: "HEAD"}, responds(status, "text/html", "", "Content-Length", "99999", "Etag", "x"))
		require.Equal(t, status, o.Code)
		require.Empty(t, o.Body.String())
		require.Empty(t, o.Header().Get("Content-Length"), "nobody knows how long GET's envelope is")
		require.Empty(t, o.Header().Get("Etag"))
		require.Equal(t, "application/json", o.Header().Get("Content-Type"))
		require.False(t, o.cancelled.Load())
	}
	o := exchange(t, Options{Method: "HEAD"}, func(http.ResponseWriter) error { return &refusal.Refusal{Kind: refusal.UpstreamTimeout} })
	require.Equal(t, 504, o.Code)
	require.Empty(t, o.Body.String())
	require.NotEmpty(t, o.Header().Get("Content-Length"))
}

func TestTooLong(t *testing.T) {
	m, err := NewMapper(Config{MaxBody: 100})
	require.NoError(t, err)
	t.Run("exactly max_body is mapped", func(t *testing.T) {
		body := `{"message":"` + strings.Repeat("x", 86) + `"}`
		require.Len(t, body, 100)
		o := exchange(t, Options{Mapper: m}, responds(400, "application/json", body))
		o.requireMapped(t, 400, refusal.CodeInvalid, strings.Repeat("x", 86))
		require.False(t, o.cancelled.Load())
	})
	t.Run("exactly max_body after decoding is mapped, though it came longer", func(t *testing.T) {
		body := `{"message":"a\u00e9b"}`
		m, err := NewMapper(Config{MaxBody: int64(len(body))})
		require.NoError(t, err)
		raw := encoded(t, "gzip", strings.NewReader(body))
		require.Greater(t, len(raw), len(body))
		o := exchange(t, Options{Mapper: m}, responds(400, "application/json", string(raw), "Content-Encoding", "gzip"))
		o.requireMapped(t, 400, refusal.CodeInvalid, "aéb")
	})
	t.Run("one byte more is dropped", func(t *testing.T) {
		o := exchange(t, Options{Mapper: m}, responds(400, "application/json", `{"message":"`+strings.Repeat("x", 87)+`"}`))
		o.requireMapped(t, 400, refusal.CodeInvalid, refusal.CodeInvalid.Message())
		require.True(t, o.cancelled.Load())
		require.Equal(t, DroppedTooLong, o.report.Dropped)
	})
	t.Run("announced, it is not even waited for", func(t *testing.T) {
		written := -1
		o := exchange(t, Options{Mapper: m}, func(w http.ResponseWriter) error {
			w.Header().Set("Content-Length", "101")
			w.WriteHeader(404)
			var err error
			written, err = w.Write([]byte("x"))
			return err
		})
		o.requireMapped(t, 404, refusal.CodeNotFound, refusal.CodeNotFound.Message())
		require.True(t, o.cancelled.Load())
		require.Zero(t, written)
	})
	for name, headers := range map[string][]string{"announced": {"Content-Length", "100000"}, "not announced": nil} {
		t.Run("of a failure the log has the beginning, "+name, func(t *testing.T) {
			o := exchange(t, Options{}, responds(500, "text/html", "<h1>DatabaseError</h1>"+strings.Repeat("x", 100_000), headers...))
			o.requireMapped(t, 500, refusal.CodeInternal, refusal.CodeInternal.Message())
			require.Equal(t, DroppedTooLong, o.report.Dropped)
			require.True(t, strings.HasPrefix(o.report.Backend, "<h1>DatabaseError</h1>xxx"), o.report.Backend)
			require.LessOrEqual(t, len(o.report.Backend), maxLogText)
		})
	}
	t.Run("of a failure that is not encoded as it says", func(t *testing.T) {
		o := exchange(t, Options{}, responds(500, "text/plain", "DatabaseError at", "Content-Encoding", "gzip"))
		require.Equal(t, "DatabaseError at", o.report.Backend)
	})
	t.Run("of a failure that is cut off the log has what came", func(t *testing.T) {
		o := exchange(t, Options{}, func(w http.ResponseWriter) error {
			_ = responds(503, "text/plain", "DatabaseError at")(w)
			panic(http.ErrAbortHandler)
		})
		o.requireMapped(t, 503, refusal.CodeInternal, refusal.CodeInternal.Message())
		require.Equal(t, "DatabaseError at", o.report.Backend)
	})
	t.Run("writing on ends the copying, aborted or not", func(t *testing.T) {
		o := exchange(t, Options{Mapper: m}, func(w http.ResponseWriter) error {
			w.WriteHeader(400)
			_, err := io.Copy(w, neverEnding{})
			require.ErrorIs(t, err, errDropped)
			panic(http.ErrAbortHandler) // as reverse proxies do
		})
		o.requireMapped(t, 400, refusal.CodeInvalid, refusal.CodeInvalid.Message())
	})
}

func TestLate(t *testing.T) {
	for name, after := range map[string]func(context.Context, http.ResponseWriter) error{
		"stalled, aborted by the proxy": func(ctx context.Context, _ http.ResponseWriter) error {
			<-ctx.Done()
			panic(http.ErrAbortHandler)
		},
		"stalled, returned as an error": func(ctx context.Context, _ http.ResponseWriter) error {
			<-ctx.Done()
			return ctx.Err()
		},
		"trickled": func(_ context.Context, w http.ResponseWriter) error {
			for {
				<-time.After(100 * time.Millisecond)
				if _, err := w.Write([]byte(" ")); err != nil {
					return err
				}
			}
		},
		"stalled, without heed of the context": func(context.Context, http.ResponseWriter) error {
			<-time.After(3 * time.Second)
			return nil
		},
	} {
		t.Run(name, func(t *testing.T) {
			synctest.Test(t, func(t *testing.T) {
				ctx, cancel := context.WithCancel(context.Background())
				started := time.Now()
				o := exchange(t, Options{Cancel: cancel, Context: context.Background()}, func(w http.ResponseWriter) error {
					w.WriteHeader(404)
					_, _ = w.Write([]byte("{"))
					return after(ctx, w)
				})
				o.requireMapped(t, 404, refusal.CodeNotFound, refusal.CodeNotFound.Message())
				require.Equal(t, DroppedLate, o.report.Dropped)
				require.True(t, o.cancelled.Load())
				require.InDelta(t, 2, time.Since(started).Seconds(), 1.1)
			})
		})
	}
}

func TestInTimeStopsTheTimer(t *testing.T) {
	synctest.Test(t, func(t *testing.T) {
		o := exchange(t, Options{}, responds(404, "text/plain", "no"))
		<-time.After(10 * time.Second)
		o.requireMapped(t, 404, refusal.CodeNotFound, "no")
		require.False(t, o.cancelled.Load())
	})
}

func TestBrokenBody(t *testing.T) {
	broken := func(w http.ResponseWriter) error {
		w.WriteHeader(404)
		_, _ = w.Write([]byte(`{"mess`))
		panic(http.ErrAbortHandler)
	}
	o := exchange(t, Options{}, broken)
	o.requireMapped(t, 404, refusal.CodeNotFound, refusal.CodeNotFound.Message())
	require.Equal(t, DroppedBroken, o.report.Dropped)

	o = exchange(t, Options{Context: left()}, broken)
	require.Equal(t, http.ErrAbortHandler, o.panicked, "there is nobody to answer")
	require.True(t, o.report.ClientGone)
}

func TestClientLeft(t *testing.T) {
	o := exchange(t, Options{Context: left()}, responds(499, "", ""))
	require.Equal(t, 499, o.Code)
	require.True(t, o.report.ClientGone)
	require.Empty(t, o.report.Code, "no error of gateway or backend")

	o = exchange(t, Options{Context: context.Background()}, responds(499, "", ""))
	o.requireMapped(t, 499, refusal.CodeInvalid, refusal.CodeInvalid.Message())
	require.False(t, o.report.ClientGone)
}

func TestTrailersOfErrorsAreNoHeaders(t *testing.T) {
	o := exchange(t, Options{}, func(w http.ResponseWriter) error {
		w.Header().Set("Trailer", "X-Sum")
		w.Header().Set("X-Kept", "1")
		w.WriteHeader(400)
		w.Header().Set("X-Sum", "abc")
		w.Header().Set(http.TrailerPrefix+"X-More", "abc")
		w.Header().Del("X-Kept")
		return nil
	})
	o.requireMapped(t, 400, refusal.CodeInvalid, refusal.CodeInvalid.Message())
	require.Equal(t, http.Header{"Content-Type": jsonType, "Content-Length": {strconv.Itoa(o.Body.Len())}, "X-Kept": {"1"}, "X-Ratelimit-Limit": {"60"}}, o.Header())
}

func TestErrorsAreNotFlushed(t *testing.T) {
	o := exchange(t, Options{}, func(w http.ResponseWriter) error {
		w.WriteHeader(400)
		require.NoError(t, http.NewResponseController(w).Flush())
		_, err := io.WriteString(w, `{"message":"no"}`)
		w.(http.Flusher).Flush()
		w.WriteHeader(200)
		return err
	})
	o.requireMapped(t, 400, refusal.CodeInvalid, "no")
	require.False(t, o.sentEarly)
}

func TestReadFromOfAnError(t *testing.T) {
	o := exchange(t, Options{}, func(w http.ResponseWriter) error {
		w.WriteHeader(400)
		n, err := w.(io.ReaderFrom).ReadFrom(strings.NewReader(`{"message":"no"}`))
		require.EqualValues(t, 16, n)
		return err
	})
	o.requireMapped(t, 400, refusal.CodeInvalid, "no")

	o = exchange(t, Options{}, func(w http.ResponseWriter) error {
		w.WriteHeader(400)
		_, err := w.(io.ReaderFrom).ReadFrom(io.MultiReader(strings.NewReader("{"), failing{}))
		require.ErrorIs(t, err, errFailing)
		panic(http.ErrAbortHandler)
	})
	o.requireMapped(t, 400, refusal.CodeInvalid, refusal.CodeInvalid.Message())
}

var errFailing = errors.New("failing")

type failing struct{}

func (failing) Read([]byte) (int, error) { return 0, errFailing }
