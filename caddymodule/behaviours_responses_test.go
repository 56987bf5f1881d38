package caddymodule_test

import (
	"bufio"
	"compress/gzip"
	"context"
	"encoding/json"
	"fmt"
	"io"
	"net"
	"net/http"
	"os"
	"strings"
	"testing"
	"time"

	"github.com/stretchr/testify/require"

	"github.com/tollgate-gateway/tollgate/caddymodule/harness"
)

// backendError is a row of the fixtures: an error of a kind of backend, and what must become of it.
type backendError struct {
	Name        string
	Status      int
	ContentType string `json:"content_type"`
	Body        string
	Code        string
	Details     []string
}

// backendErrors reads the fixtures: the copy in the repository, and where it lies beside it the list that grows.
func backendErrors(t *testing.T) (rows []backendError) {
	t.Helper()
	for _, path := range []string{"envelope/testdata/backend-errors.jsonl", "../../shared/fixtures/backend-errors.jsonl"} {
		file, err := os.Open(path)
		if os.IsNotExist(err) && strings.HasPrefix(path, "../..") {
			continue
		}
		require.NoError(t, err)
		for lines := bufio.NewScanner(file); lines.Scan(); {
			var row backendError
			require.NoError(t, json.Unmarshal(lines.Bytes(), &row))
			rows = append(rows, row)
		}
		require.NoError(t, file.Close())
	}
	require.NotEmpty(t, rows)
	return rows
}

// everywhere runs a test over every protocol, with and without encode around the gate.
func everywhere(t *testing.T, setup harness.Setup, test func(*testing.T, *harness.Gateway, harness.Proto)) {
	t.Helper()
	for _, encode := range []string{"", "encode gzip {\n minimum_length 1\n}"} {
		setup.HTTPS, setup.Before = true, encode
		g := harness.Start(t, setup)
		for _, proto := range []harness.Proto{harness.H1, harness.H2C, harness.H2, harness.H3} {
			name := string(proto)
			if encode != "" {
				name += " with encode"
			}
			t.Run(name, func(t *testing.T) { test(t, g, proto) })
		}
		g.CloseClients()
		g.Stop(t)
	}
}

func TestBackendErrorsEverywhere(t *testing.T) {
	setup := harness.World()
	setup.Gate += "errors {\n soft_failures\n classify VALIDATION_ERROR \"^Field (?P<field>\\S+) is required\"\n" +
		" classify VALIDATION_ERROR \"^Record not found for field (?P<field>\\S+) \"\n}\n"
	rows := backendErrors(t)
	everywhere(t, setup, func(t *testing.T, g *harness.Gateway, proto harness.Proto) {
		for _, row := range rows {
			g.Backend.Answer(func(w http.ResponseWriter, _ *http.Request) {
				if row.ContentType != "" {
					w.Header().Set("Content-Type", row.ContentType)
				}
				w.Header().Set("Etag", `"stale"`)
				w.Header().Set("Access-Control-Allow-Origin", "*")
				w.WriteHeader(row.Status)
				_, _ = io.WriteString(w, row.Body)
			})
			status := row.Status
			if status == 200 {
				status = 400 // a soft failure: the status is the code's
			}
			g.Run(t, []harness.Case{{
				Name: "F04/" + row.Name, Request: harness.Request{Path: "/leads", Key: harness.CRM, Proto: proto},
				Status: status, Code: row.Code, Hits: 1, Limits: harness.Workspace,
				Check: func(t *testing.T, a *harness.Answer, _ []harness.Seen) {
					details := map[string]any{}
					if raw := a.Envelope(t).Error.Details; string(raw) != "null" {
						require.NoError(t, json.Unmarshal(raw, &details))
					}
					for _, field := range row.Details {
						require.Contains(t, details, field)
					}
					require.Equal(t, "*", a.Header.Get("Access-Control-Allow-Origin"))
					if row.Name != "own" {
						require.Empty(t, a.Header.Get("Etag"))
					} else {
						require.Equal(t, row.Body, a.Body, "byte for byte")
					}
				},
			}})
		}
	})
}

func TestOwnRefusalsEverywhere(t *testing.T) {
	everywhere(t, harness.World(), func(t *testing.T, g *harness.Gateway, proto harness.Proto) {
		g.Run(t, []harness.Case{
			{Name: "401", Request: harness.Request{Path: "/leads", Proto: proto}, Status: 401, Code: "UNAUTHORIZED", Limits: harness.AuthLimit},
			{Name: "403", Request: harness.Request{Path: "/files/a", Key: harness.CRM, Proto: proto}, Status: 403, Code: "FORBIDDEN", Limits: harness.Workspace},
			{Name: "404", Request: harness.Request{Path: "/nothing", Key: harness.CRM, Proto: proto}, Status: 404, Code: "NOT_FOUND", Limits: harness.Workspace},
			{Name: "F06/HEAD 404", Request: harness.Request{Method: "HEAD", Path: "/nothing", Key: harness.CRM, Proto: proto}, Status: 404, Code: "NOT_FOUND", Limits: harness.Workspace},
		})
	})
}

func TestStreamsEverywhere(t *testing.T) {
	everywhere(t, harness.World(), func(t *testing.T, g *harness.Gateway, proto harness.Proto) {
		next := make(chan string)
		g.Backend.Answer(func(w http.ResponseWriter, r *http.Request) {
			w.Header().Set("Content-Type", "text/event-stream")
			w.Header().Set("X-Ratelimit-Limit", "7")
			for r.Context().Err() == nil {
				select {
				case event, more := <-next:
					if !more {
						return
					}
					_, _ = io.WriteString(w, event)
					_ = http.NewResponseController(w).Flush()
				case <-r.Context().Done():
				}
			}
		})
		ctx, cancel := context.WithTimeout(t.Context(), harness.WaitFor)
		defer cancel()
		go send(ctx, next, "data: 1\n\n")
		response, err := g.Open(ctx, harness.Request{Path: "/leads", Key: harness.CRM, Proto: proto})
		require.NoError(t, err)
		defer func() { _ = response.Body.Close() }()
		require.Equal(t, "100000", response.Header.Get("X-Ratelimit-Limit"))
		body := io.Reader(response.Body)
		if response.Header.Get("Content-Encoding") == "gzip" {
			body, err = gzip.NewReader(response.Body)
			require.NoError(t, err)
		}
		got := make([]byte, len("data: 1\n\n"))
		_, err = io.ReadFull(body, got)
		require.NoError(t, err)
		require.Equal(t, "data: 1\n\n", string(got), "F13: flushed at once")
		send(ctx, next, "data: 2\n\n")
		_, err = io.ReadFull(body, got)
		require.NoError(t, err)
		close(next)
		_, err = io.ReadAll(body)
		require.NoError(t, err)
	})
}

// send gives an event to the backend, unless the test is over.
func send(ctx context.Context, to chan<- string, event string) {
	select {
	case to <- event:
	case <-ctx.Done():
	}
}

func TestBrokenStreamsAreCutEverywhere(t *testing.T) {
	everywhere(t, harness.World(), func(t *testing.T, g *harness.Gateway, proto harness.Proto) {
		g.Backend.Answer(func(w http.ResponseWriter, _ *http.Request) {
			_, _ = io.WriteString(w, strings.Repeat("part of a success ", 1000))
			_ = http.NewResponseController(w).Flush()
			panic(http.ErrAbortHandler)
		})
		answer, err := g.Try(harness.Request{Path: "/leads", Key: harness.CRM, Proto: proto})
		require.Error(t, err, "the client sees a cut")
		if answer != nil {
			require.NotContains(t, answer.Body, `"success"`, "not an envelope in the middle")
		}
	})
}

// proxying is a setup whose proxy waits this long for the backend's header.
func proxying(wait string) harness.Setup {
	setup := harness.World()
	setup.Then = "handle {\n request_body {\n max_size 1KiB\n}\nreverse_proxy $BACKEND {\n transport http {\n response_header_timeout " + wait + "\n }\n}\n}"
	return setup
}

func TestSlowBackend(t *testing.T) {
	g := harness.Start(t, proxying("200ms"))
	g.Backend.Answer(func(_ http.ResponseWriter, r *http.Request) { <-r.Context().Done() })
	c := failed("F03/backend slower than the limit", 504, "INTERNAL_ERROR")
	c.Hits = 1
	g.Run(t, []harness.Case{c})
}

func TestRequestBodies(t *testing.T) {
	g := harness.Start(t, proxying("5s"))
	long := strings.Repeat("x", 2000)
	chunked := func(body string) string {
		return "POST /leads HTTP/1.1\r\nHost: x\r\nAuthorization: Bearer " + harness.CRM + "\r\nTransfer-Encoding: chunked\r\nConnection: close\r\n\r\n" + body
	}
	g.Run(t, []harness.Case{{
		Name: "F07/longer than the limit, length known", Request: harness.Request{Method: "POST", Path: "/leads", Key: harness.CRM, Body: long},
		Status: 413, Code: "VALIDATION_ERROR", Limits: harness.Workspace,
	}, {
		Name: "F09/no length", Raw: chunked("2\r\n{}\r\n0\r\n\r\n"), Status: 200, Hits: 1, Limits: harness.Workspace,
	}})
	a := g.Raw(t, "POST", chunked(fmt.Sprintf("%x\r\n%s\r\n0\r\n\r\n", len(long), long)))
	require.Equal(t, 413, a.Status, "F08: longer than the limit, chunked")
	a.CheckEnvelope(t, "VALIDATION_ERROR", false)
	for _, seen := range g.Backend.Seen() {
		require.Less(t, len(seen.Body), len(long), "F08: the backend never sees a complete request")
	}
	a = g.Raw(t, "POST", chunked("zz\r\nbroken\r\n"))
	require.True(t, a.Status >= 400 && a.Status < 500, "F10: a broken body is the client's fault: %d", a.Status)
}

func TestSoftFailuresAreAskedForUnencoded(t *testing.T) {
	setup := harness.World()
	setup.Gate += "errors {\n soft_failures\n}\n"
	g := harness.Start(t, setup)
	g.Run(t, []harness.Case{{
		Name: "nobody asks the backend for gzip", Request: harness.Request{Path: "/leads", Key: harness.CRM, Header: harness.Header("Accept-Encoding", "br, gzip")},
		Status: 200, Hits: 1, Limits: harness.Workspace,
		Check: func(t *testing.T, _ *harness.Answer, seen []harness.Seen) {
			require.Equal(t, []string{"identity"}, seen[0].Header["Accept-Encoding"])
		},
	}})
}

func TestUpgradeThatNobodyAskedFor(t *testing.T) {
	g := harness.Start(t, harness.World())
	g.Backend.Answer(func(w http.ResponseWriter, _ *http.Request) {
		conn, _, err := http.NewResponseController(w).Hijack()
		if err == nil {
			_, _ = io.WriteString(conn, "HTTP/1.1 101 Switching Protocols\r\nConnection: Upgrade\r\nUpgrade: h2c\r\n\r\n")
			_ = conn.Close()
		}
	})
	c := failed("a 101 that nobody asked for is 502, and no tunnel", 502, "INTERNAL_ERROR")
	c.Hits = 1
	g.Run(t, []harness.Case{c})
}

func TestSlowClientIsClosed(t *testing.T) {
	setup := harness.World()
	setup.Servers = "timeouts {\n read_header 300ms\n read_body 300ms\n idle 300ms\n}"
	g := harness.Start(t, setup)
	request := "POST /leads HTTP/1.1\r\nHost: x\r\nAuthorization: Bearer " + harness.CRM + "\r\nContent-Length: 10\r\n\r\n"
	for name, sent := range map[string]string{
		"no byte at all": "", "a header that does not end": "GET /leads HTTP/1.1\r\nHost:", "a body that does not end": request + "x",
		"nothing after an answer": request + "0123456789",
	} {
		t.Run("F12/"+name, func(t *testing.T) {
			conn, err := net.Dial("tcp", g.Addr)
			require.NoError(t, err)
			defer func() { _ = conn.Close() }()
			_, err = io.WriteString(conn, sent)
			require.NoError(t, err)
			require.NoError(t, conn.SetReadDeadline(time.Now().Add(harness.WaitFor)))
			_, err = io.ReadAll(conn)
			require.NoError(t, err, "closed in time")
		})
	}
}

func TestGracefulStop(t *testing.T) {
	g := harness.Start(t, harness.World())
	reached, finish := make(chan struct{}), make(chan struct{})
	g.Backend.Answer(func(w http.ResponseWriter, _ *http.Request) {
		close(reached)
		<-finish
		_, _ = io.WriteString(w, "done")
	})
	type result struct {
		answer *harness.Answer
		err    error
	}
	results := make(chan result)
	go func() {
		answer, err := g.Try(harness.Request{Path: "/leads", Key: harness.CRM})
		results <- result{answer, err}
	}()
	<-reached
	stopped := make(chan struct{})
	go func() { g.Stop(t); close(stopped) }()
	require.Eventually(t, func() bool {
		conn, err := net.Dial("tcp", g.Addr)
		if err == nil {
			_ = conn.Close()
		}
		return err != nil
	}, harness.WaitFor, harness.Tick, "F14: new ones are refused")
	close(finish)
	r := <-results
	require.NoError(t, r.err)
	require.Equal(t, "done", r.answer.Body, "F14: requests under way finish")
	require.Equal(t, "100000", r.answer.Header.Get("X-Ratelimit-Limit"))
	<-stopped
}
