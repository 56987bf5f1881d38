package main

import (
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
		require.Contains(t, stderr, `unknown command "`+replacer+`"`)
		require.NotContains(t, help, "\n  "+replacer)
	}
	for _, command := range strings.Fields("run start stop reload validate adapt fmt version list-modules workspace key explain policy demo tollgate") {
		require.Contains(t, help, "\n  "+command+" ")
	}
	for replacer := range replacers {
		require.Contains(t, caddycmd.Commands(), replacer, "Caddy calls it so")
	}
}
