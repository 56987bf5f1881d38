package main

import (
	"context"
	"crypto/tls"
	"encoding/json"
	"fmt"
	"io"
	"net/http"
	"net/http/httptest"
	"os"
	"os/exec"
	"path/filepath"
	"slices"
	"strings"
	"sync"
	"sync/atomic"
	"syscall"
	"testing"

	goredis "github.com/redis/go-redis/v9"
	"github.com/stretchr/testify/require"

	"github.com/tollgate-gateway/tollgate/caddymodule/harness"
	"github.com/tollgate-gateway/tollgate/caddymodule/services"
)

// pair is the arrangement of examples/deploy on this machine: its Caddyfile in two processes, a load balancer in front, PostgreSQL
// and Redis behind, and TLS between all of them. Redis' account is the one of redis.acl.
type pair struct {
	*world
	balancer string
	// caddyfile is the one that is shipped.
	caddyfile string
	gateways  [2]*exec.Cmd
	env       [2][]string
	backend   *httptest.Server
	backends  atomic.Int64 // requests that reached the backend
	postgres  *services.PostgresServer
	redis     *services.RedisServer // what it has answered outlives it
}

func newPair(t *testing.T, env ...string) *pair {
	t.Helper()
	p := &pair{world: newWorld(t), caddyfile: deployed(t)}
	ca := newAuthority(t, p.dir)

	postgres := services.Postgres(t)
	p.postgres = postgres
	postgres.EnableTLS(ca.Certificate, ca.Key)
	p.makeAccount(t, postgres.Address("postgres"))
	passfile := p.write(t, "pgpass", "*:*:*:gateway:of-the-gateway\n")

	acl, err := os.ReadFile("../../examples/deploy/redis.acl")
	require.NoError(t, err)
	require.Contains(t, string(acl), ">CHANGE-ME ")
	port := services.FreePort(t)
	redis := services.RedisWith(t, goredis.Options{Addr: services.Address(port), Username: "tester", Password: "of-the-test", TLSConfig: &tls.Config{RootCAs: ca.Pool}},
		"--port", "0", "--tls-port", fmt.Sprint(port), "--tls-cert-file", ca.Certificate, "--tls-key-file", ca.Key, "--tls-ca-cert-file", ca.Certificate,
		"--appendonly", "yes", "--appendfsync", "always", "--tls-auth-clients", "no", "--aclfile", p.write(t, "users.acl", strings.Replace(string(acl), "CHANGE-ME", "of-redis", 1)+"user tester on >of-the-test ~* +@all\n"))
	p.redis = redis
	p.write(t, "redis", "of-redis\n")

	p.backend = httptest.NewServer(http.HandlerFunc(func(w http.ResponseWriter, r *http.Request) {
		p.backends.Add(1)
		_, _ = io.WriteString(w, r.Header.Get("Authorization"))
	}))
	t.Cleanup(p.backend.Close)
	p.path(t, "secrets", "ws_acme")
	p.write(t, "secrets/ws_acme/backend_token", "token-of-acme\n")

	p.path(t, "policies")
	p.rule(t, "Deletions need a reason.")
	var addresses [2]string
	for n := range p.gateways {
		addresses[n] = services.Address(services.FreePort(t))
		p.env[n] = append(slices.Concat(p.world.env, env),
			"CADDY_ADMIN="+services.Address(services.FreePort(t)), "TOLLGATE_LISTEN=https://"+addresses[n],
			"TOLLGATE_POSTGRES=postgres://gateway@"+strings.SplitN(postgres.Address("tollgate"), "@", 2)[1]+"?sslmode=verify-full&sslrootcert="+ca.Certificate+"&passfile="+passfile,
			"TOLLGATE_REDIS=rediss://tollgate:{file."+filepath.Join(p.dir, "redis")+"}@"+redis.Address()+"/0",
			"TOLLGATE_TLS="+ca.Certificate+" "+ca.Key, "SSL_CERT_FILE="+ca.Certificate,
			"TOLLGATE_POLICIES="+filepath.Join(p.dir, "policies"), "TOLLGATE_SECRETS="+filepath.Join(p.dir, "secrets"), "TOLLGATE_PROXIES=127.0.0.1/32", "TOLLGATE_BACKEND="+strings.TrimPrefix(p.backend.URL, "http://"))
	}
	p.world.env = p.env[0]
	p.must(t, "workspace", "create", "ws_acme", "--plan", "pro", "--limit", "10000000/1h", "--config", deployed(t))
	for n := range p.gateways {
		p.start(t, n)
	}
	p.balance(t, addresses)
	return p
}

// rule writes the gateways' only policy: deletions are refused with that message.
func (p *pair) rule(t *testing.T, message string) {
	t.Helper()
	fresh := p.write(t, "rule", "package tollgate.authz\n\ndeny contains {\"code\": \"FORBIDDEN\", \"message\": \""+message+"\", \"details\": null} if input.request.method == \"DELETE\"\n")
	require.NoError(t, os.Rename(fresh, filepath.Join(p.dir, "policies", "rule.rego")))
}

// at runs a command with the environment of a gateway.
func (p *pair) at(n int, args ...string) (string, error) {
	cmd := p.program(context.Background(), append(args, "--config", p.caddyfile)...)
	cmd.Env = p.env[n]
	out, err := cmd.Output()
	return string(out), err
}

// complaints are the last lines of the gateways' logs that are warnings or errors.
func (p *pair) complaints() string {
	var lines []string
	for line := range strings.Lines(string(p.read("gateway*.log"))) {
		if !strings.Contains(line, `"level":"info"`) {
			lines = append(lines, line)
		}
	}
	return "they complained:\n" + strings.Join(lines[max(0, len(lines)-20):], "")
}

// makeAccount runs postgres.sql as its first lines say. The account is "gateway" here: "tollgate" is the tests' superuser.
func (p *pair) makeAccount(t *testing.T, address string) {
	t.Helper()
	text, err := os.ReadFile("../../examples/deploy/postgres.sql")
	require.NoError(t, err)
	renamed := strings.NewReplacer("ROLE tollgate", "ROLE gateway", "OWNER tollgate", "OWNER gateway").Replace(string(text))
	psql := exec.Command(services.Binary(t, "psql"), address, "-v", "ON_ERROR_STOP=1", "-f", p.write(t, "postgres.sql", renamed))
	psql.Env = append(os.Environ(), "TOLLGATE_PASSWORD_FILE="+p.write(t, "postgres-password", "of-the-gateway\n"))
	output, err := psql.CombinedOutput()
	require.NoError(t, err, "%s", output)
}

// deployed is the Caddyfile that is shipped.
func deployed(t *testing.T) string {
	path, err := filepath.Abs("../../examples/deploy/Caddyfile")
	require.NoError(t, err)
	return path
}

// start runs a gateway and waits until it says that it is healthy.
func (p *pair) start(t *testing.T, n int) {
	t.Helper()
	p.world.env = p.env[n]
	log, err := os.OpenFile(filepath.Join(p.dir, fmt.Sprintf("gateway%d.log", n)), os.O_CREATE|os.O_APPEND|os.O_WRONLY, 0o600)
	require.NoError(t, err)
	defer log.Close()
	p.gateways[n] = p.program(t.Context(), "run", "--config", deployed(t))
	p.gateways[n].Stdout, p.gateways[n].Stderr = log, log
	require.NoError(t, p.gateways[n].Start())
	gateway := p.gateways[n]
	t.Cleanup(func() { _ = gateway.Process.Kill(); _ = gateway.Wait() })
	require.Eventually(t, func() bool {
		_, _, err := p.run(t, "", "health", "--config", deployed(t))
		return err == nil
	}, waitFor, 10*tick, "it printed: %s", p.complaints())
}

// stop tells a gateway to end, and waits until it has.
func (p *pair) stop(t *testing.T, n int) {
	t.Helper()
	require.NoError(t, p.gateways[n].Process.Signal(syscall.SIGTERM))
	require.NoError(t, p.gateways[n].Wait())
}

// balance runs the load balancer: a stock reverse proxy that asks /health, and tries the other one where a gateway takes no connection.
func (p *pair) balance(t *testing.T, addresses [2]string) {
	t.Helper()
	address := services.Address(services.FreePort(t))
	p.balancer = "http://" + address
	config := p.write(t, "balancer.caddyfile", fmt.Sprintf(`{
	admin off
}
%s {
	reverse_proxy https://%s https://%s {
		lb_policy round_robin
		lb_try_duration 10s
		lb_try_interval 20ms
		health_uri /health
		health_interval 500ms
	}
}
`, p.balancer, addresses[0], addresses[1]))
	balancer := p.program(t.Context(), "run", "--config", config)
	require.NoError(t, balancer.Start())
	t.Cleanup(func() { _ = balancer.Process.Kill(); _ = balancer.Wait() })
	require.Eventually(t, func() bool { status, _ := p.get("/health", ""); return status == 200 }, waitFor, tick)
}

func (p *pair) get(path, secret string) (status int, body string) {
	status, body, _ = p.ask(path, secret)
	return status, body
}

// ask also says whether the gateway counted on its own, because Redis was away.
func (p *pair) ask(path, secret string) (status int, body string, local bool) {
	request, err := http.NewRequest("GET", p.balancer+path, nil)
	if err != nil {
		return 0, err.Error(), false
	}
	if secret != "" {
		request.Header.Set("Authorization", "Bearer "+secret)
	}
	response, err := http.DefaultClient.Do(request)
	if err != nil {
		return 0, err.Error(), false
	}
	text, err := io.ReadAll(response.Body)
	_ = response.Body.Close()
	if err != nil {
		return 0, err.Error(), false
	}
	return response.StatusCode, string(text), response.Header.Get("X-RateLimit-Mode") == "local"
}

// counted is what Redis has counted of the workspace's window.
func (p *pair) counted(t *testing.T, secret string) int64 {
	t.Helper()
	_, body := p.get("/api/me", secret)
	var me struct {
		Data struct {
			Windows []struct{ Limit, Remaining int64 }
		}
	}
	require.NoError(t, json.Unmarshal([]byte(body), &me), body)
	return me.Data.Windows[0].Limit - me.Data.Windows[0].Remaining
}

// TestTheDeployedPairIsRestartedWithoutALoss: under load the gateways are restarted one after the other. No request is refused or
// lost, and what Redis has counted is what was answered.
func TestTheDeployedPairIsRestartedWithoutALoss(t *testing.T) {
	if !harness.Long() || underRace {
		t.Skip("this is a long form")
	}
	// A machine that is busy with other tests answers late, and what is granted meanwhile is not counted: that is another promise.
	p := newPair(t, "TOLLGATE_REDIS_TIMEOUT=5s")
	var key struct{ ID, Secret string }
	require.NoError(t, json.Unmarshal([]byte(p.must(t, "key", "create", "--workspace", "ws_acme", "--scope", "leads.*", "--allow-ip", "127.0.0.0/8", "--json", "--config", deployed(t))), &key))
	status, body := p.get("/api/leads", key.Secret)
	require.Equal(t, 200, status, "%s %s", body, p.complaints())
	require.Equal(t, "Bearer token-of-acme", body, "the backend gets the workspace's own credential")
	status, _ = p.get("/api/leads", "nobody-knows-this-secret")
	require.Equal(t, 401, status)

	const rounds = 3
	var callers sync.WaitGroup
	var answered atomic.Int64
	var mu sync.Mutex
	others := map[string]int{}
	stop := make(chan struct{})
	answered.Add(1)
	for range 4 {
		callers.Go(func() {
			for {
				select {
				case <-stop:
					return
				default:
				}
				if status, body := p.get("/api/leads", key.Secret); status == 200 {
					answered.Add(1)
				} else {
					mu.Lock()
					others[fmt.Sprint(status, " ", body)]++
					mu.Unlock()
				}
			}
		})
	}
	for range rounds {
		for n := range p.gateways {
			before := answered.Load()
			require.Eventually(t, func() bool { return answered.Load() > before+100 }, waitFor, tick)
			p.stop(t, n)
			p.start(t, n)
		}
	}
	before := answered.Load()
	require.Eventually(t, func() bool { return answered.Load() > before+100 }, waitFor, tick)
	close(stop)
	callers.Wait()
	require.Empty(t, others, "answers that are not 200; %s", p.complaints())
	require.Equal(t, p.backends.Load(), answered.Load(), "what the backend saw")

	require.Equal(t, answered.Load(), p.counted(t, key.Secret), "what Redis counted; %s", p.complaints())
	t.Logf("%d requests over %d restarts", answered.Load(), 2*rounds)
	for _, secret := range []string{"of-the-gateway", "of-redis", "token-of-acme"} {
		require.NotContains(t, string(p.read("gateway*.log")), secret)
	}
}
