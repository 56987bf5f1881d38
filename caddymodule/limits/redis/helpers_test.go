package redis_test

import (
	"context"
	"fmt"
	"net"
	"os"
	"sync"
	"sync/atomic"
	"testing"
	"time"

	"github.com/stretchr/testify/require"
	"go.uber.org/goleak"

	"github.com/tollgate-gateway/tollgate/caddymodule/limits"
	"github.com/tollgate-gateway/tollgate/caddymodule/limits/redis"
	"github.com/tollgate-gateway/tollgate/caddymodule/record"
	"github.com/tollgate-gateway/tollgate/caddymodule/services"
)

// patient are settings under which a busy machine never counts as an outage.
var patient = redis.Settings{Timeout: 5 * time.Second}

// observed counts what an engine reports.
type observed struct {
	calls, requests, errors atomic.Int64

	mu   sync.Mutex
	away []bool
	last error
	full []int64
}

func (o *observed) Full(maxWorkspaces int64) {
	o.mu.Lock()
	defer o.mu.Unlock()
	o.full = append(o.full, maxWorkspaces)
}

func (o *observed) Called(requests int64, _ time.Duration, err error) {
	o.calls.Add(1)
	o.requests.Add(requests)
	if err != nil {
		o.errors.Add(1)
	}
}

func (o *observed) Away(_ string, away bool, err error) {
	o.mu.Lock()
	defer o.mu.Unlock()
	o.away = append(o.away, away)
	if away {
		o.last = err
	}
}

// outages are the breaker's changes so far.
func (o *observed) outages() []bool {
	o.mu.Lock()
	defer o.mu.Unlock()
	return append([]bool{}, o.away...)
}

// newEngine is a gateway's engine on the Redis of a URL, closed with the test.
func newEngine(t testing.TB, url string, settings redis.Settings) (*redis.Engine, *observed) {
	t.Helper()
	backend, err := redis.ParseBackend(url, "")
	require.NoError(t, err)
	o := &observed{}
	e, err := redis.New(backend, settings, redis.Options{Observer: o})
	require.NoError(t, err)
	t.Cleanup(func() { require.NoError(t, e.Close()) })
	return e, o
}

// newGateways are engines of several gateways on one new Redis.
func newGateways(t testing.TB, n int, settings redis.Settings) (*services.RedisServer, []*redis.Engine, []*observed) {
	t.Helper()
	server := services.Redis(t)
	engines, observers := make([]*redis.Engine, n), make([]*observed, n)
	for i := range engines {
		engines[i], observers[i] = newEngine(t, server.URL(), settings)
	}
	return server, engines, observers
}

func windows(t testing.TB, list ...string) []record.Window {
	t.Helper()
	parsed, err := record.ParseWindows(list)
	require.NoError(t, err)
	return parsed
}

func take(t testing.TB, e *redis.Engine, workspace string, windows []record.Window, cost int64) limits.Result {
	t.Helper()
	result, err := e.Take(context.Background(), workspace, windows, cost)
	require.NoError(t, err)
	return result
}

// remaining is what is left of every window.
func remaining(s limits.State) []int64 {
	list := []int64{}
	for _, status := range s.Statuses() {
		list = append(list, status.Remaining)
	}
	return list
}

// blackhole is a listener that takes connections and never reads.
func blackhole(t *testing.T) (url string) {
	t.Helper()
	l, err := net.Listen("tcp", "127.0.0.1:0")
	require.NoError(t, err)
	var (
		mu    sync.Mutex
		conns []net.Conn
		ended sync.WaitGroup
	)
	ended.Go(func() {
		for {
			c, err := l.Accept()
			if err != nil {
				return
			}
			mu.Lock()
			conns = append(conns, c)
			mu.Unlock()
		}
	})
	t.Cleanup(func() {
		l.Close()
		ended.Wait()
		for _, c := range conns {
			c.Close()
		}
	})
	return "redis://" + l.Addr().String()
}

// long asks for the forms of tests that take minutes.
func long() bool { return os.Getenv("TOLLGATE_TEST_LONG") == "1" }

func TestMain(m *testing.M) {
	if order := os.Getenv(workerOrder); order != "" {
		if err := work(order, os.Stdout); err != nil {
			fmt.Fprintln(os.Stderr, err)
			os.Exit(1)
		}
		return
	}
	if order := os.Getenv(busyOrder); order != "" {
		if err := beBusy(order, os.Stdout); err != nil {
			fmt.Fprintln(os.Stderr, err)
			os.Exit(1)
		}
		return
	}
	if os.Getenv(hogOrder) != "" {
		hog()
		return
	}
	authority := newAuthority()
	// The system's authorities are read once in a process: those of the tests have to be theirs from the start.
	if err := os.Setenv("SSL_CERT_FILE", authority.file); err != nil {
		panic(err)
	}
	testAuthority = authority
	goleak.VerifyTestMain(m, goleak.Cleanup(func(code int) {
		_ = os.RemoveAll(authority.dir)
		os.Exit(code)
	}))
}
