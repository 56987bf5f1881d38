package redis

import (
	"crypto/tls"
	"strings"
	"testing"

	goredis "github.com/redis/go-redis/v9"
	"github.com/stretchr/testify/require"
)

func TestParseBackend(t *testing.T) {
	secure := func(unverified bool) *tls.Config {
		return &tls.Config{ServerName: "redis.example", MinVersion: tls.VersionTLS12, InsecureSkipVerify: unverified}
	}
	single := func(o goredis.Options) Backend { o.Network = "tcp"; return Backend{single: &o, links: defaultLinks} }
	cluster := func(o goredis.ClusterOptions) Backend { return Backend{cluster: &o, links: defaultLinks} }
	sentinel := func(o goredis.FailoverOptions) Backend { return Backend{sentinel: &o, links: defaultLinks} }
	for _, c := range []struct {
		name, url string
		want      Backend
	}{
		{"a host", "redis://localhost", single(goredis.Options{Addr: "localhost:6379"})},
		{"a port and a database", "redis://localhost:6380/3", single(goredis.Options{Addr: "localhost:6380", DB: 3})},
		{"an IPv6 address", "redis://[::1]:6380/", single(goredis.Options{Addr: "[::1]:6380"})},
		{"a password", "redis://:p%40ss@localhost", single(goredis.Options{Addr: "localhost:6379", Password: "p@ss"})},
		{"an ACL user", "redis://gateway:pass@localhost", single(goredis.Options{Addr: "localhost:6379", Username: "gateway", Password: "pass"})},
		{"a pool size", "redis://localhost?pool_size=7", Backend{single: &goredis.Options{Network: "tcp", Addr: "localhost:6379"}, links: 7}},
		{"the largest pool", "redis://localhost?pool_size=64", Backend{single: &goredis.Options{Network: "tcp", Addr: "localhost:6379"}, links: maxLinks}},
		{"TLS", "rediss://redis.example", single(goredis.Options{Addr: "redis.example:6379", TLSConfig: secure(false)})},
		{"TLS without verification", "rediss://redis.example?skip_verify=true", single(goredis.Options{Addr: "redis.example:6379", TLSConfig: secure(true)})},
		{"a cluster", "redis://u:p@a:1?cluster=true&addr=b:2&addr=c:3", cluster(goredis.ClusterOptions{
			Addrs: []string{"a:1", "b:2", "c:3"}, Username: "u", Password: "p"})},
		{"a cluster by one seed", "redis://a:1/0?cluster=true", cluster(goredis.ClusterOptions{Addrs: []string{"a:1"}})},
		{"a cluster over TLS, not verified", "rediss://redis.example?cluster=true&skip_verify=1", cluster(goredis.ClusterOptions{
			Addrs: []string{"redis.example:6379"}, TLSConfig: secure(true)})},
		{"not a cluster", "redis://a:1?cluster=false", single(goredis.Options{Addr: "a:1"})},
		{"Sentinels, with users of their own", "redis://su:sp@a:26379/2?master_name=m&addr=b:26379&username=u&password=p", sentinel(goredis.FailoverOptions{
			SentinelAddrs: []string{"a:26379", "b:26379"}, MasterName: "m", DB: 2, SentinelUsername: "su", SentinelPassword: "sp", Username: "u", Password: "p"})},
	} {
		t.Run(c.name, func(t *testing.T) {
			b, err := ParseBackend(c.url, "")
			require.NoError(t, err)
			require.Equal(t, DefaultPrefix, b.Prefix())
			require.NotContains(t, b.Identity(), "localhost")
			c.want.prefix, c.want.identity = b.prefix, b.identity
			require.Equal(t, c.want, *b)
			e, err := New(b, Settings{}, Options{})
			require.NoError(t, err)
			require.NoError(t, e.Close())
		})
	}
}

func TestParseBackendRefuses(t *testing.T) {
	for _, c := range []struct{ name, url, wrong string }{
		{"nothing", "", "must begin with redis:// or rediss://"},
		{"another scheme", "http://localhost:6379", "must begin with redis:// or rediss://"},
		{"no scheme", "localhost:6379", "is not valid"},
		{"no host", "redis:///0", "names no host"},
		{"a port that is not a number", "redis://localhost:hunter2", "is not valid"},
		{"a password with a hash", "redis://u:hunter2#x@localhost", "is not valid"},
		{"a password with a slash", "redis://u:hunter2/x@localhost", "is not valid"},
		{"a password that looks like a port", "redis://u:1/hunter2@localhost", "is not valid"},
		{"a password with a question mark", "redis://u:1?hunter2=x@localhost", "a parameter of the Redis URL is not known"},
		{"a bad escape", "redis://u:%zzhunter2@localhost", "is not valid"},
		{"a bad escape in a parameter", "redis://localhost?addr=%zzhunter2", "parameters of the Redis URL are not valid"},
		{"a database that is not a number", "redis://localhost/hunter2", "is not valid"},
		{"a negative database", "redis://localhost/-1", "is not valid"},
		{"a parameter of go-redis that is not the operator's", "redis://localhost?read_timeout=5s", "is not known"},
		{"another one", "redis://localhost?db=5", "is not known"},
		{"and one of its cluster", "redis://localhost?cluster=true&read_only=true", "is not known"},
		{"a parameter in other letters", "redis://localhost?Pool_Size=5", "is not known"},
		{"two databases", "redis://localhost/1/2", "is not valid"},
		{"a port beyond all", "redis://localhost:70000", "names no port from 1 to 65535"},
		{"an IPv6 address without brackets", "redis://::1:6379", "an IPv6 address in brackets"},
		{"a parameter twice", "redis://localhost?pool_size=1&pool_size=2", "given twice"},
		{"several addresses of what", "redis://a:1?addr=b:2", "need cluster=true or master_name"},
		{"an address without port", "redis://a:1?cluster=true&addr=b", "not host:port"},
		{"cluster and Sentinel", "redis://a:1?cluster=true&master_name=m", "exclude each other"},
		{"a cluster with a database", "redis://a:1/2?cluster=1", "has the database 0 only"},
		{"a cluster, maybe", "redis://a:1?cluster=maybe", "neither true nor false"},
		{"an empty master", "redis://a:1?master_name=", "is empty"},
		{"a password as parameter", "redis://a:1?password=hunter2", "parameters of a Sentinel URL"},
		{"no pool", "redis://a:1?pool_size=0", "write a whole number from 1 to 64"},
		{"too large a pool", "redis://a:1?pool_size=65", "write a whole number from 1 to 64"},
		{"no TLS to verify", "redis://a:1?skip_verify=true", "with rediss:// only"},
		{"verify, maybe", "rediss://a:1?skip_verify=maybe", "neither true nor false"},
	} {
		t.Run(c.name, func(t *testing.T) {
			_, err := ParseBackend(c.url, "")
			require.ErrorContains(t, err, c.wrong)
			require.NotContains(t, err.Error(), "hunter2")
		})
	}
	for _, prefix := range []string{"a b", "{x}", "ä", strings.Repeat("x", 65)} {
		_, err := ParseBackend("redis://localhost", prefix)
		require.ErrorContains(t, err, "is not valid: write 1 to 64")
	}
}

func TestIdentityTellsBackendsApart(t *testing.T) {
	seen := map[string]string{}
	for _, c := range [][2]string{{"redis://localhost", ""}, {"redis://localhost/1", ""}, {"redis://u:p@localhost", ""}, {"redis://u:q@localhost", ""}, {"redis://localhost", "other"}} {
		b, err := ParseBackend(c[0], c[1])
		require.NoError(t, err)
		require.NotContains(t, seen, b.Identity())
		seen[b.Identity()] = c[0]
		again, err := ParseBackend(c[0], c[1])
		require.NoError(t, err)
		require.Equal(t, b.Identity(), again.Identity())
	}
	one, err := ParseBackend("redis://a:1?cluster=true&pool_size=2&addr=b:2", "")
	require.NoError(t, err)
	same, err := ParseBackend("redis://a:1?addr=b:2&pool_size=2&cluster=true", "")
	require.NoError(t, err)
	require.Equal(t, one.Identity(), same.Identity(), "parameters have no order")
}

// FuzzParseBackend: no panic, and never the password in an error.
func FuzzParseBackend(f *testing.F) {
	for _, seed := range []string{"redis://u:%s@localhost:6379/0", "rediss://:%s@[::1]?cluster=true&addr=a:1", "redis://h?master_name=m&password=%s", "%s", "redis://u:%s", "redis://u:1?%s@h"} {
		f.Add(seed)
	}
	f.Fuzz(func(t *testing.T, pattern string) {
		const secret = "Zq9-hunter2-Zq9"
		b, err := ParseBackend(strings.ReplaceAll(pattern, "%s", secret), "")
		if err != nil {
			require.NotContains(t, err.Error(), secret)
			return
		}
		require.True(t, b.single != nil || b.cluster != nil || b.sentinel != nil)
		require.NotContains(t, b.Identity(), secret)
	})
}
