package file_test

import (
	"os"
	"regexp"
	"strings"
	"testing"

	"github.com/stretchr/testify/require"

	"github.com/tollgate-gateway/tollgate/caddymodule/keystore/file"
)

// TestTheKeysFileOfTheReadme: it loads as it stands, holds every field that is known, and the table below it says of each of them
// whether it is needed.
func TestTheKeysFileOfTheReadme(t *testing.T) {
	data, err := os.ReadFile("../../../README.md")
	require.NoError(t, err)
	_, text, found := strings.Cut(string(data), "\n### A keys file\n")
	require.True(t, found)
	example := regexp.MustCompile("(?s)```yaml\n(workspaces:.*?)```").FindStringSubmatch(text)
	require.NotEmpty(t, example)
	identities, err := file.Parse("keys.yaml", []byte(example[1]))
	require.NoError(t, err)
	require.Len(t, identities, 1)
	for _, identity := range identities {
		require.NotEmpty(t, identity.Workspace.SuspendedReason)
		require.NotEmpty(t, identity.Workspace.Metadata)
		require.Len(t, identity.Workspace.Limits, 2)
		require.Len(t, identity.Workspace.Quotas, 2)
		require.Len(t, identity.Key.Limits, 2)
		require.Len(t, identity.Key.Scopes, 2)
		require.Len(t, identity.Key.AllowedIPs, 2)
		require.False(t, identity.Key.ExpiresAt.IsZero())
	}

	known := map[string]bool{} // kind and field
	for kind, first := range map[string]string{"file": "workspaces:", "workspace": "- id: ws_acme", "key": "- id: key_crm"} {
		_, err := file.Parse("keys.yaml", []byte(strings.Replace(example[1], first, strings.Replace(first, ":", "x:", 1), 1)))
		require.Error(t, err)
		_, fields, listed := strings.Cut(err.Error(), "known are ")
		require.True(t, listed, err)
		for field := range strings.SplitSeq(fields, ", ") {
			known[kind+" "+field] = true
			line := regexp.MustCompile(`(?m)^[ -]*` + field + `:.*\n`)
			require.Regexp(t, line, example[1], "the example has it")
		}
	}
	rows := regexp.MustCompile("(?m)^\\| (file|workspace|key) \\| `(\\w+)` \\| (yes|no) \\|").FindAllStringSubmatch(text, -1)
	require.Len(t, rows, len(known), "a row for each field")
	for _, row := range rows {
		require.Contains(t, known, row[1]+" "+row[2])
		if row[2] == "workspaces" || row[2] == "id" || row[2] == "keys" { // taking the line out leaves no mapping
			continue
		}
		without := regexp.MustCompile(`(?m)^ +`+row[2]+`:.*\n`).ReplaceAllString(example[1], "")
		require.NotEqual(t, example[1], without)
		_, err := file.Parse("keys.yaml", []byte(without))
		require.Equal(t, row[3] == "yes", err != nil, "%v: %v", row, err)
	}
}
