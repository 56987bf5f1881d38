package main

import (
	"context"
	"fmt"
	"net"
	"os"
	"os/exec"
	"path/filepath"
	"strings"
	"time"
)

// contestant is a program with a configuration.
type contestant struct {
	name, about string
	// program is the path of the binary; empty: it is not installed.
	program func(context.Context, *world) (string, error)
	// arguments start the program with the configuration, which is in the file.
	arguments func(file string) []string
	// config is the configuration.
	config func(w *world, port, admin string) string
	// gateway says that it checks keys and counts; redis, that it counts in Redis.
	gateway, redis bool
	// asked says that it takes part only where --only names it.
	asked bool
	// caddy says that it has an admin endpoint.
	caddy bool
}

func (c *contestant) title() string { return c.name }

var contestants = []*contestant{
	{name: "stock", about: "stock Caddy, bare", program: stockCaddy, arguments: runCaddy, config: bareCaddy, caddy: true},
	{name: "bare", about: "our binary, bare", program: ourBinary, arguments: runCaddy, config: bareCaddy, caddy: true},
	{name: "memory", about: "gateway, memory counters", program: ourBinary, arguments: runCaddy, config: wholeGateway("counters memory"), gateway: true, caddy: true},
	{name: "hop", about: "gateway, memory, transport tollgate", program: ourBinary, arguments: runCaddy, config: ownHop, gateway: true, caddy: true, asked: true},
	{name: "redis", about: "gateway, Redis counters", program: ourBinary, arguments: runCaddy, config: wholeGateway("counters redis redis://$REDIS/0"), gateway: true, redis: true, caddy: true},
	{name: "redis-1ms", about: "gateway, Redis 1 ms away", program: ourBinary, arguments: runCaddy, config: wholeGateway("counters redis redis://$AWAY/0"), gateway: true, redis: true, asked: true, caddy: true},
	{name: "nginx", about: "nginx, bare", program: installed("nginx"), arguments: func(file string) []string { return []string{"-c", file, "-g", "daemon off;"} }, config: bareNginx},
	{name: "haproxy", about: "haproxy, bare", program: installed("haproxy"), arguments: func(file string) []string { return []string{"-f", file} }, config: bareHaproxy},
}

func runCaddy(file string) []string {
	return []string{"run", "--adapter", "caddyfile", "--config", file}
}

// installed finds a program on the path.
func installed(name string) func(context.Context, *world) (string, error) {
	return func(context.Context, *world) (string, error) {
		path, err := exec.LookPath(name)
		if err != nil {
			return "", nil // a contestant that is not there does not take part
		}
		return path, nil
	}
}

// ourBinary is built as the image is, by the profile of what it does at work.
func ourBinary(ctx context.Context, w *world) (string, error) {
	return w.build(ctx, "tollgate", "-pgo", "cmd/tollgate/requests.pgo", "./cmd/tollgate")
}

// stockCaddy is Caddy itself, as its module has it, in the version that ours is built on.
func stockCaddy(ctx context.Context, w *world) (string, error) {
	return w.build(ctx, "caddy", "github.com/caddyserver/caddy/v2/cmd/caddy")
}

// build builds a program once, with flags and the package that is last of them.
func (w *world) build(ctx context.Context, name string, source ...string) (string, error) {
	path := filepath.Join(w.dir, name)
	if _, err := os.Stat(path); err == nil {
		return path, nil
	}
	out, err := exec.CommandContext(ctx, "go", append([]string{"build", "-o", path}, source...)...).CombinedOutput()
	if err != nil {
		return "", fmt.Errorf("building %s: %w: %s", source[len(source)-1], err, out)
	}
	return path, nil
}

// running is a contestant at work.
type running struct {
	*contestant
	address, admin string
	process        *process
}

// start runs a contestant until it answers.
func (w *world) start(ctx context.Context, c *contestant) (*running, error) {
	path, err := c.program(ctx, w)
	if err != nil || path == "" {
		return nil, err
	}
	port, admin := freePort(), freePort()
	file := filepath.Join(w.dir, c.name+".conf")
	text := strings.NewReplacer("$BACKEND", w.backend, "$PORT", port, "$ADMIN", "127.0.0.1:"+admin, "$DIR", w.dir, "$REDIS", w.redis, "$AWAY", w.away).
		Replace(c.config(w, port, admin))
	if err := os.WriteFile(file, []byte(text), 0o600); err != nil {
		return nil, err
	}
	r := &running{contestant: c, address: "127.0.0.1:" + port}
	if c.caddy {
		r.admin = "127.0.0.1:" + admin
	}
	if r.process, err = w.launch(ctx, c.name, path, c.arguments(file)...); err != nil {
		return nil, err
	}
	if err := r.process.await(ctx, r.address); err != nil {
		r.process.stop()
		return nil, err
	}
	return r, nil
}

// freePort asks the kernel for a port that nobody listens on.
func freePort() string {
	listener, err := net.Listen("tcp", "127.0.0.1:0")
	if err != nil {
		return "0"
	}
	defer func() { _ = listener.Close() }()
	_, port, _ := net.SplitHostPort(listener.Addr().String())
	return port
}

// process is a program that was started.
type process struct {
	cmd  *exec.Cmd
	log  string        // the file with what it prints
	done chan struct{} // closed when it has ended, with err
	err  error
}

// launch starts a program, whose output goes into a file. It gets a home of its own.
func (w *world) launch(ctx context.Context, name, path string, args ...string) (*process, error) {
	log, err := os.Create(filepath.Join(w.dir, name+".log"))
	if err != nil {
		return nil, err
	}
	defer func() { _ = log.Close() }()
	p := &process{cmd: exec.CommandContext(ctx, path, args...), log: log.Name(), done: make(chan struct{})}
	p.cmd.Stdout, p.cmd.Stderr = log, log
	p.cmd.Env = append(os.Environ(), "HOME="+w.dir, "XDG_DATA_HOME="+w.dir, "XDG_CONFIG_HOME="+w.dir)
	p.cmd.Cancel = func() error { return p.cmd.Process.Signal(os.Interrupt) }
	p.cmd.WaitDelay = 5 * time.Second
	if err := p.cmd.Start(); err != nil {
		return nil, fmt.Errorf("starting %s: %w", name, err)
	}
	go func() {
		p.err = p.cmd.Wait()
		close(p.done)
	}()
	return p, nil
}

// await waits until somebody listens at the address.
func (p *process) await(ctx context.Context, address string) error {
	for deadline := time.Now().Add(30 * time.Second); ; {
		conn, err := net.DialTimeout("tcp", address, time.Second)
		if err == nil {
			return conn.Close()
		}
		select {
		case <-ctx.Done():
			return ctx.Err()
		case <-p.done:
			return p.ended()
		case <-time.After(20 * time.Millisecond):
		}
		if time.Now().After(deadline) {
			return fmt.Errorf("%s does not listen at %s", p.cmd.Path, address)
		}
	}
}

// ended is the error of a program that ended by itself, with the end of what it printed.
func (p *process) ended() error {
	text, _ := os.ReadFile(p.log)
	return fmt.Errorf("%s ended at once (%v): %s", p.cmd.Path, p.err, text[max(0, len(text)-2000):])
}

// stop ends the program and waits for its end.
func (p *process) stop() {
	_ = p.cmd.Process.Signal(os.Interrupt)
	select {
	case <-p.done:
	case <-time.After(5 * time.Second):
		_ = p.cmd.Process.Kill()
		<-p.done
	}
}
