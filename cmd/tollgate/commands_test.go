package main

import (
	"encoding/json"
	"maps"
	"slices"
	"strings"
	"testing"

	caddycmd "github.com/caddyserver/caddy/v2/cmd"
	"github.com/stretchr/testify/require"
)

// TestNothingReplacesTheProgram: Caddy's commands that would put a binary without Tollgate in its place are gone, and only
// they are.
func TestNothingReplacesTheProgram(t *testing.T) {
	w := newWorld(t)
	help := w.must(t, "help")
	for replacer := range replacers {
		_, stderr, err := w.run(t, "", replacer)
		require.Error(t, err)
		require.Contains(t, stderr, "unknown command 'tollgate "+replacer+"'")
		require.NotContains(t, help, "\n  "+replacer)
	}
	for _, command := range strings.Fields("run start stop reload validate adapt fmt version list-modules workspace key explain policy demo tollgate") {
		require.Contains(t, help, "\n  "+command+" ")
	}
	for replacer := range replacers {
		require.Contains(t, caddycmd.Commands(), replacer, "Caddy calls it so")
	}
}

// TestVersion: the program says what all its parts are, with Tollgate first, in the place of Caddy's own command.
func TestVersion(t *testing.T) {
	w := newWorld(t)
	require.Regexp(t, `^tollgate +\S+\ncommit +\S+\ncaddy +v2\.\S+\nopa +v1\.\S+\ngo +go1\.\S+\nschema +5 of key databases, shared with programs of 4 and later\n$`, w.must(t, "version"))
	var parts map[string]any
	require.NoError(t, json.Unmarshal([]byte(w.must(t, "version", "--json")), &parts))
	require.Subset(t, slices.Sorted(maps.Keys(parts)), []string{"caddy", "go", "opa", "schema", "oldest_schema", "tollgate"})
	require.True(t, strings.HasPrefix(w.must(t, "--version"), parts["tollgate"].(string)), "not Caddy's")
	require.Equal(t, 1, strings.Count(w.must(t, "help"), "\n  version "))
	_, stderr, err := w.run(t, "", "version", "1.2")
	require.Error(t, err)
	require.Contains(t, stderr, "1.2")
	require.Contains(t, w.must(t, "tollgate", "version"), "caddy")
}
