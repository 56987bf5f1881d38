package main

import (
	"bytes"
	"context"
	"encoding/json"
	"net/http"
	"net/http/httptest"
	"os"
	"path/filepath"
	"strings"
	"sync"
	"testing"
	"time"

	"github.com/stretchr/testify/require"
	"go.uber.org/goleak"

	"github.com/tollgate-gateway/tollgate/examples/konecty/crm"
)

func TestMain(m *testing.M) { goleak.VerifyTestMain(m) }

const (
	token = "s3ssion-token-of-the-tests"
	maria = "JeSqMH6mkP5f233Rp"
)

// tool runs the program in the test's process.
type tool struct {
	t *testing.T
	// host and token are what the environment says.
	host, token string
	home, stdin string
	wait        func(context.Context, time.Duration) error
}

// outcome is one run of the program.
type outcome struct {
	t              *testing.T
	code           int
	stdout, stderr string
}

func (k *tool) run(arguments ...string) outcome {
	k.t.Helper()
	var stdout, stderr bytes.Buffer
	environment := map[string]string{"KONECTY_URL": k.host, "KONECTY_TOKEN": k.token}
	code := run(k.t.Context(), arguments, world{
		getenv: func(name string) string { return environment[name] }, home: k.home,
		stdin: strings.NewReader(k.stdin), stdout: &stdout, stderr: &stderr, wait: k.wait,
	})
	if k.token != "" {
		require.NotContains(k.t, stdout.String()+stderr.String(), k.token, "the token is never printed")
	}
	return outcome{k.t, code, stdout.String(), stderr.String()}
}

// ok requires success, with nothing to complain of.
func (o outcome) ok() outcome {
	o.t.Helper()
	require.Equal(o.t, exitDone, o.code, o.stderr)
	require.Empty(o.t, o.stderr)
	return o
}

// fails requires an exit code, no output, and a complaint that holds these words.
func (o outcome) fails(code int, words ...string) outcome {
	o.t.Helper()
	require.Equal(o.t, code, o.code, o.stdout+o.stderr)
	require.Empty(o.t, o.stdout)
	require.True(o.t, strings.HasPrefix(o.stderr, "konecty: "), o.stderr)
	for _, word := range words {
		require.Contains(o.t, o.stderr, word)
	}
	return o
}

// oneLine requires that the complaint is one line.
func (o outcome) oneLine() outcome {
	o.t.Helper()
	require.Equal(o.t, 1, strings.Count(o.stderr, "\n"), o.stderr)
	return o
}

// decoded is the output as JSON.
func (o outcome) decoded(into any) {
	o.t.Helper()
	require.NoError(o.t, json.Unmarshal([]byte(o.stdout), into), o.stdout)
}

// bare is a Konecty without a gateway, and what it was asked.
type bare struct {
	*crm.Server
	url string

	mu    sync.Mutex
	asked []string
}

// newBare starts one; denied is what its session may not create.
func newBare(t *testing.T, denied ...string) *bare {
	t.Helper()
	server, err := crm.New(crm.Options{Token: token, Denied: denied})
	require.NoError(t, err)
	b := &bare{Server: server}
	listening := httptest.NewServer(http.HandlerFunc(func(w http.ResponseWriter, r *http.Request) {
		b.mu.Lock()
		b.asked = append(b.asked, r.Method+" "+r.URL.Path)
		b.mu.Unlock()
		server.ServeHTTP(w, r)
	}))
	t.Cleanup(listening.Close)
	b.url = listening.URL
	return b
}

// requests are those since the last call.
func (b *bare) requests() []string {
	b.mu.Lock()
	defer b.mu.Unlock()
	asked := b.asked
	b.asked = nil
	return asked
}

func newTool(t *testing.T, b *bare) *tool {
	t.Helper()
	return &tool{t: t, host: b.url, token: token, home: t.TempDir()}
}

// answering is a server that gives one answer to everything.
func answering(t *testing.T, status int, contentType, body string, headers ...string) *tool {
	t.Helper()
	server := httptest.NewServer(http.HandlerFunc(func(w http.ResponseWriter, _ *http.Request) {
		w.Header().Set("Content-Type", contentType)
		for i := 0; i < len(headers); i += 2 {
			w.Header().Set(headers[i], headers[i+1])
		}
		w.WriteHeader(status)
		_, _ = w.Write([]byte(body))
	}))
	t.Cleanup(server.Close)
	return &tool{t: t, host: server.URL, token: token, home: t.TempDir()}
}

func writeFile(t *testing.T, path, text string) string {
	t.Helper()
	require.NoError(t, os.MkdirAll(filepath.Dir(path), 0o700))
	require.NoError(t, os.WriteFile(path, []byte(text), 0o600))
	return path
}
