package gateway_test

import (
	"encoding/json"
	"io"
	"net/http"
	"strings"
	"testing"

	"github.com/stretchr/testify/require"

	"github.com/tollgate-gateway/tollgate/caddymodule/harness"
)

// answers makes the backend answer so.
func answers(g *harness.Gateway, status int, contentType, body string, headers ...string) {
	g.Backend.Answer(func(w http.ResponseWriter, _ *http.Request) {
		w.Header().Set("Content-Type", contentType)
		for i := 0; i < len(headers); i += 2 {
			w.Header().Add(headers[i], headers[i+1])
		}
		w.WriteHeader(status)
		_, _ = io.WriteString(w, body)
	})
}

// keptErrors reads the member that keep_errors adds.
func keptErrors(t *testing.T, a *harness.Answer) (messages []string) {
	t.Helper()
	var e struct {
		Error  struct{ Message string }
		Errors []struct{ Message string }
	}
	require.NoError(t, json.Unmarshal([]byte(a.Body), &e), a.Body)
	for _, entry := range e.Errors {
		messages = append(messages, entry.Message)
	}
	require.Equal(t, e.Error.Message, messages[0])
	return messages
}

// TestKeepErrors: every error of the site has the member, whoever made it.
func TestKeepErrors(t *testing.T) {
	setup := harness.World()
	setup.Gate += "route GET /lonely\nerrors {\n soft_failures\n keep_errors\n classify INTERNAL_ERROR 503 \"away$\"\n}\n"
	setup.Then = "respond /lonely 418\nreverse_proxy $BACKEND"
	g := harness.Start(t, setup)
	for name, c := range map[string]struct {
		path, key, body string
		backend, status int
		want            []string
	}{
		"own 401":            {"/leads", harness.Unknown, "", 0, 401, []string{"A valid API key is required."}},
		"own 403, a detail":  {"/leads", harness.Unscoped, "", 0, 403, nil},
		"own 404":            {"/nowhere", harness.CRM, "", 0, 404, []string{"There is no such route."}},
		"own 400, a detail":  {"/a//b", harness.CRM, "", 0, 400, nil},
		"Caddy's status":     {"/lonely", harness.CRM, "", 0, 418, []string{"The request is not valid."}},
		"backend's 4xx":      {"/leads", harness.CRM, `{"message":"no","errors":{"a":["b"]}}`, 422, 422, []string{"no", "b"}},
		"backend's envelope": {"/leads", harness.CRM, `{"success":false,"error":{"code":"NOT_FOUND","message":"m","details":null}}`, 404, 404, []string{"m"}},
		"backend's 5xx":      {"/leads", harness.CRM, `{"errors":[{"message":"secret"}]}`, 500, 500, []string{"The request could not be answered because of an internal error."}},
		"soft failure":       {"/leads", harness.CRM, `{"success":false,"errors":[{"message":"no"}]}`, 200, 400, []string{"no"}},
		"an outage":          {"/leads", harness.CRM, `{"success":false,"errors":[{"message":"is away"}]}`, 200, 503, []string{"The request could not be answered because of an internal error."}},
	} {
		t.Run(name, func(t *testing.T) {
			answers(g, c.backend, "application/json", c.body)
			a := g.Do(t, harness.Request{Path: c.path, Key: c.key})
			require.Equal(t, c.status, a.Status, a.Body)
			messages := keptErrors(t, a)
			if c.want != nil {
				require.Equal(t, c.want, messages)
			} else {
				require.Greater(t, len(messages), 1)
			}
			if c.status == 503 {
				require.Equal(t, "5", a.Header.Get("Retry-After"))
			}
		})
	}
	g.Backend.Close()
	require.Equal(t, []string{"The backend cannot be reached."}, keptErrors(t, g.Do(t, harness.Request{Path: "/leads", Key: harness.CRM})))
	require.Empty(t, g.Do(t, harness.Request{Method: "HEAD", Path: "/leads", Key: harness.CRM}).Body)
}

// TestHiddenTextsGoToTheLog: what speaks of the backend's inside is in the log, with the request's id, and not in the answer.
func TestHiddenTextsGoToTheLog(t *testing.T) {
	setup := harness.World()
	setup.Gate += "errors {\n soft_failures\n}\n"
	g := harness.Start(t, setup)
	for _, status := range []int{200, 400} {
		answers(g, status, "application/json", `{"success":false,"errors":[{"message":"connection 7 to 10.0.0.5:27017 closed"}]}`)
		a := g.Do(t, harness.Request{Path: "/leads", Key: harness.CRM})
		require.Equal(t, 400, a.Status)
		require.Equal(t, "The request is not valid.", a.Envelope(t).Error.Message)
		require.NotContains(t, a.Body, "27017")
		logged(t, g, "connection 7 to 10.0.0.5:27017 closed", a.Header.Get("X-Request-Id"))
	}
}

// TestPlaces: an error of a format of the backend's own is told where it says so.
func TestPlaces(t *testing.T) {
	setup := harness.World()
	setup.Gate += "errors {\n message err.text\n fields err.fields name why\n code err.no\n}\n"
	g := harness.Start(t, setup)
	answers(g, 422, "application/json", `{"ok":false,"err":{"no":4001,"text":"order not valid","fields":[{"name":"qty","why":"must be above 0"}]}}`)
	a := g.Do(t, harness.Request{Path: "/leads", Key: harness.CRM})
	require.Equal(t, 422, a.Status)
	require.JSONEq(t, `{"success":false,"error":{"code":"VALIDATION_ERROR","message":"order not valid","details":{"qty":"must be above 0","backend_code":4001}}}`, a.Body)
}

// TestUnreadErrors: of a 4xx of which nothing is understood the log has the names of the members and no value, and the metric
// counts it.
func TestUnreadErrors(t *testing.T) {
	setup := harness.World()
	setup.Gate += "public GET /metrics\nerrors {\n soft_failures\n}\n"
	setup.Global = "metrics"
	setup.Then = "metrics /metrics\nreverse_proxy $BACKEND"
	g := harness.Start(t, setup)
	ask := func(status int, contentType, body string) {
		answers(g, status, contentType, body)
		require.Equal(t, "The request is not valid.", g.Do(t, harness.Request{Path: "/leads/l1", Key: harness.CRM}).Envelope(t).Error.Message)
	}
	unread := func() string {
		return harness.MetricsOf(g.Do(t, harness.Request{Path: "/metrics"}).Body, "tollgate_backend_errors_not_understood_total")
	}
	before := unread()
	ask(400, "application/json", `{"retcode":7,"payload":{"hint_id":3},"zz\u0000":null}`)
	ask(200, "application/json", `{"success":false,"retcode":7}`)
	ask(400, "text/html", "<h1>no</h1>")
	ask(400, "application/xml", "<no/>")
	ask(400, "application/json", "")
	ask(400, "application/json", `{"message":"connect ECONNREFUSED 10.0.0.5:27017"}`)
	require.NotContains(t, before, "/leads/:id")
	for body, count := range map[string]string{"json": "2", "html": "1", "other": "1"} {
		line := `tollgate_backend_errors_not_understood_total{body="` + body + `",route="/leads/:id"} ` + count + "\n"
		require.Eventually(t, func() bool { return strings.Contains(unread(), line) }, harness.WaitFor, harness.Tick, line)
	}
	logged(t, g, `"backend error not understood"`, `"members":["payload.hint_id","retcode","zz"]`)
	logged(t, g, `"backend error not understood"`, `"members":["retcode","success"]`)
}

// logged waits for a line of the log with all of the words.
func logged(t *testing.T, g *harness.Gateway, words ...string) {
	t.Helper()
	require.Eventually(t, func() bool { return harness.Contains(g.ReadFile(t, "caddy.log"), words...) }, harness.WaitFor, harness.Tick, words)
}

// TestErrorsOff: the backend's errors pass as they are, with our limit headers; the gateway's own keep their shape. Two rules
// stay where credentials are injected.
func TestErrorsOff(t *testing.T) {
	const page = "<h1>Not here: 10.0.0.5:27017</h1>"
	for name, inject := range map[string]string{"nothing injected": "", "secrets injected": "inject Authorization \"Bearer {tollgate.secret.konecty}\"\n"} {
		t.Run(name, func(t *testing.T) {
			setup := injecting()
			setup.Gate = strings.Replace(setup.Gate, "inject Authorization \"Bearer {tollgate.secret.konecty}\"\n", inject, 1) + "errors off\n"
			g := harness.New(t)
			g.WriteFile(t, "keys.yaml", setup.Keys)
			g.WriteFile(t, "secrets/ws_acme/konecty", acmeToken+"\n")
			require.NoError(t, g.Load(setup.Caddyfile()))
			ask := func(status int, proto harness.Proto, body string) *harness.Answer {
				answers(g, status, "text/html", body, "Etag", `"x"`, "X-Debug", "y", "X-RateLimit-Limit", "9", "Ratelimit", "z", "X-Request-Id", "theirs")
				a := g.Do(t, harness.Request{Path: "/leads", Key: harness.CRM, Proto: proto})
				a.CheckLimits(t, harness.Workspace)
				require.NotEqual(t, "theirs", a.Header.Get("X-Request-Id"))
				return a
			}
			for _, proto := range []harness.Proto{harness.H1, harness.H2C} {
				for _, status := range []int{400, 404, 422, 500, 503} {
					a := ask(status, proto, page)
					require.Equal(t, status, a.Status)
					require.Equal(t, page, a.Body)
					require.Equal(t, []string{"text/html", `"x"`, "y"}, []string{a.Header.Get("Content-Type"), a.Header.Get("Etag"), a.Header.Get("X-Debug")})
				}
			}
			a := ask(401, harness.H1, "who are you")
			if inject == "" {
				require.Equal(t, 401, a.Status)
				require.Equal(t, "who are you", a.Body)
			} else {
				require.Equal(t, 502, a.Status)
				require.Equal(t, "INTERNAL_ERROR", a.Envelope(t).Error.Code)
				for _, status := range []int{400, 500} {
					a = ask(status, harness.H1, "bad token: "+acmeToken)
					require.Equal(t, status, a.Status)
					a.Envelope(t)
					require.NotContains(t, a.Body, acmeToken)
				}
			}
			require.Equal(t, "UNAUTHORIZED", g.Do(t, harness.Request{Path: "/leads"}).Envelope(t).Error.Code)
			g.Backend.Close()
			require.Equal(t, "INTERNAL_ERROR", g.Do(t, harness.Request{Path: "/leads", Key: harness.CRM}).Envelope(t).Error.Code)
		})
	}
}
