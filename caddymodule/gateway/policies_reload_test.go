package gateway_test

import (
	"fmt"
	"net"
	"strings"
	"testing"

	"github.com/stretchr/testify/require"

	"github.com/tollgate-gateway/tollgate/caddymodule/harness"
)

// metered is a gateway with a policy, whose metrics are public.
func metered(t *testing.T, text string) (*harness.Gateway, harness.Setup) {
	t.Helper()
	g := harness.New(t)
	g.WriteFile(t, "keys.yaml", harness.WorldKeys)
	g.WriteFile(t, "policies/team.rego", text)
	setup := policySetup()
	setup.Gate += "public GET /metrics\n"
	setup.Then = "metrics /metrics\nreverse_proxy $BACKEND"
	require.NoError(t, g.Load(setup.Caddyfile()))
	return g, setup
}

func metric(t *testing.T, g *harness.Gateway, prefix string) string {
	t.Helper()
	return harness.MetricsOf(g.Do(t, harness.Request{Path: "/metrics"}).Body, prefix)
}

// refused is how often the gateways of this process refused for a reason.
func refused(t *testing.T, g *harness.Gateway, reason string) (n int) {
	t.Helper()
	_, _ = fmt.Sscanf(metric(t, g, `tollgate_refusals_total{reason="`+reason+`"}`), `tollgate_refusals_total{reason="`+reason+`"} %d`, &n)
	return n
}

// refuses reports whether the gateway's policies refuse a request, and with what message.
func refuses(t *testing.T, g *harness.Gateway) string {
	t.Helper()
	a := g.Do(t, harness.Request{Path: "/plain", Key: harness.CRM})
	if a.Status == 200 {
		return ""
	}
	require.Equal(t, 403, a.Status)
	return a.Envelope(t).Error.Message
}

// TestABrokenPolicyFileBlocksNoOtherReload breaks a file on disk, and loads a configuration that says nothing new of it.
func TestABrokenPolicyFileBlocksNoOtherReload(t *testing.T) {
	g, setup := metered(t, rule("true", "FORBIDDEN", "one"))
	require.Equal(t, "one", refuses(t, g))
	g.WriteFile(t, "policies/team.rego", "nonsense")
	setup.Options += "\nkey_prefix other"
	require.NoError(t, g.Load(setup.Caddyfile()))
	require.Equal(t, "one", refuses(t, g), "the last good generation goes on")
	require.True(t, harness.Contains(g.ReadFile(t, "caddy.log"), `"level":"error"`, "policies are not taken, the last good ones go on", "team.rego:1"))
	require.Equal(t, "tollgate_policies_failing 1\n", metric(t, g, "tollgate_policies_failing"))
	require.NoError(t, g.Load(setup.Caddyfile()), "and once more")
	require.Equal(t, "one", refuses(t, g))

	require.ErrorContains(t, g.Load(strings.Replace(setup.Caddyfile(), "policies policies", "policies policies/team.rego", 1)), "team.rego:1",
		"other policies than those that were loaded are loaded")
	require.Equal(t, "one", refuses(t, g))
	require.Equal(t, "tollgate_policies_failing 1\n", metric(t, g, "tollgate_policies_failing"))

	g.WriteFile(t, "policies/team.rego", rule("true", "FORBIDDEN", "two"))
	require.Eventually(t, func() bool { return refuses(t, g) == "two" }, harness.WaitFor, harness.Tick, "and are watched for being mended")
	require.Eventually(t, func() bool { return metric(t, g, "tollgate_policies_failing") == "tollgate_policies_failing 0\n" }, harness.WaitFor, harness.Tick)
}

// TestAReloadTakesPoliciesAsTheyAre changes a file and loads the configuration: nobody waits for the watcher.
func TestAReloadTakesPoliciesAsTheyAre(t *testing.T) {
	g, setup := metered(t, rule("true", "FORBIDDEN", "0"))
	for n := 1; n <= 3; n++ {
		g.WriteFile(t, "policies/team.rego", rule("true", "FORBIDDEN", fmt.Sprint(n)))
		require.NoError(t, g.Load(setup.Caddyfile()))
		require.Equal(t, fmt.Sprint(n), refuses(t, g))
	}
	require.NoError(t, g.Load(strings.Replace(setup.Caddyfile(), "policies policies", "", 1)))
	require.Empty(t, refuses(t, g), "policies that are not configured any more are gone")
	require.NoError(t, g.Load(setup.Caddyfile()))
	require.Equal(t, "3", refuses(t, g))
}

// TestDecisionsAreRememberedOverReloads loads the same policies again.
func TestDecisionsAreRememberedOverReloads(t *testing.T) {
	g, setup := metered(t, rule("input.request.method == \"HEAD\"", "FORBIDDEN", "x"))
	remembered := func() any {
		a := g.Do(t, harness.Request{Path: "/plain", Key: harness.CRM})
		return decisionOf(t, g, a.Header.Get("X-Request-Id"))["remembered"]
	}
	require.Equal(t, false, remembered())
	require.NoError(t, g.Load(setup.Caddyfile()))
	require.Equal(t, true, remembered())
}

// TestAReloadThatFailsLeavesThePoliciesToTheirConfiguration loads one that takes another timeout and cannot listen.
func TestAReloadThatFailsLeavesThePoliciesToTheirConfiguration(t *testing.T) {
	slow := "count([1 | some i in numbers.range(1, 100000); some j in numbers.range(1, 100000); i * j == -1]) > 0"
	g, setup := metered(t, rule("input.request.query.slow; "+slow, "FORBIDDEN", "x"))
	occupied, err := net.Listen("tcp", "127.0.0.1:0")
	require.NoError(t, err)
	defer occupied.Close()
	other := strings.Replace(setup.Caddyfile(), "policy_timeout 2s", "policy_timeout 1m", 1) +
		fmt.Sprintf("\nhttp://127.0.0.1:%d {\n\tbind 127.0.0.1\n\trespond x\n}\n", occupied.Addr().(*net.TCPAddr).Port)
	require.Error(t, g.Load(other))
	a := g.Do(t, harness.Request{Path: "/plain?slow", Key: harness.CRM})
	require.Equal(t, 500, a.Status, "the timeout is still that of the configuration that runs")
	g.WriteFile(t, "policies/team.rego", rule("true", "FORBIDDEN", "changed"))
	require.Eventually(t, func() bool { return refuses(t, g) == "changed" }, harness.WaitFor, harness.Tick, "and the files are still followed")
	require.Eventually(t, func() bool { return harness.Contains(g.ReadFile(t, "caddy.log"), "policies loaded") }, harness.WaitFor, harness.Tick)
}

// TestAClientThatLeavesWhileItIsJudgedIsNoFailure closes connections while a policy thinks about their requests, and while
// they wait for their turn.
func TestAClientThatLeavesWhileItIsJudgedIsNoFailure(t *testing.T) {
	const clients = 6
	slow := "count([1 | some i in numbers.range(1, 100000); some j in numbers.range(1, 100000); i * j == -1]) > 0"
	g, _ := metered(t, rule("input.request.query.slow; "+slow, "FORBIDDEN", "x"))
	left, failed := refused(t, g, "client_left"), refused(t, g, "policy_failed")
	for n := range clients {
		conn, err := net.Dial("tcp", g.Addr)
		require.NoError(t, err)
		_, err = fmt.Fprintf(conn, "GET /plain?slow=%d HTTP/1.1\r\nHost: x\r\nAuthorization: Bearer %s\r\n\r\n", n, harness.CRM)
		require.NoError(t, err)
		require.NoError(t, conn.Close())
	}
	require.Eventually(t, func() bool { return refused(t, g, "client_left") == left+clients }, harness.WaitFor, harness.Tick)
	require.Equal(t, failed, refused(t, g, "policy_failed"))
	log := g.ReadFile(t, "caddy.log")
	require.False(t, harness.Contains(log, `"level":"error"`), "C14, F11")
	require.True(t, harness.Contains(log, `"msg":"client left"`, "client_left"))
	require.True(t, harness.Contains(log, `"msg":"decision"`, `"code":"INTERNAL_ERROR"`), "C14: the decision is logged")
}

// TestBurstsOfNewQuestionsFailNoDecision has many connections ask what nobody asked before.
func TestBurstsOfNewQuestionsFailNoDecision(t *testing.T) {
	g, setup := metered(t, rule(`count([1 | some i in numbers.range(1, 1000); i == -1]) > count(input.request.query.n)`, "FORBIDDEN", "x"))
	require.NoError(t, g.Load(strings.Replace(setup.Caddyfile(), "policy_timeout 2s", "policy_timeout 100ms", 1)))
	answers := make(chan int)
	const requests = 200
	for n := range requests {
		go func() {
			a, err := g.Try(harness.Request{Path: fmt.Sprintf("/plain?n=%d", n), Key: harness.CRM})
			if err != nil {
				answers <- 0
				return
			}
			answers <- a.Status
		}()
	}
	got := map[int]int{}
	for range requests {
		got[<-answers]++
	}
	require.Equal(t, map[int]int{200: requests}, got)
}
