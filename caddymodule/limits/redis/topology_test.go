package redis_test

import (
	"context"
	"fmt"
	"net"
	"slices"
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

// rights are those of an ACL user that counts, in the words of Backend.Rights.
var rights = []string{"+eval", "+evalsha", "+time", "+pttl", "+get", "+set", "+pexpireat"}

// aclServer has a user for each set of rights, by name, with one password.
func aclServer(t *testing.T, users map[string][]string, args ...string) (url func(user string) string) {
	t.Helper()
	const password = "s3cret/#?"
	port := services.FreePort(t)
	args = append(args, "--port", strconv.Itoa(port), "--user", "default", "off", "--user", "tester", "on", ">"+password, "~*", "+@all")
	for name, own := range users {
		args = append(args, "--user", name, "on", ">"+password, "-@all")
		args = append(args, own...)
	}
	server := services.RedisWith(t, goredis.Options{Addr: services.Address(port), Username: "tester", Password: password}, args...)
	return func(user string) string { return "redis://" + user + ":" + "s3cret%2F%23%3F@" + server.Address() }
}

func TestACLUser(t *testing.T) {
	users := map[string][]string{"gateway": append([]string{"~tollgate:*"}, rights...), "third": append([]string{"~tollgate:*", "+select"}, rights...)}
	for i, left := range rights {
		users["no"+left[1:]] = append([]string{"~tollgate:*"}, slices.Delete(slices.Clone(rights), i, i+1)...)
	}
	url := aclServer(t, users)
	check := func(t *testing.T, url, prefix string) error {
		t.Helper()
		backend, err := redis.ParseBackend(url, prefix)
		require.NoError(t, err)
		e, err := redis.New(backend, patient, redis.Options{})
		require.NoError(t, err)
		t.Cleanup(func() { _ = e.Close() })
		return e.Check(context.Background())
	}
	t.Run("with no more rights than it needs", func(t *testing.T) {
		assertShared(t, url("gateway")+"/0")
		require.NoError(t, check(t, url("gateway"), ""))
		require.NoError(t, check(t, url("third")+"/3", ""))
	})
	for _, left := range rights {
		name := left[1:]
		t.Run("a command that is lacking is named, and the whole list/"+name, func(t *testing.T) {
			err := check(t, url("no"+name), "")
			require.ErrorIs(t, err, redis.ErrMisconfigured)
			require.EqualError(t, err, "redis refuses this gateway: its user may not run "+strings.ToUpper(name)+
				": give the user ~tollgate:* "+strings.Join(rights, " "))
		})
	}
	t.Run("another database needs one more", func(t *testing.T) {
		require.EqualError(t, check(t, url("gateway")+"/3", ""), "redis refuses this gateway: its user may not run SELECT: give the user ~tollgate:* "+
			strings.Join(rights, " ")+" +select")
	})
	t.Run("who may not read finds no limit unused", func(t *testing.T) {
		w := windows(t, "3/1h")
		full, _ := newEngine(t, url("gateway"), patient)
		for range 3 {
			require.True(t, take(t, full, "ws_read", w, 1).Granted)
		}
		blind, _ := newEngine(t, url("noget"), redis.Settings{OnOutage: "refuse", Timeout: patient.Timeout})
		_, err := blind.Take(context.Background(), "ws_read", w, 1)
		require.Error(t, err)
	})
	t.Run("a wrong password is told, and not echoed", func(t *testing.T) {
		wrong := strings.Replace(url("gateway"), "s3cret%2F%23%3F", "hunter2-wrong", 1)
		assertLocal(t, wrong, "hunter2")
		require.ErrorIs(t, check(t, wrong, ""), redis.ErrMisconfigured)
	})
	t.Run("no password is told", func(t *testing.T) {
		_, address, _ := strings.Cut(url("gateway"), "@")
		require.ErrorIs(t, check(t, "redis://"+address, ""), redis.ErrMisconfigured)
	})
	t.Run("keys of another prefix are not allowed, and that is told", func(t *testing.T) {
		require.ErrorIs(t, check(t, url("gateway"), "other"), redis.ErrMisconfigured)
	})
}

func TestACLUserOfACluster(t *testing.T) {
	own := append([]string{"~tollgate:*"}, rights...)
	url := aclServer(t, map[string][]string{"gateway": append([]string{"+cluster|slots"}, own...), "single": own},
		services.ClusterArgs(t)...)
	backend, err := goredis.ParseURL(url("tester"))
	require.NoError(t, err)
	client := goredis.NewClient(backend)
	defer client.Close()
	require.NoError(t, client.ClusterAddSlotsRange(context.Background(), 0, 16383).Err())
	services.Wait(t, "the cluster", func() bool {
		info, err := client.ClusterInfo(context.Background()).Result()
		return err == nil && strings.Contains(info, "cluster_state:ok")
	})
	e, _ := newEngine(t, url("gateway")+"?cluster=true", patient)
	require.NoError(t, e.Check(context.Background()))
	assertShared(t, url("gateway")+"?cluster=true")
	e, _ = newEngine(t, url("single")+"?cluster=true", patient)
	err = e.Check(context.Background())
	require.ErrorIs(t, err, redis.ErrMisconfigured)
	require.ErrorContains(t, err, "may not run CLUSTER: give the user ~tollgate:* "+strings.Join(rights, " ")+" +cluster|slots")
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
	require.Error(t, e.Ping(context.Background()), "it is not a cluster")
}

func TestCluster(t *testing.T) {
	server := services.Redis(t, services.ClusterArgs(t)...)
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
