package gateway_test

import (
	"bufio"
	"fmt"
	"io"
	"net"
	"net/http"
	"testing"
	"time"

	"github.com/stretchr/testify/require"

	"github.com/tollgate-gateway/tollgate/caddymodule/harness"
	"github.com/tollgate-gateway/tollgate/caddymodule/keystore"
	"github.com/tollgate-gateway/tollgate/caddymodule/record"
)

// askSlowly sends a request whose body waits until the gate has let it pass, and something has happened meanwhile.
func askSlowly(t *testing.T, g *harness.Gateway, by, method, path, body string, meanwhile func()) int {
	t.Helper()
	conn, err := net.Dial("tcp", g.Addr)
	require.NoError(t, err)
	defer func() { _ = conn.Close() }()
	require.NoError(t, conn.SetDeadline(time.Now().Add(harness.WaitFor)))
	_, err = fmt.Fprintf(conn, "%s %s HTTP/1.1\r\nHost: x\r\nAuthorization: Bearer %s\r\nContent-Type: application/json\r\n"+
		"Content-Length: %d\r\nExpect: 100-continue\r\n\r\n", method, path, secretOf(by), len(body))
	require.NoError(t, err)
	reader := bufio.NewReader(conn)
	line, err := reader.ReadString('\n')
	require.NoError(t, err)
	require.Contains(t, line, "100 Continue", "the body is being read")
	_, err = reader.ReadString('\n')
	require.NoError(t, err)
	meanwhile()
	_, err = io.WriteString(conn, body)
	require.NoError(t, err)
	response, err := http.ReadResponse(reader, nil)
	require.NoError(t, err)
	defer func() { _ = response.Body.Close() }()
	answer, err := io.ReadAll(response.Body)
	require.NoError(t, err)
	require.NotContains(t, string(answer), `"secret"`)
	return response.StatusCode
}

// TestTheCallerIsJudgedWhenTheBodyHasArrived: a body that is held back holds no right alive that was taken away.
func TestTheCallerIsJudgedWhenTheBodyHasArrived(t *testing.T) {
	g, admin := managedSQLite(t)
	by := keystore.Act{By: "test", Action: "test"}
	change := func(id string, change func(*record.Key)) {
		_, err := admin.UpdateKey(t.Context(), by, id, func(k *record.Key) error {
			change(k)
			return nil
		})
		require.NoError(t, err)
	}
	writes := map[string][3]string{
		"create": {"POST", "/keys", `{"scopes":["agent.leads.read"]}`},
		"rotate": {"POST", "/keys/key_weak/rotate", `{}`},
		"change": {"PATCH", "/keys/key_weak", `{"scopes":["agent.leads.*"]}`},
	}
	for what, c := range map[string]struct {
		meanwhile func(id string)
		status    int
	}{
		"revoked":  {func(id string) { change(id, func(k *record.Key) { k.RevokedAt = time.Now() }) }, 401},
		"disabled": {func(id string) { change(id, func(k *record.Key) { k.Disabled = true }) }, 401},
		"demoted":  {func(id string) { change(id, func(k *record.Key) { k.Scopes = scopes("tollgate.keys.write") }) }, 403},
		"rotated away": {func(id string) {
			_, err := admin.RotateKey(t.Context(), by, id, record.SumOf("another "+id), 0)
			require.NoError(t, err)
		}, 401},
	} {
		for name, w := range writes {
			t.Run(name+" by a caller who is "+what+" meanwhile", func(t *testing.T) {
				id := copied(t, admin, "key_owner")
				var before int64
				status := askSlowly(t, g, id, w[0], w[1], w[2], func() {
					c.meanwhile(id)
					before = revision(t, admin)
				})
				require.Equal(t, c.status, status)
				require.Equal(t, before, revision(t, admin), "nothing was written")
			})
		}
	}
}
