package command

import (
	"bufio"
	"errors"
	"fmt"
	"io"
	"os"

	"github.com/tollgate-gateway/tollgate/caddymodule/keystore"
	"github.com/tollgate-gateway/tollgate/caddymodule/keystore/transfer"
)

// stream is what an import reads, more than once.
type stream struct {
	name string
	file *os.File
	at   int64 // where it begins
	free func()
}

// stream opens the file that is named, or standard input. What cannot be read twice is copied into a file of its own first.
func (i *invocation) stream() (*stream, error) {
	name := "standard input"
	from := i.cmd.InOrStdin()
	free := func() {}
	if len(i.args) > 0 && i.args[0] != "-" {
		name = i.args[0]
		opened, err := os.Open(name)
		if err != nil {
			return nil, fmt.Errorf("reading the stream: %w", err)
		}
		from, free = opened, func() { _ = opened.Close() }
	} else {
		i.prompt("give it what store export wrote, then Ctrl-D")
	}
	if opened, ok := from.(*os.File); ok {
		if info, err := opened.Stat(); err == nil && info.Mode().IsRegular() {
			at, err := opened.Seek(0, io.SeekCurrent)
			if err == nil {
				return &stream{name: name, file: opened, at: at, free: free}, nil
			}
		}
	}
	defer free()
	return spool(name, from)
}

// spool copies a stream into a file that nobody else finds.
func spool(name string, from io.Reader) (*stream, error) {
	copied, err := os.CreateTemp("", "tollgate-import-*")
	if err != nil {
		return nil, fmt.Errorf("keeping %s for reading it twice: %w: name a folder that may be written in TMPDIR, or write FILE", name, err)
	}
	free := func() { _ = errors.Join(copied.Close(), os.Remove(copied.Name())) }
	if os.Remove(copied.Name()) == nil { // it lives as long as it is open
		free = func() { _ = copied.Close() }
	}
	if _, err := io.Copy(copied, from); err != nil {
		free()
		return nil, fmt.Errorf("reading %s: %w", name, err)
	}
	return &stream{name: name, file: copied, free: free}, nil
}

// begin reads it from its beginning.
func (s *stream) begin() (io.Reader, error) {
	_, err := s.file.Seek(s.at, io.SeekStart)
	return bufio.NewReaderSize(s.file, 64<<10), err
}

// check reads all of it.
func (s *stream) check() (*transfer.Stream, error) {
	from, err := s.begin()
	if err != nil {
		return nil, err
	}
	return transfer.Check(s.name, from)
}

// replay gives its records.
func (s *stream) replay(checked *transfer.Stream) func(keystore.Records) error {
	return func(to keystore.Records) error {
		from, err := s.begin()
		if err != nil {
			return err
		}
		return checked.Replay(s.name, from, to)
	}
}
