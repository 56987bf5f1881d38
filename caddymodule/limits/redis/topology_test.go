package redis_test

import (
	"context"
	"fmt"
	"net"
	"strconv"
	"strings"
	"testing"
	"time"

	goredis "github.com/redis/go-redis/v9"
	"github.com/stretchr/testify/require"

	"github.com/tollgate-gateway/tollgate/caddymodule/limits"
	"github.com/tollgate-gateway/tollgate/caddymodule/limits/redis"
	"github.com/tollgate-gateway/tollgate/caddymodule/services"
)

// assertShared takes on two gateways and finds that they share the counts, which they can only through Redis.
func assertShared(t *testing.T, url string) {
	t.Helper()
	w := windows(t, "3/1h", "10/1d")
	a, _ := newEngine(t, url, patient)
	b, _ := newEngine(t, url, patient)
	for i, e := range []*redis.Engine{a, b, a} {
		result := take(t, e, "ws_acme", w, 1)
		require.Equal(t, limits.FromRedis, result.Source)
		require.True(t, result.Granted)
		require.Equal(t, []int64{int64(2 - i), int64(9 - i)}, remaining(result.State))
	}
	require.False(t, take(t, b, "ws_acme", w, 1).Granted)
	require.NoError(t, a.Ping(context.Background()))
}

// assertLocal finds that a gateway cannot use such a Redis, and that it says why without the password.
func assertLocal(t *testing.T, url, password string) {
	t.Helper()
	e, o := newEngine(t, url, patient)
	for range 5 {
		require.Equal(t, limits.FromLocal, take(t, e, "ws_acme", windows(t, "100/1h"), 1).Source)
	}
	require.Equal(t, []bool{true}, o.outages())
	require.NotContains(t, o.last.Error(), password)
	err := e.Ping(context.Background())
	require.Error(t, err)
	require.NotContains(t, err.Error(), password)
}

func TestTLS(t *testing.T) {
	port := strconv.Itoa(services.FreePort(t))
	address := "127.0.0.1:" + port
	services.RedisWith(t, goredis.Options{Addr: address, TLSConfig: testAuthority.client()}, "--port", "0", "--tls-port", port, "--tls-auth-clients", "no",
		"--tls-cert-file", testAuthority.certificate, "--tls-key-file", testAuthority.key, "--tls-ca-cert-file", testAuthority.file)
	t.Run("with an authority that the system knows", func(t *testing.T) { assertShared(t, "rediss://"+address) })
	t.Run("without verification, if the URL says so", func(t *testing.T) {
		e, _ := newEngine(t, "rediss://localhost:"+port+"?skip_verify=true", patient)
		require.Equal(t, limits.FromRedis, take(t, e, "ws", windows(t, "3/1h"), 1).Source)
	})
	t.Run("not under another name", func(t *testing.T) { assertLocal(t, "rediss://localhost:"+port, "-") })
	t.Run("not without TLS", func(t *testing.T) { assertLocal(t, "redis://"+address, "-") })
}

func TestACLUser(t *testing.T) {
	port := services.FreePort(t)
	server := services.RedisWith(t, goredis.Options{Addr: services.Address(port), Username: "gateway", Password: "s3cret/#?"}, "--port", strconv.Itoa(port),
		"--user", "default", "off",
		"--user", "gateway", "on", ">s3cret/#?", "~tollgate:*", "-@all", "+ping", "+select", "+eval", "+evalsha", "+time", "+get", "+pttl", "+set", "+pexpireat")
	t.Run("with no more rights than it needs", func(t *testing.T) {
		assertShared(t, "redis://gateway:s3cret%2F%23%3F@"+server.Address()+"/0")
	})
	t.Run("a wrong password is told, and not echoed", func(t *testing.T) {
		url := "redis://gateway:hunter2-wrong@" + server.Address()
		assertLocal(t, url, "hunter2")
		e, _ := newEngine(t, url, patient)
		require.ErrorIs(t, e.Ping(context.Background()), redis.ErrMisconfigured)
	})
	t.Run("no password is told", func(t *testing.T) {
		e, _ := newEngine(t, server.URL(), patient)
		require.ErrorIs(t, e.Ping(context.Background()), redis.ErrMisconfigured)
	})
	t.Run("keys of another prefix are not allowed, and that is told", func(t *testing.T) {
		backend, err := redis.ParseBackend("redis://gateway:s3cret%2F%23%3F@"+server.Address(), "other")
		require.NoError(t, err)
		e, err := redis.New(backend, patient, redis.Options{})
		require.NoError(t, err)
		defer e.Close()
		require.ErrorIs(t, e.Ping(context.Background()), redis.ErrMisconfigured)
	})
}

func TestPing(t *testing.T) {
	e, _ := newEngine(t, "redis://"+services.Address(services.FreePort(t)), redis.Settings{})
	err := e.Ping(context.Background())
	require.Error(t, err)
	require.NotErrorIs(t, err, redis.ErrMisconfigured, "a Redis that is down is no reason not to start")

	server := services.Redis(t)
	e, _ = newEngine(t, server.URL()+"99", patient)
	require.ErrorIs(t, e.Ping(context.Background()), redis.ErrMisconfigured, "there is no database 99")
	e, _ = newEngine(t, "redis://"+server.Address()+"?cluster=true", patient)
	require.Error(t, e.Ping(context.Background()), "it is no cluster")
}

func TestCluster(t *testing.T) {
	server := services.Redis(t, "--cluster-enabled", "yes", "--cluster-announce-ip", "127.0.0.1")
	client := server.Client()
	defer client.Close()
	require.NoError(t, client.ClusterAddSlotsRange(context.Background(), 0, 16383).Err())
	services.Wait(t, "the cluster", func() bool {
		info, err := client.ClusterInfo(context.Background()).Result()
		return err == nil && strings.Contains(info, "cluster_state:ok")
	})
	assertShared(t, "redis://"+server.Address()+"?cluster=true")
	t.Run("workspaces are spread over the slots, the windows of one are in one slot", func(t *testing.T) {
		e, _ := newEngine(t, "redis://"+server.Address()+"?cluster=true&addr="+server.Address(), patient)
		for i := range 50 {
			require.Equal(t, limits.FromRedis, take(t, e, fmt.Sprint("ws_", i), windows(t, "3/1m", "5/1h", "7/1d"), 1).Source)
		}
	})
	t.Run("a node that is reached as a single Redis works as well", func(t *testing.T) {
		e, _ := newEngine(t, server.URL(), patient)
		require.Equal(t, limits.FromRedis, take(t, e, "ws", windows(t, "3/1m"), 1).Source)
	})
	t.Run("a node that is stopped makes nobody wait for longer than once", func(t *testing.T) {
		const timeout = 200 * time.Millisecond
		e, o := newEngine(t, "redis://"+server.Address()+"?cluster=true", redis.Settings{Timeout: timeout})
		require.Equal(t, limits.FromRedis, take(t, e, "ws", windows(t, "100/1m"), 1).Source)
		server.Pause()
		assertFewWait(t, press(t, e, timeout, time.Second, 8), timeout)
		server.Resume()
		services.Wait(t, "the gateway to find the cluster again", func() bool {
			return take(t, e, "another", windows(t, "1000000/1h"), 1).Source == limits.FromRedis
		})
		require.Equal(t, []bool{true, false}, o.outages())
	})
}

func TestSentinel(t *testing.T) {
	t.Parallel()
	master := services.Redis(t)
	host, port, err := net.SplitHostPort(master.Address())
	require.NoError(t, err)
	services.Redis(t, "--replicaof", host, port)
	sentinel := services.Sentinel(t, "counters", master)
	url := "redis://" + sentinel.Address() + "/0?master_name=counters"
	assertShared(t, url)

	t.Run("after a failover the new master counts, with what was seen", func(t *testing.T) {
		asked := goredis.NewSentinelClient(&goredis.Options{Addr: sentinel.Address()})
		defer asked.Close()
		services.Wait(t, "the Sentinel to know the replica", func() bool {
			list, err := asked.Replicas(context.Background(), "counters").Result()
			return err == nil && len(list) == 1 && list[0]["master-link-status"] == "ok"
		})
		e, o := newEngine(t, url, redis.Settings{Timeout: 100 * time.Millisecond})
		w := windows(t, "100/1h")
		services.Wait(t, "the first answer of Redis", func() bool { return take(t, e, "ws", w, 40).Source == limits.FromRedis })
		master.Kill()
		services.Wait(t, "the breaker", func() bool { take(t, e, "another", w, 1); return e.Away() })
		var after limits.Result
		services.Wait(t, "the failover", func() bool {
			after = take(t, e, "ws", w, 1)
			return after.Source == limits.FromRedis
		})
		require.LessOrEqual(t, remaining(after.State)[0], int64(59))
		require.Equal(t, []bool{true, false}, o.outages())
	})
}
