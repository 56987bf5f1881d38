//go:build !unix

package redis

import "syscall"

// ready cannot be told here: something is done when who waits for it has run.
func (*link) ready() bool { return false }

// glance cannot look here: that a connection has ended is seen when it is used.
type glance struct{}

func (*glance) at(syscall.RawConn) bool { return false }
