//go:build linux || darwin || freebsd || netbsd || openbsd

package hop

import (
	"net"
	"syscall"
)

// canLook says that this system has sockets that can be used without waiting. Elsewhere the standard transport serves everything.
const canLook = true

// socket is a connection's, used without waiting. Only who has the connection uses it. All goes through Control, as Read and Write would
// refuse a connection whose last deadline has passed.
type socket struct {
	raw        syscall.RawConn
	look, send func(fd uintptr)

	silent bool
	one    [1]byte
	text   []byte
	n      int
}

// newSocket returns nil where the connection is not a socket.
func newSocket(conn net.Conn) *socket {
	system, ok := conn.(syscall.Conn)
	if !ok {
		return nil
	}
	raw, err := system.SyscallConn()
	if err != nil {
		return nil
	}
	s := &socket{raw: raw}
	s.look = func(fd uintptr) {
		_, _, err := syscall.Recvfrom(int(fd), s.one[:], syscall.MSG_PEEK|syscall.MSG_DONTWAIT)
		s.silent = err == syscall.EAGAIN || err == syscall.EWOULDBLOCK
	}
	s.send = func(fd uintptr) {
		s.n, _ = syscall.Write(int(fd), s.text) // sockets of package net do not block
	}
	return s
}

// quiet says whether the connection is open and silent: anything to be read, be it an end, is nothing that anybody asked for.
func (s *socket) quiet() bool {
	s.silent = false
	return s.raw.Control(s.look) == nil && s.silent
}

// write gives the system as much as it takes now. It returns how many bytes that was; an error counts none, and comes again.
func (s *socket) write(text []byte) int {
	s.text, s.n = text, 0
	if err := s.raw.Control(s.send); err != nil {
		s.n = 0
	}
	s.text = nil
	return max(0, s.n)
}
