package record

import (
	"net/netip"
	"regexp"
	"strings"
	"testing"
	"time"

	"github.com/stretchr/testify/require"
)

func FuzzParseWindow(f *testing.F) {
	for _, seed := range []string{"60/1m", "1/366d", "0/1m", "1/1d1s", "/", "1/1500ms", "99999999999999999999/1s", "+1/1s", "1/1h0m1s"} {
		f.Add(seed)
	}
	name := regexp.MustCompile(`^[1-9][0-9]*[dhms]([1-9][0-9]*[hms])*$`)
	f.Fuzz(func(t *testing.T, text string) {
		w, err := ParseWindow(text)
		if err != nil {
			require.Zero(t, w)
			return
		}
		require.True(t, w.Limit >= 1 && w.Limit <= MaxLimit, text)
		require.True(t, w.Duration >= MinWindow && w.Duration <= MaxWindow && w.Duration%time.Second == 0, text)
		require.Regexp(t, name, w.Name(), "it goes into a header")
		again, err := ParseWindow(w.String())
		require.NoError(t, err)
		require.Equal(t, w, again)
	})
}

func FuzzParseQuota(f *testing.F) {
	for _, seed := range []string{"60/day", "1/month", "0/day", "/", "9/", "60/1d", "80%/month", "99999999999999999999/day", "+1/day", "1/Day", "1/day/day"} {
		f.Add(seed)
	}
	f.Fuzz(func(t *testing.T, text string) {
		q, err := ParseQuota(text)
		if err != nil {
			require.Zero(t, q)
			_, err = ParseQuotas([]string{"1/day", text})
			require.Error(t, err)
			return
		}
		require.True(t, q.Limit >= 1 && q.Limit <= MaxLimit, text)
		require.Contains(t, []Period{Daily, Monthly}, q.Period)
		again, err := ParseQuota(q.String())
		require.NoError(t, err)
		require.Equal(t, q, again)
		_, err = ParseWindow(text)
		require.Error(t, err, "what is a quota is no window")
	})
}

func FuzzParseDuration(f *testing.F) {
	for _, seed := range []string{"1d", "1d12h", "0", "1h30m", "106751d23h47m16.854775807s", "1.5s", "1µs", "-1s", "1d-1s", "99999d"} {
		f.Add(seed)
	}
	f.Fuzz(func(t *testing.T, text string) {
		d, err := ParseDuration(text)
		if !strings.Contains(text, "d") {
			goes, goErr := time.ParseDuration(text)
			signed := strings.HasPrefix(text, "-") || strings.HasPrefix(text, "+")
			require.Equal(t, goErr == nil && !signed, err == nil, "without days it is Go's, without a sign")
			if err == nil {
				require.Equal(t, goes, d)
			}
		}
		if err != nil {
			require.Zero(t, d)
			return
		}
		require.GreaterOrEqual(t, d, time.Duration(0))
		again, err := ParseDuration(FormatDuration(d))
		require.NoError(t, err, FormatDuration(d))
		require.Equal(t, d, again)
	})
}

func FuzzParseScope(f *testing.F) {
	for _, seed := range []string{"*", "agent.*", "agent.leads.read", "a..b", "*.a", "a*", "", ".", "a.é", strings.Repeat("a", 129)} {
		f.Add(seed, "agent.leads")
	}
	valid := regexp.MustCompile(`\A(?:(?:[A-Za-z0-9_-]+\.)*(?:[A-Za-z0-9_-]+|\*))\z`)
	f.Fuzz(func(t *testing.T, text, needed string) {
		scope, err := ParseScope(text)
		require.Equal(t, valid.MatchString(text) && len(text) <= MaxScopeLength, err == nil, "%q: %v", text, err)
		if err != nil {
			return
		}
		require.Equal(t, text, string(scope))
		prefix, isWildcard := strings.CutSuffix(text, "*")
		if !isWildcard {
			require.Equal(t, text == needed, scope.Covers(needed))
			return
		}
		require.True(t, scope.Covers(prefix+"x"))
		require.True(t, scope.Covers(prefix+"x.y"))
		require.False(t, prefix != "" && scope.Covers(strings.TrimSuffix(prefix, ".")))
		require.False(t, scope.Covers(needed) && !strings.HasPrefix(needed, prefix))
	})
}

func FuzzParseNetwork(f *testing.F) {
	for _, seed := range []string{"203.0.113.9", "203.0.113.0/24", "::/0", "::ffff:1.2.3.4", "fe80::1%eth0", "127.1", "0127.0.0.1", "1.2.3.4/8", "::ffff:0:0/95"} {
		f.Add(seed)
	}
	f.Fuzz(func(t *testing.T, text string) {
		network, err := ParseNetwork(text)
		if err != nil {
			require.Zero(t, network)
			return
		}
		require.True(t, network.IsValid())
		require.Equal(t, network.Masked(), network, "no host bits")
		require.False(t, network.Addr().Is4In6())
		require.Empty(t, network.Addr().Zone())
		again, err := ParseNetwork(network.String())
		require.NoError(t, err)
		require.Equal(t, network, again)

		// It means what Go says: nothing was repaired.
		if addr, err := netip.ParseAddr(text); err == nil {
			require.Equal(t, netip.PrefixFrom(addr, addr.BitLen()), network)
		} else {
			require.Equal(t, netip.MustParsePrefix(text), network)
		}
	})
}
