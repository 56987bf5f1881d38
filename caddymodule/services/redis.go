package services

import (
	"context"
	"fmt"
	"net"
	"os"
	"os/exec"
	"path/filepath"
	"strconv"
	"sync"
	"syscall"
	"testing"

	goredis "github.com/redis/go-redis/v9"
)

// RedisServer is a redis-server of one test. It keeps nothing on disk.
type RedisServer struct {
	t       testing.TB
	binary  string
	args    []string
	env     []string // beside this process's
	options goredis.Options

	mu      sync.Mutex
	process *exec.Cmd // nil: not running
}

// Redis starts a redis-server with further arguments of its command line ("--requirepass", "x"), and ends it with the
// test.
func Redis(t testing.TB, args ...string) *RedisServer {
	t.Helper()
	port := FreePort(t)
	return RedisWith(t, goredis.Options{Addr: Address(port)}, append([]string{"--port", strconv.Itoa(port)}, args...)...)
}

// RedisWith is Redis with the options by which the server is to be asked whether it is ready (TLS, a password, the
// address); the arguments must name the port.
func RedisWith(t testing.TB, options goredis.Options, args ...string) *RedisServer {
	t.Helper()
	return start(t, options, nil, append(ephemeral(t), args...))
}

// ephemeral are the arguments of a server that keeps nothing.
func ephemeral(t testing.TB) []string {
	return []string{"--bind", "127.0.0.1", "--save", "", "--appendonly", "no", "--dir", t.TempDir(), "--loglevel", "warning"}
}

// Sentinel starts a Sentinel that watches a master under a name, and moves to one of its replicas when the master is
// away for 300 ms.
func Sentinel(t testing.TB, name string, master *RedisServer) *RedisServer {
	t.Helper()
	host, port, err := net.SplitHostPort(master.Address())
	if err != nil {
		t.Fatalf("reading the master's address: %v", err)
	}
	own := FreePort(t)
	file := filepath.Join(t.TempDir(), "sentinel.conf")
	config := fmt.Sprintf("bind 127.0.0.1\nport %d\nsentinel monitor %[2]s %s %s 1\nsentinel down-after-milliseconds %[2]s 300\nsentinel failover-timeout %[2]s 3000\n",
		own, name, host, port)
	if err := os.WriteFile(file, []byte(config), 0o600); err != nil {
		t.Fatalf("writing the Sentinel's configuration: %v", err)
	}
	return start(t, goredis.Options{Addr: Address(own)}, nil, []string{file, "--sentinel"})
}

func start(t testing.TB, options goredis.Options, env, args []string) *RedisServer {
	t.Helper()
	r := &RedisServer{t: t, binary: Binary(t, "redis-server"), args: args, env: env, options: options}
	r.Start()
	t.Cleanup(r.Kill)
	return r
}

// Address is host and port.
func (r *RedisServer) Address() string { return r.options.Addr }

// URL is that of the server's database 0, without a password.
func (r *RedisServer) URL() string { return "redis://" + r.options.Addr + "/0" }

// Start launches the server and waits until it answers. Where it runs already, nothing happens.
func (r *RedisServer) Start() {
	r.t.Helper()
	r.mu.Lock()
	defer r.mu.Unlock()
	if r.process != nil {
		return
	}
	said, err := os.CreateTemp(r.t.TempDir(), "")
	if err != nil {
		r.t.Fatalf("keeping what redis-server says: %v", err)
	}
	defer said.Close()
	process := exec.Command(r.binary, r.args...)
	process.Env, process.Stdout, process.Stderr = append(os.Environ(), r.env...), said, said
	if err := process.Start(); err != nil {
		r.t.Fatalf("starting redis-server: %v", err)
	}
	r.process = process
	client := r.Client()
	defer client.Close()
	ready := false
	defer func() {
		if !ready {
			text, _ := os.ReadFile(said.Name())
			r.t.Logf("redis-server said: %s", text)
		}
	}()
	Wait(r.t, "redis-server", func() bool { ready = client.Ping(context.Background()).Err() == nil; return ready })
}

// Kill ends the server at once; all that it counted is lost.
func (r *RedisServer) Kill() {
	r.mu.Lock()
	defer r.mu.Unlock()
	if r.process == nil {
		return
	}
	_ = r.process.Process.Kill()
	_ = r.process.Wait()
	r.process = nil
}

// Pause stops the server with SIGSTOP: connections stay, nothing is answered.
func (r *RedisServer) Pause() { r.signal(syscall.SIGSTOP) }

// Resume lets a paused server go on.
func (r *RedisServer) Resume() { r.signal(syscall.SIGCONT) }

func (r *RedisServer) signal(s syscall.Signal) {
	r.t.Helper()
	r.mu.Lock()
	defer r.mu.Unlock()
	if err := r.process.Process.Signal(s); err != nil {
		r.t.Fatalf("sending %s to redis-server: %v", s, err)
	}
}

// Client is a client of the server; the caller closes it.
func (r *RedisServer) Client() *goredis.Client {
	options := r.options
	return goredis.NewClient(&options)
}
