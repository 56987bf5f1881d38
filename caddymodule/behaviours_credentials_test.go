package caddymodule_test

import (
	"net/http"
	"strings"
	"testing"

	"github.com/stretchr/testify/require"

	"github.com/tollgate-gateway/tollgate/caddymodule/harness"
)

// refusedKey is a row of section A: a request on a protected route that is 401 and never reaches the backend.
func refusedKey(name string, r harness.Request, token bool) harness.Case {
	if r.Path == "" {
		r.Path = "/leads"
	}
	challenge := `Bearer realm="tollgate"`
	if token {
		challenge += `, error="invalid_token"`
	}
	return harness.Case{
		Name: name, Request: r, Status: 401, Code: "UNAUTHORIZED", Limits: harness.AuthLimit,
		Check: func(t *testing.T, a *harness.Answer, _ []harness.Seen) {
			require.Equal(t, challenge, a.Header.Get("WWW-Authenticate"), "A03")
			if r.Method != http.MethodHead {
				require.JSONEq(t, `{"success":false,"error":{"code":"UNAUTHORIZED","message":"A valid API key is required.","details":null}}`, a.Body,
					"one message, whatever was wrong")
			}
			require.Equal(t, "no-store", a.Header.Get("Cache-Control"))
			require.Equal(t, "nosniff", a.Header.Get("X-Content-Type-Options"))
		},
	}
}

// throughWith is a row whose request passes with this Authorization header.
func throughWith(name, authorization string) harness.Case {
	return harness.Case{
		Name: name, Request: harness.Request{Path: "/leads", Header: harness.Header("Authorization", authorization)},
		Status: 200, Hits: 1, Limits: "1m",
	}
}

func TestCredentials(t *testing.T) {
	g := harness.Start(t, harness.World())
	with := func(authorization string) harness.Request {
		return harness.Request{Header: harness.Header("Authorization", authorization)}
	}
	g.Run(t, []harness.Case{
		refusedKey("A01/no Authorization", harness.Request{}, false),
		refusedKey("A02/empty Authorization", with(""), false),
		refusedKey("A04/unknown key", harness.Request{Key: harness.Unknown}, true),
		refusedKey("A04/unknown key with our prefix and a wrong checksum", harness.Request{Key: "tg_" + strings.Repeat("a", 40)}, true),
		throughWith("A05/Bearer", "Bearer "+harness.CRM),
		throughWith("A06/lower case", "bearer "+harness.CRM),
		throughWith("A06/mixed case", "bEaReR "+harness.CRM),
		throughWith("A07/several spaces", "Bearer    "+harness.CRM),
		refusedKey("A07/tab", with("Bearer\t"+harness.CRM), false),
		refusedKey("A07/space, then tab", with("Bearer \t"+harness.CRM), true),
		refusedKey("A08/bare key", with(harness.CRM), false),
		refusedKey("A09/scheme alone", with("Bearer"), false),
		refusedKey("A10/something after the token", with("Bearer "+harness.CRM+" extra"), true),
		refusedKey("A11/colon after the scheme", with("Bearer: "+harness.CRM), false),
		refusedKey("A12/Basic", with("Basic "+harness.CRM), false),
		refusedKey("A12/other scheme", with("Something "+harness.CRM), false),
		refusedKey("A13/two headers", harness.Request{Header: harness.Header("Authorization", "Bearer "+harness.CRM, "Authorization", "Bearer "+harness.CRM)}, true),
		refusedKey("A13/two headers, the second bad", harness.Request{Header: harness.Header("Authorization", "Bearer "+harness.CRM, "Authorization", "Bearer x")}, true),
		refusedKey("A14/query apikey", harness.Request{Path: "/leads?apikey=" + harness.CRM}, false),
		refusedKey("A14/query access_token", harness.Request{Path: "/leads?access_token=" + harness.CRM}, false),
		refusedKey("A15/form body", harness.Request{Method: "POST", Body: "access_token=" + harness.CRM, Header: harness.Header("Content-Type", "application/x-www-form-urlencoded")}, false),
		refusedKey("A15/JSON body", harness.Request{Method: "POST", Body: `{"key":"` + harness.CRM + `"}`, Header: harness.Header("Content-Type", "application/json")}, false),
		refusedKey("A16/array-like parameter", harness.Request{Path: "/leads?apikey[]=" + harness.CRM + "&apikey[1]=" + harness.CRM}, false),
		refusedKey("A17/X-API-Key", harness.Request{Header: harness.Header("X-API-Key", harness.CRM)}, false),
		refusedKey("A17/X-Authorization", harness.Request{Header: harness.Header("X-Authorization", "Bearer "+harness.CRM)}, false),
		refusedKey("A17/Proxy-Authorization", harness.Request{Header: harness.Header("Proxy-Authorization", "Bearer "+harness.CRM)}, false),
		refusedKey("A17/cookie", harness.Request{Header: harness.Header("Cookie", "Authorization=Bearer "+harness.CRM)}, false),
		refusedKey("A18/underscore spelling", harness.Request{Header: harness.Header("_Authorization", "Bearer "+harness.CRM, "Authorization_", "Bearer "+harness.CRM)}, false),
		refusedKey("A21/disabled key", harness.Request{Key: harness.Disabled}, true),
		refusedKey("A22/expired key", harness.Request{Key: harness.Expired}, true),
		refusedKey("A28/OPTIONS", harness.Request{Method: "OPTIONS"}, false),
		refusedKey("A29/HEAD", harness.Request{Method: "HEAD"}, false),
		refusedKey("A29/TRACE", harness.Request{Method: "TRACE"}, false),
		refusedKey("A29/unknown method", harness.Request{Method: "BREW"}, false),
	})
}

func TestCredentialsUpgrade(t *testing.T) {
	g := harness.Start(t, harness.World())
	for name, upgrade := range map[string]string{"websocket": "websocket", "h2c": "h2c"} {
		g.Run(t, []harness.Case{{
			Name: "A30/" + name + " without a key gets no upgrade and no tunnel",
			Raw: "GET /leads HTTP/1.1\r\nHost: x\r\nConnection: Upgrade, HTTP2-Settings\r\nUpgrade: " + upgrade +
				"\r\nHTTP2-Settings: AAMAAABkAARAAAAAAAIAAAAA\r\nSec-WebSocket-Key: dGhlIHNhbXBsZSBub25jZQ==\r\nSec-WebSocket-Version: 13\r\n\r\n",
			Status: 401, Code: "UNAUTHORIZED", Limits: harness.AuthLimit,
		}})
	}
}

func TestBareKeys(t *testing.T) {
	setup := harness.World()
	setup.Gate += "bare_keys\n"
	g := harness.Start(t, setup)
	g.Run(t, []harness.Case{
		throughWith("A08/bare key where the site says bare_keys", harness.CRM),
		throughWith("A08/Bearer as well", "Bearer "+harness.CRM),
		refusedKey("A08/unknown bare key", harness.Request{Header: harness.Header("Authorization", harness.Unknown)}, true),
	})
}

func TestRequestReachesBackend(t *testing.T) {
	g := harness.Start(t, harness.World())
	g.Run(t, []harness.Case{{
		Name: "A19/backend does not see the key, other headers and the query's order are kept",
		Request: harness.Request{
			Path: "/leads?b=2&a=1&b=1", Key: harness.CRM, Header: harness.Header("X-Trace", "one", "Accept", "application/json"),
		},
		Status: 200, Hits: 1, Limits: harness.Workspace,
		Check: func(t *testing.T, a *harness.Answer, seen []harness.Seen) {
			require.Equal(t, "ok", a.Body)
			require.Equal(t, "/leads?b=2&a=1&b=1", seen[0].Target)
			require.NotContains(t, seen[0].Header, "Authorization")
			require.Equal(t, "one", seen[0].Header.Get("X-Trace"))
			for _, values := range seen[0].Header {
				require.NotContains(t, strings.Join(values, " "), harness.CRM)
			}
			require.Equal(t, a.Header.Get("X-Request-Id"), seen[0].Header.Get("X-Request-Id"))
		},
	}, {
		Name:    "A23/backend is told the key's workspace, whatever the caller claims",
		Request: harness.Request{Path: "/leads", Key: harness.Globex, Header: harness.Header("X-Tollgate-Workspace", "ws_acme", "X-Workspace", "ws_acme")},
		Status:  200, Hits: 1, Limits: harness.Workspace,
		Check: func(t *testing.T, _ *harness.Answer, seen []harness.Seen) {
			require.Equal(t, []string{"ws_globex"}, seen[0].Header.Values("X-Tollgate-Workspace"))
			require.Equal(t, []string{"big"}, seen[0].Header.Values("X-Tollgate-Plan"))
			require.Equal(t, []string{"key_globex"}, seen[0].Header.Values("X-Tollgate-Key"))
			require.Equal(t, []string{"agent.leads.read"}, seen[0].Header.Values("X-Tollgate-Scopes"))
		},
	}, {
		Name:    "A28/a public route covers its own methods only",
		Request: harness.Request{Method: "OPTIONS", Path: "/public"}, Status: 401, Code: "UNAUTHORIZED", Limits: harness.AuthLimit,
	}, {
		Name:    "A28/public route needs no key",
		Request: harness.Request{Path: "/public"}, Status: 200, Hits: 1, Limits: harness.NoLimits,
	}})
}

func TestRefusedRequestsTouchNoCounter(t *testing.T) {
	g := harness.Start(t, harness.World())
	before := g.Do(t, harness.Request{Path: "/leads", Key: harness.CRM}).Number(t, "X-Ratelimit-Remaining")
	for range 5 {
		require.Equal(t, 401, g.Do(t, harness.Request{Path: "/leads", Key: harness.Expired}).Status, "A32")
		require.Equal(t, 401, g.Do(t, harness.Request{Path: "/leads", Key: harness.Disabled}).Status, "A32")
		require.Equal(t, 403, g.Do(t, harness.Request{Method: "POST", Path: "/leads", Key: harness.Reader}).Status, "E10")
	}
	after := g.Do(t, harness.Request{Path: "/leads", Key: harness.CRM}).Number(t, "X-Ratelimit-Remaining")
	require.Equal(t, before-1, after, "A32, E10: only the two granted requests were charged")
}

func TestRequestIDIsInAnswerAndLog(t *testing.T) {
	g := harness.Start(t, harness.World())
	id := g.Do(t, harness.Request{Path: "/leads", Key: harness.Unknown}).Header.Get("X-Request-Id")
	require.NotEmpty(t, id, "A33")
	require.Eventually(t, func() bool { return strings.Contains(g.ReadFile(t, "access.log"), id) }, harness.WaitFor, harness.Tick, "A33: the access log names the request")
}
