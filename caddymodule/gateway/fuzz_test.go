package gateway_test

import (
	"bufio"
	"io"
	"net"
	"net/http"
	"strings"
	"testing"
	"time"

	"github.com/stretchr/testify/require"

	"github.com/tollgate-gateway/tollgate/caddymodule/harness"
)

// FuzzTargetReachesBackendUnchanged sends any target over a socket: if the backend sees it, it sees the same bytes, and
// they are of the route that was matched.
func FuzzTargetReachesBackendUnchanged(f *testing.F) {
	setup := harness.World()
	setup.Options += "\nauth_throttle off\nrefusal_throttle off"
	setup.Options = strings.NewReplacer("auth_throttle 100000/1m\n", "", "refusal_throttle 100000/1m\n", "", "refusal_throttle 100000/1m", "").Replace(setup.Options)
	setup.Gate = "route GET /files/* files.read\nroute GET /leads/:id agent.leads.read\nroute GET /leads/export agent.export.read\n"
	g := harness.Start(f, setup)
	for _, seed := range []string{
		"/files/a", "/files/a%2Fb", "/files/a|b", "/files/%252e", "/files//x", "/files/../leads/1", "/files/%2e%2e/x", "/files/a;b", "/files/a?x=1;y",
		"/leads/%65xport", "/leads/EXPORT", "/leads/export/", "//leads/1", "/files/\xc3\xa9", "/files/%C3%A9", "/files/%ff", "/leads/1#x", "*", "/files/a%00", "http://x/files/a",
	} {
		f.Add(seed)
	}
	f.Fuzz(func(t *testing.T, target string) {
		if strings.ContainsAny(target, " \t\r\n") || target == "" {
			t.Skip("this is not a request target: it would end the request line")
		}
		g.Backend.Seen()
		conn, err := net.Dial("tcp", g.Addr)
		require.NoError(t, err)
		defer func() { _ = conn.Close() }()
		require.NoError(t, conn.SetDeadline(time.Now().Add(10*time.Second)))
		_, err = io.WriteString(conn, "GET "+target+" HTTP/1.1\r\nHost: x\r\nAuthorization: Bearer "+harness.Wildcard+"\r\nConnection: close\r\n\r\n")
		require.NoError(t, err)
		answer, err := http.ReadResponse(bufio.NewReader(conn), nil)
		require.NoError(t, err)
		_ = answer.Body.Close()
		for _, seen := range g.Backend.Seen() {
			require.Equal(t, target, seen.Target)
			path, _, _ := strings.Cut(target, "?")
			require.NotContains(t, path, "..")
			require.False(t, strings.EqualFold(strings.TrimSuffix(path, "/"), "/leads/export"), "the key holds no scope for the export")
		}
	})
}
