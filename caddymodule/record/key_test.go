package record

import (
	"encoding/hex"
	"net/netip"
	"testing"
	"time"

	"github.com/stretchr/testify/require"
)

func TestParseNetwork(t *testing.T) {
	for text, want := range map[string]string{
		"203.0.113.9":            "203.0.113.9/32",
		"203.0.113.0/24":         "203.0.113.0/24",
		"203.0.113.9/32":         "203.0.113.9/32",
		"0.0.0.0/0":              "0.0.0.0/0",
		"255.255.255.255":        "255.255.255.255/32",
		"2001:db8::1":            "2001:db8::1/128",
		"2001:DB8:0:0::1":        "2001:db8::1/128",
		"2001:db8::/32":          "2001:db8::/32",
		"::/0":                   "::/0",
		"::1":                    "::1/128",
		"::1.2.3.4":              "::102:304/128",
		"2001:db8:0:0:8000::/65": "2001:db8:0:0:8000::/65",
	} {
		t.Run("accepts/"+text, func(t *testing.T) {
			got, err := ParseNetwork(text)
			require.NoError(t, err)
			require.Equal(t, netip.MustParsePrefix(want), got)
		})
	}
	for text, reason := range map[string]string{
		"":                          "write an IPv4 or IPv6 address or CIDR",
		" 203.0.113.9":              "write an IPv4",
		"203.0.113.9 ":              "write an IPv4",
		"localhost":                 "write an IPv4",
		"nil":                       "write an IPv4",
		"@":                         "write an IPv4",
		"*":                         "write an IPv4",
		"203.0.113.256":             "write an IPv4",
		"10000.1.1.1":               "write an IPv4",
		"0127.2.3.1":                "write an IPv4", // octal
		"127.0.0.01":                "write an IPv4",
		"0x7f.0.0.1":                "write an IPv4",
		"127.1":                     "write an IPv4",
		"2130706433":                "write an IPv4",
		"203.0.113.":                "write an IPv4",
		"203.0.113.0.1":             "write an IPv4",
		"203.0.113.9:80":            "write an IPv4",
		"[2001:db8::1]":             "write an IPv4",
		"[2001:db8::1]:80":          "write an IPv4",
		"203.0.113.0/":              "write an IPv4",
		"203.0.113.0/33":            "write an IPv4",
		"203.0.113.0/-1":            "write an IPv4",
		"203.0.113.0/+24":           "write an IPv4",
		"203.0.113.0/024":           "write an IPv4",
		"203.0.113.0/24/24":         "write an IPv4",
		"203.0.113.0/255.255.255.0": "write an IPv4",
		"203.0.113/24":              "write an IPv4",
		"010.0.0.0/8":               "write an IPv4",
		"10.0.0.0/8,11.0.0.0/8":     "write an IPv4",
		"2001:db8::/129":            "write an IPv4",
		"2001::db8::1":              "write an IPv4",
		"fe80::1%eth0/64":           "a zone has no meaning",
		"fe80::1%eth0":              "a zone has no meaning",
		"::ffff:1.2.3.4%eth0":       "a zone has no meaning",
		"203.0.113.9/24":            "its host bits are set, write 203.0.113.0/24",
		"1.2.3.4/0":                 "its host bits are set, write 0.0.0.0/0",
		"2001:db8::1/32":            "its host bits are set, write 2001:db8::/32",
		"::1/0":                     "its host bits are set, write ::/0",
		"::ffff:203.0.113.9":        "write the IPv4 address itself, 203.0.113.9",
		"::ffff:cb00:7109":          "write the IPv4 address itself, 203.0.113.9",
		"::ffff:203.0.113.0/120":    "write the IPv4 network itself",
		"::ffff:0:0/96":             "write the IPv4 network itself",
	} {
		t.Run("refuses/"+text, func(t *testing.T) {
			got, err := ParseNetwork(text)
			require.ErrorContains(t, err, reason)
			require.Zero(t, got)
		})
	}
}

func TestNetworksHoldExactlyTheirAddresses(t *testing.T) {
	for text, test := range map[string]struct{ in, out []string }{
		"203.0.113.0/25": {[]string{"203.0.113.0", "203.0.113.127"}, []string{"203.0.112.255", "203.0.113.128", "::ffff:203.0.113.0"}},
		"203.0.113.9":    {[]string{"203.0.113.9"}, []string{"203.0.113.8", "203.0.113.10"}},
		"2001:db8::/33":  {[]string{"2001:db8::", "2001:db8:7fff:ffff:ffff:ffff:ffff:ffff"}, []string{"2001:db7:ffff::", "2001:db8:8000::"}},
		"0.0.0.0/0":      {[]string{"0.0.0.0", "255.255.255.255"}, []string{"::", "::1", "2001:db8::1"}},
		"::/0":           {[]string{"::", "2001:db8::1"}, []string{"0.0.0.0", "203.0.113.9"}},
	} {
		network, err := ParseNetwork(text)
		require.NoError(t, err)
		for _, addr := range test.in {
			require.True(t, network.Contains(netip.MustParseAddr(addr)), "%s in %s", addr, text)
		}
		for _, addr := range test.out {
			require.False(t, network.Contains(netip.MustParseAddr(addr)), "%s not in %s", addr, text)
		}
	}
}

func TestParseNetworks(t *testing.T) {
	got, err := ParseNetworks([]string{"203.0.113.0/24", "::1"})
	require.NoError(t, err)
	require.Equal(t, []netip.Prefix{netip.MustParsePrefix("203.0.113.0/24"), netip.MustParsePrefix("::1/128")}, got)
	got, err = ParseNetworks(nil)
	require.NoError(t, err)
	require.Empty(t, got)
	got, err = ParseNetworks([]string{"203.0.113.0/24", "127.1"})
	require.ErrorContains(t, err, `address "127.1" is not valid`)
	require.Nil(t, got, "all or nothing")
}

func TestUsable(t *testing.T) {
	now := time.Date(2027, 1, 1, 0, 0, 0, 0, time.UTC)
	for name, test := range map[string]struct {
		identity Identity
		usable   bool
	}{
		"a plain key":                     {Identity{Key: &Key{}}, true},
		"a disabled key":                  {Identity{Key: &Key{Disabled: true}}, false},
		"a revoked key":                   {Identity{Key: &Key{RevokedAt: now.Add(-time.Hour)}}, false},
		"a key revoked by a clock ahead":  {Identity{Key: &Key{RevokedAt: now.Add(time.Hour)}}, false},
		"before the key's expiry":         {Identity{Key: &Key{ExpiresAt: now.Add(1)}}, true},
		"at the key's expiry":             {Identity{Key: &Key{ExpiresAt: now}}, false},
		"after the key's expiry":          {Identity{Key: &Key{ExpiresAt: now.Add(-1)}}, false},
		"in another time zone":            {Identity{Key: &Key{ExpiresAt: now.In(time.FixedZone("", 3600))}}, false},
		"before the secret's expiry":      {Identity{Key: &Key{}, SecretExpiresAt: now.Add(1)}, true},
		"at the secret's expiry":          {Identity{Key: &Key{}, SecretExpiresAt: now}, false},
		"the secret outlives its key":     {Identity{Key: &Key{ExpiresAt: now}, SecretExpiresAt: now.Add(1)}, false},
		"the key outlives its old secret": {Identity{Key: &Key{ExpiresAt: now.Add(1)}, SecretExpiresAt: now}, false},
	} {
		t.Run(name, func(t *testing.T) {
			require.Equal(t, test.usable, test.identity.Usable(now))
		})
	}
}

func TestGraceEnds(t *testing.T) {
	soon, late := time.Date(2027, 1, 1, 0, 0, 0, 0, time.UTC), time.Date(2027, 1, 2, 0, 0, 0, 0, time.UTC)
	for name, test := range map[string]struct{ key, secret, want time.Time }{
		"a present secret":                     {},
		"a present secret of a key that ends":  {key: soon},
		"an old secret":                        {secret: soon, want: soon},
		"an old secret that ends with its key": {key: soon, secret: late, want: soon},
		"an old secret that ends first":        {key: late, secret: soon, want: soon},
	} {
		t.Run(name, func(t *testing.T) {
			identity := Identity{Key: &Key{ExpiresAt: test.key}, SecretExpiresAt: test.secret}
			require.Equal(t, test.want, identity.GraceEnds())
		})
	}
}

func TestSumOfIsSHA256(t *testing.T) {
	sum := SumOf("test")
	require.Equal(t, "9f86d081884c7d659a2feaa0c55ad015a3bf4f1b2b0b822cd15d6c15b0f00a08", hex.EncodeToString(sum[:]))
	require.NotEqual(t, sum, SumOf("test "))
}
