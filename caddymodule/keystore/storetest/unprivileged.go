//go:build unix

package storetest

import (
	"fmt"
	"os"
	"os/exec"
	"strings"
	"syscall"
	"testing"

	"github.com/stretchr/testify/require"
)

// unprivilegedEnv makes a test, when it is started again by Unprivileged, give up what root may do.
const unprivilegedEnv = "TOLLGATE_TEST_UNPRIVILEGED"

// nobody owns nothing.
const nobody = 65534

// Unprivileged runs a test as a user whom permissions bind. For root it is run again in a process of its own, which
// becomes nobody.
func Unprivileged(t *testing.T, test func(t *testing.T)) {
	t.Helper()
	if os.Geteuid() == 0 && os.Getenv(unprivilegedEnv) == t.Name() {
		require.NoError(t, syscall.Setgroups(nil))
		require.NoError(t, syscall.Setgid(nobody))
		require.NoError(t, syscall.Setuid(nobody))
	}
	if os.Geteuid() != 0 {
		test(t)
		return
	}
	names := strings.Split(t.Name(), "/")
	for i, name := range names {
		names[i] = "^" + name + "$"
	}
	again := exec.CommandContext(t.Context(), os.Args[0], "-test.v", "-test.run", strings.Join(names, "/"))
	again.Env = append(os.Environ(), unprivilegedEnv+"="+t.Name(), "TMPDIR=/tmp")
	out, err := again.CombinedOutput()
	require.NoError(t, err, "%s", out)
	require.Contains(t, string(out), fmt.Sprintf("--- PASS: %s", t.Name()), "the test was run")
}
