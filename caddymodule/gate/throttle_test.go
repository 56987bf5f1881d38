package gate_test

import (
	"fmt"
	"net/netip"
	"runtime"
	"testing"

	"github.com/stretchr/testify/require"

	"github.com/tollgate-gateway/tollgate/caddymodule/gate"
	"github.com/tollgate-gateway/tollgate/caddymodule/limits"
	"github.com/tollgate-gateway/tollgate/caddymodule/refusal"
)

// from is a request of the good key from an address.
func from(address, path string) *gate.Request {
	r := request(path)
	r.ClientIP = netip.MustParseAddr(address)
	return r
}

// TestOutsidersDoNotLockOutTheOwner: refusals of a key from outside its allowlist count by key and address, whatever is
// refused there.
func TestOutsidersDoNotLockOutTheOwner(t *testing.T) {
	const owner, thief, other = "203.0.113.7", "198.51.100.1", "198.51.100.2"
	s := newSetup(t)
	s.keys.identity.Key.AllowedIPs = []netip.Prefix{netip.MustParsePrefix("203.0.113.0/24"), netip.MustParsePrefix("2001:db8::/32")}
	for range 3 {
		require.Equal(t, "policy_forbidden", reason(s.judge(t, from(thief, "/leads"))))
	}
	v := s.judge(t, from(thief, "/leads"))
	require.Equal(t, "refusals_throttled", reason(v))
	require.Equal(t, gate.StepAuthenticate, v.Step, "before policy and body")
	require.Equal(t, limits.RefusalPolicy, v.Limits.Policy)
	require.Equal(t, "policy_forbidden", reason(s.judge(t, from(other, "/leads"))), "another address has a count of its own")
	require.Empty(t, reason(s.judge(t, from(owner, "/leads"))), "the owner is not held up")

	for i := range 3 { // a body that is too large is refused before the allowlist is asked
		tooLarge := from(other, "/leads")
		tooLarge.Method, tooLarge.Body = "POST", &body{refusal: &refusal.Refusal{Kind: refusal.BodyTooLarge}}
		require.Equal(t, map[bool]string{true: "body_too_large", false: "refusals_throttled"}[i < 2], reason(s.judge(t, tooLarge)))
	}
	for range 3 {
		require.Equal(t, "unknown_route", reason(s.judge(t, from(owner, "/nothing"))), "the owner's own count was not touched")
	}
	require.Equal(t, "refusals_throttled", reason(s.judge(t, from(owner, "/leads"))))
}

// TestOutsidersFromEverywhere: who has as many addresses as there are fills the table, and even then the owner is not held up.
func TestOutsidersFromEverywhere(t *testing.T) {
	s := newSetup(t)
	s.keys.identity.Key.AllowedIPs = []netip.Prefix{netip.MustParsePrefix("203.0.113.0/24")}
	for i := range 60_000 {
		s.OutsiderThrottle.Counts.Count(gate.Outsider{Key: "key_crm", Address: netip.MustParseAddr(fmt.Sprintf("2001:db8:%x:%x::", i>>8, i&255))}, s.OutsiderThrottle.Window)
	}
	require.Empty(t, reason(s.judge(t, from("203.0.113.7", "/leads"))))
	require.Equal(t, "unknown_route", reason(s.judge(t, from("203.0.113.7", "/nothing"))))
	require.Empty(t, reason(s.judge(t, from("203.0.113.7", "/leads"))))
}

// TestOutsidersOfOneNetwork share a count: an IPv6 client has the whole of its /64.
func TestOutsidersOfOneNetwork(t *testing.T) {
	s := newSetup(t)
	s.keys.identity.Key.AllowedIPs = []netip.Prefix{netip.MustParsePrefix("203.0.113.0/24")}
	for i := range 3 {
		require.Equal(t, "policy_forbidden", reason(s.judge(t, from(fmt.Sprintf("2001:db8::%d", i+1), "/leads"))))
	}
	require.Equal(t, "refusals_throttled", reason(s.judge(t, from("2001:db8::ffff", "/leads"))))
	require.Equal(t, "policy_forbidden", reason(s.judge(t, from("2001:db8:0:1::1", "/leads"))))
}

// TestRefusedForAnAddressOrAPlan says what for.
func TestRefusedForAnAddressOrAPlan(t *testing.T) {
	s := newSetup(t)
	s.keys.identity.Key.AllowedIPs = []netip.Prefix{netip.MustParsePrefix("203.0.113.0/24")}
	require.Equal(t, map[string]any{"reason": "address", "address": "198.51.100.1"}, s.judge(t, from("198.51.100.1", "/leads")).Refusal.Details)
	s.keys.identity.Workspace.Plan = "trial"
	require.Equal(t, map[string]any{"reason": "plan", "plan": "trial"}, s.judge(t, from("203.0.113.7", "/leads")).Refusal.Details)
	require.Equal(t, map[string]any{"reason": "plan", "plan": "trial", "address": "198.51.100.1"}, s.judge(t, from("198.51.100.1", "/leads")).Refusal.Details)
}

// TestVisitorsFromEverywhere: they do not fit the table of a public route, which takes no more memory for that, and free nobody who is over
// the limit. An address that cannot be read is one visitor.
func TestVisitorsFromEverywhere(t *testing.T) {
	s := newSetup(t)
	refused := func(address netip.Addr) string {
		r := request("/visited")
		r.ClientIP = address
		return reason(s.judge(t, r))
	}
	for _, address := range []netip.Addr{{}, netip.MustParseAddr("203.0.113.7")} {
		for range 3 {
			require.Empty(t, refused(address))
		}
		require.Equal(t, "address_over_limit", refused(address))
	}
	before := heap()
	for i := range 100_000 {
		refused(netip.AddrFrom16([16]byte{0x20, 1, 0xd, 0xb8, byte(i >> 16), byte(i >> 8), byte(i), 15: 1}))
	}
	require.Less(t, heap(), before+1<<20, "no visitor takes memory")
	require.Equal(t, "address_over_limit", refused(netip.MustParseAddr("203.0.113.7")))
	require.Equal(t, "address_over_limit", refused(netip.Addr{}))
}

// heap is how many bytes are in use.
func heap() uint64 {
	runtime.GC()
	var stats runtime.MemStats
	runtime.ReadMemStats(&stats)
	return stats.HeapAlloc
}
