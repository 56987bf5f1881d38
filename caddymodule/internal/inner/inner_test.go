package inner_test

import (
	"context"
	"errors"
	"io"
	"net/http"
	"net/http/httptest"
	"strings"
	"testing"
	"testing/synctest"
	"time"

	"github.com/caddyserver/caddy/v2"
	"github.com/caddyserver/caddy/v2/modules/caddyhttp"
	"github.com/stretchr/testify/require"

	"github.com/tollgate-gateway/tollgate/caddymodule/internal/inner"
)

// outer is a request that Caddy has prepared, with what handlers in front of the gate found out.
func outer(t *testing.T, header http.Header) *http.Request {
	t.Helper()
	r := httptest.NewRequest("POST", "http://api.example.com/mcp?a=b", strings.NewReader("message"))
	r.RemoteAddr, r.Header = "203.0.113.9:1234", header
	repl := caddy.NewReplacer()
	r = caddyhttp.PrepareRequest(r, repl, httptest.NewRecorder(), nil)
	for name, value := range map[string]any{caddyhttp.ClientIPVarKey: "203.0.113.9", "tollgate.judged": "it was", "own": "value", "unhandled": true} {
		caddyhttp.SetVar(r.Context(), name, value)
	}
	repl.Set("http.auth.user.id", "somebody")
	repl.Set("http.request.own", "outer's")
	repl.Set("tollgate.key.id", "outer's")
	return r
}

func hidden(name string) bool { return strings.HasPrefix(name, "tollgate.") || name == "unhandled" }

func TestRequest(t *testing.T) {
	t.Parallel()
	from := outer(t, http.Header{
		"Authorization": {"Bearer key"}, "Cookie": {"session"}, "Accept": {"text/html"}, "Accept-Encoding": {"gzip"}, "Accept-Language": {"de"}, "Origin": {"https://a.example"},
		"Referer": {"https://a.example"}, "Content-Type": {"application/json"}, "Content-Length": {"7"}, "Content-Encoding": {"gzip"}, "Mcp-Name": {"x"}, "Mcp-Session-Id": {"x"},
		"Sec-Fetch-Mode": {"cors"}, "Access-Control-Request-Method": {"PUT"}, "If-None-Match": {"x"}, "Range": {"bytes=0-1"}, "Expect": {"100-continue"}, "Upgrade": {"websocket"},
		"Connection": {"X-Hop, authorization"}, "X-Hop": {"x"}, "Transfer-Encoding": {"chunked"}, "Te": {"trailers"}, "User-Agent": {"agent/1"}, "X-Forwarded-For": {"198.51.100.1"},
		"Last-Event-Id": {"1"},
	})
	made, err := inner.New(from, &inner.Request{
		Method: "PATCH", Path: "/v1/leads/a%20b", Query: "x=%2F", Header: http.Header{"Content-Type": {"text/plain"}, "X-Note": {"a"}}, Body: []byte("body"), Hidden: hidden,
	}, httptest.NewRecorder())
	require.NoError(t, err)
	require.Equal(t, http.Header{
		"Authorization": {"Bearer key"}, "Accept": {"application/json"}, "Content-Type": {"text/plain"}, "X-Note": {"a"}, "User-Agent": {"agent/1"}, "X-Forwarded-For": {"198.51.100.1"},
	}, made.Header)
	require.Equal(t, "PATCH", made.Method)
	require.Equal(t, "/v1/leads/a%20b?x=%2F", made.RequestURI)
	require.Equal(t, "/v1/leads/a b", made.URL.Path)
	require.Equal(t, "/v1/leads/a%20b", made.URL.EscapedPath())
	require.Equal(t, "api.example.com", made.Host)
	require.Equal(t, from.RemoteAddr, made.RemoteAddr)
	require.Equal(t, int64(4), made.ContentLength)
	body, err := io.ReadAll(made.Body)
	require.NoError(t, err)
	require.Equal(t, "body", string(body))

	repl := made.Context().Value(caddy.ReplacerCtxKey).(*caddy.Replacer)
	for placeholder, want := range map[string]string{
		"{http.request.method}": "PATCH", "{http.request.uri}": "/v1/leads/a%20b?x=%2F", "{http.request.orig_uri}": "/v1/leads/a%20b?x=%2F", "{http.request.header.X-Note}": "a",
		"{http.auth.user.id}": "somebody", "{http.request.own}": "", "{tollgate.key.id}": "", "{http.vars.own}": "value", "{http.vars.tollgate.judged}": "",
	} {
		require.Equal(t, want, repl.ReplaceAll(placeholder, ""), placeholder)
	}
	require.Equal(t, "203.0.113.9", caddyhttp.GetVar(made.Context(), caddyhttp.ClientIPVarKey))
	require.Nil(t, caddyhttp.GetVar(made.Context(), "tollgate.judged"))
	caddyhttp.SetVar(made.Context(), "new", 1)
	require.Nil(t, caddyhttp.GetVar(from.Context(), "new"), "variables are each request's own")
	repl.Set("new", 1)
	_, known := from.Context().Value(caddy.ReplacerCtxKey).(*caddy.Replacer).Get("new")
	require.False(t, known)

	require.Equal(t, "text/html", from.Header.Get("Accept"), "the outer one is as it was")
	require.Equal(t, "gzip", from.Header.Get("Accept-Encoding"))
}

func TestRequestEndsWithTheOuterOne(t *testing.T) {
	t.Parallel()
	from := outer(t, http.Header{})
	ctx, cancel := context.WithCancel(from.Context())
	made, err := inner.New(from.WithContext(ctx), &inner.Request{Method: "GET", Path: "/", Hidden: hidden}, httptest.NewRecorder())
	require.NoError(t, err)
	require.Equal(t, http.NoBody, made.Body)
	require.NoError(t, made.Context().Err())
	cancel()
	require.ErrorIs(t, made.Context().Err(), context.Canceled)
}

func TestRefusesWhatIsNoPath(t *testing.T) {
	t.Parallel()
	for _, path := range []string{"", "a", "/%zz", "/\x00", "/a b\r\n"} {
		_, err := inner.New(outer(t, http.Header{}), &inner.Request{Method: "GET", Path: path, Hidden: hidden}, httptest.NewRecorder())
		require.Error(t, err, "%q", path)
	}
}

func TestAnswer(t *testing.T) {
	t.Parallel()
	ctx, cancel := context.WithCancel(context.Background())
	a := inner.NewAnswer(5, inner.Patience{Stream: time.Minute, Whole: time.Minute}, cancel)
	a.Header().Set("X-A", "early")
	a.WriteHeader(103)
	require.Zero(t, a.Status, "a status that is not final")
	a.WriteHeader(404)
	a.WriteHeader(200)
	a.Header().Set("X-A", "late")
	require.Equal(t, 404, a.Status)
	require.Equal(t, "early", a.Sent().Get("X-A"))
	n, err := a.Write([]byte("abc"))
	require.NoError(t, err)
	require.Equal(t, 3, n)
	require.NoError(t, ctx.Err())
	n, err = a.Write([]byte("defg"))
	require.Error(t, err)
	require.Equal(t, 2, n)
	require.Equal(t, "abcde", a.Body.String())
	require.True(t, a.Long)
	require.ErrorIs(t, ctx.Err(), context.Canceled, "whoever still sends is told")
	require.False(t, a.Close())

	a = inner.NewAnswer(5, inner.Patience{Stream: time.Minute, Whole: time.Minute}, cancel)
	_, err = a.Write([]byte("abcde"))
	require.NoError(t, err)
	require.Equal(t, 200, a.Status)
	require.False(t, a.Long, "as long as may be is not too long")
	require.NoError(t, http.NewResponseController(a).Flush())
	_, _, err = http.NewResponseController(a).Hijack()
	require.True(t, errors.Is(err, http.ErrNotSupported))
}

// TestPatience ends a stream of events after a time, and every other answer that does not end after a longer one.
func TestPatience(t *testing.T) {
	t.Parallel()
	for kind, patience := range map[string]time.Duration{
		"text/event-stream; charset=utf-8": time.Minute, "application/json": time.Hour, "application/x-ndjson": time.Hour, "": time.Hour,
	} {
		t.Run(kind, func(t *testing.T) {
			synctest.Test(t, func(t *testing.T) {
				ctx, cancel := context.WithCancel(context.Background())
				defer cancel()
				a := inner.NewAnswer(100, inner.Patience{Stream: time.Minute, Whole: time.Hour}, cancel)
				a.Header().Set("Content-Type", kind)
				_, err := a.Write([]byte("data: 1\n\n"))
				require.NoError(t, err)
				begun := time.Now()
				<-ctx.Done()
				require.Equal(t, patience, time.Since(begun))
				require.True(t, a.Close())
				require.True(t, a.Close(), "whoever asks again")
				require.Equal(t, "data: 1\n\n", a.Body.String())
			})
		})
	}
}
