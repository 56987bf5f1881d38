package caddymodule_test

import (
	"fmt"
	"strings"
	"testing"

	"github.com/stretchr/testify/require"

	"github.com/tollgate-gateway/tollgate/caddymodule/harness"
)

// listed starts a gateway with one key of this allowlist. Trusted makes 127.0.0.1 a trusted proxy, so that a test can
// come from any address by X-Forwarded-For.
func listed(t *testing.T, trusted bool, networks ...string) *harness.Gateway {
	t.Helper()
	setup := harness.World()
	setup.Keys = keysAllowing(networks...)
	if trusted {
		setup.Servers = "trusted_proxies static 127.0.0.1 10.0.0.0/8\ntrusted_proxies_strict"
	}
	return harness.Start(t, setup)
}

func keysAllowing(networks ...string) string {
	return fmt.Sprintf("workspaces:\n  - id: ws_acme\n    plan: big\n    keys:\n"+
		"      - {id: key_listed, name: listed, sha256: $SHA(%s), scopes: [agent.leads.read], allowed_ips: %q}\n", harness.CRM, networks)
}

// from is a row of section D: a request that came through proxies as X-Forwarded-For says.
func from(name string, allowed bool, forwarded ...string) harness.Case {
	c := harness.Case{Name: name, Request: harness.Request{Path: "/leads", Key: harness.CRM}, Status: 403, Code: "FORBIDDEN", Limits: harness.Workspace}
	c.Header = harness.Header()
	c.Header["X-Forwarded-For"] = forwarded
	if allowed {
		c.Status, c.Code, c.Hits = 200, "", 1
	}
	return c
}

func TestAllowlistAsksThePeer(t *testing.T) {
	g := listed(t, false, "203.0.113.0/24")
	cases := []harness.Case{from("D01/peer outside its allowlist", false)}
	cases[0].Check = saysDetails(`{"reason":"address","address":"127.0.0.1"}`)
	for _, name := range []string{"X-Forwarded-For", "X-Real-IP", "Forwarded", "CF-Connecting-IP", "True-Client-IP", "X-Client-IP"} {
		value := "203.0.113.7"
		if name == "Forwarded" {
			value = "for=203.0.113.7"
		}
		c := from("D02/untrusted peer claims "+name, false)
		c.Header[name] = []string{value}
		cases = append(cases, c)
	}
	g.Run(t, cases)
}

func TestAllowlistBehindProxies(t *testing.T) {
	g := listed(t, true, "203.0.113.0/24")
	g.Run(t, []harness.Case{
		from("D03/allowed client behind trusted proxies", true, "203.0.113.7, 10.0.0.1"),
		from("D04/leftmost value is not believed", false, "203.0.113.7, 198.51.100.1"),
		from("D05/missing", false),
		from("D05/empty", false, ""),
		from("D05/nil", false, "nil"),
		from("D05/no address", false, "10000.1.1.1"),
		from("D05/brackets", false, "[203.0.113.7"),
		from("D06/several lines are joined in their order", true, "198.51.100.1", "203.0.113.7, 10.0.0.1"),
		from("D06/several lines, the last hop outside", false, "203.0.113.7", "198.51.100.1"),
		from("D11/octal in the header", false, "0313.0.113.7"),
		from("D11/short form in the header", false, "203.0.29063"),
	})
}

func TestAllowlistNetworks(t *testing.T) {
	for _, c := range []struct {
		name, network string
		in, out       []string
	}{
		{"D07/CIDR ends at its ends", "203.0.113.64/26", []string{"203.0.113.64", "203.0.113.127"}, []string{"203.0.113.63", "203.0.113.128"}},
		{"D07/single address", "203.0.113.7", []string{"203.0.113.7"}, []string{"203.0.113.6", "203.0.113.8"}},
		{"D08/all of IPv4", "0.0.0.0/0", []string{"1.2.3.4", "203.0.113.7"}, []string{"2001:db8::1"}},
		{"D08/all of IPv6", "::/0", []string{"2001:db8::1"}, []string{"1.2.3.4"}},
		{"D09/mapped peer is the IPv4 address", "203.0.113.0/24", []string{"::ffff:203.0.113.7"}, []string{"::ffff:203.0.114.7"}},
		{"D10/other spelling of IPv6", "2001:db8::/32", []string{"2001:0DB8:0:0::1"}, []string{"2001:db9::1"}},
	} {
		t.Run(c.name, func(t *testing.T) {
			g := listed(t, true, c.network)
			for _, address := range c.in {
				g.Run(t, []harness.Case{from("in/"+address, true, address)})
			}
			for _, address := range c.out {
				g.Run(t, []harness.Case{from("out/"+address, false, address)})
			}
		})
	}
}

func TestLeftmostAddressesAreWarnedOf(t *testing.T) {
	setup := harness.World()
	setup.Servers = "trusted_proxies static 127.0.0.1"
	g := harness.Start(t, setup)
	for range 3 {
		g.Do(t, harness.Request{Path: "/plain", Key: harness.CRM, Header: harness.Header("X-Forwarded-For", "203.0.113.7, 198.51.100.1")})
	}
	require.Eventually(t, func() bool {
		return strings.Count(g.ReadFile(t, "caddy.log"), "trusted_proxies without trusted_proxies_strict") == 1
	}, harness.WaitFor, harness.Tick, "D04: Caddy believes the leftmost value unless told otherwise; the log says so, once")
}

func TestAllowlistZoneIsIgnored(t *testing.T) {
	g := listed(t, true, "fe80::1")
	g.Run(t, []harness.Case{from("D10/zone", true, "fe80::1%eth0")})
}

func TestAllowlistEmptyIsNone(t *testing.T) {
	g := listed(t, false)
	g.Run(t, []harness.Case{from("D14/empty list", true)})
}

func TestAllowlistChangesWithoutRestart(t *testing.T) {
	g := listed(t, false, "203.0.113.0/24")
	g.Run(t, []harness.Case{from("D13/before", false)})
	g.WriteFile(t, "keys.yaml", keysAllowing("127.0.0.1"))
	require.Eventually(t, func() bool {
		return g.Do(t, harness.Request{Path: "/leads", Key: harness.CRM}).Status == 200
	}, harness.WaitFor, harness.Tick, "D13: obeyed without restart")
}

func TestAllowlistMistakesAreFoundAtLoad(t *testing.T) {
	for _, network := range []string{"0127.2.3.1", "127.1", "2130706433", "203.0.113.7/24", "", "203.0.113.0/33", "::ffff:1.2.3.4", "fe80::1%eth0", "example.com"} {
		t.Run("D11, D12/"+network, func(t *testing.T) {
			g := harness.New(t)
			g.WriteFile(t, "keys.yaml", keysAllowing(network))
			err := g.Load(harness.World().Caddyfile())
			require.ErrorContains(t, err, "keys.yaml:5", "the error names the file and the line")
			require.ErrorContains(t, err, fmt.Sprintf("%q", network))
		})
	}
}
