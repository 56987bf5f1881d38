//go:build linux || darwin || freebsd || netbsd || openbsd

package hop

import (
	"net"
	"syscall"
)

const canLook = true

// looker gives a function that says whether a connection is open and silent, without waiting: anything to be read, be it an end, is
// nothing that anybody asked for. A connection that cannot be looked at is never used again. Control is used as Read would refuse a
// connection whose last deadline has passed.
func looker(conn net.Conn) func() bool {
	never := func() bool { return false }
	system, ok := conn.(syscall.Conn)
	if !ok {
		return never
	}
	raw, err := system.SyscallConn()
	if err != nil {
		return never
	}
	var silent bool
	var one [1]byte
	look := func(fd uintptr) {
		_, _, err := syscall.Recvfrom(int(fd), one[:], syscall.MSG_PEEK|syscall.MSG_DONTWAIT)
		silent = err == syscall.EAGAIN || err == syscall.EWOULDBLOCK
	}
	return func() bool {
		silent = false
		return raw.Control(look) == nil && silent
	}
}
