package survey

import (
	"io/fs"
	"os"
	"path/filepath"
	"runtime"

	"github.com/tollgate-gateway/tollgate/caddymodule/audit"
)

// see looks at who may open a file or folder. What cannot be looked at is said by those who read it.
func (s *surveyor) see(kind, path string) {
	if runtime.GOOS == "windows" { // modes say nothing there
		return
	}
	if absolute, err := filepath.Abs(path); err == nil {
		path = absolute
	}
	info, err := os.Stat(path)
	if err != nil || !entered(filepath.Dir(path)) {
		return
	}
	mode := info.Mode()
	f := audit.File{Kind: kind, Path: path, Reads: mode.Perm()&0o004 != 0 && !mode.IsDir(), Writes: mode.Perm()&0o002 != 0 && mode&fs.ModeSticky == 0}
	if f.Reads || f.Writes {
		s.Files = append(s.Files, f)
	}
}

// seeSecrets looks at the values of the secrets folder.
func (s *surveyor) seeSecrets(path string) {
	files, err := filepath.Glob(filepath.Join(escaped(path), "*", "*"))
	if err != nil {
		return
	}
	for _, file := range files {
		s.see(audit.KindSecret, file)
	}
}

// escaped keeps what stands in a path from being a pattern.
func escaped(path string) string {
	var text []rune
	for _, r := range path {
		switch r {
		case '*', '?', '[', '\\':
			text = append(text, '\\')
		}
		text = append(text, r)
	}
	return string(text)
}

// entered reports whether users that are neither owner nor in the group can come into a folder.
func entered(folder string) bool {
	for {
		info, err := os.Stat(folder)
		if err != nil || info.Mode().Perm()&0o001 == 0 {
			return false
		}
		above := filepath.Dir(folder)
		if above == folder {
			return true
		}
		folder = above
	}
}
