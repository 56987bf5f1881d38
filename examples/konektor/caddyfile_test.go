package main

import (
	"os"
	"regexp"
	"strings"
	"testing"

	"github.com/stretchr/testify/require"

	"github.com/tollgate-gateway/tollgate/examples/konektor/agentapi"
)

// TestTheCaddyfileThatTeamsCopyProtectsEveryRoute: its routes and scopes are those that the backend serves. Those of the example are its document's.
func TestTheCaddyfileThatTeamsCopyProtectsEveryRoute(t *testing.T) {
	text, err := os.ReadFile("../../Caddyfile")
	require.NoError(t, err)
	var protected, served []string
	for _, line := range regexp.MustCompile(`(?m)^\t\t(?:route|public) .*$`).FindAllString(string(text), -1) {
		if !strings.Contains(line, " OPTIONS ") && !strings.Contains(line, " /keys") { // those are the gateway's own
			protected = append(protected, strings.TrimSpace(strings.TrimSuffix(line, "{")))
		}
	}
	for _, route := range agentapi.Routes() {
		path := agentapi.Base + strings.ReplaceAll(route.Path, "{id}", ":id")
		served = append(served, "route "+route.Method+" "+path+" "+route.Scope)
	}
	require.ElementsMatch(t, served, protected)
}
