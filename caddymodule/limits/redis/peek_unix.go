//go:build unix

package redis

import "syscall"

// readable reports whether something has come back on the connection that nobody has read yet: a reply, or its end.
func (w *wire) readable() (found bool) {
	raw, err := w.SyscallConn()
	if err != nil {
		return true // it was closed, and whoever reads is about to hear so
	}
	// Control, not Read: that waits for whoever reads now.
	err = raw.Control(func(fd uintptr) {
		var one [1]byte
		_, _, err := syscall.Recvfrom(int(fd), one[:], syscall.MSG_PEEK|syscall.MSG_DONTWAIT)
		found = err != syscall.EAGAIN && err != syscall.EWOULDBLOCK && err != syscall.EINTR
	})
	return found || err != nil
}
