package main

import (
	"bufio"
	"bytes"
	"io/fs"
	"net"
	"os"
	"path/filepath"
	"regexp"
	"strconv"
	"strings"
	"testing"

	"github.com/stretchr/testify/require"
)

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
	program := w.program(t.Context(), "demo")
	var problems bytes.Buffer
	program.Stderr = &problems
	stdout, err := program.StdoutPipe()
	require.NoError(t, err)
	require.NoError(t, program.Start())
	var text strings.Builder
	lines := bufio.NewScanner(stdout)
	for lines.Scan() {
		text.WriteString(lines.Text() + "\n")
		if strings.HasPrefix(lines.Text(), "Ctrl-C ends the demo") {
			break
		}
	}
	require.Contains(t, text.String(), "Ctrl-C ends the demo", "it came up; stderr: %s", &problems)
	require.Contains(t, text.String(), "port 8080 is taken: the gateway listens on 80")
	require.Contains(t, text.String(), "port 9000 is taken: the backend listens on 90")

	steps := shown.FindAllStringSubmatch(text.String(), -1)
	require.GreaterOrEqual(t, len(steps), 9)
	require.Len(t, steps, strings.Count(text.String(), "\n   "), "every line to paste is one of a step")
	for _, step := range steps {
		t.Run(step[1], func(t *testing.T) { checkStep(t, w, step[1], step[2]) })
	}

	require.NoError(t, program.Process.Signal(os.Interrupt))
	require.NoError(t, program.Wait(), "Ctrl-C ends it well; stderr: %s", &problems)
	require.Empty(t, problems.String())
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
	case strings.Contains(line, " key revoke "):
		require.Contains(t, out, "revoked")
	case strings.Contains(text, "revoked key"):
		require.Eventually(t, func() bool {
			return strings.HasPrefix(w.paste(t, line), "HTTP/1.1 401 ")
		}, waitFor, tick)
	default:
		require.NotNil(t, promised, "the text promises a status")
		require.True(t, strings.HasPrefix(out, "HTTP/1.1 "+promised[1]+" "), out)
	}
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
