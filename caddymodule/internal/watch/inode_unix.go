//go:build unix

package watch

import (
	"io/fs"
	"syscall"
)

// inode tells a file from another that was renamed over it with the same size and time.
func inode(info fs.FileInfo) int64 {
	if stat, ok := info.Sys().(*syscall.Stat_t); ok {
		return int64(stat.Ino)
	}
	return 0
}
