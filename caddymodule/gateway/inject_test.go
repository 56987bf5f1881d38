package gateway_test

import (
	"fmt"
	"io"
	"net/http"
	"os"
	"strings"
	"sync/atomic"
	"testing"
	"time"

	"github.com/stretchr/testify/require"

	"github.com/tollgate-gateway/tollgate/caddymodule/harness"
	"github.com/tollgate-gateway/tollgate/caddymodule/services"
)

// The secrets of the workspaces, before and after a change. Nothing may ever print them.
const (
	acmeToken  = "acme-token-Jk29s"
	acmeFresh  = "acme-token-Xw71p"
	otherToken = "never-used-token-Lq40z"
)

// injecting is a gateway whose backend needs a token of each workspace.
func injecting() harness.Setup {
	setup := harness.World()
	setup.Options += "\nsecrets $DIR/secrets\n"
	setup.Gate += "public GET /metrics\ninject Authorization \"Bearer {tollgate.secret.konecty}\"\n"
	setup.Global = "metrics"
	setup.Then = "metrics /metrics\nreverse_proxy $BACKEND"
	return setup
}

// startInjecting runs it with a token for one workspace, and through an admin endpoint at the address it gives.
func startInjecting(t *testing.T) (g *harness.Gateway, admin string) {
	t.Helper()
	g = harness.New(t)
	admin = services.Address(services.FreePort(t))
	setup := injecting()
	g.WriteFile(t, "keys.yaml", setup.Keys)
	g.WriteFile(t, "secrets/ws_acme/konecty", acmeToken+"\n")
	g.WriteFile(t, "secrets/ws_acme/unused", otherToken)
	require.NoError(t, g.Load(strings.Replace(setup.Caddyfile(), "admin off", "admin "+admin, 1)))
	return g, admin
}

// sees is a check that the backend was given this Authorization header, or (empty) none.
func sees(authorization string) func(*testing.T, *harness.Answer, []harness.Seen) {
	return func(t *testing.T, _ *harness.Answer, seen []harness.Seen) {
		if authorization == "" {
			require.NotContains(t, seen[0].Header, "Authorization")
			return
		}
		require.Equal(t, []string{authorization}, seen[0].Header.Values("Authorization"))
	}
}

func TestInjectedSecrets(t *testing.T) {
	g, admin := startInjecting(t)
	g.Run(t, []harness.Case{{
		Name: "the workspace's value arrives, in place of the caller's key", Request: harness.Request{Path: "/leads", Key: harness.CRM},
		Status: 200, Hits: 1, Limits: harness.Workspace, Check: sees("Bearer " + acmeToken),
	}, {
		Name: "missing is 500, and nothing reaches the backend", Request: harness.Request{Path: "/leads", Key: harness.Globex},
		Status: 500, Code: "INTERNAL_ERROR", Limits: harness.Workspace,
		Check: func(t *testing.T, a *harness.Answer, _ []harness.Seen) {
			require.NotContains(t, a.Body, "konecty", "what is missing is the operator's affair")
		},
	}, {
		Name: "a public route gets none, neither ours nor the caller's", Request: harness.Request{Path: "/public", Key: harness.CRM},
		Status: 200, Hits: 1, Limits: harness.NoLimits, Check: sees(""),
	}})
	require.Eventually(t, func() bool {
		return harness.Contains(g.ReadFile(t, "caddy.log"), "request failed", "workspace ws_globex has no secret 'konecty'")
	}, harness.WaitFor, harness.Tick, "the log says what is missing")

	g.WriteFile(t, "secrets/ws_acme/konecty", acmeFresh)
	t.Logf("a changed value arrives after %s", sooner(t, 6*time.Second, func() bool {
		g.Backend.Seen()
		require.Equal(t, 200, g.Do(t, harness.Request{Path: "/leads", Key: harness.CRM}).Status)
		token := g.Backend.Seen()[0].Header.Get("Authorization")
		require.Contains(t, []string{"Bearer " + acmeToken, "Bearer " + acmeFresh}, token, "the old or the new, never anything else")
		return token == "Bearer "+acmeFresh
	}))
	g.WriteFile(t, "secrets/ws_globex/konecty", "globex-token-Rt55y")
	t.Logf("a new value arrives after %s", sooner(t, 6*time.Second, func() bool {
		return g.Do(t, harness.Request{Path: "/leads", Key: harness.Globex}).Status == 200
	}))
	require.NoError(t, os.Remove(g.Dir+"/secrets/ws_globex/konecty"))
	t.Logf("a removed value is gone after %s", sooner(t, 6*time.Second, func() bool {
		return g.Do(t, harness.Request{Path: "/leads", Key: harness.Globex}).Status == 500
	}))
	printedNowhere(t, g, admin, acmeToken, acmeFresh, otherToken, "globex-token-Rt55y")
}

// sooner waits until something holds, and gives how long that took.
func sooner(t *testing.T, limit time.Duration, holds func() bool) time.Duration {
	t.Helper()
	start := time.Now()
	for !holds() {
		require.Less(t, time.Since(start), limit)
	}
	return time.Since(start).Round(time.Millisecond)
}

// printedNowhere looks for values in all that a gateway tells of itself.
func printedNowhere(t *testing.T, g *harness.Gateway, admin string, values ...string) {
	t.Helper()
	texts := map[string]string{
		"caddy.log": g.ReadFile(t, "caddy.log"), "access.log": g.ReadFile(t, "access.log"),
		"metrics": g.Do(t, harness.Request{Path: "/metrics"}).Body,
	}
	for _, path := range []string{"/config/", "/tollgate/status", "/tollgate/refusals", "/tollgate/workspaces/ws_acme", "/metrics", "/debug/vars", "/reverse_proxy/upstreams"} {
		response, err := http.Get("http://" + admin + path)
		require.NoError(t, err)
		body, err := io.ReadAll(response.Body)
		require.NoError(t, err)
		require.NoError(t, response.Body.Close())
		texts[path] = string(body)
	}
	require.Contains(t, texts["/config/"], "{tollgate.secret.konecty}")
	require.Contains(t, texts["metrics"], "tollgate_")
	for place, text := range texts {
		require.NotEmpty(t, text, place)
		for _, value := range values {
			require.NotContains(t, text, value, place)
		}
	}
}

func TestInjectedValuesAreNeverEmptyOrExpanded(t *testing.T) {
	g, admin := startInjecting(t)
	becomes := func(value string, status int) {
		t.Helper()
		g.WriteFile(t, "secrets/ws_acme/konecty", value)
		sooner(t, 6*time.Second, func() bool { return g.Do(t, harness.Request{Path: "/leads", Key: harness.CRM}).Status == status })
	}
	becomes("", 500)
	g.Backend.Seen()
	becomes("{env.HOME}{tollgate.secret.unused}", 200)
	require.Equal(t, "Bearer {env.HOME}{tollgate.secret.unused}", g.Backend.Seen()[0].Header.Get("Authorization"), "a value is text")
	g.WriteFile(t, "secrets/ws_acme/konecty", "two\nlines-Mn83k")
	require.Eventually(t, func() bool {
		return harness.Contains(g.ReadFile(t, "caddy.log"), "secrets are not taken, the last good ones go on", "ws_acme/konecty", `"do":"correct`)
	}, harness.WaitFor, harness.Tick, "the log names the file")
	require.Equal(t, 200, g.Do(t, harness.Request{Path: "/leads", Key: harness.CRM}).Status, "the last good one stays")
	printedNowhere(t, g, admin, "lines-Mn83k", otherToken)
}

func TestTheBackendRefusesOurCredential(t *testing.T) {
	g, admin := startInjecting(t)
	g.Backend.Answer(func(w http.ResponseWriter, r *http.Request) {
		w.Header().Set("WWW-Authenticate", `Bearer realm="the backend"`)
		w.WriteHeader(http.StatusUnauthorized)
		_, _ = fmt.Fprintf(w, `{"message":"bad token %s"}`, r.Header.Get("Authorization"))
	})
	g.Run(t, []harness.Case{{
		Name: "401 is 502", Request: harness.Request{Path: "/leads", Key: harness.CRM},
		Status: 502, Code: "INTERNAL_ERROR", Hits: 1, Limits: harness.Workspace,
		Check: func(t *testing.T, a *harness.Answer, _ []harness.Seen) {
			require.Empty(t, a.Header.Get("WWW-Authenticate"), "the challenge was for us")
			require.NotContains(t, a.Body, acmeToken)
		},
	}})
	g.Backend.Answer(func(w http.ResponseWriter, _ *http.Request) { w.WriteHeader(http.StatusUnauthorized) })
	require.Equal(t, 502, g.Do(t, harness.Request{Path: "/leads", Key: harness.CRM}).Status)
	require.Eventually(t, func() bool {
		return harness.Contains(g.ReadFile(t, "caddy.log"), "request failed", "bad token Bearer ***")
	}, harness.WaitFor, harness.Tick,
		"the log says what the backend said, without what it was told")
	printedNowhere(t, g, admin, acmeToken, otherToken)
}

// TestCallersSetNoInjectedHeader: under the name of a header that carries our credential the backend sees ours or none.
func TestCallersSetNoInjectedHeader(t *testing.T) {
	setup := injecting()
	setup.Gate += "inject X-Backend-Token {tollgate.secret.konecty}\n"
	g := harness.New(t)
	g.WriteFile(t, "keys.yaml", setup.Keys)
	g.WriteFile(t, "secrets/ws_acme/konecty", acmeToken)
	require.NoError(t, g.Load(setup.Caddyfile()))
	forged := harness.Header("X-Backend-Token", "forged", "x-backend-token", "forged", "X-BACKEND-TOKEN", "forged")
	g.Run(t, []harness.Case{{
		Name: "on a route", Request: harness.Request{Path: "/leads", Key: harness.CRM, Header: forged}, Status: 200, Hits: 1, Limits: harness.Workspace,
		Check: func(t *testing.T, _ *harness.Answer, seen []harness.Seen) {
			require.Equal(t, []string{acmeToken}, seen[0].Header.Values("X-Backend-Token"))
		},
	}, {
		Name: "on a public route", Request: harness.Request{Path: "/public", Header: forged}, Status: 200, Hits: 1, Limits: harness.NoLimits,
		Check: func(t *testing.T, _ *harness.Answer, seen []harness.Seen) {
			require.Empty(t, seen[0].Header.Values("X-Backend-Token"))
		},
	}})
}

func TestSecretsThatEverybodyCanReadAreWarnedOf(t *testing.T) {
	g, _ := startInjecting(t)
	require.False(t, harness.Contains(g.ReadFile(t, "caddy.log"), "can be read by everybody"))
	require.NoError(t, os.Chmod(g.Dir+"/secrets/ws_acme/unused", 0o644))
	require.Eventually(t, func() bool {
		return harness.Contains(g.ReadFile(t, "caddy.log"), "secret file is readable by other users", "ws_acme/unused is readable by every user of this machine: chmod o-r")
	}, harness.WaitFor, harness.Tick)
	require.False(t, harness.Contains(g.ReadFile(t, "caddy.log"), "ws_acme/konecty is readable"), "the others are well kept")
}

func TestInjectMistakes(t *testing.T) {
	for name, c := range map[string]mistake{
		"no value":              {"inject Authorization", "write a header and its value"},
		"too much":              {"inject Authorization Bearer {tollgate.secret.x}", "write a header and its value"},
		"no header at all":      {`inject "Author ization" x`, "'Author ization' is not a header that can be set"},
		"Connection":            {"inject connection close", "'connection' is not a header that can be set"},
		"Host":                  {"inject Host x", "'Host' is not a header that can be set"},
		"empty value":           {`inject X-A ""`, "the value of X-A is empty"},
		"value with a line end": {"inject X-A `a\nb`", "the value of X-A is empty, or has characters that a header cannot have"},
	} {
		t.Run("refuses/"+name, func(t *testing.T) {
			_, err := harness.Adapt(gate(c.text), "/etc/caddy/Caddyfile")
			require.ErrorContains(t, err, c.want)
			require.ErrorContains(t, err, "/etc/caddy/Caddyfile:3", "the error names file and line")
		})
	}
	t.Run("refuses/secret without a folder", func(t *testing.T) {
		setup := injecting()
		setup.Options = strings.Replace(setup.Options, "secrets $DIR/secrets", "", 1)
		g := harness.New(t)
		g.WriteFile(t, "keys.yaml", setup.Keys)
		err := g.Load(setup.Caddyfile())
		require.ErrorContains(t, err, "it needs the secret 'konecty': name the folder with the global option 'secrets'")
		require.Regexp(t, g.Dir+`/Caddyfile:\d+: inject Authorization`, err.Error())
	})
	for name, c := range map[string]struct{ file, want string }{
		"missing folder":                 {"", "secrets"},
		"folder that is not a workspace": {"secrets/not a workspace/x", "is not named by a workspace"},
		"value that no header takes":     {"secrets/ws_acme/konecty", "ws_acme/konecty holds line ends"},
	} {
		t.Run("refuses/"+name, func(t *testing.T) {
			g := harness.New(t)
			g.WriteFile(t, "keys.yaml", harness.WorldKeys)
			if c.file != "" {
				g.WriteFile(t, c.file, "a\nb-value-Hj27d")
			}
			err := g.Load(injecting().Caddyfile())
			require.ErrorContains(t, err, c.want)
			require.ErrorContains(t, err, g.Dir+"/secrets")
			require.NotContains(t, err.Error(), "b-value-Hj27d")
		})
	}
}

func TestAMissingSecretSpendsNothing(t *testing.T) {
	g, _ := startInjecting(t)
	left := func() int64 {
		a := g.Do(t, harness.Request{Path: "/leads", Key: harness.Globex})
		require.Equal(t, 500, a.Status)
		return a.Number(t, "X-Ratelimit-Remaining")
	}
	require.Equal(t, left(), left(), "a refused request never spends")
}

func TestASecretThatTheBackendRepeatsGoesNoFurther(t *testing.T) {
	g, _ := startInjecting(t)
	for _, body := range []string{
		`{"message":"token ` + acmeToken + ` has no right"}`,
		`{"success":false,"error":{"code":"FORBIDDEN","message":"no","details":{"token":"` + acmeToken + `"}}}`,
		`{"message":"in JSON's spelling: ` + strings.Replace(acmeToken, "-", `\u002d`, 1) + `"}`,
		`{"message":"as a URL has it: ` + strings.Replace(acmeToken, "-", "%2D", 1) + `"}`,
	} {
		g.Backend.Answer(func(w http.ResponseWriter, _ *http.Request) {
			w.Header().Set("Content-Type", "application/json")
			w.WriteHeader(http.StatusForbidden)
			_, _ = io.WriteString(w, body)
		})
		g.Run(t, []harness.Case{{
			Name: body[:20], Request: harness.Request{Path: "/leads", Key: harness.CRM}, Status: 403, Code: "FORBIDDEN", Hits: 1, Limits: harness.Workspace,
			Check: func(t *testing.T, a *harness.Answer, _ []harness.Seen) { require.NotContains(t, a.Body, "oken-Jk29s") },
		}})
	}
	require.NotContains(t, g.ReadFile(t, "caddy.log"), acmeToken)
}

// TestASecretThatIsCutInTheLog: of a text that is too long to be logged whole, no part of a secret stands at its end.
func TestASecretThatIsCutInTheLog(t *testing.T) {
	g, _ := startInjecting(t)
	for cut := range len(acmeToken) {
		g.Backend.Answer(func(w http.ResponseWriter, _ *http.Request) {
			w.WriteHeader(http.StatusInternalServerError)
			_, _ = io.WriteString(w, strings.Repeat("x", 2<<10-len("…")-cut)+acmeToken+strings.Repeat("x", 100_000))
		})
		require.Equal(t, 500, g.Do(t, harness.Request{Path: "/leads", Key: harness.CRM}).Status)
	}
	log := g.ReadFile(t, "caddy.log")
	require.True(t, strings.Contains(log, "xxx***"), "it is crossed out")
	require.False(t, strings.Contains(log, acmeToken[:6]))
}

// TestASecretThatChangesWhileARequestIsUnderWay: what was sent is looked for, not what the folder says since.
func TestASecretThatChangesWhileARequestIsUnderWay(t *testing.T) {
	g, _ := startInjecting(t)
	reached, answer := make(chan struct{}), make(chan struct{})
	var asked atomic.Bool
	g.Backend.Answer(func(w http.ResponseWriter, r *http.Request) {
		if asked.Swap(true) {
			return
		}
		close(reached)
		<-answer
		w.WriteHeader(http.StatusForbidden)
		_, _ = io.WriteString(w, "bad token "+r.Header.Get("Authorization"))
	})
	refused := make(chan *harness.Answer)
	go func() {
		a, _ := g.Try(harness.Request{Path: "/leads", Key: harness.CRM})
		refused <- a
	}()
	<-reached
	g.WriteFile(t, "secrets/ws_acme/konecty", "another-token-9s")
	require.Eventually(t, func() bool {
		g.Backend.Seen()
		g.Do(t, harness.Request{Path: "/leads", Key: harness.CRM})
		return g.Backend.Seen()[0].Header.Get("Authorization") == "Bearer another-token-9s"
	}, harness.WaitFor, harness.Tick)
	close(answer)
	a := <-refused
	require.Equal(t, 403, a.Status)
	require.NotContains(t, a.Body, acmeToken)
	require.False(t, strings.Contains(g.ReadFile(t, "caddy.log"), acmeToken))
}
