package caddymodule_test

import (
	"context"
	"fmt"
	"io"
	"net/http"
	"sync"
	"testing"
	"time"

	"github.com/dunglas/httpsfv"
	"github.com/stretchr/testify/assert"
	"github.com/stretchr/testify/require"

	"github.com/tollgate-gateway/tollgate/caddymodule/harness"
)

// waiting is a gateway whose plan "few" lets two requests be under way, and whose backend answers /stream only when it is told to.
func waiting(t *testing.T) (g *harness.Gateway, release func()) {
	t.Helper()
	setup := limited("few 1000000/1m {\n\t\tconcurrent 2\n\t}", "big 1000000/1m")
	g = harness.Start(t, setup)
	done := make(chan struct{})
	release = sync.OnceFunc(func() { close(done) })
	t.Cleanup(release)
	g.Backend.Answer(func(w http.ResponseWriter, r *http.Request) {
		switch r.URL.Path {
		case "/plain":
			w.Header().Set("Content-Type", "text/event-stream")
			_ = http.NewResponseController(w).Flush()
			select {
			case <-done:
			case <-r.Context().Done():
			}
		case "/leads", "/costly":
			panic(http.ErrAbortHandler)
		}
	})
	return g, release
}

// open begins a stream.
func open(t *testing.T, g *harness.Gateway, ctx context.Context) *http.Response {
	t.Helper()
	response, err := g.Open(ctx, harness.Request{Method: "GET", Path: "/plain", Key: one("few")})
	require.NoError(t, err)
	context.AfterFunc(ctx, func() { _ = response.Body.Close() })
	return response
}

// TestSoManyRequestsMayBeUnderWay of a workspace, by any of its keys, and as many again when they have ended.
func TestSoManyRequestsMayBeUnderWay(t *testing.T) {
	g, release := waiting(t)
	ctx, leave := context.WithCancel(t.Context())
	defer leave()
	first, second := open(t, g, ctx), open(t, g, t.Context())
	require.Equal(t, []int{200, 200}, []int{first.StatusCode, second.StatusCode})
	require.Equal(t, int64(1), concurrentOf(t, first.Header, "RateLimit", "r"))
	require.Equal(t, int64(0), concurrentOf(t, second.Header, "RateLimit", "r"))
	require.Equal(t, int64(2), concurrentOf(t, first.Header, "RateLimit-Policy", "q"))
	for _, key := range []string{one("few"), two("few")} {
		a := g.Do(t, harness.Request{Path: "/plain", Key: key})
		require.Equal(t, http.StatusTooManyRequests, a.Status)
		require.JSONEq(t, `{"success":false,"error":{"code":"RATE_LIMITED","message":"Too many requests of the workspace are under way.","details":{"concurrent":2,"retry_after_seconds":1}}}`, a.Body)
		require.Equal(t, "1", a.Header.Get("Retry-After"))
		a.CheckLimits(t, harness.Workspace)
		require.Equal(t, "999998", a.Header.Get("X-Ratelimit-Remaining"), "it was not charged")
		require.Equal(t, int64(0), concurrentOf(t, a.Header, "RateLimit", "r"))
	}
	require.Equal(t, 502, g.Do(t, harness.Request{Path: "/leads", Key: one("big")}).Status, "other workspaces go on")
	require.Equal(t, int64(0), concurrentOf(t, g.Do(t, harness.Request{Path: "/nothing", Key: one("few")}).Header, "RateLimit", "r"), "a refusal shows them too")
	leave()
	require.Eventually(t, func() bool { return open(t, g, t.Context()).StatusCode == http.StatusOK }, harness.WaitFor, harness.Tick)
	require.Equal(t, http.StatusTooManyRequests, open(t, g, t.Context()).StatusCode, "one ended, one began")
	release()
	_, err := io.Copy(io.Discard, second.Body)
	require.NoError(t, err)
	free(t, g)
}

// free waits until two requests can be under way again, and requires that a third cannot.
func free(t *testing.T, g *harness.Gateway) {
	t.Helper()
	ctx, end := context.WithCancel(t.Context())
	defer end()
	g.Backend.Answer(func(w http.ResponseWriter, r *http.Request) {
		w.WriteHeader(http.StatusOK)
		_ = http.NewResponseController(w).Flush()
		<-r.Context().Done()
	})
	for range 2 {
		require.Eventually(t, func() bool { return open(t, g, ctx).StatusCode == http.StatusOK }, harness.WaitFor, harness.Tick)
	}
	require.Equal(t, http.StatusTooManyRequests, open(t, g, ctx).StatusCode, "not one more")
}

// concurrentOf reads a parameter of the item "concurrent" in a field, as a client would.
func concurrentOf(t *testing.T, h http.Header, field, parameter string) int64 {
	t.Helper()
	list, err := httpsfv.UnmarshalList(h.Values(field))
	require.NoError(t, err)
	for _, member := range list {
		item := member.(httpsfv.Item)
		if item.Value != "concurrent" {
			continue
		}
		if field == "RateLimit-Policy" {
			unit, _ := item.Params.Get("qu")
			require.Equal(t, "concurrent-requests", unit)
		}
		value, found := item.Params.Get(parameter)
		require.True(t, found)
		return value.(int64)
	}
	require.Fail(t, "no item", "%s: %v", field, h.Values(field))
	return 0
}

// TestASlotDoesNotLeak: whoever leaves, breaks off, panics or takes the connection over.
func TestASlotDoesNotLeak(t *testing.T) {
	many := 300
	if harness.Long() {
		many = 10_000
	}
	g, _ := waiting(t)
	for _, proto := range []harness.Proto{harness.H1, harness.H2C} {
		t.Run(string(proto)+", streams that are left", func(t *testing.T) { leave(t, g, proto, many/2) })
		t.Run(string(proto)+", uploads that break off", func(t *testing.T) {
			for range many / 10 {
				ctx, leave := context.WithCancel(t.Context())
				body, write := io.Pipe()
				go func() {
					_, _ = io.WriteString(write, "a part of it")
					leave()
					_ = write.CloseWithError(io.ErrUnexpectedEOF)
				}()
				if response, err := g.Send(ctx, harness.Request{Method: "POST", Path: "/costly", Proto: proto, Key: one("few")}, body); err == nil {
					_ = response.Body.Close()
				}
			}
		})
		t.Run(string(proto)+", backends that break off", func(t *testing.T) {
			for range many / 10 {
				_, _ = g.Try(harness.Request{Path: "/leads", Proto: proto, Key: one("few")})
			}
		})
	}
	t.Run("connections that are taken over", func(t *testing.T) {
		for range many / 10 {
			conn := harness.Dial(t, g.Addr)
			conn.Say(t, upgrade)
			require.NoError(t, conn.Close())
		}
	})
	free(t, g)
}

// leave begins so many streams, each of which is left once it runs, and others before anybody knows how far they have come.
func leave(t *testing.T, g *harness.Gateway, proto harness.Proto, many int) {
	var all sync.WaitGroup
	for range 2 {
		all.Go(func() {
			for begun, refused := 0, 0; begun < many/2; {
				ctx, leave := context.WithTimeout(t.Context(), time.Duration(1+begun%3)*time.Millisecond)
				if response, err := g.Open(ctx, harness.Request{Method: "GET", Path: "/plain", Proto: proto, Key: one("few")}); err == nil {
					_ = response.Body.Close()
				}
				leave()
				response, err := g.Open(t.Context(), harness.Request{Method: "GET", Path: "/plain", Proto: proto, Key: one("few")})
				if !assert.NoError(t, err) {
					return
				}
				_ = response.Body.Close()
				if response.StatusCode == http.StatusOK {
					begun, refused = begun+1, 0
				} else if refused++; !assert.Less(t, refused, 10_000, "one after the other") {
					return
				}
			}
		})
	}
	all.Wait()
}

// TestAReloadChangesHowManyMayBeUnderWay at once, and still counts those that were.
func TestAReloadChangesHowManyMayBeUnderWay(t *testing.T) {
	g, _ := waiting(t)
	ctx, leave := context.WithCancel(t.Context())
	defer leave()
	open(t, g, ctx)
	for _, c := range []struct {
		plan   string
		status int
	}{{"few 1000000/1m {\n\t\tconcurrent 1\n\t}", 429}, {"few 1000000/1m", 200}, {"few 1000000/1m {\n\t\tconcurrent 1\n\t}", 429}} {
		require.NoError(t, g.Load(limited(c.plan, "big 1000000/1m").Caddyfile()))
		ctx, leave := context.WithCancel(t.Context())
		require.Equal(t, c.status, open(t, g, ctx).StatusCode)
		leave()
	}
	leave()
	require.NoError(t, g.Load(limited("few 1000000/1m {\n\t\tconcurrent 2\n\t}", "big 1000000/1m").Caddyfile()))
	free(t, g)
}

var upgrade = fmt.Sprintf("GET /plain HTTP/1.1\r\nHost: x\r\nAuthorization: Bearer %s\r\nConnection: Upgrade\r\nUpgrade: websocket\r\n"+
	"Sec-WebSocket-Key: dGhlIHNhbXBsZSBub25jZQ==\r\nSec-WebSocket-Version: 13\r\n\r\n", one("few"))

// TestAnUpgradedConnectionIsUnderWay until it ends, at whichever end.
func TestAnUpgradedConnectionIsUnderWay(t *testing.T) {
	g, _ := waiting(t)
	g.Backend.Answer(func(w http.ResponseWriter, _ *http.Request) {
		conn, buffered, err := http.NewResponseController(w).Hijack()
		if err != nil {
			return
		}
		defer func() { _ = conn.Close() }()
		_, _ = buffered.WriteString("HTTP/1.1 101 Switching Protocols\r\nConnection: Upgrade\r\nUpgrade: websocket\r\n\r\n")
		_ = buffered.Flush()
		_, _ = buffered.ReadByte() // until the client says something, or leaves
	})
	var conns []*harness.Conn
	for range 2 {
		conn := harness.Dial(t, g.Addr)
		conn.Say(t, upgrade)
		conns = append(conns, conn)
		require.Equal(t, http.StatusSwitchingProtocols, conn.Head(t).StatusCode)
	}
	require.Equal(t, http.StatusTooManyRequests, g.Raw(t, "GET", upgrade).Status)
	require.NoError(t, conns[0].Close())
	conns[1].Say(t, "x")
	free(t, g)
	conns[1].Rest()
}
