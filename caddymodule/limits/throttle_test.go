package limits_test

import (
	"encoding/binary"
	"net/netip"
	"sync"
	"sync/atomic"
	"testing"
	"time"

	"github.com/stretchr/testify/require"

	"github.com/tollgate-gateway/tollgate/caddymodule/limits"
	"github.com/tollgate-gateway/tollgate/caddymodule/record"
)

var thirty = record.Window{Limit: 30, Duration: time.Minute}

func newThrottle() (*limits.Throttle[netip.Addr], *clock) {
	c := newClock()
	return limits.NewThrottle[netip.Addr](limits.AuthPolicy, c.Now), c
}

// address is one of 2^32 IPv4 addresses.
func address(i int) netip.Addr {
	var b [4]byte
	binary.BigEndian.PutUint32(b[:], uint32(i))
	return netip.AddrFrom4(b)
}

func TestThrottleCounts(t *testing.T) {
	throttle, c := newThrottle()
	a, b := address(1), address(2)
	for i := int64(1); i <= 30; i++ {
		require.True(t, throttle.Over(a, thirty).Granted)
		result := throttle.Count(a, thirty)
		require.True(t, result.Granted)
		require.Equal(t, []int64{30 - i}, remaining(result.State))
	}
	c.Advance(20 * time.Second)
	for range 3 {
		for _, result := range []limits.Result{throttle.Count(a, thirty), throttle.Over(a, thirty)} {
			require.False(t, result.Granted)
			require.Equal(t, int64(40), result.RetryAfter)
			require.Equal(t, []int64{0}, remaining(result.State))
			require.Equal(t, limits.AuthPolicy, result.State.Policy)
		}
	}
	require.True(t, throttle.Count(b, thirty).Granted, "addresses do not affect each other")
	c.Advance(40 * time.Second)
	require.True(t, throttle.Over(a, thirty).Granted, "the window ends after its duration")
	require.Equal(t, []int64{29}, remaining(throttle.Count(a, thirty).State))
}

func TestThrottleLookUps(t *testing.T) {
	throttle, c := newThrottle()
	a := address(1)
	for range 100 {
		require.True(t, throttle.LookUp(a, thirty), "within the limit every token is looked up")
	}
	for range 30 {
		throttle.Count(a, thirty)
	}
	for range 3 {
		allowed := 0
		for range 100 {
			if throttle.LookUp(a, thirty) {
				allowed++
			}
		}
		require.Equal(t, limits.LookUpsPerSecond, allowed)
		c.Advance(time.Second)
	}
	require.True(t, throttle.LookUp(address(2), thirty))
}

func TestThrottleChangedWindowAppliesAtOnce(t *testing.T) {
	throttle, _ := newThrottle()
	a := address(1)
	for range 30 {
		throttle.Count(a, thirty)
	}
	require.True(t, throttle.Over(a, record.Window{Limit: 40, Duration: time.Minute}).Granted, "a raised limit keeps the count")
	require.Equal(t, []int64{9}, remaining(throttle.Count(a, record.Window{Limit: 40, Duration: time.Minute}).State))
	require.Equal(t, []int64{0}, remaining(throttle.Over(a, record.Window{Limit: 10, Duration: time.Minute}).State))
	require.True(t, throttle.LookUp(a, record.Window{Limit: 1, Duration: time.Hour}))
	require.Equal(t, []int64{4}, remaining(throttle.Count(a, record.Window{Limit: 5, Duration: time.Hour}).State), "a changed duration starts anew")
}

func TestThrottleClockSetBackLocksNobodyOut(t *testing.T) {
	throttle, c := newThrottle()
	for range 30 {
		throttle.Count(address(1), thirty)
	}
	c.Advance(-time.Hour)
	require.True(t, throttle.Over(address(1), thirty).Granted)
}

// TestThrottleUnderAttack walks through more addresses than the table has places for.
func TestThrottleUnderAttack(t *testing.T) {
	throttle, c := newThrottle()
	const victims, walkers = 1000, 200_000
	for i := range victims {
		for range 30 {
			throttle.Count(address(i), thirty)
		}
		throttle.Count(address(2<<24+i), thirty)
	}
	first := 0
	for i := range walkers {
		if result := throttle.Count(address(1<<24+i), thirty); result.State.Statuses()[0].Remaining == 29 {
			first++
		}
	}
	require.Less(t, first, 8*4096+4096, "the table is bounded")
	for i := range victims {
		require.False(t, throttle.Over(address(i), thirty).Granted, "nobody's count is reset")
		require.Equal(t, []int64{29}, remaining(throttle.Over(address(2<<24+i), thirty).State), "nor counted up by strangers")
	}
	c.Advance(time.Minute)
	require.Equal(t, []int64{29}, remaining(throttle.Count(address(5<<24), thirty).State), "and the table recovers after one window")
}

func TestThrottleIsExactUnderConcurrency(t *testing.T) {
	throttle, _ := newThrottle()
	var (
		granted [8]atomic.Int64
		all     sync.WaitGroup
	)
	for range 16 {
		all.Go(func() {
			for i := range 800 {
				if throttle.Count(address(i%8), thirty).Granted {
					granted[i%8].Add(1)
				}
			}
		})
	}
	all.Wait()
	for i := range granted {
		require.Equal(t, int64(30), granted[i].Load())
	}
}

func TestAddressKey(t *testing.T) {
	for _, c := range []struct{ name, address, same, other string }{
		{"an IPv6 client walks its /64", "2001:db8:1:2::1", "2001:db8:1:2:ffff:ffff:ffff:ffff", "2001:db8:1:3::1"},
		{"an IPv4 address is itself", "203.0.113.9", "203.0.113.9", "203.0.113.8"},
		{"a mapped IPv4 address is the IPv4 address", "::ffff:203.0.113.9", "203.0.113.9", "::ffff:203.0.113.8"},
		{"a zone does not count", "fe80::1%eth0", "fe80::2%eth1", "fe81::1%eth0"},
	} {
		t.Run(c.name, func(t *testing.T) {
			key := limits.AddressKey(netip.MustParseAddr(c.address))
			require.Equal(t, key, limits.AddressKey(netip.MustParseAddr(c.same)))
			require.NotEqual(t, key, limits.AddressKey(netip.MustParseAddr(c.other)))
		})
	}
	t.Run("what is not an address is one bucket, and nobody else's", func(t *testing.T) {
		require.Equal(t, netip.Addr{}, limits.AddressKey(netip.Addr{}))
		require.NotEqual(t, netip.Addr{}, limits.AddressKey(netip.MustParseAddr("::1")))
	})
}
