package gateway_test

import (
	"bytes"
	"fmt"
	"io"
	"os"
	"os/exec"
	"testing"

	"github.com/caddyserver/caddy/v2"
	"github.com/stretchr/testify/require"

	"github.com/tollgate-gateway/tollgate/caddymodule/harness"
)

// runConfig is the variable that turns the test's program into a gateway of its own, with the configuration of that file.
const runConfig = "TOLLGATE_TEST_RUN_CONFIG"

func init() {
	if file := os.Getenv(runConfig); file != "" {
		runGateway(file)
	}
}

// runGateway runs until standard input ends, which it does with the test that started it.
func runGateway(file string) {
	config, err := os.ReadFile(file)
	if err == nil {
		err = caddy.Load(config, true)
	}
	if err == nil {
		_, _ = io.Copy(io.Discard, os.Stdin)
		err = caddy.Stop()
	}
	if err != nil {
		fmt.Fprintln(os.Stderr, err)
		os.Exit(1)
	}
	os.Exit(0)
}

// startProcess runs a gateway in a process of its own, as on another machine. It stops with its test.
func startProcess(t *testing.T, s harness.Setup) *harness.Gateway {
	t.Helper()
	g := harness.New(t)
	config, err := g.Adapt(s.Caddyfile())
	require.NoError(t, err)
	g.WriteFile(t, "config.json", string(config))
	program, err := os.Executable()
	require.NoError(t, err)
	process := exec.Command(program)
	process.Env = append(os.Environ(), runConfig+"="+g.Dir+"/config.json", "HOME="+g.Dir)
	var output bytes.Buffer
	process.Stdout, process.Stderr = &output, &output
	input, err := process.StdinPipe()
	require.NoError(t, err)
	require.NoError(t, process.Start())
	t.Cleanup(func() {
		require.NoError(t, input.Close())
		require.NoError(t, process.Wait(), output.String())
	})
	require.Eventually(t, func() bool {
		a, err := g.Try(harness.Request{Path: "/public"})
		return err == nil && a.Status == 200
	}, harness.WaitFor, harness.Tick, "the second gateway answers")
	return g
}
