//go:build unix

package redis

import "golang.org/x/sys/unix"

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
