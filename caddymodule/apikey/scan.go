package apikey

import (
	"bytes"
	"errors"
	"fmt"
	"io"
	"io/fs"
	"os"
	"path/filepath"
)

// Found is a secret in a file: it has our prefix, our shape and a right checksum. Whether it is live, a store knows.
type Found struct {
	Path   string
	Line   int // counted from 1
	Secret string
}

// Scan reads all regular files below a folder, or one file, of any size and kind, and calls found for every secret of
// the prefix. Symbolic links below the folder are not followed. What cannot be read is given as unread, and the scan
// goes on. Text may be ASCII, UTF-8, UTF-16 or UTF-32. The error is found's own, or says that there is nothing to scan.
func Scan(root, prefix string, found func(Found) error) (unread []error, err error) {
	if err := CheckPrefix(prefix); err != nil {
		return nil, err
	}
	resolved, err := filepath.EvalSymlinks(root)
	if err != nil {
		return nil, err
	}
	info, err := os.Stat(resolved)
	if err != nil {
		return nil, err
	}
	if !info.IsDir() && !info.Mode().IsRegular() {
		return nil, fmt.Errorf("%s is neither a folder nor a regular file: name one, for nothing else can be scanned", root)
	}
	err = filepath.WalkDir(resolved, func(path string, entry fs.DirEntry, err error) error {
		if err != nil {
			unread = append(unread, err)
			return nil
		}
		if !entry.Type().IsRegular() {
			return nil
		}
		err = scanFile(path, prefix, found)
		var unreadable *fs.PathError
		if errors.As(err, &unreadable) {
			unread = append(unread, err)
			return nil
		}
		return err
	})
	return unread, err
}

func scanFile(path, prefix string, found func(Found) error) error {
	file, err := os.Open(path)
	if err != nil {
		return err
	}
	defer file.Close()
	return scan(withoutZeros{file}, prefix, func(line int, secret string) error {
		return found(Found{Path: path, Line: line, Secret: secret})
	})
}

// withoutZeros leaves out all bytes of zero: what is ASCII in UTF-16 or UTF-32, in either order, is ASCII then. No secret
// has one, so that none is lost.
type withoutZeros struct{ io.Reader }

func (r withoutZeros) Read(p []byte) (int, error) {
	n, err := r.Reader.Read(p)
	if bytes.IndexByte(p[:n], 0) < 0 {
		return n, err
	}
	kept := 0
	for _, b := range p[:n] {
		if p[kept] = b; b != 0 {
			kept++
		}
	}
	return kept, err
}

// scan finds secrets in a stream, a block at a time. A secret may lie across two blocks: of each the last bytes, one
// short of a secret, are looked at again with the next.
func scan(r io.Reader, prefix string, found func(line int, secret string) error) error {
	length := Length(prefix)
	head := []byte(prefix + "_")
	block := make([]byte, 64<<10)
	line, kept := 1, 0
	for {
		n, err := io.ReadFull(r, block[kept:])
		text := block[:kept+n]
		last := errors.Is(err, io.EOF) || errors.Is(err, io.ErrUnexpectedEOF)
		if err != nil && !last {
			return err
		}
		done := 0 // how much of text is behind us, and counted in line
		for {
			i := bytes.Index(text[done:], head)
			if i < 0 || done+i+length > len(text) {
				break
			}
			line += bytes.Count(text[done:done+i], []byte{'\n'})
			done += i
			secret := string(text[done : done+length])
			if !Check(prefix, secret) {
				done++
				continue
			}
			if err := found(line, secret); err != nil {
				return err
			}
			done += length
		}
		if last {
			return nil
		}
		rest := max(done, len(text)-length+1)
		line += bytes.Count(text[done:rest], []byte{'\n'})
		kept = copy(block, text[rest:])
	}
}
