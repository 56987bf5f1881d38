package transfer

import (
	"bufio"
	"bytes"
	"crypto/sha256"
	"errors"
	"fmt"
	"hash"
	"io"
	"strings"
	"time"

	"github.com/tollgate-gateway/tollgate/caddymodule/keystore"
	"github.com/tollgate-gateway/tollgate/caddymodule/record"
)

// MaxLine is the longest line, in bytes: a workspace's metadata, a key's networks and some thousands of its secrets.
const MaxLine = 4 << 20

// maxDepth is how deep a line's arrays and objects may lie in each other. Metadata may.
const maxDepth = 10_000

// Stream is what was found in a stream that is good from its header to its trailer.
type Stream struct {
	Header
	Counts
	sum sum
}

// Check reads a stream to its end. Its errors name the stream, the line and what is wrong.
func Check(name string, from io.Reader) (*Stream, error) {
	r := reader{name: name, workspaces: map[string]bool{}, keys: map[string]bool{}, sums: map[record.Sum]bool{}}
	if err := r.read(from, r.check); err != nil {
		return nil, err
	}
	return &r.stream, nil
}

// Replay gives the records of a stream that was checked before. It fails if that is not the same any more; what it
// gave by then must be undone.
func (s *Stream) Replay(name string, from io.Reader, to keystore.Records) error {
	r := reader{name: name, to: to}
	if err := r.read(from, nil); err != nil {
		return err
	}
	if r.stream.sum != s.sum || r.stream.Counts != s.Counts {
		return fmt.Errorf("%s was changed while it was read: nothing is imported", name)
	}
	return nil
}

// reader reads a stream line by line.
type reader struct {
	name   string
	number int // of the line, counted from 1
	stream Stream
	sum    hash.Hash
	place  int // in kinds
	to     keystore.Records

	// Ids and sums that stood before.
	workspaces, keys map[string]bool
	sums             map[record.Sum]bool
}

// kinds are the lines in their order. Only the inner ones may be repeated or missing.
var kinds = []string{"header", "workspace", "key", "event", "end"}

const end = 4 // in kinds

func (r *reader) read(from io.Reader, strict func(kind string, line []byte) error) error {
	r.sum = sha256.New()
	lines := bufio.NewScanner(from)
	lines.Buffer(make([]byte, 0, 64<<10), MaxLine+1)
	lines.Split(wholeLines)
	for lines.Scan() {
		r.number++
		if err := r.line(lines.Bytes(), strict); err != nil {
			return fmt.Errorf("%s:%d: %w", r.name, r.number, err)
		}
	}
	switch err := lines.Err(); {
	case errors.Is(err, bufio.ErrTooLong):
		return fmt.Errorf("%s:%d: the line is longer than %d bytes: this is not what store export writes", r.name, r.number+1, MaxLine)
	case err != nil:
		return fmt.Errorf("reading %s: %w", r.name, err)
	case r.number == 0:
		return fmt.Errorf("%s is empty: give it what store export writes", r.name)
	case r.place != end:
		return fmt.Errorf("%s ends at line %d without its last line: it was cut on its way, export it again", r.name, r.number)
	}
	return nil
}

// wholeLines splits at line feeds. A last line without one is given as it is: the trailer's checksum does not cover it.
func wholeLines(data []byte, atEOF bool) (advance int, token []byte, err error) {
	if n := bytes.IndexByte(data, '\n'); n >= 0 {
		return n + 1, data[:n+1], nil
	}
	if atEOF && len(data) > 0 {
		return len(data), data, nil
	}
	return 0, nil, nil
}

func (r *reader) line(line []byte, strict func(string, []byte) error) error {
	if r.place == end {
		return errors.New("something follows the last line: this is not what store export wrote")
	}
	kind, err := kindOf(line)
	if r.number == 1 && kind != kinds[0] {
		return errors.New("this is not what store export writes: its first line is a header")
	}
	if err != nil {
		return err
	}
	if strict != nil {
		if err := strict(kind, line); err != nil {
			return err
		}
	}
	if err := r.order(kind); err != nil {
		return err
	}
	if kind == kinds[end] {
		return r.trailer(line)
	}
	r.sum.Write(line)
	return r.take(kind, line)
}

// kindOf is the line's first member, as all are written.
func kindOf(line []byte) (string, error) {
	const begin = `{"record":"`
	rest, found := strings.CutPrefix(string(line[:min(len(line), len(begin)+12)]), begin)
	kind, _, closed := strings.Cut(rest, `"`)
	for _, known := range kinds {
		if found && closed && kind == known {
			return kind, nil
		}
	}
	return "", errors.New(`it does not begin with the kind of a record: write one of {"record":"` + strings.Join(kinds, `", "`) + `"`)
}

// order sees that the kinds stand in their order.
func (r *reader) order(kind string) error {
	if r.number == 1 {
		return nil
	}
	for at := max(r.place, 1); at < len(kinds); at++ {
		if kinds[at] == kind {
			r.place = at
			return nil
		}
	}
	return fmt.Errorf("a %s stands behind a %s: first come workspaces, then keys, then events", kind, kinds[r.place])
}

func (r *reader) take(kind string, line []byte) error {
	switch kind {
	case "header":
		return r.header(line)
	case "workspace":
		return r.workspace(line)
	case "key":
		return r.key(line)
	}
	return r.event(line)
}

func (r *reader) header(line []byte) error {
	var l headerLine
	if err := decode(line, &l); err != nil {
		return err
	}
	switch {
	case l.Format != Format:
		return fmt.Errorf("the format %q is not known: this program reads %q", l.Format, Format)
	case l.Version != Version:
		return fmt.Errorf("the stream has version %d, and this program reads version %d: use the program that wrote it (%s), or a newer one", l.Version, Version, l.Tollgate)
	}
	if l.MadeAt.IsZero() {
		return errors.New("the header has no made_at")
	}
	r.stream.Header = Header{Schema: l.Schema, MadeAt: time.Time(l.MadeAt), Tollgate: l.Tollgate, History: l.History}
	return nil
}

func (r *reader) workspace(line []byte) error {
	var l workspaceLine
	if err := decode(line, &l); err != nil {
		return err
	}
	workspace, err := l.workspace()
	if err != nil {
		return about("workspace", l.ID, err)
	}
	r.stream.Workspaces++
	if r.workspaces != nil {
		if r.workspaces[l.ID] {
			return about("workspace", l.ID, errors.New("it stands here a second time"))
		}
		r.workspaces[l.ID] = true
	}
	if r.to.Workspace == nil {
		return nil
	}
	return r.to.Workspace(workspace)
}

func (r *reader) key(line []byte) error {
	var l keyLine
	if err := decode(line, &l); err != nil {
		return err
	}
	key, err := l.key()
	if err != nil {
		return about("key", l.ID, err)
	}
	r.stream.Keys++
	r.stream.Secrets += len(key.Secrets)
	if r.keys != nil {
		if err := r.once(key); err != nil {
			return about("key", l.ID, err)
		}
	}
	if r.to.Key == nil {
		return nil
	}
	return r.to.Key(key)
}

// once sees that no id and no secret of a key stood before, and that its workspace did.
func (r *reader) once(key *keystore.MovedKey) error {
	if r.keys[key.ID] {
		return errors.New("it stands here a second time")
	}
	r.keys[key.ID] = true
	if !r.workspaces[key.Workspace] {
		return fmt.Errorf("its workspace %s is not in the stream", key.Workspace)
	}
	for n, secret := range key.Secrets {
		if r.sums[secret.Sum] {
			return fmt.Errorf("its secret number %d stood before: every secret may belong to one key", n+1)
		}
		r.sums[secret.Sum] = true
	}
	return nil
}

func (r *reader) event(line []byte) error {
	if !r.stream.History {
		return errors.New("the header says that the stream holds no history")
	}
	var l eventLine
	if err := decode(line, &l); err != nil {
		return err
	}
	event, err := l.event()
	if err != nil {
		return err
	}
	r.stream.Events++
	if r.to.Event == nil {
		return nil
	}
	return r.to.Event(event)
}

func (r *reader) trailer(line []byte) error {
	var l trailerLine
	if err := decode(line, &l); err != nil {
		return err
	}
	if r.stream.sum = sum(r.sum.Sum(nil)); l.SHA256 != r.stream.sum || l.Counts != r.stream.Counts {
		return errors.New("the stream is not what was exported (checksum or counts differ): it was changed on its way, export it again")
	}
	return nil
}
