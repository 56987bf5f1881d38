//go:build !unix

package redis

// readable cannot be told here: a reply counts when it has been read.
func (*wire) readable() bool { return false }
