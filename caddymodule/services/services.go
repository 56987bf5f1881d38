package services

import (
	"net"
	"os"
	"os/exec"
	"strconv"
	"testing"
	"time"
)

// Binary is the path of an installed program. Without it the test is skipped, or fails where services are required.
func Binary(t testing.TB, name string) string {
	t.Helper()
	path, err := exec.LookPath(name)
	if err != nil {
		path, err = exec.LookPath("/usr/sbin/" + name) // where Debian puts servers, and not everybody's PATH leads
	}
	if err != nil {
		if os.Getenv("TOLLGATE_TEST_SERVICES") == "required" {
			t.Fatalf("%s is not installed, and TOLLGATE_TEST_SERVICES requires it", name)
		}
		t.Skipf("%s is not installed", name)
	}
	return path
}

// FreePort is a port of the loopback address on which nobody listens now.
func FreePort(t testing.TB) int {
	t.Helper()
	l, err := net.Listen("tcp", "127.0.0.1:0")
	if err != nil {
		t.Fatalf("finding a free port: %v", err)
	}
	defer l.Close()
	return l.Addr().(*net.TCPAddr).Port
}

// Address is host and port on the loopback address.
func Address(port int) string { return net.JoinHostPort("127.0.0.1", strconv.Itoa(port)) }

// Wait calls ready until it says so. After ten seconds the test fails.
func Wait(t testing.TB, what string, ready func() bool) {
	t.Helper()
	for deadline := time.Now().Add(10 * time.Second); time.Now().Before(deadline); time.Sleep(5 * time.Millisecond) {
		if ready() {
			return
		}
	}
	t.Fatalf("waited 10 s for %s", what)
}
