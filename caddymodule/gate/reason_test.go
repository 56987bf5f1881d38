package gate_test

import (
	"net/netip"
	"slices"
	"testing"
	"time"

	"github.com/stretchr/testify/require"

	"github.com/tollgate-gateway/tollgate/caddymodule/gate"
	"github.com/tollgate-gateway/tollgate/caddymodule/record"
)

// TestReasons: for operators every refusal has its own reason, of a closed set, whatever callers are told.
func TestReasons(t *testing.T) {
	authorization := func(value string) func(*gate.Request) {
		return func(r *gate.Request) { r.Header["Authorization"] = []string{value} }
	}
	for name, c := range map[string]struct {
		path   string
		change func(*gate.Request)
		setUp  func(*setup)
		reason string
		key    string
	}{
		"no header":                  {change: func(r *gate.Request) { delete(r.Header, "Authorization") }, reason: gate.ReasonNoKey},
		"another scheme":             {change: authorization("Basic abc"), reason: gate.ReasonNoKey},
		"a token that is too short":  {change: authorization("Bearer short"), reason: gate.ReasonMalformedKey},
		"two headers":                {change: func(r *gate.Request) { r.Header["Authorization"] = []string{"Bearer a", "Bearer b"} }, reason: gate.ReasonMalformedKey},
		"nobody's secret":            {change: authorization("Bearer nobody-knows-this-secret"), reason: gate.ReasonUnknownKey},
		"our form, a wrong checksum": {change: authorization("Bearer tg_0123456789012345678901234567890123456789"), reason: gate.ReasonMalformedKey},
		"disabled":                   {setUp: func(s *setup) { s.keys.identity.Key.Disabled = true }, reason: gate.ReasonDisabled, key: "key_crm"},
		"revoked":                    {setUp: func(s *setup) { s.keys.identity.Key.RevokedAt = time.Now() }, reason: gate.ReasonRevoked, key: "key_crm"},
		"expired":                    {setUp: func(s *setup) { s.keys.identity.Key.ExpiresAt = time.Now().Add(-time.Hour) }, reason: gate.ReasonExpired, key: "key_crm"},
		"the grace is over":          {setUp: func(s *setup) { s.keys.identity.SecretExpiresAt = time.Now().Add(-time.Hour) }, reason: gate.ReasonSecretEnded, key: "key_crm"},
		"address":                    {setUp: func(s *setup) { s.keys.identity.Key.AllowedIPs = []netip.Prefix{netip.MustParsePrefix("192.0.2.0/24")} }, reason: gate.ReasonAddress},
		"plan":                       {setUp: func(s *setup) { s.keys.identity.Workspace = &record.Workspace{ID: "ws_1", Plan: "trial"} }, reason: gate.ReasonPlan},
		"missing scope":              {setUp: func(s *setup) { s.keys.identity.Key.Scopes = nil }, reason: gate.ReasonMissingScope},
		"unknown route":              {path: "/nowhere", reason: "unknown_route"},
		"malformed target":           {path: "//leads", reason: "malformed_target"},
	} {
		t.Run(name, func(t *testing.T) {
			s := newSetup(t)
			if c.setUp != nil {
				c.setUp(s)
			}
			path := "/leads/l1"
			if c.path != "" {
				path = c.path
			}
			r := request(path)
			if c.change != nil {
				c.change(r)
			}
			v := s.judge(t, r)
			require.Equal(t, c.reason, v.Reason)
			require.Equal(t, c.key, v.RefusedKey)
			require.Contains(t, gate.Reasons(), v.Reason, "the set is closed")
		})
	}
	require.Empty(t, newSetup(t).judge(t, request("/leads/l1")).Reason)
	list := slices.Sorted(slices.Values(gate.Reasons()))
	require.Equal(t, slices.Compact(slices.Clone(list)), list, "each stands once")
}
