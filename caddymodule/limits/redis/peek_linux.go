package redis

import "golang.org/x/sys/unix"

// fetched reports whether more has come in on the connection than reads have given: a read has fetched it from the kernel,
// and the goroutine has waited for a processor since.
func (l *link) fetched(fd int) bool {
	w := l.wire.Load()
	if w == nil {
		return false
	}
	given := w.read.Load()
	info, err := unix.GetsockoptTCPInfo(fd, unix.IPPROTO_TCP, unix.TCP_INFO)
	return err == nil && info.Bytes_received > given
}
