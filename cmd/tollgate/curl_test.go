package main

import (
	"fmt"
	"io"
	"net/http"
	"os/exec"
	"regexp"
	"strconv"
	"strings"
	"testing"

	"github.com/stretchr/testify/require"
)

// paste runs a line as a shell would. Where curl is not installed, this test's own stands in for it.
func (w *world) paste(t *testing.T, line string) string {
	t.Helper()
	if _, err := exec.LookPath("curl"); err != nil && strings.HasPrefix(line, "curl ") {
		return curl(t, line)
	} else if rest, paused := strings.CutPrefix(line, pause()+" && "); err != nil && paused {
		w.paste(t, pause())
		return curl(t, rest)
	}
	cmd := exec.CommandContext(t.Context(), "sh", "-c", line)
	cmd.Dir, cmd.Env = w.dir, w.env
	out, err := cmd.Output()
	require.NoError(t, err, line)
	return string(out)
}

// quoted are the words of a line, with or without double quotes.
var quoted = regexp.MustCompile(`"[^"]*"|\S+`)

// curl does what the demo's lines ask of curl, and nothing else.
func curl(t *testing.T, line string) string {
	t.Helper()
	method, body, url, header, counts := http.MethodGet, "", "", http.Header{}, false
	words := quoted.FindAllString(line, -1)[1:]
	for n := 0; n < len(words); n++ {
		switch words[n] {
		case "-i", "-s":
			continue
		case "-X", "-H", "-d", "-o", "-w":
			value := strings.Trim(words[n+1], `"`)
			switch words[n] {
			case "-X":
				method = value
			case "-H":
				name, text, _ := strings.Cut(value, ": ")
				header.Set(name, text)
			case "-d":
				body = value
			case "-w":
				counts = true
			}
			n++
		default:
			require.True(t, strings.HasPrefix(words[n], `"http`), "unknown option %s in %s", words[n], line)
			url = strings.Trim(words[n], `"`)
		}
	}
	url, fragment, _ := strings.Cut(url, "#")
	times := 1
	if fragment != "" {
		var err error
		times, err = strconv.Atoi(strings.TrimSuffix(strings.TrimPrefix(fragment, "[1-"), "]"))
		require.NoError(t, err)
	}
	var out strings.Builder
	for range times {
		request, err := http.NewRequestWithContext(t.Context(), method, url, strings.NewReader(body))
		require.NoError(t, err)
		request.Header = header
		response, err := http.DefaultClient.Do(request)
		require.NoError(t, err)
		text, err := io.ReadAll(response.Body)
		require.NoError(t, err)
		require.NoError(t, response.Body.Close())
		if counts {
			fmt.Fprintf(&out, "%d ", response.StatusCode)
			continue
		}
		fmt.Fprintf(&out, "HTTP/1.1 %s\n", response.Status)
		_ = response.Header.Write(&out) // a Builder never fails
		fmt.Fprintf(&out, "\n%s", text)
	}
	return out.String()
}
