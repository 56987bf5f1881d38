package main

import (
	"bytes"
	"os"
	"regexp"
	"testing"

	"github.com/stretchr/testify/require"
)

// TestAKeyWhoseSecretNobodyReads is told of, by a real process: on a full disk, and where the reader is gone.
func TestAKeyWhoseSecretNobodyReads(t *testing.T) {
	for name, stdout := range map[string]func(t *testing.T) *os.File{
		"a full disk": func(t *testing.T) *os.File {
			file, err := os.OpenFile("/dev/full", os.O_WRONLY, 0)
			if err != nil {
				t.Skip("this system has no /dev/full")
			}
			return file
		},
		"a reader that is gone": func(t *testing.T) *os.File {
			reader, writer, err := os.Pipe()
			require.NoError(t, err)
			require.NoError(t, reader.Close())
			return writer
		},
	} {
		t.Run(name, func(t *testing.T) {
			w := newWorld(t)
			w.write(t, "Caddyfile", "{\n\ttollgate {\n\t\tkeys sqlite tollgate.db\n\t}\n}\n")
			w.must(t, "workspace", "create", "ws_acme", "--plan", "pro")
			command := w.program(t.Context(), "key", "create", "--workspace", "ws_acme")
			out := stdout(t)
			defer func() { _ = out.Close() }()
			var told bytes.Buffer
			command.Stdout, command.Stderr = out, &told
			require.Error(t, command.Run())
			require.Equal(t, 1, command.ProcessState.ExitCode(), "%s: %s", command.ProcessState, &told)
			require.Contains(t, told.String(), "changed key store: sqlite "+w.dir)
			lost := regexp.MustCompile(`key (key_\w+) was made, and its secret is lost: rotate or revoke it`).FindStringSubmatch(told.String())
			require.NotNil(t, lost, &told)
			require.Contains(t, w.must(t, "key", "list"), lost[1])
		})
	}
}
