// Package beside writes files whole: beside their place, and only then there. Whoever looks finds the old file or the new one,
// never half of one, and a command that is killed leaves the old one.
package beside

import (
	"bufio"
	"errors"
	"fmt"
	"io"
	"io/fs"
	"os"
	"path/filepath"
	"runtime"
)

// Write puts a file at the path that holds what write gives, for its owner alone; in the place of one that is there it gets that
// one's mode. Replace decides about a file that is there: its error is given back. A symbolic link stays, and its
// target is written.
func Write(path string, replace func(old *os.File) error, write func(io.Writer) error) error {
	if target, err := filepath.EvalSymlinks(path); err == nil {
		path = target
	}
	mode, err := look(path, replace)
	if err != nil {
		return err
	}
	file, err := os.CreateTemp(filepath.Dir(path), "."+filepath.Base(path)+"-*")
	if err != nil {
		return fmt.Errorf("writing %s: %w", path, Cause(err))
	}
	made := file.Name()
	defer func() {
		_ = file.Close() // twice, where all went well
		_ = os.Remove(made)
	}()
	buffered := bufio.NewWriterSize(file, 64<<10)
	if err := write(buffered); err != nil {
		return err
	}
	err = errors.Join(buffered.Flush(), file.Chmod(mode), file.Sync(), file.Close())
	if err == nil {
		if _, err = look(path, replace); err != nil { // somebody may have been faster
			return err
		}
		err = os.Rename(made, path)
	}
	if err == nil {
		err = SyncFolder(filepath.Dir(path))
	}
	if err != nil {
		return fmt.Errorf("writing %s: %w", path, Cause(err))
	}
	return nil
}

// look gives the mode of the file to be.
func look(path string, replace func(*os.File) error) (fs.FileMode, error) {
	info, err := os.Stat(path)
	switch {
	case errors.Is(err, fs.ErrNotExist):
		return 0o600, nil
	case err != nil:
		return 0, fmt.Errorf("writing %s: %w", path, Cause(err))
	case !info.Mode().IsRegular(): // a device or a pipe would be gone
		return 0, fmt.Errorf("%s is not a regular file: name another, or leave it out and redirect standard output", path)
	}
	old, err := os.Open(path)
	if err != nil {
		return 0, fmt.Errorf("writing %s: %w", path, Cause(err))
	}
	defer old.Close()
	return info.Mode().Perm(), replace(old)
}

// SyncFolder makes the names in a folder survive a power cut.
func SyncFolder(path string) error {
	if runtime.GOOS == "windows" {
		return nil
	}
	folder, err := os.Open(path)
	if err != nil {
		return err
	}
	return errors.Join(folder.Sync(), folder.Close())
}

// Cause is an error about a file without its path, which is said already.
func Cause(err error) error {
	if path, ok := errors.AsType[*fs.PathError](err); ok {
		return path.Err
	}
	return err
}
