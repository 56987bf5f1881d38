package deploy

import (
	"bytes"
	"fmt"
	"io"
	"net"
	"net/http"
	"net/http/httptest"
	"os"
	"os/exec"
	"path/filepath"
	"strings"
	"syscall"
	"testing"
	"time"

	"github.com/stretchr/testify/require"
)

const caddyfile = `{
	admin %s
	tollgate {
		keys sqlite /data/tollgate.db
	}
}
http://%s {
	tollgate {
		route GET /leads leads.read
	}
	reverse_proxy %s
}
`

// TestTheImageRuns: what the Dockerfile puts into the image is enough. The program runs with those files alone, as that user, on a
// root that it cannot write, and creates keys, serves and says that it is healthy. TOLLGATE_BINARY is the program, built as the Dockerfile does.
func TestTheImageRuns(t *testing.T) {
	binary := program(t)
	if os.Getuid() != 0 {
		t.Skip("only root may mount and become another user")
	}
	backend := httptest.NewServer(http.HandlerFunc(func(w http.ResponseWriter, r *http.Request) { _, _ = io.WriteString(w, r.Header.Get("X-Tollgate-Key")) }))
	defer backend.Close()
	admin, address := freeAddress(t), freeAddress(t)

	root := t.TempDir()
	require.NoError(t, os.Chmod(root, 0o755))
	for _, dir := range []string{"etc/ssl/certs", "etc/tollgate", "data", "proc"} {
		require.NoError(t, os.MkdirAll(filepath.Join(root, dir), 0o755))
	}
	copyFile(t, "/etc/ssl/certs/ca-certificates.crt", filepath.Join(root, "etc/ssl/certs/ca-certificates.crt"), 0o644)
	copyFile(t, binary, filepath.Join(root, "tollgate"), 0o755)
	config := fmt.Sprintf(caddyfile, admin, address, strings.TrimPrefix(backend.URL, "http://"))
	require.NoError(t, os.WriteFile(filepath.Join(root, "etc/tollgate/Caddyfile"), []byte(config), 0o644))
	data := t.TempDir()
	require.NoError(t, os.Chmod(filepath.Dir(data), 0o755))
	require.NoError(t, os.Chown(data, 65532, 65532))

	inside := func(args ...string) *exec.Cmd {
		script := `mount --bind "$0" "$0" && mount -o remount,bind,ro "$0" && mount --bind "$1" "$0/data" && mount -t proc proc "$0/proc" && shift && exec chroot --userspec=65532:65532 --groups= "$0" /tollgate "$@"`
		cmd := exec.Command("unshare", append([]string{"--mount", "sh", "-c", script, root, data}, args...)...)
		cmd.Env = []string{"XDG_DATA_HOME=/data", "XDG_CONFIG_HOME=/data"}
		return cmd
	}
	run := func(args ...string) string {
		var stderr bytes.Buffer
		cmd := inside(append(args, "--config", "/etc/tollgate/Caddyfile")...)
		cmd.Stderr = &stderr
		out, err := cmd.Output()
		require.NoError(t, err, "%v: %s", args, &stderr)
		return string(out)
	}
	run("workspace", "create", "ws_acme", "--plan", "pro")
	secret := strings.TrimSpace(field(run("key", "create", "--workspace", "ws_acme", "--scope", "leads.read", "--json"), `"secret":"`))
	require.NotEmpty(t, secret)

	var log bytes.Buffer
	gateway := inside("run", "--config", "/etc/tollgate/Caddyfile")
	gateway.Stdout, gateway.Stderr = &log, &log
	require.NoError(t, gateway.Start())
	ended := make(chan error, 1)
	go func() { ended <- gateway.Wait() }()
	defer func() {
		_ = gateway.Process.Signal(syscall.SIGTERM)
		select {
		case err := <-ended:
			require.NoError(t, err, "it ends when it is told to: %s", &log)
		case <-time.After(20 * time.Second):
			_ = gateway.Process.Kill()
			t.Errorf("it does not end: %s", &log)
		}
	}()
	healthy := func() bool { return inside("health", "--address", admin).Run() == nil }
	require.Eventually(t, healthy, 30*time.Second, 200*time.Millisecond, "the health check of the image")

	request, err := http.NewRequest("GET", "http://"+address+"/leads", nil)
	require.NoError(t, err)
	request.Header.Set("Authorization", "Bearer "+secret)
	response, err := http.DefaultClient.Do(request)
	require.NoError(t, err)
	body, err := io.ReadAll(response.Body)
	require.NoError(t, err)
	require.NoError(t, response.Body.Close())
	require.Equal(t, 200, response.StatusCode)
	require.True(t, strings.HasPrefix(string(body), "key_"), string(body))
}

func freeAddress(t *testing.T) string {
	listener, err := net.Listen("tcp", "127.0.0.1:0")
	require.NoError(t, err)
	defer listener.Close()
	return listener.Addr().String()
}

func copyFile(t *testing.T, from, to string, mode os.FileMode) {
	text, err := os.ReadFile(from)
	require.NoError(t, err)
	require.NoError(t, os.WriteFile(to, text, mode))
}

// field is the text that follows a name in a line of JSON.
func field(line, name string) string {
	_, rest, _ := strings.Cut(line, name)
	value, _, _ := strings.Cut(rest, `"`)
	return value
}
