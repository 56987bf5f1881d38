package caddymodule_test

import (
	"net/http"
	"strings"
	"testing"

	"github.com/stretchr/testify/require"

	"github.com/tollgate-gateway/tollgate/caddymodule/harness"
)

// seesOnly is a check that the backend saw these values under the name, and no other spelling of it.
func seesOnly(name string, values ...string) func(*testing.T, *harness.Answer, []harness.Seen) {
	return func(t *testing.T, _ *harness.Answer, seen []harness.Seen) {
		t.Helper()
		var found []string
		for spelling, sent := range seen[0].Header {
			if strings.EqualFold(strings.NewReplacer("_", "-", ".", "-").Replace(spelling), name) {
				found = append(found, sent...)
			}
		}
		require.Equal(t, values, found, "%s, as the backend saw it: %v", name, seen[0].Header)
	}
}

// stripped is a row whose forged header the backend must not see, on a protected and on a public route.
func stripped(name, forged, value string, kept ...string) []harness.Case {
	canonical := strings.NewReplacer("_", "-", ".", "-").Replace(forged)
	return []harness.Case{{
		Name: name + "/" + forged, Request: harness.Request{Path: "/leads", Key: harness.CRM, Header: harness.Header(forged, value)},
		Status: 200, Hits: 1, Limits: harness.Workspace, Check: seesOnly(canonical, kept...),
	}, {
		Name: name + "/" + forged + " on a public route", Request: harness.Request{Path: "/public", Header: harness.Header(forged, value)},
		Status: 200, Hits: 1, Limits: harness.NoLimits, Check: seesOnly(canonical),
	}}
}

func TestIdentityHeadersCannotBeForged(t *testing.T) {
	setup := harness.World()
	// Caddy itself drops such spellings unless told otherwise: the gateway must not depend on it.
	setup.Servers = "expected_underscore_headers X_Tollgate_Workspace X-Tollgate_Workspace X_Original_Url\nexpected_dot_headers X.Tollgate.Workspace"
	g := harness.Start(t, setup)
	var cases []harness.Case
	cases = append(cases, stripped("B01", "X-Tollgate-Workspace", "ws_globex", "ws_acme")...)
	cases = append(cases, stripped("B01", "X-Tollgate-Plan", "enterprise", "big")...)
	cases = append(cases, stripped("B01", "X-Tollgate-Key", "key_globex", "key_crm")...)
	cases = append(cases, stripped("B01", "X-Tollgate-Scopes", "*", "agent.leads.read agent.leads.write")...)
	cases = append(cases, stripped("B01", "X-Tollgate-Anything", "forged")...)
	cases = append(cases, stripped("B02", "x-tollgate-workspace", "ws_globex", "ws_acme")...)
	cases = append(cases, stripped("B02", "X-TOLLGATE-WORKSPACE", "ws_globex", "ws_acme")...)
	cases = append(cases, stripped("B02", "X_Tollgate_Workspace", "ws_globex", "ws_acme")...)
	cases = append(cases, stripped("B02", "X-Tollgate_Workspace", "ws_globex", "ws_acme")...)
	cases = append(cases, stripped("B02", "X.Tollgate.Workspace", "ws_globex", "ws_acme")...)
	for _, name := range []string{"X-Original-URL", "X-Original-URI", "X-Rewrite-URL", "X-HTTP-Method", "X-HTTP-Method-Override", "X-Method-Override", "X_Original_Url"} {
		cases = append(cases, stripped("B06b", name, "/leads/export")...)
	}
	for _, name := range []string{"X-Real-IP", "Forwarded", "X-Client-IP", "True-Client-IP", "CF-Connecting-IP", "X-Forwarded-Port", "X-Forwarded-Prefix", "X-Forwarded-User"} {
		cases = append(cases, stripped("B06", name, "203.0.113.7")...)
	}
	g.Run(t, cases)
}

func TestForwardedHeadersAreCaddys(t *testing.T) {
	g := harness.Start(t, harness.World())
	g.Run(t, []harness.Case{{
		Name: "B06/X-Forwarded-For, -Proto and -Host are set anew",
		Request: harness.Request{Path: "/leads", Key: harness.CRM,
			Header: harness.Header("X-Forwarded-For", "203.0.113.7", "X-Forwarded-Proto", "https", "X-Forwarded-Host", "evil.example")},
		Status: 200, Hits: 1, Limits: harness.Workspace,
		Check: func(t *testing.T, _ *harness.Answer, seen []harness.Seen) {
			require.Equal(t, "127.0.0.1", seen[0].Header.Get("X-Forwarded-For"))
			require.Equal(t, "http", seen[0].Header.Get("X-Forwarded-Proto"))
			require.Equal(t, g.Addr, seen[0].Header.Get("X-Forwarded-Host"))
		},
	}})
}

func TestTrustedProxyIsBelieved(t *testing.T) {
	setup := harness.World()
	setup.Servers = "trusted_proxies static 127.0.0.1"
	g := harness.Start(t, setup)
	g.Run(t, []harness.Case{{
		Name:    "B07/forwarding headers of a trusted proxy are kept and appended",
		Request: harness.Request{Path: "/leads", Key: harness.CRM, Header: harness.Header("X-Forwarded-For", "203.0.113.7", "X-Real-IP", "203.0.113.7")},
		Status:  200, Hits: 1, Limits: harness.Workspace,
		Check: func(t *testing.T, _ *harness.Answer, seen []harness.Seen) {
			require.Equal(t, "203.0.113.7, 127.0.0.1", seen[0].Header.Get("X-Forwarded-For"))
			require.Equal(t, "203.0.113.7", seen[0].Header.Get("X-Real-IP"))
		},
	}, {
		Name:    "B08/a trusted proxy's request id is kept",
		Request: harness.Request{Path: "/leads", Key: harness.CRM, Header: harness.Header("X-Request-Id", "abc-1.2_3")},
		Status:  200, Hits: 1, Limits: harness.Workspace,
		Check: func(t *testing.T, a *harness.Answer, seen []harness.Seen) {
			require.Equal(t, "abc-1.2_3", a.Header.Get("X-Request-Id"))
			require.Equal(t, []string{"abc-1.2_3"}, seen[0].Header.Values("X-Request-Id"))
		},
	}, {
		Name:    "B08/a malformed request id is replaced, a trusted proxy's too",
		Request: harness.Request{Path: "/leads", Key: harness.CRM, Header: harness.Header("X-Request-Id", "abc def")},
		Status:  200, Hits: 1, Limits: harness.Workspace,
		Check: func(t *testing.T, a *harness.Answer, _ []harness.Seen) {
			require.Len(t, a.Header.Get("X-Request-Id"), 36)
		},
	}, {
		Name:    "B08/an overlong request id is replaced",
		Request: harness.Request{Path: "/leads", Key: harness.CRM, Header: harness.Header("X-Request-Id", strings.Repeat("a", 129))},
		Status:  200, Hits: 1, Limits: harness.Workspace,
		Check: func(t *testing.T, a *harness.Answer, _ []harness.Seen) {
			require.Len(t, a.Header.Get("X-Request-Id"), 36)
		},
	}})
}

func TestConnectionAndUpgrade(t *testing.T) {
	g := harness.Start(t, harness.World())
	raw := func(lines ...string) string {
		return "GET /leads HTTP/1.1\r\nHost: x\r\nAuthorization: Bearer " + harness.CRM + "\r\n" + strings.Join(lines, "\r\n") + "\r\n\r\n"
	}
	g.Run(t, []harness.Case{{
		Name:   "B04/headers that Connection names go, ours arrive",
		Raw:    raw("Connection: close, Authorization, X-Tollgate-Workspace, X-Request-Id, X-Secret", "X-Secret: 1"),
		Status: 200, Hits: 1, Limits: harness.Workspace,
		Check: func(t *testing.T, a *harness.Answer, seen []harness.Seen) {
			require.NotContains(t, seen[0].Header, "X-Secret")
			require.NotContains(t, seen[0].Header, "Authorization")
			require.Equal(t, "ws_acme", seen[0].Header.Get("X-Tollgate-Workspace"))
			require.Equal(t, a.Header.Get("X-Request-Id"), seen[0].Header.Get("X-Request-Id"))
		},
	}, {
		Name:   "B05/hop-by-hop request headers are not forwarded",
		Raw:    raw("TE: gzip", "Keep-Alive: timeout=5", "Proxy-Authorization: Basic eA==", "Proxy-Connection: keep-alive", "Upgrade: websocket", "Connection: close"),
		Status: 200, Hits: 1, Limits: harness.Workspace,
		Check: func(t *testing.T, _ *harness.Answer, seen []harness.Seen) {
			for _, name := range []string{"Te", "Keep-Alive", "Proxy-Authorization", "Proxy-Connection", "Upgrade", "Connection"} {
				require.NotContains(t, seen[0].Header, name)
			}
		},
	}, {
		Name:   "B06d/no upgrade but websocket reaches the backend",
		Raw:    raw("Connection: Upgrade, HTTP2-Settings, close", "Upgrade: h2c", "HTTP2-Settings: AAMAAABkAARAAAAAAAIAAAAA"),
		Status: 200, Hits: 1, Limits: harness.Workspace,
		Check: func(t *testing.T, _ *harness.Answer, seen []harness.Seen) {
			require.NotContains(t, seen[0].Header, "Upgrade")
			require.NotContains(t, seen[0].Header, "Http2-Settings")
		},
	}, {
		Name:   "B06d/websocket among other tokens is not an upgrade",
		Raw:    raw("Connection: Upgrade, close", "Upgrade: websocket, h2c"),
		Status: 200, Hits: 1, Limits: harness.Workspace,
		Check: seesOnly("Upgrade"),
	}, {
		Name: "B13/no Host", Raw: "GET /leads HTTP/1.1\r\nConnection: close\r\n\r\n", Status: 400, Limits: harness.NoLimits,
	}, {
		Name: "B13/two Hosts", Raw: "GET /leads HTTP/1.1\r\nHost: a\r\nHost: b\r\nConnection: close\r\n\r\n", Status: 400, Limits: harness.NoLimits,
	}})
}

func TestWebsocketPasses(t *testing.T) {
	g := harness.Start(t, harness.World())
	g.Backend.Answer(func(w http.ResponseWriter, r *http.Request) {
		conn, buffered, err := http.NewResponseController(w).Hijack()
		if err != nil {
			return
		}
		defer func() { _ = conn.Close() }()
		_, _ = buffered.WriteString("HTTP/1.1 101 Switching Protocols\r\nConnection: Upgrade\r\nUpgrade: websocket\r\nX-RateLimit-Limit: 7\r\n\r\n")
		_ = buffered.Flush()
	})
	g.Run(t, []harness.Case{{
		Name: "B06d/websocket passes, with the workspace's limit headers on the 101",
		Raw: "GET /leads HTTP/1.1\r\nHost: x\r\nAuthorization: Bearer " + harness.CRM + "\r\nConnection: Upgrade\r\nUpgrade: WebSocket\r\n" +
			"Sec-WebSocket-Key: dGhlIHNhbXBsZSBub25jZQ==\r\nSec-WebSocket-Version: 13\r\n\r\n",
		Status: 101, Hits: 1, Limits: harness.Workspace,
		Check: func(t *testing.T, a *harness.Answer, seen []harness.Seen) {
			require.Equal(t, "100000", a.Header.Get("X-Ratelimit-Limit"))
			require.Equal(t, "ws_acme", seen[0].Header.Get("X-Tollgate-Workspace"))
		},
	}})
}

func TestRequestTrailersAreDropped(t *testing.T) {
	g := harness.Start(t, harness.World())
	g.Run(t, []harness.Case{{
		Name: "B06c/request trailers do not reach the backend",
		Raw: "POST /leads HTTP/1.1\r\nHost: x\r\nAuthorization: Bearer " + harness.CRM + "\r\nTransfer-Encoding: chunked\r\nConnection: close\r\n" +
			"Trailer: X-Tollgate-Workspace, Authorization\r\n\r\n2\r\n{}\r\n0\r\nX-Tollgate-Workspace: ws_globex\r\nAuthorization: Bearer x\r\nX-Late: 1\r\n\r\n",
		Status: 200, Hits: 1, Limits: harness.Workspace,
		Check: func(t *testing.T, _ *harness.Answer, seen []harness.Seen) {
			require.Equal(t, "{}", seen[0].Body)
			require.Empty(t, seen[0].Trailer)
			require.Equal(t, []string{"ws_acme"}, seen[0].Header.Values("X-Tollgate-Workspace"))
		},
	}})
}

func TestRequestIsPassedUnchanged(t *testing.T) {
	g := harness.Start(t, harness.World())
	same := func(name, path string) harness.Case {
		return harness.Case{
			Name: name, Request: harness.Request{Path: path, Key: harness.Wildcard}, Status: 200, Hits: 1, Limits: harness.Workspace,
			Check: func(t *testing.T, _ *harness.Answer, seen []harness.Seen) { require.Equal(t, path, seen[0].Target) },
		}
	}
	g.Run(t, []harness.Case{
		same("B10/percent-encoding", "/files/a%20b/c%3Fd"),
		same("B10/plus", "/files/a+b"),
		same("B10/UTF-8", "/files/%C3%A9t%C3%A9"),
		same("B10/over-encoded", "/files/%252e%252e"),
		same("B11/empty value, repeated names, no equals sign", "/leads?a=&b&b=2&a=%20&=x"),
		same("B11/question mark alone", "/leads?"),
		{
			Name:    "B08/the caller's request id is replaced",
			Request: harness.Request{Path: "/leads", Key: harness.CRM, Header: harness.Header("X-Request-Id", "mine")},
			Status:  200, Hits: 1, Limits: harness.Workspace,
			Check: func(t *testing.T, a *harness.Answer, seen []harness.Seen) {
				require.NotEqual(t, "mine", a.Header.Get("X-Request-Id"))
				require.Equal(t, a.Header.Values("X-Request-Id"), seen[0].Header.Values("X-Request-Id"))
			},
		},
		{
			Name:    "B09/template-like text stays text",
			Request: harness.Request{Path: "/leads?q={http.request.host}", Key: harness.CRM, Header: harness.Header("X-Text", "$context.x {http.request.host} {env.HOME} {tollgate.key.id}")},
			Status:  200, Hits: 1, Limits: harness.Workspace,
			Check: func(t *testing.T, _ *harness.Answer, seen []harness.Seen) {
				require.Equal(t, "$context.x {http.request.host} {env.HOME} {tollgate.key.id}", seen[0].Header.Get("X-Text"))
				require.Equal(t, "/leads?q={http.request.host}", seen[0].Target)
			},
		},
		{
			Name:   "B12/another Host opens no route",
			Raw:    "GET /leads HTTP/1.1\r\nHost: public.example\r\nConnection: close\r\n\r\n",
			Status: 401, Code: "UNAUTHORIZED", Limits: harness.AuthLimit,
		},
	})
}

func TestIdentityHeadersOffStillStrips(t *testing.T) {
	setup := harness.World()
	setup.Gate += "identity_headers off\n"
	g := harness.Start(t, setup)
	g.Run(t, []harness.Case{{
		Name:    "B01/off sends none and strips inbound ones",
		Request: harness.Request{Path: "/leads", Key: harness.CRM, Header: harness.Header("X-Tollgate-Workspace", "ws_globex")},
		Status:  200, Hits: 1, Limits: harness.Workspace, Check: seesOnly("X-Tollgate-Workspace"),
	}})
}

func TestIdentityHeadersOwnPrefix(t *testing.T) {
	setup := harness.World()
	setup.Gate += "identity_headers X-Acme-\nforward_authorization\n"
	g := harness.Start(t, setup)
	g.Run(t, []harness.Case{{
		Name:    "B01/own prefix",
		Request: harness.Request{Path: "/leads", Key: harness.CRM, Header: harness.Header("X-Acme-Workspace", "ws_globex", "x_acme_key", "forged")},
		Status:  200, Hits: 1, Limits: harness.Workspace,
		Check: func(t *testing.T, _ *harness.Answer, seen []harness.Seen) {
			require.Equal(t, []string{"ws_acme"}, seen[0].Header.Values("X-Acme-Workspace"))
			require.Equal(t, []string{"key_crm"}, seen[0].Header.Values("X-Acme-Key"))
			require.NotContains(t, seen[0].Header, "x_acme_key")
			require.Equal(t, "Bearer "+harness.CRM, seen[0].Header.Get("Authorization"), "forward_authorization")
		},
	}})
}
