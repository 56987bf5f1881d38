package dashboard_test

import (
	"fmt"
	"strings"
	"testing"
	"time"

	"github.com/stretchr/testify/require"

	"github.com/tollgate-gateway/tollgate/caddymodule/dashboard"
	"github.com/tollgate-gateway/tollgate/caddymodule/gate"
	"github.com/tollgate-gateway/tollgate/caddymodule/harness"
	"github.com/tollgate-gateway/tollgate/caddymodule/refusal"
	"github.com/tollgate-gateway/tollgate/caddymodule/status"
)

// TestAMillionRequestsOfAHundredThousandWorkspaces: what is remembered of them is quickly told. How quickly, the log says; how
// much it is, package status tests.
func TestAMillionRequestsOfAHundredThousandWorkspaces(t *testing.T) {
	if !harness.Long() {
		t.Skip("set TOLLGATE_TEST_LONG to count a million requests")
	}
	d := open(t, harness.World())
	paths := []string{"status", "traffic", "routes", "workspaces?n=100", "refusals?n=500"}
	for _, path := range paths {
		require.Equal(t, 200, d.send(t, "GET", "/tollgate/"+path, "").status)
	}
	table := seen(t)
	names := make([]string, 100_000)
	for i := range names {
		names[i] = fmt.Sprintf("ws_%d", i)
	}
	route := table.Routes.Get("a route of the test", time.Now())
	for n := range 1_000_000 {
		r := status.Request{Outcome: status.OutcomeOK, Workspace: names[n%len(names)], Route: route, Gateway: time.Microsecond, Backend: time.Millisecond}
		if n%5 == 0 {
			r.Outcome = string(refusal.CodeForbidden)
			r.Refusal = status.Refusal{Reason: gate.ReasonPlan, Workspace: r.Workspace, RequestID: fmt.Sprint(n), Code: r.Outcome, Status: 403}
		}
		table.Count(&r)
	}
	for _, path := range paths {
		began := time.Now()
		a := d.send(t, "GET", "/tollgate/"+path, "")
		require.Equal(t, 200, a.status)
		t.Logf("%s: %v, %d bytes", path, time.Since(began), len(a.body))
	}
	require.Eventually(t, func() bool {
		began := time.Now()
		a := d.send(t, "GET", "/tollgate/workspaces", "")
		took := time.Since(began)
		if !strings.Contains(a.body, `"counted":100000`) {
			return false // what was put in order a moment ago
		}
		t.Logf("workspaces, put in order anew: %v, %d bytes", took, len(a.body))
		return true
	}, harness.WaitFor, 10*harness.Tick)
}

// seen is what the gateway of this process remembers.
func seen(t *testing.T) *status.Table {
	t.Helper()
	app, err := dashboard.Running()
	require.NoError(t, err)
	return app.Seen()
}
