//go:build unix

package redis

import (
	"syscall"

	"golang.org/x/sys/unix"
)

// ready reports whether the kernel has done what the link waits for, and only the goroutine that waits has not run since:
// the connection is made, there is room for what is written, or something has come back, be it the connection's end.
func (l *link) ready() (done bool) {
	socket := l.socket.Load()
	if socket == nil {
		return false
	}
	events := int16(unix.POLLIN)
	if l.writes.Load() {
		events = unix.POLLOUT
	}
	// Control, not Read or Write: those wait for whoever reads or writes now.
	err := (*socket).Control(func(fd uintptr) {
		n, err := unix.Poll([]unix.PollFd{{Fd: int32(fd), Events: events}}, 0)
		done = n > 0 || err == unix.EINTR || events == unix.POLLIN && l.fetched(int(fd))
	})
	// Once made, it can only have been closed by this gateway, and who waits is about to hear so.
	return done || err != nil && l.wire.Load() != nil
}

// glance looks whether anything has come back on a connection. It allocates nothing after the first time.
type glance struct {
	fds  [1]unix.PollFd
	look func(fd uintptr)
	came bool
}

// at reports whether something, or the connection's end, has come.
func (g *glance) at(socket syscall.RawConn) bool {
	if g.look == nil {
		g.look = func(fd uintptr) {
			g.fds[0] = unix.PollFd{Fd: int32(fd), Events: unix.POLLIN}
			n, err := unix.Poll(g.fds[:], 0)
			g.came = n > 0 || err != nil
		}
	}
	return socket.Control(g.look) != nil || g.came
}
