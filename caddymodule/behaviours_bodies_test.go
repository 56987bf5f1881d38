package caddymodule_test

import (
	"bytes"
	"fmt"
	"io"
	"net/http"
	"os"
	"os/exec"
	"strings"
	"testing"
	"time"

	"github.com/stretchr/testify/require"

	"github.com/tollgate-gateway/tollgate/caddymodule/harness"
	"github.com/tollgate-gateway/tollgate/caddymodule/services"
)

// sites are what may stand around a gate and wrap a request's body.
var sites = map[string]string{
	"bare": "", "request_body": "request_body {\n max_size 64MB\n}", "encode": "encode gzip", "no log": "log_skip",
}

// TestUnreadBodiesAreNotRequests: what is left of a body when its answer has left is never taken for a request.
func TestUnreadBodiesAreNotRequests(t *testing.T) {
	smuggled := "GET /smuggled HTTP/1.1\r\nHost: localhost\r\nAuthorization: Bearer " + harness.CRM + "\r\n\r\n"
	for site, before := range sites {
		for name, answer := range map[string]string{
			"200": "HTTP/1.1 200 OK\r\nContent-Length: 2\r\n\r\nok",
			"401": "HTTP/1.1 401 Unauthorized\r\nContent-Length: 0\r\n\r\n",
			"413": "HTTP/1.1 413 Content Too Large\r\nContent-Length: 0\r\n\r\n",
		} {
			setup := harness.World()
			setup.Before = before
			setup.Gate += "route POST /x\n"
			setup.Then = "reverse_proxy /x " + harness.RawBackend(t, answer) + "\nreverse_proxy $BACKEND"
			g := harness.Start(t, setup)
			for kind, c := range map[string]struct{ head, body string }{
				"a length":      {harness.Post("/x", harness.CRM, "Content-Length: 400000"), "few"},
				"chunks":        {harness.Post("/x", harness.CRM, "Transfer-Encoding: chunked"), "3\r\nfew\r\n"},
				"refused by us": {harness.Post("/nowhere", harness.CRM, "Content-Length: 400000"), "few"},
				"without a key": {harness.Post("/x", "", "Content-Length: 400000"), "few"},
				"to whoami":     {harness.Post("/public", "", "Content-Length: 400000"), "few"},
			} {
				t.Run(site+"/"+name+"/"+kind, func(t *testing.T) {
					g.Backend.Seen()
					conn := harness.Dial(t, g.Addr)
					conn.Say(t, c.head+c.body)
					response := conn.Answer(t, "POST")
					require.True(t, response.Close, "the answer says Connection: close")
					_, _ = io.WriteString(conn, smuggled) // the rest of the body, as an attacker writes it
					require.Empty(t, conn.Rest(), "one request, one answer")
					require.Empty(t, g.Backend.Seen())
				})
			}
		}
	}
}

// TestSmallRefusalsKeepTheirConnection, so that an agent's next request costs no handshake.
func TestSmallRefusalsKeepTheirConnection(t *testing.T) {
	setup := harness.World()
	setup.Gate += "whoami /me\n"
	g := harness.Start(t, setup)
	conn := harness.Dial(t, g.Addr)
	for name, c := range map[string]struct {
		text   string
		status int
	}{
		"no such route":        {harness.Post("/nowhere", harness.CRM, "Content-Length: 11") + `{"a":"bcd"}`, 404},
		"no key":               {harness.Post("/leads", "", "Content-Length: 11") + `{"a":"bcd"}`, 401},
		"chunks":               {harness.Post("/nowhere", harness.CRM, "Transfer-Encoding: chunked") + "3\r\nabc\r\n0\r\n\r\n", 404},
		"64 KiB":               {harness.Post("/nowhere", harness.CRM, "Content-Length: 65536") + strings.Repeat("x", 65536), 404},
		"whoami with a body":   {strings.Replace(harness.Post("/me", harness.CRM, "Content-Length: 3"), "POST", "GET", 1) + "abc", 200},
		"a body that is whole": {harness.Post("/leads", harness.CRM, "Content-Length: 2") + "{}", 200},
	} {
		t.Run(name, func(t *testing.T) {
			for range 3 {
				conn.Say(t, c.text)
				response := conn.Answer(t, "POST")
				require.Equal(t, c.status, response.StatusCode)
				require.False(t, response.Close)
			}
		})
	}
}

// TestExpectIsAnsweredAtOnce: a refusal leaves before the body comes, and a good request is told to go on once.
func TestExpectIsAnsweredAtOnce(t *testing.T) {
	for site, before := range sites {
		setup := harness.World()
		// Caddy counts the bytes of a body for its access log without a lock, and this backend answers before it has read any.
		setup.Before = before + "\nlog_skip /y"
		setup.Gate += "route POST /x {\n body 1KB\n}\nroute POST /y\n"
		said := "HTTP/1.1 100 Continue\r\n\r\nHTTP/1.1 103 Early Hints\r\nLink: </a>\r\n\r\nHTTP/1.1 200 OK\r\nContent-Length: 2\r\n\r\nok"
		setup.Then = "reverse_proxy /y " + harness.RawBackend(t, said) + "\nreverse_proxy $BACKEND"
		g := harness.Start(t, setup)
		for name, c := range map[string]struct {
			path, key string
			status    int
		}{
			"no key": {"/x", "", 401}, "no route": {"/nowhere", harness.CRM, 404}, "no scope": {"/leads", harness.Reader, 403},
		} {
			t.Run(site+"/refused/"+name, func(t *testing.T) {
				conn := harness.Dial(t, g.Addr)
				conn.Say(t, harness.Post(c.path, c.key, "Content-Length: 5000000", "Expect: 100-continue"))
				response := conn.Answer(t, "POST")
				require.Equal(t, c.status, response.StatusCode)
				require.True(t, response.Close)
				require.Empty(t, conn.Rest())
			})
		}
		for path, body := range map[string]string{"/x": "{}", "/y": "{}", "/leads": "{}"} {
			t.Run(site+"/passes"+path, func(t *testing.T) {
				conn := harness.Dial(t, g.Addr)
				conn.Say(t, harness.Post(path, harness.CRM, "Content-Length: 2", "Expect: 100-continue", "Connection: close"))
				go func() {
					<-time.After(50 * time.Millisecond) // as a client that was told, or grew tired
					_, _ = io.WriteString(conn, body)
				}()
				heard := conn.Rest()
				require.Contains(t, heard, "HTTP/1.1 200 OK\r\n")
				require.LessOrEqual(t, strings.Count(heard, "100 Continue"), 1)
				require.NotContains(t, strings.TrimPrefix(heard, "HTTP/1.1 100 Continue\r\n\r\n"), "Continue", "nothing is written into it")
			})
		}
	}
}

// TestRefusedUploadsLearnWhy: the common clients read the answer to an upload that is refused while they still send.
func TestRefusedUploadsLearnWhy(t *testing.T) {
	g := harness.Start(t, harness.World())
	upload := bytes.Repeat([]byte("x"), 20<<20)
	file := t.TempDir() + "/upload"
	require.NoError(t, os.WriteFile(file, upload, 0o600))
	url := "http://" + g.Addr + "/leads"
	const rounds = 10
	t.Run("Go", func(t *testing.T) {
		for range rounds {
			response, err := (&http.Client{Transport: &http.Transport{}}).Post(url, "application/json", bytes.NewReader(upload))
			require.NoError(t, err)
			require.Equal(t, 401, response.StatusCode)
			_, err = io.Copy(io.Discard, response.Body)
			require.NoError(t, err)
			require.NoError(t, response.Body.Close())
		}
	})
	for name, expect := range map[string]string{"curl": "Expect:", "curl that expects": "Expect: 100-continue"} {
		t.Run(name, func(t *testing.T) {
			program := services.Binary(t, "curl")
			for range rounds {
				out, err := exec.Command(program, "-sS", "-o", "/dev/null", "-w", "%{http_code}", "-H", expect, "--data-binary", "@"+file, url).CombinedOutput()
				require.NoError(t, err, string(out))
				require.Equal(t, "401", string(out))
			}
		})
	}
	t.Run("Node", func(t *testing.T) {
		program := services.Binary(t, "node")
		script := `const http = require("http"), body = Buffer.alloc(20 << 20, "x");
const once = () => new Promise((done, fail) => {
	const r = http.request(process.argv[1], {method: "POST", headers: {"Content-Type": "application/json", "Content-Length": body.length}}, (a) => {
		a.resume(); a.on("end", () => done(a.statusCode)); a.on("error", fail);
	});
	let answered; r.on("response", () => { answered = true; }); r.on("error", (e) => { if (!answered) fail(e); });
	r.end(body);
});
(async () => { for (let i = 0; i < ` + fmt.Sprint(rounds) + `; i++) console.log(await once()); })();`
		out, err := exec.Command(program, "-e", script, url).CombinedOutput()
		require.NoError(t, err, string(out))
		require.Equal(t, strings.Repeat("401\n", rounds), string(out))
	})
}

// TestOneAnswerARequest: over many kept-alive connections, with early answers in between, every answer belongs to a request
// that was sent as one.
func TestOneAnswerARequest(t *testing.T) {
	setup := harness.World()
	setup.Gate += "route POST /early\n"
	setup.Then = "reverse_proxy /early " + harness.RawBackend(t, "HTTP/1.1 403 Forbidden\r\nContent-Length: 0\r\n\r\n") + "\nreverse_proxy $BACKEND"
	g := harness.Start(t, setup)
	g.Backend.Answer(func(w http.ResponseWriter, r *http.Request) { w.Header().Set("X-Asked", r.URL.RawQuery) })
	requests := 300
	if harness.Long() {
		requests = 10000
	}
	var conn *harness.Conn
	inner := "GET /leads?inner HTTP/1.1\r\nHost: localhost\r\nAuthorization: Bearer " + harness.CRM + "\r\n\r\n"
	for n := range requests {
		if conn == nil {
			conn = harness.Dial(t, g.Addr)
		}
		early := n%7 == 3
		text := fmt.Sprintf("GET /leads?n=%d HTTP/1.1\r\nHost: localhost\r\nAuthorization: Bearer %s\r\n\r\n", n, harness.CRM)
		if early {
			body := strings.Repeat(inner, 1+n%40)
			text = harness.Post("/early", harness.CRM, fmt.Sprintf("Content-Length: %d", len(body)+1000000)) + body
		}
		conn.Say(t, text)
		response := conn.Answer(t, "")
		if !early {
			require.Equal(t, fmt.Sprintf("n=%d", n), response.Header.Get("X-Asked"))
			continue
		}
		require.Equal(t, 403, response.StatusCode)
		require.True(t, response.Close)
		if n%2 == 0 {
			require.NoError(t, conn.Close())
		} else {
			require.Empty(t, conn.Rest())
		}
		conn = nil
	}
	for _, s := range g.Backend.Seen() {
		require.NotContains(t, s.Target, "inner", "no part of a body was served")
	}
}
