package caddymodule_test

import (
	"encoding/json"
	"io"
	"net/http"
	"net/http/httptrace"
	"net/textproto"
	"testing"
	"time"

	"github.com/caddyserver/caddy/v2"
	"github.com/stretchr/testify/require"

	"github.com/tollgate-gateway/tollgate/caddymodule/gateway"
	"github.com/tollgate-gateway/tollgate/caddymodule/harness"
	"github.com/tollgate-gateway/tollgate/caddymodule/keystore"
	"github.com/tollgate-gateway/tollgate/caddymodule/keystore/sqlite"
	"github.com/tollgate-gateway/tollgate/caddymodule/record"
)

// told is what every answer of the deprecated routes below says of it.
var told = http.Header{
	"Deprecation": {"@1796083200"}, "Sunset": {"Tue, 01 Jun 2027 00:00:00 GMT"}, "Link": {`<https://example.com/changes>; rel="deprecation"`},
}

func deprecatedWorld() harness.Setup {
	block := " {\ndeprecated 2026-12-01\nsunset 2027-06-01\nlink https://example.com/changes\n}\n"
	setup := limited("big 100000/1m", "small 1/1m", "medium 5/1m")
	setup.Keys += harness.WorldKeys[len("\nworkspaces:\n"):]
	setup.Gate = "route GET,POST /old agent.leads.read" + block + "public GET /old/public" + block +
		"route GET /new agent.leads.read\nroute GET /dear agent.leads.read {\ncost 4\ndeprecated 2026-12-01\n}\n"
	return setup
}

// TestDeprecatedRoutesSaySo: on every answer that a caller who may use the route gets, once; and nobody else hears of it.
func TestDeprecatedRoutesSaySo(t *testing.T) {
	g := harness.Start(t, deprecatedWorld())
	tells := func(want http.Header) func(*testing.T, *harness.Answer, []harness.Seen) {
		return func(t *testing.T, a *harness.Answer, _ []harness.Seen) {
			got := http.Header{}
			for name := range told {
				if values := a.Header.Values(name); len(values) > 0 {
					got[name] = values
				}
			}
			require.Equal(t, want, got)
		}
	}
	nothing := http.Header{}
	g.Run(t, []harness.Case{
		{Name: "a success", Request: harness.Request{Path: "/old", Key: harness.CRM}, Status: 200, Hits: 1, Limits: harness.Workspace, Check: tells(told)},
		{Name: "HEAD", Request: harness.Request{Method: "HEAD", Path: "/old", Key: harness.CRM}, Status: 200, Hits: 1, Limits: harness.Workspace, Check: tells(told)},
		{Name: "a public route", Request: harness.Request{Path: "/old/public"}, Status: 200, Hits: 1, Limits: harness.NoLimits, Check: tells(told)},
		{Name: "another route", Request: harness.Request{Path: "/new", Key: harness.CRM}, Status: 200, Hits: 1, Limits: harness.Workspace, Check: tells(nothing)},
		{Name: "no route", Request: harness.Request{Path: "/older", Key: harness.CRM}, Status: 404, Code: "NOT_FOUND", Limits: harness.Workspace, Check: tells(nothing)},
		{Name: "without a key", Request: harness.Request{Path: "/old"}, Status: 401, Code: "UNAUTHORIZED", Limits: harness.AuthLimit, Check: tells(nothing)},
		{Name: "without the scope", Request: harness.Request{Path: "/old", Key: harness.Unscoped}, Status: 403, Code: "FORBIDDEN", Limits: harness.Workspace, Check: tells(nothing)},
		{Name: "from outside the allowlist", Request: harness.Request{Path: "/old", Key: harness.Elsewhere}, Status: 403, Code: "FORBIDDEN", Limits: harness.Workspace, Check: tells(nothing)},
		{Name: "the last of the window", Request: harness.Request{Path: "/old", Key: one("small")}, Status: 200, Hits: 1, Limits: harness.Workspace, Check: tells(told)},
		{Name: "over the limit", Request: harness.Request{Path: "/old", Key: one("small")}, Status: 429, Code: "RATE_LIMITED", Limits: harness.Workspace, Check: tells(told)},
	})
	for name, answer := range map[string]struct {
		status int
		code   string
		write  http.HandlerFunc
		want   http.Header
	}{
		"what the backend says of it": {200, "", func(w http.ResponseWriter, _ *http.Request) {
			w.Header().Set("Deprecation", "true")
			w.Header().Add("Sunset", "Sat, 31 Dec 2022 23:59:59 GMT")
		}, told},
		"the backend's other links": {200, "", func(w http.ResponseWriter, _ *http.Request) {
			w.Header().Set("Link", `</old?page=2>; rel="next"`)
		}, http.Header{"Deprecation": told["Deprecation"], "Sunset": told["Sunset"], "Link": {`</old?page=2>; rel="next"`, told["Link"][0]}}},
		"early hints":  {200, "", func(w http.ResponseWriter, _ *http.Request) { w.WriteHeader(103) }, told},
		"no content":   {204, "", func(w http.ResponseWriter, _ *http.Request) { w.WriteHeader(204) }, told},
		"not modified": {304, "", func(w http.ResponseWriter, _ *http.Request) { w.WriteHeader(304) }, told},
		"a refusal of the backend": {422, "VALIDATION_ERROR", func(w http.ResponseWriter, _ *http.Request) {
			writeJSON(w, 422, `{"message":"no"}`)
		}, told},
		"a failure of the backend":   {503, "INTERNAL_ERROR", func(w http.ResponseWriter, _ *http.Request) { w.WriteHeader(503) }, told},
		"an answer that never comes": {502, "INTERNAL_ERROR", func(w http.ResponseWriter, _ *http.Request) { panic(http.ErrAbortHandler) }, told},
		"a stream": {200, "", func(w http.ResponseWriter, _ *http.Request) {
			w.Header().Set("Content-Type", "text/event-stream")
			_, _ = io.WriteString(w, "data: x\n\n")
			_ = http.NewResponseController(w).Flush()
		}, told},
	} {
		g.Backend.Answer(answer.write)
		g.Run(t, []harness.Case{{
			Name: name, Request: harness.Request{Method: "POST", Path: "/old", Key: harness.CRM}, Status: answer.status, Code: answer.code, Hits: 1, Limits: harness.Workspace,
			Check: tells(answer.want),
		}})
	}
}

// TestABackendSaysNothingOfItInATrailer: over HTTP/3 an announced trailer of that name would take the header's place.
func TestABackendSaysNothingOfItInATrailer(t *testing.T) {
	everywhere(t, deprecatedWorld(), func(t *testing.T, g *harness.Gateway, proto harness.Proto) {
		g.Backend.Answer(func(w http.ResponseWriter, _ *http.Request) {
			w.Header().Set("Trailer", "Deprecation, Sunset, X-Sum")
			_, _ = io.WriteString(w, "hello")
			_ = http.NewResponseController(w).Flush()
			w.Header().Set("Deprecation", "@1")
			w.Header().Set("Sunset", "never")
			w.Header().Set("X-Sum", "1")
			w.Header().Set(http.TrailerPrefix+"Sunset", "soon")
		})
		a := g.Do(t, harness.Request{Path: "/old", Key: harness.CRM, Proto: proto})
		for name, want := range told {
			require.Equal(t, want, a.Header.Values(name), name)
		}
		require.Equal(t, http.Header{"X-Sum": {"1"}}, a.Trailer)
		a = g.Do(t, harness.Request{Path: "/new", Key: harness.CRM, Proto: proto})
		require.Contains(t, a.Trailer["Deprecation"], "@1", "on other routes it is the backend's to say")
	})
}

func TestAnUpgradeSaysThatTheRouteIsDeprecated(t *testing.T) {
	g := harness.Start(t, deprecatedWorld())
	g.Backend.Answer(func(w http.ResponseWriter, _ *http.Request) {
		conn, buffered, err := http.NewResponseController(w).Hijack()
		if err != nil {
			return
		}
		defer func() { _ = conn.Close() }()
		_, _ = buffered.WriteString("HTTP/1.1 101 Switching Protocols\r\nConnection: Upgrade\r\nUpgrade: websocket\r\nSunset: never\r\n\r\n")
		_ = buffered.Flush()
	})
	g.Run(t, []harness.Case{{
		Name: "websocket",
		Raw: "GET /old HTTP/1.1\r\nHost: x\r\nAuthorization: Bearer " + harness.CRM + "\r\nConnection: Upgrade\r\nUpgrade: websocket\r\n" +
			"Sec-WebSocket-Key: dGhlIHNhbXBsZSBub25jZQ==\r\nSec-WebSocket-Version: 13\r\n\r\n",
		Status: 101, Hits: 1, Limits: harness.Workspace,
		Check: func(t *testing.T, a *harness.Answer, _ []harness.Seen) {
			for name, want := range told {
				require.Equal(t, want, a.Header.Values(name), name)
			}
		},
	}})
}

// TestEarlyHintsSayNothingOfTheRoute: what the backend says there of its own dates contradicts the answer, and what else it says stays.
func TestEarlyHintsSayNothingOfTheRoute(t *testing.T) {
	g := harness.Start(t, deprecatedWorld())
	g.Backend.Answer(func(w http.ResponseWriter, _ *http.Request) {
		for name, value := range map[string]string{"Deprecation": "@1", "Sunset": "never", "Link": "</style.css>; rel=preload"} {
			w.Header().Set(name, value)
		}
		w.WriteHeader(http.StatusEarlyHints)
	})
	for path, kept := range map[string]bool{"/old": false, "/new": true} {
		hints := 0
		ctx := httptrace.WithClientTrace(t.Context(), &httptrace.ClientTrace{Got1xxResponse: func(_ int, h textproto.MIMEHeader) error {
			hints++
			require.Equal(t, kept, h.Get("Deprecation") != "", path)
			require.Equal(t, kept, h.Get("Sunset") != "", path)
			require.Equal(t, "</style.css>; rel=preload", h.Get("Link"))
			return nil
		}})
		answer, err := g.Open(ctx, harness.Request{Path: path, Key: harness.CRM})
		require.NoError(t, err)
		require.NoError(t, answer.Body.Close())
		require.Equal(t, 1, hints, path)
	}
}

func TestAPanicOfALaterHandlerSaysThatTheRouteIsDeprecated(t *testing.T) {
	setup := deprecatedWorld()
	setup.Then = "failing panic"
	g := harness.Start(t, setup)
	a := g.Do(t, harness.Request{Path: "/old", Key: harness.CRM})
	require.Equal(t, http.StatusInternalServerError, a.Status)
	for name, want := range told {
		require.Equal(t, want, a.Header.Values(name), name)
	}
}

// TestStatusNamesWhoStillCalls: by workspace, over a reload as well.
func TestStatusNamesWhoStillCalls(t *testing.T) {
	setup := deprecatedWorld()
	g := harness.Start(t, setup)
	for _, key := range []string{harness.CRM, harness.Globex, harness.CRM, harness.Unscoped, harness.Unknown} {
		g.Do(t, harness.Request{Path: "/old", Key: key})
	}
	g.Do(t, harness.Request{Path: "/new", Key: harness.CRM})
	g.Do(t, harness.Request{Path: "/old/public"})
	require.NoError(t, g.Load(setup.Caddyfile()))
	states := map[string]gateway.RouteState{}
	app, err := caddy.ActiveContext().AppIfConfigured("tollgate")
	require.NoError(t, err)
	for _, state := range app.(*gateway.App).RouteStates() {
		states[state.Pattern] = state
	}
	require.Nil(t, states["/new"].Deprecation)
	old := states["/old"].Deprecation
	require.Equal(t, 2, old.Workspaces, "who was refused does not count")
	for n, want := range []struct {
		workspace string
		requests  int64
	}{{"ws_acme", 2}, {"ws_globex", 1}} {
		require.Equal(t, want.workspace, old.Callers[n].Workspace)
		require.Equal(t, want.requests, old.Callers[n].Requests)
		require.WithinDuration(t, time.Now(), time.Unix(old.Callers[n].Last, 0), time.Minute)
	}
	require.Equal(t, "", states["/old/public"].Deprecation.Callers[0].Workspace)
	text, err := json.Marshal(states["/old"])
	require.NoError(t, err)
	require.Contains(t, string(text), `"deprecation":{"deprecated":"2026-12-01T00:00:00Z","sunset":"2027-06-01T00:00:00Z","link":"https://example.com/changes","workspaces":2,"others":0,"callers":[{"workspace":"ws_acme","requests":2,`)
}

// TestASecretInItsGraceSaysUntilWhen: on every answer to it, once, and to nobody else.
func TestASecretInItsGraceSaysUntilWhen(t *testing.T) {
	path := t.TempDir() + "/keys.db"
	store := sqlite.New(path, sqlite.Options{Create: true})
	t.Cleanup(func() { require.NoError(t, store.Close()) })
	by := keystore.Act{By: "test", Action: "test"}
	require.NoError(t, store.CreateWorkspace(t.Context(), by, &record.Workspace{ID: "ws_acme", Plan: "pro"}))
	require.NoError(t, store.CreateKeys(t.Context(), by, "ws_acme", []keystore.NewKey{{Key: record.Key{ID: "key_crm"}, Sum: record.SumOf(harness.CRM)}}))
	rotated, err := store.RotateKey(t.Context(), by, "key_crm", record.SumOf(harness.Reader), time.Hour)
	require.NoError(t, err)
	ends := rotated.Secrets[0].ExpiresAt.UTC().Format(time.RFC3339)

	setup := harness.Setup{Options: "keys sqlite " + path + "\nplan pro 100000/1m", Gate: "whoami /me\nroute GET /plain\nroute GET /admin agent.admin\n"}
	g := harness.Start(t, setup)
	g.Backend.Answer(func(w http.ResponseWriter, _ *http.Request) {
		w.Header()["x_tollgate_secret.ends"] = []string{"never"}
		w.Header()["X-Tollgate-Secret-Ends"] = []string{"never"}
		w.Header().Set("Trailer", "X-Tollgate-Secret-Ends")
		_, _ = io.WriteString(w, "hello")
		w.Header().Set("X-Tollgate-Secret-Ends", "of the trailer")
	})
	for path, status := range map[string]int{"/plain": 200, "/me": 200, "/admin": 403, "/nowhere": 404} {
		old := g.Do(t, harness.Request{Path: path, Key: harness.CRM})
		require.Equal(t, status, old.Status, path)
		require.Equal(t, []string{ends}, old.Header.Values("X-Tollgate-Secret-Ends"), path)
		fresh := g.Do(t, harness.Request{Path: path, Key: harness.Reader})
		require.Equal(t, status, fresh.Status, path)
		require.Empty(t, fresh.Header.Values("X-Tollgate-Secret-Ends"), path)
		for name := range old.Header {
			require.NotContains(t, name, "_", path)
		}
		require.Empty(t, old.Trailer, path)
		if path == "/me" {
			require.Contains(t, old.Body, `"secret_ends_at":"`+ends+`"`)
			require.Contains(t, fresh.Body, `"secret_ends_at":null`)
		}
	}
	require.Empty(t, g.Do(t, harness.Request{Path: "/plain", Key: harness.Unknown}).Header.Values("X-Tollgate-Secret-Ends"))
}
