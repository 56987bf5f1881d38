package services

import (
	"math/rand/v2"
	"net"
	"os"
	"os/exec"
	"strconv"
	"sync"
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

// firstPort and ports say which ports FreePort gives: those below the range from which Linux takes the ports of outgoing
// connections, so that between the look and the start of a server no client gets the same one.
const (
	firstPort = 10_000
	ports     = 22_000
)

// given are the ports that this process has been given.
var given sync.Map

// FreePort is a port of the loopback address on which nobody listens now, for TCP and UDP. A process gets each port once.
func FreePort(t testing.TB) int {
	t.Helper()
	for range ports {
		port := firstPort + rand.IntN(ports)
		if _, again := given.LoadOrStore(port, true); !again && isFree(Address(port)) {
			return port
		}
	}
	t.Fatal("finding a free port: all are taken")
	return 0
}

func isFree(address string) bool {
	tcp, err := net.Listen("tcp", address)
	if err != nil {
		return false
	}
	_ = tcp.Close()
	udp, err := net.ListenPacket("udp", address)
	if err != nil {
		return false
	}
	_ = udp.Close()
	return true
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
