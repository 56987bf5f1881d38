package policy

import (
	"archive/tar"
	"compress/gzip"
	"encoding/json"
	"errors"
	"fmt"
	"io"
	"os"
	"path"
	"slices"
	"strings"

	"github.com/open-policy-agent/opa/v1/ast"
)

// bundle is a bundle of OPA: a compressed tar of a folder.
type bundle struct {
	name string
	// roots are the paths, split at their slashes, of which the manifest says that the bundle owns them: its packages and
	// data lie below. Without a manifest that names any it owns everything.
	roots [][]string
}

// bundle reads a bundle. Its signatures are not looked at; whoever can write the file can write the policies.
func (r *reader) bundle(name string) error {
	if r.again(name) {
		return nil
	}
	opened, err := os.Open(name)
	if err != nil {
		return err
	}
	defer opened.Close()
	unzipped, err := gzip.NewReader(opened)
	if err != nil {
		return fmt.Errorf("%s: %w", name, err)
	}
	defer unzipped.Close()
	archive := tar.NewReader(&unpacked{from: unzipped, left: maxUnpacked})
	from, inBundle := &bundle{name: name, roots: [][]string{{}}}, map[string]bool{}
	r.found-- // only what is in it counts
	for {
		header, err := archive.Next()
		if errors.Is(err, io.EOF) {
			return nil
		}
		if err != nil {
			return fmt.Errorf("%s: %w", name, err)
		}
		inside := strings.TrimPrefix(path.Clean("/"+header.Name), "/")
		isManifest := inside == ".manifest"
		if header.Typeflag != tar.TypeReg || !isManifest && (!readable(inside) || strings.Contains("/"+inside, "/.")) {
			continue
		}
		if inBundle[inside] {
			return fmt.Errorf("%s: it holds %s twice: pack it anew", name, inside)
		}
		inBundle[inside] = true
		if isManifest {
			err = from.read(archive)
		} else {
			err = r.bundled(from, inside, archive)
		}
		if err != nil {
			return err
		}
	}
}

// bundled reads one file of a bundle.
func (r *reader) bundled(from *bundle, inside string, content io.Reader) error {
	if path.Base(inside) == "patch.json" {
		return fmt.Errorf("%s: a delta bundle is only a part: give a whole one", from.name)
	}
	var root []string
	if folder := path.Dir(inside); folder != "." {
		root = strings.Split(folder, "/")
	}
	r.found++
	if err := r.add(from.name+":"+inside, root, content); err != nil {
		return err
	}
	r.files[len(r.files)-1].within = from
	return nil
}

// read reads the manifest.
func (b *bundle) read(manifest io.Reader) error {
	const longest = 1 << 20
	var says struct {
		Roots *[]string `json:"roots"`
	}
	text, err := io.ReadAll(io.LimitReader(manifest, longest))
	if err == nil {
		err = json.Unmarshal(text, &says)
	}
	if err != nil {
		return fmt.Errorf("%s: reading its .manifest: %w", b.name, err)
	}
	if says.Roots == nil {
		return nil
	}
	b.roots = nil
	for _, root := range *says.Roots {
		b.roots = append(b.roots, segments(root))
	}
	return nil
}

// segments splits a root; an empty one has none, and owns everything.
func segments(root string) []string {
	if root = strings.Trim(root, "/"); root == "" {
		return []string{}
	}
	return strings.Split(root, "/")
}

// checkPackage says that the bundle does not own a package.
func (b *bundle) checkPackage(module *ast.Module) error {
	var path []string
	for _, element := range module.Package.Path[1:] {
		name, _ := element.Value.(ast.String)
		path = append(path, string(name))
	}
	if b.owns(path) {
		return nil
	}
	return fmt.Errorf("%s: package %s lies outside the roots of the bundle, %s: build it with all of its packages in the manifest's roots",
		place(module.Package.Location), packageName(module), b)
}

// checkData says that the bundle does not own a part of its data.
func (b *bundle) checkData(value any, path []string) error {
	if b.owns(path) {
		return nil
	}
	object, ok := value.(map[string]any)
	if !ok || !slices.ContainsFunc(b.roots, func(root []string) bool { return isPrefix(path, root) }) {
		return fmt.Errorf("data.%s lies outside the roots of the bundle, %s", strings.Join(path, "."), b)
	}
	for name, field := range object {
		if err := b.checkData(field, append(slices.Clip(path), name)); err != nil {
			return err
		}
	}
	return nil
}

func (b *bundle) owns(path []string) bool {
	return slices.ContainsFunc(b.roots, func(root []string) bool { return isPrefix(root, path) })
}

// String is the roots as the manifest has them.
func (b *bundle) String() string {
	roots := make([]string, len(b.roots))
	for i, root := range b.roots {
		roots[i] = strings.Join(root, "/")
	}
	return fmt.Sprintf("%q", roots)
}

func isPrefix(prefix, path []string) bool {
	return len(prefix) <= len(path) && slices.Equal(prefix, path[:len(prefix)])
}

// unpacked ends in an error where a bundle is larger than any: a small file may unpack to more than the memory holds.
type unpacked struct {
	from io.Reader
	left int64
}

func (u *unpacked) Read(p []byte) (int, error) {
	if u.left <= 0 {
		return 0, fmt.Errorf("it unpacks to more than %d MiB, which no bundle of policies does", maxUnpacked>>20)
	}
	n, err := u.from.Read(p[:min(int64(len(p)), u.left)])
	u.left -= int64(n)
	return n, err
}
