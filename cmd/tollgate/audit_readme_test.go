package main

import (
	"flag"
	"os"
	"strings"
	"testing"

	"github.com/stretchr/testify/require"

	"github.com/tollgate-gateway/tollgate/caddymodule/audit"
)

var updateAudit = flag.Bool("update-audit", false, "write the README's table of audit rules anew")

// TestReadmeShowsTheRulesOfAudit: the table is the program's.
func TestReadmeShowsTheRulesOfAudit(t *testing.T) {
	text, _ := readme(t)
	if *updateAudit {
		before, rest, found := strings.Cut(text, "| rule | grade | finds |\n")
		require.True(t, found)
		_, after, _ := strings.Cut(rest, "\n\n")
		require.NoError(t, os.WriteFile("../../README.md", []byte(before+audit.Markdown()+"\n"+after), 0o600))
		return
	}
	require.Contains(t, text, audit.Markdown())
}
