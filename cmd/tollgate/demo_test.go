package main

import (
	"bufio"
	"bytes"
	"encoding/json"
	"io"
	"io/fs"
	"net"
	"net/http"
	"os"
	"os/exec"
	"path/filepath"
	"regexp"
	"strconv"
	"strings"
	"testing"

	"github.com/stretchr/testify/require"
)

// running is a demo in a process of its own.
type running struct {
	program  *exec.Cmd
	stdout   io.Reader
	text     string // what it printed
	problems bytes.Buffer
}

func startDemo(t *testing.T, w *world) *running {
	t.Helper()
	d := &running{program: w.program(t.Context(), "demo")}
	d.program.Stderr = &d.problems
	var err error
	d.stdout, err = d.program.StdoutPipe()
	require.NoError(t, err)
	require.NoError(t, d.program.Start())
	return d
}

// comesUp reads all that it prints until it waits.
func (d *running) comesUp(t *testing.T) {
	t.Helper()
	lines := bufio.NewScanner(d.stdout)
	for !strings.Contains(d.text, "Ctrl-C ends the demo") && lines.Scan() {
		d.text += lines.Text() + "\n"
	}
	if !strings.Contains(d.text, "Ctrl-C ends the demo") {
		_ = d.program.Wait() // it ended: only then stderr is all there
		require.Fail(t, "it did not come up", "%s%s", d.text, &d.problems)
	}
}

// steps are what it invites to paste.
func (d *running) steps(t *testing.T) (all []step) {
	t.Helper()
	for _, found := range shown.FindAllStringSubmatch(d.text, -1) {
		all = append(all, step{found[1], found[2]})
	}
	require.GreaterOrEqual(t, len(all), 9)
	require.Len(t, all, strings.Count(d.text, "\n   "), "every line to paste is one of a step")
	return all
}

// ends presses Ctrl-C.
func (d *running) ends(t *testing.T) {
	t.Helper()
	require.NoError(t, d.program.Process.Signal(os.Interrupt))
	require.NoError(t, d.program.Wait(), "Ctrl-C ends it well; stderr: %s", &d.problems)
	require.Empty(t, d.problems.String())
}

// shown is a step as the demo prints it.
var shown = regexp.MustCompile(`(?m)^\d+\. (.*)\n\n   (.*)$`)

// status is the first status that a step's text promises.
var status = regexp.MustCompile(`: (\d{3})\b`)

// TestDemo runs the demo where its ports are taken, pastes every line that it prints, and ends it.
func TestDemo(t *testing.T) {
	for _, port := range []int{gatewayPort, backendPort} {
		if taken, err := net.Listen("tcp", "127.0.0.1:"+strconv.Itoa(port)); err == nil {
			t.Cleanup(func() { _ = taken.Close() })
		}
	}
	w := newWorld(t)
	d := startDemo(t, w)
	d.comesUp(t)
	require.Contains(t, d.text, "port 8080 is taken: the gateway listens on 80")
	require.Contains(t, d.text, "port 9000 is taken: the backend listens on 90")
	d.listensOnLoopbackOnly(t)
	for _, step := range d.steps(t) {
		t.Run(step.shows, func(t *testing.T) { checkStep(t, w, step.shows, step.line) })
	}
	t.Run("the configuration of an MCP client", d.clientSeesTools)
	d.ends(t)
	require.Empty(t, filesBelow(t, w.dir), "nothing is left, and nothing was written elsewhere")
}

// checkStep pastes a line and compares with what its text promises.
func checkStep(t *testing.T, w *world, text, line string) {
	out := w.paste(t, line)
	switch promised := status.FindStringSubmatch(text); {
	case strings.Contains(line, "#[1-70]"):
		require.Equal(t, strings.Repeat("200 ", 60)+strings.Repeat("429 ", 10), out)
	case strings.Contains(line, " explain "):
		require.Contains(t, out, "allowlist.rego:")
		require.Contains(t, out, `input.request.client_ip = "192.0.2.7"`)
	case strings.Contains(line, " mcp call "):
		require.True(t, strings.HasPrefix(out, `{"success":true,"data":[{`), out)
		require.Contains(t, out, `"limit":1,`, "it has the argument")
	case strings.Contains(line, " key revoke "):
		require.Contains(t, out, "revoked")
	default:
		require.NotNil(t, promised, "the text promises a status")
		require.True(t, strings.HasPrefix(out, "HTTP/1.1 "+promised[1]+" "), out)
		require.Equal(t, strings.Contains(text, "its month"), strings.Contains(out, `"name":"month"`), out)
	}
}

// clientSeesTools asks as a client does that has read the configuration, and sees the tools of its key.
func (d *running) clientSeesTools(t *testing.T) {
	printed := regexp.MustCompile(`(?m)^\{"mcpServers".*$`).FindString(d.text)
	var configuration struct {
		Servers map[string]struct {
			Type, URL string
			Headers   map[string]string
		} `json:"mcpServers"`
	}
	require.NoError(t, json.Unmarshal([]byte(printed), &configuration), d.text)
	server := configuration.Servers["tollgate-demo"]
	require.Equal(t, "http", server.Type)
	var answer struct {
		Result struct {
			ProtocolVersion string
			Tools           []struct{ Name string }
		}
	}
	for _, message := range []string{
		`{"jsonrpc":"2.0","id":1,"method":"initialize","params":{"protocolVersion":"2025-11-25","capabilities":{},"clientInfo":{"name":"test","version":"1"}}}`,
		`{"jsonrpc":"2.0","id":2,"method":"tools/list"}`,
	} {
		request, err := http.NewRequestWithContext(t.Context(), http.MethodPost, server.URL, strings.NewReader(message))
		require.NoError(t, err)
		for name, value := range server.Headers {
			request.Header.Set(name, value)
		}
		request.Header.Set("Content-Type", "application/json")
		request.Header.Set("Accept", "application/json, text/event-stream")
		request.Header.Set("Mcp-Protocol-Version", "2025-11-25")
		response, err := http.DefaultClient.Do(request)
		require.NoError(t, err)
		require.NoError(t, json.NewDecoder(response.Body).Decode(&answer))
		require.NoError(t, response.Body.Close())
		require.Equal(t, http.StatusOK, response.StatusCode)
	}
	require.Equal(t, "2025-11-25", answer.Result.ProtocolVersion)
	var names []string
	for _, tool := range answer.Result.Tools {
		names = append(names, tool.Name)
	}
	require.ElementsMatch(t, []string{"listLeads", "createLead", "upsertLead", "getLead", "changeLead"}, names)
}

// filesBelow are all regular files of a folder.
func filesBelow(t *testing.T, dir string) (files []string) {
	t.Helper()
	require.NoError(t, filepath.WalkDir(dir, func(path string, entry fs.DirEntry, err error) error {
		if err == nil && entry.Type().IsRegular() {
			files = append(files, path)
		}
		return err
	}))
	return files
}

// TestDemoEndsWhileItStarts: an early Ctrl-C leaves nothing either.
func TestDemoEndsWhileItStarts(t *testing.T) {
	w := newWorld(t)
	program := w.program(t.Context(), "demo")
	stdout, err := program.StdoutPipe()
	require.NoError(t, err)
	require.NoError(t, program.Start())
	require.True(t, bufio.NewScanner(stdout).Scan(), "it says what it does")
	require.NoError(t, program.Process.Signal(os.Interrupt))
	require.NoError(t, program.Wait())
	require.Empty(t, filesBelow(t, w.dir))
}
