package caddymodule

import (
	"bytes"
	"errors"
	"fmt"
	"io"
	"io/fs"
	"os"
	"path/filepath"
	"strconv"
	"time"

	"github.com/tollgate-gateway/tollgate/caddymodule/apikey"
	"github.com/tollgate-gateway/tollgate/caddymodule/keystore"
	"github.com/tollgate-gateway/tollgate/caddymodule/record"
)

// finding is a live key in a file.
type finding struct {
	File string `json:"file"`
	Line int    `json:"line"`
	Key  string `json:"key"`
}

// scanFolder looks for secrets of our form in all regular files below a folder, and asks the store which of them work.
// Imported secrets of other forms are not found.
func scanFolder(i *invocation) error {
	return i.read(func(s *store) error {
		var found []finding
		unreadable := 0
		err := filepath.WalkDir(i.args[0], func(path string, entry fs.DirEntry, err error) error {
			if err != nil && path == i.args[0] {
				return fmt.Errorf("scanning: %w", err)
			}
			if err == nil && !entry.Type().IsRegular() {
				return nil
			}
			if err == nil {
				err = scanFile(path, s.app.KeyPrefix, func(secret string, line int) error {
					key, err := liveKey(i, s, secret)
					if key != "" {
						found = append(found, finding{path, line, key})
					}
					return err
				})
			}
			if _, isPath := errors.AsType[*fs.PathError](err); isPath {
				unreadable++
				i.note("not scanned: %v", err)
				return nil
			}
			return err
		})
		if err != nil {
			return err
		}
		return errors.Join(i.printFindings(found), scanned(len(found), unreadable))
	})
}

func (i *invocation) printFindings(found []finding) error {
	if i.json() {
		return printJSON(i.out(), append([]finding{}, found...))
	}
	rows := [][]string{}
	for _, f := range found {
		rows = append(rows, []string{f.File + ":" + strconv.Itoa(f.Line), f.Key})
	}
	return table(i.out(), rows)
}

// scanned is the verdict of a scan: what could not be read may hold anything.
func scanned(found, unreadable int) error {
	switch {
	case found > 0:
		return fmt.Errorf("live keys found: %d: rotate or revoke them", found)
	case unreadable > 0:
		return fmt.Errorf("files that could not be read: %d", unreadable)
	}
	return nil
}

// liveKey is the id of the key whose secret this is, if it works now.
func liveKey(i *invocation, s *store, secret string) (string, error) {
	identity, err := s.Lookup(i, record.SumOf(secret))
	switch {
	case errors.Is(err, keystore.ErrUnknown):
		return "", nil
	case err != nil:
		return "", err
	case !identity.Usable(time.Now()):
		return "", nil
	}
	return identity.Key.ID, nil
}

// scanFile calls found for everything in a file that has the form and the checksum of a secret, with its line.
func scanFile(path, prefix string, found func(secret string, line int) error) error {
	file, err := os.Open(path)
	if err != nil {
		return err
	}
	defer file.Close()
	length, mark := apikey.Length(prefix), []byte(prefix+"_")
	window := make([]byte, 1<<20)
	kept, line := 0, 1
	for {
		n, err := file.Read(window[kept:])
		text := window[:kept+n]
		done := 0 // everything before it is looked at
		for {
			at := bytes.Index(text[done:], mark)
			if at < 0 || done+at+length > len(text) {
				break
			}
			line += bytes.Count(text[done:done+at], []byte{'\n'})
			done += at
			if secret := string(text[done : done+length]); apikey.Check(prefix, secret) {
				if err := found(secret, line); err != nil {
					return err
				}
			}
			done++
		}
		if errors.Is(err, io.EOF) {
			return nil
		}
		if err != nil {
			return err
		}
		// A secret that lies across the end of the window begins in what is kept.
		next := max(done, len(text)-length+1)
		line += bytes.Count(text[done:next], []byte{'\n'})
		kept = copy(window, text[next:])
	}
}
