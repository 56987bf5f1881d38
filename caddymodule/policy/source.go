package policy

import (
	"cmp"
	"errors"
	"fmt"
	"io"
	"io/fs"
	"os"
	"path/filepath"
	"slices"
	"strings"
)

// Bounds of what is loaded. They are far above any policies, and keep a wrong path from filling the memory.
const (
	maxBytes    = 64 << 20     // of all files together
	maxRego     = 2 << 20      // of Rego: compiling it takes some seconds, ten times as much takes minutes
	maxUnpacked = 2 * maxBytes // of a bundle, with what is not loaded from it
	maxFiles    = 10_000
	maxDepth    = 16 // folders within folders; a folder that links to itself ends here
)

// file is one file of policies or data.
type file struct {
	// name is how messages call it: the path as configured and what follows.
	name string
	// root is where its data belongs: the folders it lies in, below the configured one.
	root []string
	text []byte
	// within is the bundle that holds it; nil where none does.
	within *bundle
}

// isPolicy tells Rego from data.
func (f *file) isPolicy() bool { return extension(f.name) == ".rego" }

// isTest tells the team's tests, which are run when policies are loaded and are no part of them.
func (f *file) isTest() bool { return strings.HasSuffix(strings.ToLower(f.name), "_test.rego") }

// extension ignores letter case: a policy that is left out because it is called deny.Rego refuses nobody.
func extension(name string) string { return strings.ToLower(filepath.Ext(name)) }

// readable tells what is loaded from folders and bundles. The rest (a README, a script) is left alone, and so is every
// name that begins with a dot: .git, a bundle's .manifest, the hidden folders in which Kubernetes keeps versions.
func readable(name string) bool {
	switch extension(name) {
	case ".rego", ".json", ".yaml", ".yml":
		return !strings.HasPrefix(filepath.Base(name), ".")
	}
	return false
}

// reader collects files, within the bounds.
type reader struct {
	files       []file
	bytes, rego int64
	// seen are the paths of files and bundles that were read; found counts also what was read before.
	seen  map[string]bool
	found int
}

// read collects the files of folders, single files and bundles, sorted by name. A path that holds none is an error: it
// is a wrong path, or a folder that is not there yet, and must not pass for "no policies".
func read(paths []string) ([]file, error) {
	r := reader{seen: map[string]bool{}}
	for _, given := range paths {
		before := r.found
		given = filepath.Clean(given)
		info, err := os.Stat(given)
		switch {
		case err != nil:
			return nil, fmt.Errorf("reading policies: %w", err)
		case info.IsDir():
			err = r.folder(given, nil)
		case !info.Mode().IsRegular():
			err = fmt.Errorf("%s is not a regular file", given)
		case strings.HasSuffix(given, ".tar.gz") || strings.HasSuffix(given, ".tgz"):
			err = r.bundle(given)
		case readable(given):
			err = r.file(given, nil)
		default:
			err = fmt.Errorf("%s is not a folder, a .rego, .json, .yaml or .yml file, or a .tar.gz bundle", given)
		}
		if err == nil && r.found == before {
			err = fmt.Errorf("%s holds no policies: write a .rego file there, or take the path away", given)
		}
		if err != nil {
			return nil, fmt.Errorf("reading policies: %w", err)
		}
	}
	slices.SortFunc(r.files, func(a, b file) int { return cmp.Compare(a.name, b.name) })
	return r.files, nil
}

// again reports whether a path was read before: two of the configured ones may lead to it.
func (r *reader) again(name string) bool {
	r.found++
	before := r.seen[name]
	r.seen[name] = true
	return before
}

// folder reads all files below a folder. Symbolic links are followed: Kubernetes mounts files as links.
func (r *reader) folder(folder string, root []string) error {
	if len(root) > maxDepth {
		return fmt.Errorf("%s lies more than %d folders deep: does a link lead back?", folder, maxDepth)
	}
	entries, err := os.ReadDir(folder)
	if err != nil {
		return err
	}
	for _, entry := range entries {
		if strings.HasPrefix(entry.Name(), ".") {
			continue
		}
		name := filepath.Join(folder, entry.Name())
		info, err := os.Stat(name)
		switch {
		case errors.Is(err, fs.ErrNotExist) && !readable(name):
			err = nil // a link to nothing, or a file that has just gone: no policy
		case err != nil:
		case info.IsDir():
			err = r.folder(name, append(slices.Clip(root), entry.Name()))
		case !readable(name):
		case !info.Mode().IsRegular():
			err = fmt.Errorf("%s is not a regular file", name)
		default:
			err = r.file(name, root)
		}
		if err != nil {
			return err
		}
	}
	return nil
}

func (r *reader) file(name string, root []string) error {
	if r.again(name) {
		return nil
	}
	opened, err := os.Open(name)
	if err != nil {
		return err
	}
	defer opened.Close()
	return r.add(name, root, opened)
}

func (r *reader) add(name string, root []string, content io.Reader) error {
	text, err := io.ReadAll(io.LimitReader(content, maxBytes-r.bytes+1))
	if err != nil {
		return fmt.Errorf("%s: %w", name, err)
	}
	f := file{name: name, root: slices.Clone(root), text: text}
	r.files = append(r.files, f)
	r.bytes += int64(len(text))
	if f.isPolicy() {
		r.rego += int64(len(text))
	}
	switch {
	case r.bytes > maxBytes || len(r.files) > maxFiles:
		return fmt.Errorf("%s: policies and data are more than %d MiB or %d files", name, maxBytes>>20, maxFiles)
	case r.rego > maxRego:
		return fmt.Errorf("%s: the policies are more than %d MiB: keep lists and tables in data files", name, maxRego>>20)
	}
	return nil
}
