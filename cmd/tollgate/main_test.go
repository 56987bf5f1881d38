package main

import (
	"bytes"
	"context"
	"os"
	"os/exec"
	"path/filepath"
	"testing"
	"time"

	"github.com/stretchr/testify/require"
)

// asProgram makes this test binary the program itself: a real process, with a process's death.
const asProgram = "TOLLGATE_TEST_MAIN"

func TestMain(m *testing.M) {
	if os.Getenv(asProgram) != "" {
		main()
		os.Exit(0)
	}
	os.Exit(m.Run())
}

// How long tests wait for something to become true, and how often they look.
const (
	waitFor = 30 * time.Second
	tick    = 10 * time.Millisecond
)

// world is a folder in which programs run that find nothing of the user's.
type world struct {
	dir string
	env []string
}

func newWorld(t *testing.T) *world {
	t.Helper()
	w := &world{dir: t.TempDir()}
	w.env = append(os.Environ(), asProgram+"=1", "no_proxy=127.0.0.1", "TMPDIR="+w.path(t, "tmp"), "HOME="+w.path(t, "home"),
		"XDG_DATA_HOME="+w.path(t, "home", "data"), "XDG_CONFIG_HOME="+w.path(t, "home", "config"))
	return w
}

// path makes a folder in the world.
func (w *world) path(t *testing.T, names ...string) string {
	t.Helper()
	path := filepath.Join(append([]string{w.dir}, names...)...)
	require.NoError(t, os.MkdirAll(path, 0o700))
	return path
}

// write puts a file into the world.
func (w *world) write(t *testing.T, name, text string) string {
	t.Helper()
	path := filepath.Join(w.dir, name)
	require.NoError(t, os.WriteFile(path, []byte(text), 0o600))
	return path
}

// program is the program with arguments, in the world, not yet started.
func (w *world) program(ctx context.Context, args ...string) *exec.Cmd {
	cmd := exec.CommandContext(ctx, os.Args[0], args...)
	cmd.Dir, cmd.Env = w.dir, w.env
	return cmd
}

// run runs the program to its end and gives what it printed.
func (w *world) run(t *testing.T, stdin string, args ...string) (stdout, stderr string, err error) {
	t.Helper()
	var out, problems bytes.Buffer
	cmd := w.program(t.Context(), args...)
	cmd.Stdin, cmd.Stdout, cmd.Stderr = bytes.NewBufferString(stdin), &out, &problems
	err = cmd.Run()
	return out.String(), problems.String(), err
}

// must is run for what must succeed.
func (w *world) must(t *testing.T, args ...string) string {
	t.Helper()
	stdout, stderr, err := w.run(t, "", args...)
	require.NoError(t, err, "%v: %s", args, stderr)
	return stdout
}
