package gate_test

import (
	"net/netip"
	"testing"
	"time"

	"github.com/stretchr/testify/require"

	"github.com/tollgate-gateway/tollgate/caddymodule/gate"
	"github.com/tollgate-gateway/tollgate/caddymodule/limits"
	"github.com/tollgate-gateway/tollgate/caddymodule/record"
)

const whySuspended = "invoice 117 unpaid"

func suspendedSetup(t testing.TB) *setup {
	s := newSetup(t)
	s.keys.identity.Workspace = &record.Workspace{ID: "ws_acme", Plan: "pro", SuspendedReason: whySuspended,
		SuspendedAt: time.Date(2026, 11, 27, 12, 0, 0, 0, time.UTC)}
	return s
}

// TestASuspendedWorkspaceIsLetInNowhere: every route that asks for a key refuses it, before body and policy, and at no cost.
func TestASuspendedWorkspaceIsLetInNowhere(t *testing.T) {
	for name, c := range map[string]struct {
		path   string
		change func(*setup)
	}{
		"a route":                            {path: "/leads"},
		"whoami":                             {path: "/me"},
		"whoami from outside the allowlist":  {path: "/me", change: outsideItsList},
		"a path without a route":             {path: "/nothing"},
		"a route whose scope the key lacks":  {path: "/leads", change: func(s *setup) { s.keys.identity.Key.Scopes = nil }},
		"a plan that is denied":              {path: "/leads", change: func(s *setup) { s.keys.identity.Workspace.Plan = "trial" }},
		"a store that does not know when":    {path: "/leads", change: func(s *setup) { s.keys.identity.Workspace.SuspendedAt = time.Time{} }},
		"policies that fail":                 {path: "/leads", change: func(s *setup) { s.Policy = broken{} }},
		"policies that let everything in":    {path: "/leads", change: func(s *setup) { s.Policy = lax{} }},
		"those, from outside the allowlist":  {path: "/leads", change: func(s *setup) { s.Policy = lax{}; outsideItsList(s) }},
		"those, on a path without a route":   {path: "/nothing", change: func(s *setup) { s.Policy = lax{}; outsideItsList(s) }},
		"a key that the store is asked for":  {path: "/leads", change: func(s *setup) { s.keys.known = false }},
		"a reason that nobody wrote, a time": {path: "/leads", change: func(s *setup) { s.keys.identity.Workspace.SuspendedReason = "" }},
	} {
		t.Run(name, func(t *testing.T) {
			s := suspendedSetup(t)
			if c.change != nil {
				c.change(s)
			}
			v := s.judge(t, request(c.path))
			require.Equal(t, "suspended", reason(v))
			require.Equal(t, "suspended", v.Reason)
			require.Contains(t, gate.Reasons(), v.Reason)
			require.Equal(t, 403, v.Refusal.StatusCode())
			require.JSONEq(t, `{"success": false, "error": {"code": "FORBIDDEN", "message": "The workspace of this key is suspended.", "details": {"reason": "suspended"}}}`,
				string(v.Refusal.JSON()))
			require.Empty(t, v.Refusal.Challenge)
			require.NotEmpty(t, v.Limits.Statuses(), "limit headers as on every refusal")
			require.False(t, v.Counted, "nothing is spent")
		})
	}
}

func outsideItsList(s *setup) {
	s.keys.identity.Key.AllowedIPs = []netip.Prefix{netip.MustParsePrefix("198.51.100.0/24")}
}

// TestWhatComesBeforeASuspension: who was refused before is refused in the same way, and learns nothing of it.
func TestWhatComesBeforeASuspension(t *testing.T) {
	for name, c := range map[string]struct {
		path, reason string
		change       func(*setup)
	}{
		"a revoked key":                              {"/leads", "unauthorized", func(s *setup) { s.keys.identity.Key.RevokedAt = time.Now() }},
		"an expired secret":                          {"/leads", "unauthorized", func(s *setup) { s.keys.identity.SecretExpiresAt = time.Now().Add(-time.Hour) }},
		"a key from outside its allowlist":           {"/leads", "policy_forbidden", outsideItsList},
		"a key from outside its allowlist, no route": {"/nothing", "policy_forbidden", outsideItsList},
		"a malformed target":                         {"//leads", "malformed_target", func(*setup) {}},
		"a public route":                             {"/public", "", func(*setup) {}},
	} {
		t.Run(name, func(t *testing.T) {
			s := suspendedSetup(t)
			c.change(s)
			v := s.judge(t, request(c.path))
			require.Equal(t, c.reason, reason(v))
			if v.Refusal != nil {
				require.NotContains(t, string(v.Refusal.JSON()), "suspended")
			}
		})
	}
}

// TestOnlyOperatorsAreToldWhyAWorkspaceIsSuspended.
func TestOnlyOperatorsAreToldWhyAWorkspaceIsSuspended(t *testing.T) {
	v := suspendedSetup(t).judge(t, request("/leads"))
	require.NotContains(t, string(v.Refusal.JSON()), whySuspended)
	require.EqualError(t, v.Refusal.Cause, "workspace ws_acme is suspended (since 2026-11-27T12:00:00Z: invoice 117 unpaid)")
}

// TestASuspendedWorkspaceSpendsNothingAndIsThrottled.
func TestASuspendedWorkspaceSpendsNothingAndIsThrottled(t *testing.T) {
	s := suspendedSetup(t)
	unread := &body{}
	for range 3 {
		r := request("/leads")
		r.Method, r.Body = "POST", unread
		require.Equal(t, "suspended", reason(s.judge(t, r)))
	}
	require.Zero(t, unread.read, "its bodies are not read")
	v := s.judge(t, request("/leads"))
	require.Equal(t, "refusals_throttled", reason(v))
	require.Equal(t, limits.RefusalPolicy, v.Limits.Policy)

	resumed := *s.keys.identity.Workspace
	resumed.SuspendedAt, resumed.SuspendedReason = time.Time{}, ""
	s.keys.identity.Workspace = &resumed
	s.RefusalThrottle.Window = record.Window{}
	v = s.judge(t, request("/leads"))
	require.Empty(t, reason(v))
	require.Equal(t, int64(199), v.Limits.Statuses()[0].Remaining)
}
