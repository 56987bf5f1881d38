package main

import (
	"fmt"
	"net"
	"net/http/httptest"
	"os"
	"os/exec"
	"path/filepath"
	"regexp"
	"strings"
	"testing"
	"time"

	"github.com/stretchr/testify/require"

	"github.com/tollgate-gateway/tollgate/caddymodule/limits/redis"
	"github.com/tollgate-gateway/tollgate/caddymodule/refusal"
	"github.com/tollgate-gateway/tollgate/examples/konektor/agentapi"
)

// readme is the README, and its lines to type.
func readme(t *testing.T) (text string, commands []string) {
	t.Helper()
	data, err := os.ReadFile("../../README.md")
	require.NoError(t, err)
	for _, block := range regexp.MustCompile("(?s)```sh\n(.*?)```").FindAllStringSubmatch(string(data), -1) {
		for line := range strings.Lines(block[1]) {
			line, _, _ = strings.Cut(strings.TrimSpace(line), "   #")
			commands = append(commands, line)
		}
	}
	return string(data), commands
}

// TestReadmeShowsTheCatalogue: the table of all that the gateway itself says is the program's.
func TestReadmeShowsTheCatalogue(t *testing.T) {
	text, _ := readme(t)
	require.Contains(t, text, refusal.Markdown())
}

// TestReadmeListsTheRightsOfARedisUser, which another test tries on a real one.
func TestReadmeListsTheRightsOfARedisUser(t *testing.T) {
	text, _ := readme(t)
	for _, c := range []struct{ url, rights string }{{"redis://localhost", ""}, {"redis://localhost/3", " `+select`"}, {"redis://localhost?cluster=true", " `+cluster|slots`"}} {
		backend, err := redis.ParseBackend(c.url, "")
		require.NoError(t, err)
		common, more, _ := strings.Cut(backend.Rights(), "+pexpireat")
		require.Contains(t, text, "`"+common+"+pexpireat`")
		require.Equal(t, strings.ReplaceAll(c.rights, "`", ""), more)
		require.Contains(t, text, strings.TrimSpace(c.rights))
	}
}

// elsewhere are lines that other tests run, or that need what no test has: the demo (TestDemo), all tests, a builder
// that fetches modules.
var elsewhere = []string{"go run ./cmd/tollgate demo", "go test ./...", "xcaddy build"}

// TestReadmeCommands types every command of the README, in its order, in front of the Agent API.
func TestReadmeCommands(t *testing.T) {
	_, commands := readme(t)
	require.Greater(t, len(commands), 15)
	w := newWorld(t)
	address := w.shippedGateway(t)
	examples, err := filepath.Abs(filepath.Join("..", "..", "examples"))
	require.NoError(t, err)
	require.NoError(t, os.Symlink(examples, filepath.Join(w.dir, "examples")))
	gateway := w.program(t.Context(), "run") // ends with the test
	t.Cleanup(func() { _ = gateway.Wait() })
	var key, secret string
	for _, command := range commands {
		t.Run(command, func(t *testing.T) {
			switch program, arguments, _ := strings.Cut(command, " "); {
			case startsWithAny(command, elsewhere):
			case command == "tollgate run":
				require.NoError(t, gateway.Start())
				require.Eventually(t, func() bool { return answers(address) }, waitFor, tick)
			case program == "tollgate":
				out := w.paste(t, fmt.Sprintf("%q %s", os.Args[0], strings.ReplaceAll(arguments, "KEY_ID", key)))
				if found := regexp.MustCompile(`\b(key_\w+)\b`).FindString(out); key == "" && found != "" {
					key, secret = found, regexp.MustCompile(`\btg_\w+\b`).FindString(out)
					require.NotEmpty(t, secret)
				}
			case program == "curl":
				w.session(t, command, "http://"+address)
			default:
				t.Fatalf("no test runs %q", command)
			}
		})
	}
	require.NotEmpty(t, key)
}

// session runs a line of the agent's session with a key that may write leads.
func (w *world) session(t *testing.T, line, url string) {
	t.Helper()
	if _, err := exec.LookPath("curl"); err != nil {
		t.Skip("curl is not installed")
	}
	created := w.must(t, "key", "create", "--workspace", "ws_acme", "--scope", "agent.*", "--json")
	w.env = append(w.env, "URL="+url, "KEY="+regexp.MustCompile(`tg_\w+`).FindString(created))
	out := w.paste(t, line)
	for started := time.Now(); strings.Contains(out, `"code":"UNAUTHORIZED"`); out = w.paste(t, line) {
		require.Less(t, time.Since(started), waitFor, "the new key is known within a second")
	}
	switch {
	case strings.Contains(line, "SKILL.md"):
		require.Contains(t, out, "agent.leads.read")
	case strings.Contains(line, "120"):
		require.Contains(t, out, `"VALIDATION_ERROR"`)
		require.Contains(t, out, `"firstName"`)
		require.Contains(t, out, `"score"`)
	default:
		require.Contains(t, out, `"success":true`)
	}
}

// shippedGateway puts the shipped Caddyfile into the world, on free ports and in front of a real backend. It gives the
// gateway's address.
func (w *world) shippedGateway(t *testing.T) string {
	t.Helper()
	text, err := os.ReadFile(filepath.Join("..", "..", "Caddyfile"))
	require.NoError(t, err)
	address, admin := freeAddress(t), freeAddress(t)
	backend := exampleBackend(t, "ws_acme")
	_, port, err := net.SplitHostPort(address)
	require.NoError(t, err)
	w.write(t, "Caddyfile", strings.NewReplacer("\n\ttollgate {\n\t\t# Where", "\n\tadmin "+admin+"\n\ttollgate {\n\t\t# Where",
		":8080 {", ":"+port+" {", "localhost:9000", backend).Replace(string(text)))
	return address
}

// exampleBackend runs the Agent API with data of a workspace, and gives its address.
func exampleBackend(t *testing.T, workspace string) string {
	t.Helper()
	api, err := agentapi.New(t.Context(), agentapi.Options{Seed: []string{workspace}})
	require.NoError(t, err)
	server := httptest.NewServer(api)
	t.Cleanup(func() {
		server.Close()
		require.NoError(t, api.Close())
	})
	return strings.TrimPrefix(server.URL, "http://")
}

// freeAddress is an address on loopback that nobody listens on.
func freeAddress(t *testing.T) string {
	t.Helper()
	listener, err := net.Listen("tcp", "127.0.0.1:0")
	require.NoError(t, err)
	require.NoError(t, listener.Close())
	return listener.Addr().String()
}

// answers reports whether somebody listens there.
func answers(address string) bool {
	conn, err := net.Dial("tcp", address)
	if err == nil {
		_ = conn.Close()
	}
	return err == nil
}

func startsWithAny(line string, beginnings []string) bool {
	for _, beginning := range beginnings {
		if strings.HasPrefix(line, beginning) {
			return true
		}
	}
	return false
}

// TestReadmeCaddyfilesCanBePasted: each block of Caddyfile in the README loads as it stands, in a site.
func TestReadmeCaddyfilesCanBePasted(t *testing.T) {
	text, _ := readme(t)
	blocks := regexp.MustCompile("(?s)```\n(tollgate \\{.*?)```").FindAllStringSubmatch(text, -1)
	require.NotEmpty(t, blocks)
	w := newWorld(t)
	for _, block := range blocks {
		place := w.write(t, "Caddyfile", "{\n\tadmin off\n\ttollgate {\n\t\tkeys sqlite tollgate.db\n\t}\n}\n:8080 {\n"+block[1]+"}\n")
		require.Contains(t, w.must(t, "validate", "--config", place), "Valid configuration", block[1])
	}
}
