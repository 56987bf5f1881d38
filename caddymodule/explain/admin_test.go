package explain_test

import (
	"strings"
	"testing"
	"time"

	"github.com/caddyserver/caddy/v2"
	"github.com/stretchr/testify/require"
	"go.uber.org/goleak"

	"github.com/tollgate-gateway/tollgate/caddymodule/harness"
	"github.com/tollgate-gateway/tollgate/caddymodule/services"
)

// open is a gateway with an admin endpoint, whose configuration a desk shares.
func open(t *testing.T) (g *harness.Gateway, d *harness.Desk, admin string) {
	t.Helper()
	g = harness.New(t)
	admin = services.Address(services.FreePort(t))
	text := strings.NewReplacer("admin off", "admin "+admin+"\n\tpersist_config off", ":8080", "http://"+g.Addr, "localhost:9000", g.Backend.Addr).
		Replace(harness.DeskCaddyfile)
	d = harness.NewDesk(t, text)
	document, err := harness.Adapt(text, d.Dir+"/Caddyfile")
	require.NoError(t, err)
	d.Must(t, "workspace", "create", "ws_acme", "--plan", "tiny")
	require.NoError(t, caddy.Load(document, true))
	return g, d, admin
}

// TestExplainAsksTheRunningGateway: the windows are those of the gateway, and asking spends nothing.
func TestExplainAsksTheRunningGateway(t *testing.T) {
	g, d, admin := open(t)
	key, secret := d.Created(t, "--workspace", "ws_acme", "--scope", "agent.*")
	ask := harness.Request{Path: "/leads", Key: secret}
	require.Equal(t, 200, g.Do(t, ask).Status)
	require.Equal(t, 200, g.Do(t, ask).Status)

	for range 5 {
		e := d.Explain(t, "GET", "/leads", "--key-id", key)
		require.True(t, e.Verdict.Allowed)
		require.True(t, e.Windows.Known)
		require.Equal(t, "the gateway at "+admin, e.Windows.Source)
		require.Equal(t, []string{"3/1m", "10/1h"}, []string{e.Windows.List[0].Window, e.Windows.List[1].Window})
		require.EqualValues(t, 1, e.Windows.List[0].Remaining)
		require.EqualValues(t, 8, e.Windows.List[1].Remaining)
	}
	e := d.Explain(t, "POST", "/leads", "--key-id", key)
	require.Equal(t, 429, e.Verdict.Status, "a cost of 2 finds room for 1")
	require.Contains(t, string(e.Verdict.Error), "retry_after_seconds")

	require.Equal(t, 200, g.Do(t, ask).Status, "explaining has spent nothing")
	require.Equal(t, 429, g.Do(t, ask).Status)
	require.Equal(t, 429, d.Explain(t, "GET", "/leads", "--key-id", key).Verdict.Status)

	own, secret := d.Created(t, "--workspace", "ws_acme", "--scope", "agent.*", "--limit", "2/1h")
	d.Must(t, "workspace", "set", "ws_acme", "--limit", "100/1m", "--quota", "100/month")
	mine := harness.Request{Path: "/leads", Key: secret}
	require.Eventually(t, func() bool { return g.Do(t, mine).Status == 429 }, 5*time.Second, time.Millisecond, "the key's own limit")
	e = d.Explain(t, "GET", "/leads", "--key-id", own)
	require.Equal(t, 429, e.Verdict.Status)
	require.Equal(t, []string{"100/1m", "100/month", "2/1h"}, []string{e.Windows.List[0].Window, e.Windows.List[1].Window, e.Windows.List[2].Window})
	require.Zero(t, e.Windows.List[2].Remaining, "of the key, as the gateway counts it")
	require.True(t, d.Explain(t, "GET", "/leads", "--key-id", key).Verdict.Allowed, "another key has its own part")

	d.Must(t, "workspace", "set", "ws_acme", "--plan", "trial")
	e = d.Explain(t, "GET", "/leads", "--key-id", key)
	require.Equal(t, 403, e.Verdict.Status)
	require.Equal(t, "none: the plan is denied", e.Windows.Source)

	g.Stop(t)
	d.Must(t, "workspace", "set", "ws_acme", "--plan", "tiny")
	e = d.Explain(t, "GET", "/leads", "--key-id", key)
	require.False(t, e.Windows.Known)
	require.Equal(t, "as if unused, because no gateway with this workspace answers at "+admin, e.Windows.Source)
	require.True(t, e.Verdict.Allowed)
}

// TestExplainDoesNotMistakeGateways: the windows of a gateway with another key store are not ours.
func TestExplainDoesNotMistakeGateways(t *testing.T) {
	_, d, admin := open(t)
	text := strings.Replace(harness.DeskCaddyfile, "admin off", "admin "+admin, 1)
	d.Write(t, "Caddyfile.other", strings.Replace(text, "tollgate.db", "other.db", 1))
	d.Must(t, "workspace", "create", "ws_acme", "--plan", "tiny", "--config", "Caddyfile.other")
	key, _ := d.Created(t, "--workspace", "ws_acme", "--scope", "agent.*", "--config", "Caddyfile.other")
	e := d.Explain(t, "GET", "/leads", "--key-id", key, "--config", "Caddyfile.other")
	require.False(t, e.Windows.Known)
	require.Contains(t, e.Windows.Source, "uses another key store (sqlite "+d.Dir+"/tollgate.db)")
}

// TestCommandsLeaveNothingRunning in the process that gives them.
func TestCommandsLeaveNothingRunning(t *testing.T) {
	before := goleak.IgnoreCurrent()
	d := harness.NewDesk(t, harness.DeskCaddyfile)
	d.Must(t, "workspace", "create", "ws_acme", "--plan", "tiny")
	key, _ := d.Created(t, "--workspace", "ws_acme")
	d.Explain(t, "GET", "/leads", "--key-id", key)
	d.Must(t, "key", "revoke", key)
	goleak.VerifyNone(t, before)
}
