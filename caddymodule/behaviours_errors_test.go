package caddymodule_test

import (
	"context"
	"errors"
	"io"
	"net"
	"net/http"
	"strings"
	"testing"
	"time"

	"github.com/caddyserver/caddy/v2"
	"github.com/caddyserver/caddy/v2/caddyconfig/caddyfile"
	"github.com/caddyserver/caddy/v2/caddyconfig/httpcaddyfile"
	"github.com/caddyserver/caddy/v2/modules/caddyhttp"
	"github.com/stretchr/testify/require"

	"github.com/tollgate-gateway/tollgate/caddymodule/harness"
)

// failing is a handler behind the gate that fails in the way its argument says.
type failing struct {
	How string `json:"how,omitempty"`
}

func init() {
	caddy.RegisterModule(failing{})
	httpcaddyfile.RegisterHandlerDirective("failing", func(h httpcaddyfile.Helper) (caddyhttp.MiddlewareHandler, error) {
		f := new(failing)
		return f, f.UnmarshalCaddyfile(h.Dispenser)
	})
	httpcaddyfile.RegisterDirectiveOrder("failing", httpcaddyfile.Before, "reverse_proxy")
}

func (failing) CaddyModule() caddy.ModuleInfo {
	return caddy.ModuleInfo{ID: "http.handlers.failing", New: func() caddy.Module { return new(failing) }}
}

func (f *failing) UnmarshalCaddyfile(d *caddyfile.Dispenser) error {
	d.Next()
	if !d.Args(&f.How) {
		return d.ArgErr()
	}
	return nil
}

func (f failing) ServeHTTP(w http.ResponseWriter, r *http.Request, next caddyhttp.Handler) error {
	switch f.How {
	case "panic":
		panic("secret internals of a handler")
	case "late-panic":
		w.WriteHeader(http.StatusOK)
		_ = http.NewResponseController(w).Flush()
		panic("secret internals of a handler")
	case "error":
		return errors.New("secret internals of an error")
	case "teapot":
		return caddyhttp.Error(http.StatusTeapot, errors.New("secret internals of an error"))
	}
	return next.ServeHTTP(w, r)
}

func failed(name string, status int, code string) harness.Case {
	return harness.Case{
		Name: name, Request: harness.Request{Path: "/leads", Key: harness.CRM}, Status: status, Code: code, Limits: harness.Workspace,
		Check: func(t *testing.T, a *harness.Answer, _ []harness.Seen) {
			require.NotContains(t, a.Body, "secret internals")
			require.NotContains(t, a.Body, "127.0.0.1")
			require.NotContains(t, a.Body, "goroutine")
		},
	}
}

func TestBackendUnreachable(t *testing.T) {
	listener, err := net.Listen("tcp", "127.0.0.1:0")
	require.NoError(t, err)
	nobody := listener.Addr().String()
	require.NoError(t, listener.Close())
	setup := harness.World()
	setup.Then = "reverse_proxy " + nobody
	g := harness.Start(t, setup)
	g.Run(t, []harness.Case{failed("F02/backend refuses the connection", 502, "INTERNAL_ERROR")})
}

func TestHandlersThatFail(t *testing.T) {
	for how, want := range map[string]harness.Case{
		"panic":  failed("F15/panic", 500, "INTERNAL_ERROR"),
		"error":  failed("error without a status", 500, "INTERNAL_ERROR"),
		"teapot": failed("error with a status", 418, "VALIDATION_ERROR"),
	} {
		setup := harness.World()
		setup.Then = "failing " + how
		g := harness.Start(t, setup)
		g.Run(t, []harness.Case{want, want}) // twice: the process lives
	}
}

func TestPanicAfterTheHeaderCutsTheAnswer(t *testing.T) {
	setup := harness.World()
	setup.Then = "failing late-panic"
	g := harness.Start(t, setup)
	_, err := g.Try(harness.Request{Path: "/leads", Key: harness.CRM})
	require.Error(t, err, "F15: the client sees a cut, not an envelope in the middle")
	require.Equal(t, 401, g.Do(t, harness.Request{Path: "/leads"}).Status, "F15: the process lives")
}

func TestSiteWithoutAnswer(t *testing.T) {
	setup := harness.World()
	setup.Then = "# nothing"
	g := harness.Start(t, setup)
	g.Run(t, []harness.Case{failed("a site where no handler answers is 404", 404, "NOT_FOUND")})
}

func TestGatewayInsideGateway(t *testing.T) {
	setup := harness.World()
	setup.Then = "route {\n tollgate {\n route GET /leads\n }\n reverse_proxy $BACKEND\n}"
	_, err := harness.Validate(t, strings.NewReplacer("$DIR/keys.yaml", "keys.yaml", "$PORT", "8080", "$BACKEND", "localhost:9000", "$TLS", "8443", "$DIR", t.TempDir()).Replace(
		strings.Replace(setup.Caddyfile(), "keys file $DIR/keys.yaml", "keys sqlite", 1)), "Caddyfile")
	require.ErrorContains(t, err, "this gate stands behind the one at", "where it is seen, it is not loaded")
	setup.Then = "reverse_proxy $BACKEND {\n handle_response {\n tollgate {\n route GET /leads\n }\n respond ok\n }\n}"
	g := harness.Start(t, setup)
	inside := failed("a second gateway inside the first is 500", 500, "INTERNAL_ERROR")
	inside.Hits = 1
	g.Run(t, []harness.Case{inside})
	require.Eventually(t, func() bool {
		return harness.Contains(g.ReadFile(t, "caddy.log"), "a tollgate handler stands inside another one")
	}, harness.WaitFor, harness.Tick, "and the log says why")
}

// TestHandleErrorsSeesWhatIsBeforeTheGate, and nothing of the gate or of what stands behind it.
func TestHandleErrorsSeesWhatIsBeforeTheGate(t *testing.T) {
	setup := harness.World()
	setup.Before = "basic_auth /before {\n ann $2a$14$Zkx19XLiW6VYouLHR5NmfOFU0z2GTNmpkT/5qqR7hx4IjWJPDhjvG\n}\nhandle_errors {\n respond \"the site's own\" 418\n}"
	setup.Then = "handle /leads {\n reverse_proxy 127.0.0.1:1\n}\nhandle {\n error 503\n}"
	g := harness.Start(t, setup)
	before := g.Do(t, harness.Request{Path: "/before", Key: harness.CRM})
	require.Equal(t, 418, before.Status, before.Body)
	require.Equal(t, "the site's own", before.Body)
	g.Run(t, []harness.Case{
		failed("a backend that is down", 502, "INTERNAL_ERROR"),
		{Name: "another handler's error", Request: harness.Request{Path: "/plain", Key: harness.CRM}, Status: 503, Code: "INTERNAL_ERROR", Limits: harness.Workspace},
		{Name: "the gate's", Request: harness.Request{Path: "/leads"}, Status: 401, Code: "UNAUTHORIZED", Limits: harness.AuthLimit},
	})
}

func TestErrorsAreJSONWhateverIsAccepted(t *testing.T) {
	g := harness.Start(t, harness.World())
	for _, accept := range []string{"text/html", "application/xml"} {
		g.Run(t, []harness.Case{{
			Name: "F05/" + accept, Request: harness.Request{Path: "/nothing", Key: harness.CRM, Header: harness.Header("Accept", accept)},
			Status: 404, Code: "NOT_FOUND", Limits: harness.Workspace,
		}})
	}
	g.Backend.Answer(func(w http.ResponseWriter, _ *http.Request) {
		w.Header().Set("Content-Type", "text/html")
		w.WriteHeader(http.StatusInternalServerError)
		_, _ = w.Write([]byte("<pre>secret internals at 127.0.0.1</pre>"))
	})
	c := failed("F04/backend's 500 page", 500, "INTERNAL_ERROR")
	c.Hits = 1
	head := harness.Case{Name: "F06/HEAD", Request: harness.Request{Method: "HEAD", Path: "/leads", Key: harness.CRM}, Status: 500, Code: "INTERNAL_ERROR", Hits: 1, Limits: harness.Workspace}
	g.Run(t, []harness.Case{c, head})
	id := g.Do(t, harness.Request{Path: "/leads", Key: harness.CRM}).Header.Get("X-Request-Id")
	require.Eventually(t, func() bool {
		for line := range strings.Lines(g.ReadFile(t, "caddy.log")) {
			if harness.Contains(line, "secret internals at 127.0.0.1", `"request_id":"`+id+`"`) {
				return true
			}
		}
		return false
	}, harness.WaitFor, harness.Tick, "the backend's text is in the log, with the request id")
}

// TestStalledErrorIsGivenUp: of an error whose body does not come the caller hears after 2 s, and the backend is let go.
func TestStalledErrorIsGivenUp(t *testing.T) {
	g := harness.Start(t, harness.World())
	ended := make(chan struct{}, 1)
	g.Backend.Answer(func(w http.ResponseWriter, r *http.Request) {
		w.WriteHeader(http.StatusServiceUnavailable)
		_, _ = io.WriteString(w, "disk full at")
		_ = http.NewResponseController(w).Flush()
		<-r.Context().Done()
		ended <- struct{}{}
	})
	c := failed("a stalled error", 503, "INTERNAL_ERROR")
	c.Hits = 1
	g.Run(t, []harness.Case{c})
	select {
	case <-ended:
	case <-time.After(harness.WaitFor):
		require.Fail(t, "the request to the backend goes on")
	}
	require.Eventually(t, func() bool {
		return harness.Contains(g.ReadFile(t, "caddy.log"), `"backend_said":"disk full at"`, `"dropped":"not complete in time"`)
	}, harness.WaitFor, harness.Tick, "what came of it is in the log")
}

func TestClientLeaves(t *testing.T) {
	g := harness.Start(t, harness.World())
	reached, cancelled := make(chan struct{}), make(chan struct{})
	g.Backend.Answer(func(_ http.ResponseWriter, r *http.Request) {
		close(reached)
		<-r.Context().Done()
		close(cancelled)
	})
	ctx, leave := context.WithCancel(t.Context())
	go func() {
		<-reached
		leave()
	}()
	_, err := g.Open(ctx, harness.Request{Path: "/leads", Key: harness.CRM})
	require.ErrorIs(t, err, context.Canceled)
	<-cancelled // F11: the upstream request is cancelled
	require.Eventually(t, func() bool {
		return harness.Contains(g.ReadFile(t, "access.log"), `"status":499`)
	}, harness.WaitFor, harness.Tick, "F11: counted as 499, not as a failure")
	require.NotContains(t, g.ReadFile(t, "caddy.log"), "request failed")
}

func TestErrorTextCannotEscape(t *testing.T) {
	g := harness.Start(t, harness.World())
	g.Backend.Answer(func(w http.ResponseWriter, _ *http.Request) {
		w.Header().Set("Content-Type", "application/json")
		w.WriteHeader(http.StatusBadRequest)
		_, _ = w.Write([]byte("{\"message\":\"quote \\\" newline \\n <b> \xff\"}"))
	})
	g.Run(t, []harness.Case{{
		Name: "F16/text of others stays inside its string", Request: harness.Request{Path: "/leads", Key: harness.CRM},
		Status: 400, Code: "VALIDATION_ERROR", Hits: 1, Limits: harness.Workspace,
		Check: func(t *testing.T, a *harness.Answer, _ []harness.Seen) {
			require.False(t, strings.Contains(a.Body, "\n\n"))
			require.Contains(t, a.Envelope(t).Error.Message, "quote")
		},
	}})
}
