package deploy

import (
	"bytes"
	"io"
	"net"
	"net/http"
	"os"
	"os/exec"
	"regexp"
	"strings"
	"syscall"
	"testing"
	"time"

	"github.com/compose-spec/compose-go/v2/cli"
	"github.com/stretchr/testify/require"
)

// TestTheLoadBalancerReachesTheGateway: what compose.yaml says of the gateway and of the load balancer fits together. Both run with
// their files as they are, over TLS, with only the ports and the names that Docker would resolve replaced. The stores are away: /health needs none.
func TestTheLoadBalancerReachesTheGateway(t *testing.T) {
	binary := program(t)
	options, err := cli.NewProjectOptions([]string{folder + "compose.yaml"}, cli.WithName("tollgate"))
	require.NoError(t, err)
	project, err := options.LoadProject(t.Context())
	require.NoError(t, err)
	composed := *project.Services["tollgate"].Environment["TOLLGATE_LISTEN"]
	text, err := os.ReadFile(folder + "Caddyfile")
	require.NoError(t, err)
	preset := regexp.MustCompile(`\{\$TOLLGATE_LISTEN:(.*)\} \{`).FindSubmatch(text)
	require.NotNil(t, preset)
	for _, test := range []struct{ name, listen, serverName string }{
		{"as Compose runs it", composed, "tollgate"},
		{"with nothing in the environment", string(preset[1]), "localhost"},
	} {
		t.Run(test.name, func(t *testing.T) {
			home := t.TempDir()
			_, port, _ := net.SplitHostPort(freeAddress(t))
			require.Contains(t, test.listen, ":8443")
			balancer := freeAddress(t)
			_, balancerPort, _ := net.SplitHostPort(balancer)
			background(t, binary, []string{"run", "--config", "Caddyfile"}, "HOME="+home, "XDG_DATA_HOME="+home, "XDG_CONFIG_HOME="+home,
				"CADDY_ADMIN="+freeAddress(t), "TOLLGATE_LISTEN="+strings.ReplaceAll(test.listen, "8443", port),
				"TOLLGATE_POSTGRES=postgres://tollgate@127.0.0.1:1/tollgate?sslmode=disable", "TOLLGATE_REDIS=redis://127.0.0.1:1/0")
			file, err := os.ReadFile(folder + "balancer.caddyfile")
			require.NoError(t, err)
			require.Contains(t, string(file), "tls_server_name tollgate")
			config := home + "/balancer.caddyfile"
			require.NoError(t, os.WriteFile(config, bytes.Replace(file, []byte("tls_server_name tollgate"), []byte("tls_server_name "+test.serverName), 1), 0o600))
			background(t, binary, []string{"run", "--config", config, "--adapter", "caddyfile"}, "HOME="+home, "XDG_DATA_HOME="+home, "XDG_CONFIG_HOME="+home,
				"BALANCER_LISTEN=http://:"+balancerPort, "BALANCER_TO=localhost "+port)
			require.Eventually(t, func() bool { return fetch(balancer, "/health") == "200 ok" }, 60*time.Second, 100*time.Millisecond)
			require.True(t, strings.HasPrefix(fetch(balancer, "/api/leads"), "401 "), "the gate stands before the API")
		})
	}
}

func program(t *testing.T) string {
	binary := os.Getenv("TOLLGATE_BINARY")
	if binary == "" {
		t.Skip("TOLLGATE_BINARY names no program")
	}
	return binary
}

// background runs a program beside the files of examples/deploy until the test ends, and shows what it printed if that fails.
func background(t *testing.T, binary string, args []string, env ...string) {
	log, err := os.CreateTemp(t.TempDir(), "log")
	require.NoError(t, err)
	cmd := exec.Command(binary, args...)
	cmd.Dir, cmd.Env, cmd.Stdout, cmd.Stderr = folder, env, log, log
	require.NoError(t, cmd.Start())
	t.Cleanup(func() {
		_ = cmd.Process.Signal(syscall.SIGTERM)
		_ = cmd.Wait()
		if t.Failed() {
			text, _ := os.ReadFile(log.Name())
			t.Logf("%v printed:\n%s", args, text)
		}
		_ = log.Close()
	})
}

// fetch is the status and the body of an answer, or why there is none. The Host is that of callers, not of the gateway.
func fetch(address, path string) string {
	request, err := http.NewRequest("GET", "http://"+address+path, nil)
	if err != nil {
		return err.Error()
	}
	request.Host = "api.example.com"
	response, err := http.DefaultClient.Do(request)
	if err != nil {
		return err.Error()
	}
	defer response.Body.Close()
	body, err := io.ReadAll(response.Body)
	if err != nil {
		return err.Error()
	}
	return strings.TrimSuffix(response.Status, " "+http.StatusText(response.StatusCode)) + " " + string(body)
}
