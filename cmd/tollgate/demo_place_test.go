package main

import (
	"bufio"
	"fmt"
	"os"
	"path/filepath"
	"regexp"
	"strings"
	"testing"

	"github.com/stretchr/testify/require"
)

// announced is the gateway's URL, as the demo prints it.
var announced = regexp.MustCompile(`ready at (http://127\.0\.0\.1:\d+), in front of the backend at (http://127\.0\.0\.1:\d+)\.`)

// urls are those of the gateway and of the backend.
func (d *running) urls(t *testing.T) (gateway, backend string) {
	t.Helper()
	found := announced.FindStringSubmatch(d.text)
	require.NotNil(t, found, d.text)
	return found[1], found[2]
}

// TestDemosStartedAtOnce do not share a port: each answers its own keys, every time.
func TestDemosStartedAtOnce(t *testing.T) {
	worlds, demos := make([]*world, 4), make([]*running, 4)
	for n := range demos {
		worlds[n] = newWorld(t)
		demos[n] = startDemo(t, worlds[n])
	}
	seen := map[string]bool{}
	for _, d := range demos {
		d.comesUp(t)
		gateway, backend := d.urls(t)
		require.False(t, seen[gateway] || seen[backend], "%s and %s belong to one demo", gateway, backend)
		seen[gateway], seen[backend] = true, true
	}
	for n, d := range demos {
		gateway, _ := d.urls(t)
		passes := d.steps(t)[0]
		require.Contains(t, passes.line, gateway)
		for range 5 {
			out := worlds[n].paste(t, passes.line)
			require.True(t, strings.HasPrefix(out, "HTTP/1.1 200 "), out)
		}
	}
	for _, d := range demos {
		d.ends(t)
	}
}

// TestDemoInAnyTemporaryFolder prints lines that can be pasted, in any folder.
func TestDemoInAnyTemporaryFolder(t *testing.T) {
	for name, folder := range map[string]string{
		"relative":                      "tmp",
		"with characters of the shell":  `a $(touch ruined) 'b' "c" ; d`,
		"with characters of Caddyfiles": `{env.HOME} # "e" \f`,
	} {
		t.Run(name, func(t *testing.T) {
			w := newWorld(t)
			path := w.path(t, folder)
			if name == "relative" {
				path = folder
			}
			w.env = append(w.env, "TMPDIR="+path)
			d := startDemo(t, w)
			d.comesUp(t)
			w.dir = w.path(t, "elsewhere") // lines are pasted here
			for _, step := range d.steps(t) {
				if !strings.HasPrefix(step.line, "curl ") {
					checkStep(t, w, step.shows, step.line)
				}
			}
			d.ends(t)
			require.Empty(t, filesBelow(t, filepath.Dir(w.dir)))
		})
	}
}

// TestDemoThatNobodyReads ends, as in "demo | head -1", and leaves nothing.
func TestDemoThatNobodyReads(t *testing.T) {
	w := newWorld(t)
	program := w.program(t.Context(), "demo")
	stdout, err := program.StdoutPipe()
	require.NoError(t, err)
	require.NoError(t, program.Start())
	require.True(t, bufio.NewScanner(stdout).Scan(), "it says what it does")
	require.NoError(t, stdout.Close())
	require.Error(t, program.Wait())
	require.True(t, program.ProcessState.Exited(), "no signal ended it: %s", program.ProcessState)
	entries, err := os.ReadDir(filepath.Join(w.dir, "tmp"))
	require.NoError(t, err)
	require.Empty(t, entries, "its folder is removed")
}

// listensOnLoopbackOnly sees that the process listens where it says, and nowhere else: no other interface, and no
// admin endpoint where somebody's own may be. Only Linux tells.
func (d *running) listensOnLoopbackOnly(t *testing.T) {
	t.Helper()
	descriptors, err := filepath.Glob(fmt.Sprintf("/proc/%d/fd/*", d.program.Process.Pid))
	require.NoError(t, err)
	if len(descriptors) == 0 {
		t.Log("this system does not tell who listens where")
		return
	}
	sockets := map[string]bool{}
	for _, descriptor := range descriptors {
		target, _ := os.Readlink(descriptor) // it may be closed by now
		sockets[strings.Trim(target, "socket:[]")] = true
	}
	var listening []string
	for _, family := range []string{"tcp", "tcp6"} {
		table, err := os.ReadFile("/proc/net/" + family)
		require.NoError(t, err)
		for line := range strings.Lines(string(table)) {
			// sl, local address, remote address, state (0A listens), ..., inode
			if columns := strings.Fields(line); columns[3] == "0A" && sockets[columns[9]] {
				listening = append(listening, columns[1])
			}
		}
	}
	gateway, backend := d.urls(t)
	var promised []string
	dashboard := regexp.MustCompile(`live: (http\S*)`).FindStringSubmatch(d.text)
	require.Len(t, dashboard, 2, d.text)
	for _, url := range []string{gateway, backend, dashboard[1], "http://" + d.admin(t)} {
		var port int
		_, err := fmt.Sscanf(url, "http://127.0.0.1:%d", &port)
		require.NoError(t, err)
		promised = append(promised, fmt.Sprintf("0100007F:%04X", port)) // as a little-endian machine writes 127.0.0.1
	}
	require.ElementsMatch(t, promised, listening)
	require.NotContains(t, listening, "0100007F:07E3", "2019 is Caddy's own")
}

// admin is the address of its admin endpoint, which stands in the Caddyfile that its lines name.
func (d *running) admin(t *testing.T) string {
	t.Helper()
	named := regexp.MustCompile(`--config (\S+)`).FindStringSubmatch(d.text)
	require.Len(t, named, 2, d.text)
	text, err := os.ReadFile(strings.Trim(named[1], "'\""))
	require.NoError(t, err)
	found := regexp.MustCompile(`admin (127\.0\.0\.1:\d+)`).FindStringSubmatch(string(text))
	require.Len(t, found, 2)
	return found[1]
}
