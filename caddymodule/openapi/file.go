package openapi

import (
	"errors"
	"fmt"
	"io"
	"io/fs"
	"net/url"
	"os"
	"path"
	"path/filepath"
	"strconv"
	"strings"
	"sync"

	"go.yaml.in/yaml/v3"

	"github.com/tollgate-gateway/tollgate/caddymodule/internal/strictyaml"
	"github.com/tollgate-gateway/tollgate/caddymodule/internal/watch"
)

// Bounds of a document, all its files together. YAML takes at most some twenty bytes of memory for each of its own.
const (
	// MaxBytes is how many bytes they have at most.
	MaxBytes = 16 << 20
	// MaxFiles is how many there are at most.
	MaxFiles = 3000
	// maxRefs is how many references may follow each other before a value is reached.
	maxRefs = 32
)

// files are the files of one document, each read once.
type files struct {
	mu     sync.Mutex // guards refs, read, failed, looks and bytes: several sites make routes of one document
	folder string     // as the operator wrote it, for errors
	root   *os.Root
	read   map[string]*file
	failed map[string]error
	looks  map[string]uint64 // how each looked before it was read
	bytes  int64
	refs   map[refKey]place
}

// file is one of them. Its name is relative to the folder, with slashes.
type file struct {
	name   string
	reader strictyaml.Reader
	top    *yaml.Node
}

// refKey is a reference as it stands in a file.
type refKey struct {
	in  *file
	ref string
}

// open reads a file of the folder.
func (f *files) open(name string) (*file, error) {
	if known := f.read[name]; known != nil {
		return known, nil
	}
	if err := f.failed[name]; err != nil {
		return nil, err
	}
	read, err := f.readFile(name)
	if err != nil {
		f.failed[name] = err
		return nil, err
	}
	f.read[name] = read
	f.fetch(read.place(read.top))
	return read, nil
}

// fetch reads the files that a value refers to: all that a document needs is read at one time, and watched. What cannot be read is
// told where it is needed.
func (f *files) fetch(p place) {
	if ref, is := p.reference(); is {
		if name, _, _ := strings.Cut(ref.node.Value, "#"); name != "" {
			_, _ = f.find(ref)
		}
	}
	for _, n := range p.node.Content {
		if n.Kind != yaml.AliasNode {
			f.fetch(place{p.file, n})
		}
	}
}

func (f *files) readFile(name string) (*file, error) {
	if len(f.looks) == MaxFiles {
		return nil, fmt.Errorf("the document has more than %d files: put more into each", MaxFiles)
	}
	data, err := f.bytesOf(name)
	if err != nil {
		return nil, err
	}
	read := &file{name: name, reader: strictyaml.Reader{Name: filepath.Join(f.folder, filepath.FromSlash(name))}}
	read.top, err = read.reader.Document(data, "write an OpenAPI document", "keep one document a file")
	return read, err
}

func (f *files) bytesOf(name string) ([]byte, error) {
	at := filepath.Join(f.folder, filepath.FromSlash(name))
	f.looks[at] = watch.Look(at)
	if info, err := f.root.Stat(filepath.FromSlash(name)); err == nil && !info.Mode().IsRegular() {
		return nil, fmt.Errorf("%s is not a file: write the path of one", at) // a pipe would be waited for
	}
	opened, err := f.root.Open(filepath.FromSlash(name))
	if err != nil {
		return nil, fmt.Errorf("%s: %w", at, plain(err))
	}
	defer opened.Close()
	if info, err := opened.Stat(); err != nil || !info.Mode().IsRegular() {
		return nil, fmt.Errorf("%s is not a file: write the path of one", at)
	}
	data, err := io.ReadAll(io.LimitReader(opened, MaxBytes-f.bytes+1))
	if err != nil {
		return nil, fmt.Errorf("%s: %w", at, plain(err))
	}
	if f.bytes += int64(len(data)); f.bytes > MaxBytes {
		return nil, fmt.Errorf("%s: the document has more than %d MiB, all its files together", at, MaxBytes>>20)
	}
	return data, nil
}

// plain is an error without the path, which stands in front of it already.
func plain(err error) error {
	if failed, ok := errors.AsType[*fs.PathError](err); ok {
		if strings.Contains(failed.Err.Error(), "escapes") {
			return errors.New("it leads out of the folder of the document: only what lies in it is read")
		}
		return failed.Err
	}
	return err
}

// resolve follows the $ref of a value, if it is one, until there is a value.
func (f *files) resolve(p place) (place, error) {
	for range maxRefs {
		ref, is := p.reference()
		if !is {
			return p, nil
		}
		next, err := f.target(ref)
		if err != nil {
			return place{}, err
		}
		p = next
	}
	return place{}, p.errorf("this $ref leads through %d others and to no value: write the value out", maxRefs)
}

// reference is the text of a $ref.
func (p place) reference() (place, bool) {
	ref, is := p.get("$ref")
	return ref, is && ref.node.Kind == yaml.ScalarNode
}

// target is what a $ref names.
func (f *files) target(ref place) (place, error) {
	f.mu.Lock()
	defer f.mu.Unlock()
	key := refKey{ref.file, ref.node.Value}
	if known, is := f.refs[key]; is {
		return known, nil
	}
	found, err := f.find(ref)
	if err == nil {
		f.refs[key] = found
	}
	return found, err
}

func (f *files) find(ref place) (place, error) {
	text := ref.node.Value
	u, err := url.Parse(text)
	switch {
	case err != nil:
		return place{}, ref.errorf("$ref %q is not valid: write a file, a fragment or both, such as schemas.yaml#/Lead", text)
	case u.Scheme != "" || u.Host != "" || u.RawQuery != "":
		return place{}, ref.errorf("$ref %q is not followed: nothing is fetched over the network; put a copy into the folder of the document and name it by a relative path", text)
	}
	in := ref.file
	if u.Path != "" {
		name := path.Join(path.Dir(in.name), u.Path)
		if path.IsAbs(u.Path) || !filepath.IsLocal(filepath.FromSlash(name)) {
			return place{}, ref.errorf("$ref %q leads out of the folder of the document: only what lies in it is read", text)
		}
		if in, err = f.open(name); err != nil {
			return place{}, ref.errorf("reading $ref %q: %w", text, err)
		}
	}
	at := in.place(in.top)
	pointer, is := strings.CutPrefix(u.Fragment, "/")
	if u.Fragment == "" {
		return at, nil
	}
	if !is {
		return place{}, ref.errorf("$ref %q names an anchor: write the way to the value, such as #/components/schemas/Lead", text)
	}
	for step := range strings.SplitSeq(pointer, "/") {
		step = strings.NewReplacer("~1", "/", "~0", "~").Replace(step)
		next, is := at.get(step)
		if index, err := strconv.Atoi(step); err == nil && at.node.Kind == yaml.SequenceNode && index >= 0 && index < len(at.node.Content) {
			next, is = at.file.place(at.node.Content[index]), true
		}
		if !is {
			return place{}, ref.errorf("$ref %q leads nowhere: there is no %q", text, step)
		}
		at = next
	}
	return at, nil
}
