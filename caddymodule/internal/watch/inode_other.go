//go:build !unix

package watch

import "io/fs"

// inode is not known here; size, time and mode have to do.
func inode(fs.FileInfo) int64 { return 0 }
