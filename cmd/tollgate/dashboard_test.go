package main

import (
	"encoding/json"
	"io"
	"net/http"
	"os"
	"strings"
	"testing"

	"github.com/stretchr/testify/require"
)

// TestDashboardCommand prints where the page is, shows it there, and ends when it is told to.
func TestDashboardCommand(t *testing.T) {
	g := startGateway(t)
	program := g.program(t.Context(), "dashboard", "--json")
	stdout, err := program.StdoutPipe()
	require.NoError(t, err)
	require.NoError(t, program.Start())
	var shown struct{ Gateway, URL, SSH string }
	require.NoError(t, json.NewDecoder(stdout).Decode(&shown))
	require.Equal(t, g.admin, shown.Gateway)
	port := strings.Split(strings.Split(shown.URL, "/")[2], ":")[1]
	require.Contains(t, shown.SSH, "ssh -N -L "+port+":127.0.0.1:"+port+" ")

	request, err := http.NewRequestWithContext(t.Context(), "GET", shown.URL, nil)
	require.NoError(t, err)
	request.Header.Set("Sec-Fetch-Mode", "navigate")
	request.Header.Set("Sec-Fetch-Site", "none")
	response, err := http.DefaultClient.Do(request)
	require.NoError(t, err)
	page, err := io.ReadAll(response.Body)
	require.NoError(t, err)
	require.NoError(t, response.Body.Close())
	require.Equal(t, 200, response.StatusCode)
	require.Contains(t, string(page), "<title>Tollgate</title>")

	require.NoError(t, program.Process.Signal(os.Interrupt))
	require.NoError(t, program.Wait())
}
