package main

import (
	"bufio"
	"context"
	"io"
	"net"
	"net/http"
	"net/http/httptrace"
	"regexp"
	"strings"
	"testing"

	"github.com/stretchr/testify/require"
	"go.uber.org/goleak"
)

func TestMain(m *testing.M) { goleak.VerifyTestMain(m) }

const token = "s3ssion-token-of-the-tests"

func withToken(name string) string {
	if name == tokenVariable {
		return token
	}
	return ""
}

func TestRunRefuses(t *testing.T) {
	taken, err := net.Listen("tcp", "127.0.0.1:0")
	require.NoError(t, err)
	defer func() { require.NoError(t, taken.Close()) }()
	for name, c := range map[string]struct {
		arguments string
		getenv    func(string) string
		says      string
	}{
		"no token":                   {"", func(string) string { return "" }, tokenVariable},
		"an address that is not one": {"--listen nowhere", withToken, "listening on nowhere"},
		"a port that is taken":       {"--listen " + taken.Addr().String(), withToken, "listening on"},
		"denying what is not there":  {"--deny Invoice", withToken, `no "Invoice"`},
		"a word too many":            {"serve", withToken, "unexpected argument"},
		"a flag that does not exist": {"--denny x", withToken, "denny"},
	} {
		t.Run(name, func(t *testing.T) {
			err := run(t.Context(), strings.Fields(c.arguments), c.getenv, io.Discard)
			require.ErrorContains(t, err, c.says)
			require.NotContains(t, err.Error(), token)
		})
	}
}

var addressForm = regexp.MustCompile(`address=(http://\S+)`)

// start runs the program until its test ends, and gives its address and all that it has logged by then.
func start(t *testing.T, arguments ...string) (base string, log *strings.Builder) {
	t.Helper()
	ctx, stop := context.WithCancel(t.Context())
	reader, output := io.Pipe()
	ended := make(chan error, 1)
	go func() {
		ended <- run(ctx, append([]string{"--listen", "127.0.0.1:0"}, arguments...), withToken, output)
		_ = output.Close()
	}()
	log = &strings.Builder{}
	lines := bufio.NewScanner(io.TeeReader(reader, log))
	require.True(t, lines.Scan(), "the program never said where it listens")
	found := addressForm.FindStringSubmatch(lines.Text())
	require.NotNil(t, found, lines.Text())
	t.Cleanup(func() {
		stop()
		require.NoError(t, <-ended)
		http.DefaultClient.CloseIdleConnections()
	})
	return found[1], log
}

func get(t *testing.T, address string) (status int, text string) {
	t.Helper()
	r, err := http.NewRequestWithContext(t.Context(), "GET", address, nil)
	require.NoError(t, err)
	r.Header.Set("Authorization", token)
	answer, err := http.DefaultClient.Do(r)
	require.NoError(t, err)
	defer func() { require.NoError(t, answer.Body.Close()) }()
	content, err := io.ReadAll(answer.Body)
	require.NoError(t, err)
	return answer.StatusCode, string(content)
}

func TestRunServesUntilItIsToldToStop(t *testing.T) {
	base, log := start(t)
	status, text := get(t, base+"/rest/query/explorer/modules?lang=en")
	require.Equal(t, http.StatusOK, status)
	require.Contains(t, text, `"document":"Contact"`)
	require.NotContains(t, log.String(), token)
}

func TestRunServesWithItsDatabaseDown(t *testing.T) {
	base, _ := start(t, "--database-down")
	status, text := get(t, base+"/rest/query/explorer/modules")
	require.Equal(t, http.StatusUnauthorized, status)
	require.Contains(t, text, "ECONNREFUSED")
}

func TestRunStopsWhileCallersWaitForASilentServer(t *testing.T) {
	base, _ := start(t, "--silent")
	ctx, leave := context.WithCancel(t.Context())
	sent, ended := make(chan struct{}), make(chan error, 1)
	traced := httptrace.WithClientTrace(ctx, &httptrace.ClientTrace{WroteRequest: func(httptrace.WroteRequestInfo) { close(sent) }})
	r, err := http.NewRequestWithContext(traced, "GET", base+"/readiness", nil)
	require.NoError(t, err)
	go func() {
		answer, err := http.DefaultClient.Do(r)
		if err == nil {
			_ = answer.Body.Close()
		}
		ended <- err
	}()
	<-sent
	leave()
	require.ErrorIs(t, <-ended, context.Canceled)
}
