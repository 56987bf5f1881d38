package main

import (
	"bytes"
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
	"github.com/tollgate-gateway/tollgate/caddymodule/services"
	"github.com/tollgate-gateway/tollgate/examples/konektor/agentapi"
)

// kinds are the kinds of fenced blocks in READMEs, each with the tests that read it. Lines to type stand in sh.
var kinds = map[string]string{
	"sh":        "TestReadmeCommands",
	"":          "TestReadmeCaddyfilesCanBePasted",
	"rego":      "TestReadmeCommands types policy test over them",
	"yaml":      "TestTheKeysFileOfTheReadme, TestTheCasesOfTheReadmeCanBePasted",
	"sql":       "TestPostgreSQL/an account that owns no tables",
	"json":      "an answer",
	"caddyfile": "TestTheDocumentOfTheReadmeCanBeNamed, TestTheDescriptionOfTheReadmeCanBeServed",
}

// readme is the README, and the lines to type in it and in those of the examples.
func readme(t *testing.T) (text string, commands []string) {
	t.Helper()
	others, err := filepath.Glob("../../examples/*/README.md")
	require.NoError(t, err)
	require.NotEmpty(t, others)
	for _, path := range append([]string{"../../README.md"}, others...) {
		data, err := os.ReadFile(path)
		require.NoError(t, err)
		if text == "" {
			text = string(data)
		}
		require.Zero(t, strings.Count(string(data), "```")%2, path)
		for _, block := range regexp.MustCompile("(?s)```([^\n]*)\n(.*?)```").FindAllStringSubmatch(string(data), -1) {
			require.Contains(t, kinds, block[1], "no test reads this block of %s:\n%s", path, block[2])
			if block[1] != "sh" {
				continue
			}
			for line := range strings.Lines(block[2]) {
				line, _, _ = strings.Cut(strings.TrimSpace(line), "   #")
				commands = append(commands, strings.TrimSpace(line))
			}
		}
	}
	return text, commands
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
		if c.rights == "" {
			acl, err := os.ReadFile("../../examples/deploy/redis.acl")
			require.NoError(t, err)
			require.Contains(t, string(acl), "user tollgate on >CHANGE-ME ~tollgate:* -@all"+strings.TrimPrefix(common, "~tollgate:*")+"+pexpireat\n")
		}
	}
}

// elsewhere are the lines that this test does not type, each with the file that does and the words by which it is found there.
var elsewhere = map[string][2]string{
	"go run ./cmd/tollgate demo": {"demo_test.go", "func TestDemo("},
	"go test ./...":              {"../../.ci/run", "\ngo test ./...\n"},
	// It needs the released module. The line that begins like it and takes the clone is run as it stands here.
	"xcaddy build --with github.com/tollgate-gateway/tollgate/caddymodule": {"../../.ci/run", "'^xcaddy build .*--replace' README.md"},
	"xcaddy build --with github.com/tollgate-gateway/tollgate/caddymodule --replace github.com/tollgate-gateway/tollgate=.": {
		"../../.ci/run", "'^xcaddy build .*--replace' README.md"},
}

// TestReadmeCommands types every command of the READMEs, in their order, in front of the Agent API. What it does not type
// stands in elsewhere.
func TestReadmeCommands(t *testing.T) {
	text, commands := readme(t)
	require.Greater(t, len(commands), 15)
	for line, by := range elsewhere {
		require.Contains(t, commands, line, "no README has it any more: take it out of elsewhere")
		data, err := os.ReadFile(by[0])
		require.NoError(t, err)
		require.Contains(t, string(data), by[1], "%s no longer runs %q", by[0], line)
	}
	w := newWorld(t)
	address, admin := w.shippedGateway(t)
	examples, err := filepath.Abs(filepath.Join("..", "..", "examples"))
	require.NoError(t, err)
	require.NoError(t, os.Symlink(examples, filepath.Join(w.dir, "examples")))
	w.policies(t, text)
	gateway := w.program(t.Context(), "run") // ends with the test
	printed := new(bytes.Buffer)
	gateway.Stdout, gateway.Stderr = printed, printed
	t.Cleanup(func() {
		if _ = gateway.Wait(); t.Failed() {
			t.Logf("the gateway printed:\n%s", printed)
		}
	})
	var key, secret string
	for _, command := range commands {
		t.Run(command, func(t *testing.T) {
			program, arguments, _ := strings.Cut(command, " ")
			_, others := elsewhere[command]
			switch {
			case others:
			case command == "tollgate run":
				require.NoError(t, gateway.Start())
				require.Eventually(t, func() bool { return answers(address) }, waitFor, tick)
			case program == "tollgate":
				out := w.paste(t, fmt.Sprintf("%q %s", os.Args[0], strings.ReplaceAll(arguments, "KEY_ID", key)))
				if found := regexp.MustCompile(`\b(key_\w+)\b`).FindString(out); key == "" && found != "" {
					key, secret = found, regexp.MustCompile(`\btg_\w+\b`).FindString(out)
					require.NotEmpty(t, secret)
				}
			case command == "curl -s localhost:2019/metrics":
				require.Contains(t, w.paste(t, strings.Replace(command, "localhost:2019", admin, 1)), "\ntollgate_requests_total{")
			case program == "curl":
				w.session(t, command, "http://"+address)
			case program == "printf":
				require.Regexp(t, "^[0-9a-f]{64} ", w.paste(t, strings.Replace(command, "SECRET", secret, 1)))
			default:
				t.Fatalf("no test runs %q", command)
			}
		})
	}
	require.NotEmpty(t, key)
}

// policies writes the README's policies with their tests, each into the file that is named before it.
func (w *world) policies(t *testing.T, text string) {
	t.Helper()
	files := regexp.MustCompile("(?s)`policies/([a-z_]+\\.rego)`[^\n`]*:\n\n```rego\n(.*?)```").FindAllStringSubmatch(text, -1)
	require.Len(t, files, strings.Count(text, "```rego\n"), "a policy of the README stands after the name of its file")
	w.path(t, "policies")
	for _, file := range files {
		w.write(t, "policies/"+file[1], file[2])
	}
}

// TestReadmePolicyTestCanFail: the README's test of a policy tells a policy that refuses nobody, and one that refuses everybody.
func TestReadmePolicyTestCanFail(t *testing.T) {
	text, _ := readme(t)
	for _, change := range [][2]string{{`"DELETE"`, `"PURGE"`}, {"not net.cidr", "net.cidr"}, {"203.0.113.0/24", "0.0.0.0/0"}, {"203.0.113.0/24", "192.0.2.0/24"}} {
		w := newWorld(t)
		w.policies(t, text)
		require.Contains(t, w.must(t, "policy", "test", "policies"), "office.rego  100 % covered")
		broken := strings.Replace(string(w.read("policies/office.rego")), change[0], change[1], 1)
		w.write(t, "policies/office.rego", broken)
		stdout, _, err := w.run(t, "", "policy", "test", "policies")
		require.Error(t, err, "%v\n%s", change, stdout)
	}
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
// addresses of the gateway and of its admin endpoint.
func (w *world) shippedGateway(t *testing.T) (address, admin string) {
	t.Helper()
	text, err := os.ReadFile(filepath.Join("..", "..", "Caddyfile"))
	require.NoError(t, err)
	address, admin = services.Address(services.FreePort(t)), services.Address(services.FreePort(t))
	backend := exampleBackend(t, "ws_acme")
	_, port, err := net.SplitHostPort(address)
	require.NoError(t, err)
	w.write(t, "Caddyfile", strings.NewReplacer("\n\ttollgate {\n\t\t# Where", "\n\tadmin "+admin+"\n\ttollgate {\n\t\t# Where",
		":8080 {", ":"+port+" {", "localhost:9000", backend).Replace(string(text)))
	return address, admin
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

// answers reports whether somebody listens there.
func answers(address string) bool {
	conn, err := net.Dial("tcp", address)
	if err == nil {
		_ = conn.Close()
	}
	return err == nil
}

// TestReadmeCaddyfilesCanBePasted: each block of Caddyfile in the README loads as it stands: global options for themselves, the
// rest in a site, in front of its gate where it has none of its own.
func TestReadmeCaddyfilesCanBePasted(t *testing.T) {
	text, _ := readme(t)
	const options, gate = "{\n\tadmin off\n\ttollgate {\n\t\tkeys sqlite tollgate.db\n\t}\n}\n", "tollgate {\n\troute GET /leads leads.read\n}\n"
	w := newWorld(t)
	w.env = append(w.env, "TOLLGATE_POSTGRES=postgres://tollgate@127.0.0.1:1/tollgate", "TOLLGATE_REDIS=redis://127.0.0.1:1")
	blocks := 0
	for _, block := range regexp.MustCompile("(?s)```([^\n]*)\n(.*?)```").FindAllStringSubmatch(text, -1) {
		caddyfile := options + ":8080 {\n" + block[2]
		switch {
		case block[1] != "" || strings.HasPrefix(block[2], " caller ──▶"):
			continue
		case strings.HasPrefix(block[2], "{\n"):
			caddyfile = strings.Replace(block[2], "{\n", "{\n\tadmin off\n", 1) + ":8080 {\n" + gate
		case strings.HasPrefix(block[2], "http://"): // a site of its own
			caddyfile = options + strings.TrimSuffix(block[2], "}\n")
		case !strings.Contains(block[2], "tollgate {"):
			caddyfile += gate
		}
		place := w.write(t, "Caddyfile", caddyfile+"}\n")
		require.Contains(t, w.must(t, "validate", "--config", place), "Valid configuration", block[2])
		blocks++
	}
	require.Greater(t, blocks, 3)
}
