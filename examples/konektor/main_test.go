package main

import (
	"bufio"
	"context"
	"encoding/hex"
	"fmt"
	"io"
	"net"
	"net/http"
	"os"
	"os/exec"
	"path/filepath"
	"regexp"
	"strconv"
	"strings"
	"sync"
	"testing"

	"github.com/stretchr/testify/require"
	"go.uber.org/goleak"

	"github.com/tollgate-gateway/tollgate/examples/konektor/agentapi"
)

// asProgram, set in the environment, makes this test binary the program itself.
const asProgram = "KONEKTOR_TEST_AS_PROGRAM"

func TestMain(m *testing.M) {
	if os.Getenv(asProgram) != "" {
		main()
		return
	}
	// Caddy's storage looks every five seconds whether its lock is still held.
	goleak.VerifyTestMain(m, goleak.IgnoreAnyFunction("github.com/caddyserver/certmagic.keepLockfileFresh"))
}

var testKey = strings.Repeat("5a", agentapi.KeySize)

func none(string) string { return "" }

func TestRunRefuses(t *testing.T) {
	taken, err := net.Listen("tcp", "127.0.0.1:0")
	require.NoError(t, err)
	defer func() { require.NoError(t, taken.Close()) }()
	file := filepath.Join(t.TempDir(), "file")
	require.NoError(t, os.WriteFile(file, nil, 0o600))
	for name, c := range map[string]struct {
		arguments, key, says string
	}{
		"an address that others reach":   {"--listen 0.0.0.0:0", "", "--beyond-loopback"},
		"no address, which is all":       {"--listen :0", "", "--beyond-loopback"},
		"the IPv6 address of all":        {"--listen [::]:0", "", "--beyond-loopback"},
		"an address that is not one":     {"--listen nowhere", "", "reading the address"},
		"a port that is taken":           {"--listen " + taken.Addr().String(), "", "listening on"},
		"a folder without a key":         {"--data " + t.TempDir(), "", "KONEKTOR_KEY"},
		"a short key":                    {"", "5a5a", "64 hexadecimal digits"},
		"a key that is not hexadecimal":  {"", strings.Repeat("zz", 32), "64 hexadecimal digits"},
		"a folder that is a file":        {"--data " + file, testKey, "making the data folder"},
		"a workspace that cannot be one": {"--seed ws_acme,,ws_globex", "", "seeding workspace"},
		"a word too many":                {"serve", "", "unexpected argument"},
		"a flag that does not exist":     {"--sead x", "", "sead"},
	} {
		t.Run(name, func(t *testing.T) {
			err := run(t.Context(), strings.Fields(c.arguments), func(string) string { return c.key }, io.Discard)
			require.ErrorContains(t, err, c.says)
			if c.key != "" {
				require.NotContains(t, err.Error(), c.key)
			}
		})
	}
}

var addressForm = regexp.MustCompile(`address=(http://\S+)`)

// awaitAddress reads the log until it says where the program listens, and goes on reading so that nothing blocks.
func awaitAddress(t *testing.T, log io.Reader) string {
	t.Helper()
	lines := bufio.NewScanner(log)
	for lines.Scan() {
		if found := addressForm.FindStringSubmatch(lines.Text()); found != nil {
			go func() { _, _ = io.Copy(io.Discard, log) }()
			return found[1]
		}
	}
	require.FailNow(t, "the program never said where it listens")
	return ""
}

func TestRunServesUntilItIsToldToStop(t *testing.T) {
	ctx, stop := context.WithCancel(t.Context())
	log, output := io.Pipe()
	ended := make(chan error, 1)
	go func() {
		ended <- run(ctx, []string{"--listen", "127.0.0.1:0", "--seed", "ws_acme"}, none, output)
		_ = output.Close()
	}()
	base := awaitAddress(t, log)

	status, text := ask(t, "GET", base+"/leads/CRM-1024", "")
	require.Equal(t, http.StatusOK, status, text)

	stop()
	require.NoError(t, <-ended)
	_, err := http.Get(base + "/leads/CRM-1024")
	require.Error(t, err)
	http.DefaultClient.CloseIdleConnections()
}

func ask(t *testing.T, method, address, body string) (status int, text string) {
	t.Helper()
	r, err := http.NewRequestWithContext(t.Context(), method, address, strings.NewReader(body))
	require.NoError(t, err)
	r.Header.Set("Content-Type", "application/json")
	r.Header.Set("X-Tollgate-Workspace", "ws_acme")
	answer, err := http.DefaultClient.Do(r)
	require.NoError(t, err)
	defer func() { require.NoError(t, answer.Body.Close()) }()
	content, err := io.ReadAll(answer.Body)
	require.NoError(t, err)
	return answer.StatusCode, string(content)
}

// TestWhatWasAcknowledgedSurvivesAKill kills the program while several callers write, and reads the file again.
func TestWhatWasAcknowledgedSurvivesAKill(t *testing.T) {
	folder := t.TempDir()
	written := map[string]bool{}
	for round := range 3 {
		for code := range writeUntilKilled(t, folder, round) {
			written[code] = true
		}
		key, err := hex.DecodeString(testKey)
		require.NoError(t, err)
		api, err := agentapi.New(t.Context(), agentapi.Options{Folder: folder, Key: key})
		require.NoError(t, err)
		for code := range written {
			require.True(t, holds(t, api, code), "%s was acknowledged and is gone", code)
		}
		require.NoError(t, api.Close())
	}
}

func holds(t *testing.T, api *agentapi.API, code string) bool {
	t.Helper()
	r, err := http.NewRequestWithContext(t.Context(), "GET", agentapi.Base+"/leads/"+code, nil)
	require.NoError(t, err)
	r.Header.Set("X-Tollgate-Workspace", "ws_acme")
	answer := &status{}
	api.ServeHTTP(answer, r)
	return answer.code == http.StatusOK
}

// status keeps the status of an answer.
type status struct{ code int }

func (s *status) Header() http.Header         { return http.Header{} }
func (s *status) Write(b []byte) (int, error) { return len(b), nil }
func (s *status) WriteHeader(code int)        { s.code = code }

// writeUntilKilled starts the program as a process of its own, creates leads from several callers at once, kills it in
// the middle and gives the codes of the leads that it had acknowledged.
func writeUntilKilled(t *testing.T, folder string, round int) map[string]bool {
	t.Helper()
	program := exec.CommandContext(t.Context(), os.Args[0], "--listen", "127.0.0.1:0", "--data", folder)
	program.Env = append(os.Environ(), asProgram+"=1", keyVariable+"="+testKey)
	log, err := program.StderrPipe()
	require.NoError(t, err)
	require.NoError(t, program.Start())
	base := awaitAddress(t, log)

	const callers, enough = 4, 40
	acknowledged, reached := map[string]bool{}, make(chan struct{})
	var lock sync.Mutex
	var all sync.WaitGroup
	for caller := range callers {
		all.Go(func() {
			for n := 0; ; n++ {
				code := fmt.Sprintf("R%d-%d-%d", round, caller, n)
				if !createLead(base, code) {
					return
				}
				lock.Lock()
				acknowledged[code] = true
				if len(acknowledged) == enough {
					close(reached)
				}
				lock.Unlock()
			}
		})
	}
	ended := make(chan struct{})
	go func() {
		all.Wait()
		close(ended)
	}()
	select {
	case <-reached:
	case <-ended:
		require.FailNow(t, "the program refused to write")
	}
	require.NoError(t, program.Process.Kill())
	<-ended
	_ = program.Wait()
	http.DefaultClient.CloseIdleConnections()
	return acknowledged
}

func createLead(base, code string) bool {
	r, err := http.NewRequest("POST", base+"/leads", strings.NewReader(`{"firstName": "Ana", "uniqueCode": `+strconv.Quote(code)+`}`))
	if err != nil {
		return false
	}
	r.Header.Set("Content-Type", "application/json")
	r.Header.Set("X-Tollgate-Workspace", "ws_acme")
	answer, err := http.DefaultClient.Do(r)
	if err != nil {
		return false
	}
	defer func() { _ = answer.Body.Close() }()
	return answer.StatusCode == http.StatusCreated
}
