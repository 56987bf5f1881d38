//go:build linux

package command_test

import (
	"bytes"
	"fmt"
	"os"
	"testing"

	"github.com/spf13/cobra"
	"github.com/stretchr/testify/require"
	"golang.org/x/sys/unix"

	"github.com/tollgate-gateway/tollgate/caddymodule/command"
	"github.com/tollgate-gateway/tollgate/caddymodule/harness"
)

// terminal gives a terminal and the keyboard in front of it.
func terminal(t *testing.T) (screen, keyboard *os.File) {
	t.Helper()
	keyboard, err := os.OpenFile("/dev/ptmx", os.O_RDWR|unix.O_NOCTTY, 0)
	require.NoError(t, err)
	t.Cleanup(func() { _ = keyboard.Close() })
	require.NoError(t, unix.IoctlSetPointerInt(int(keyboard.Fd()), unix.TIOCSPTLCK, 0))
	number, err := unix.IoctlGetInt(int(keyboard.Fd()), unix.TIOCGPTN)
	require.NoError(t, err)
	screen, err = os.OpenFile(fmt.Sprintf("/dev/pts/%d", number), os.O_RDWR|unix.O_NOCTTY, 0)
	require.NoError(t, err)
	t.Cleanup(func() { _ = screen.Close() })
	return screen, keyboard
}

// TestDeleteAsksAtATerminal: only the workspace's own id, typed in full, deletes it.
func TestDeleteAsksAtATerminal(t *testing.T) {
	for name, c := range map[string]struct {
		typed   string
		deleted bool
	}{
		"its id":            {"ws_acme\n", true},
		"y":                 {"y\n", false},
		"nothing":           {"\n", false},
		"another id":        {"ws_acm\n", false},
		"the end of a file": {"\x04", false},
	} {
		t.Run(name, func(t *testing.T) {
			d := harness.NewDesk(t, harness.DeskCaddyfile)
			d.Must(t, "workspace", "create", "ws_acme", "--plan", "tiny")
			screen, keyboard := terminal(t)
			_, err := keyboard.WriteString(c.typed)
			require.NoError(t, err)
			var out, notes bytes.Buffer
			root := &cobra.Command{Use: "tollgate", SilenceUsage: true}
			for _, s := range command.Subcommands() {
				sub := &cobra.Command{Use: s.Name}
				s.CobraFunc(sub)
				root.AddCommand(sub)
			}
			root.SetIn(screen)
			root.SetOut(&out)
			root.SetErr(&notes)
			root.SetArgs([]string{"workspace", "delete", "ws_acme"})
			err = root.Execute()
			require.Contains(t, notes.String(), "Type its id to delete it: ")
			if c.deleted {
				require.NoError(t, err)
				require.Error(t, d.Run("", "workspace", "show", "ws_acme").Err)
				return
			}
			require.EqualError(t, err, "workspace ws_acme was not deleted: what was typed is not its id")
			require.NoError(t, d.Run("", "workspace", "show", "ws_acme").Err)
			require.Empty(t, out.String())
		})
	}
}
