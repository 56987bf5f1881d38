package openapi

import (
	"fmt"
	"net/http"
	"os"
	"path/filepath"
	"regexp"
	"slices"
	"strings"

	"github.com/tollgate-gateway/tollgate/caddymodule/internal/watch"
)

// Document is an OpenAPI document that was read. It is immutable.
type Document struct {
	files      *files
	version    string
	top        place
	operations []*operation
	schemes    map[string]place
}

// operation is one operation of a document: where it stands, with the path item around it.
type operation struct {
	method   string
	template string // as the document writes it
	at       place  // its method
	item, of place  // the path item, and the operation itself
	server   place  // the list of servers that holds for it; zero: none
}

// Load reads a document and the files that its path items refer to. It is read anew each time.
func Load(name string) (*Document, error) {
	d, _, err := load(name)
	return d, err
}

// load also tells how the files looked before they were read, those of a document that cannot be read too.
func load(name string) (_ *Document, looks map[string]uint64, _ error) {
	folder := filepath.Dir(name)
	f := &files{folder: folder, looks: map[string]uint64{name: watch.Look(name)}, read: map[string]*file{}, failed: map[string]error{}, refs: map[refKey]place{}}
	root, err := os.OpenRoot(folder)
	if err != nil {
		return nil, f.looks, fmt.Errorf("%s: %w", name, plain(err))
	}
	defer root.Close()
	f.root = root
	d := &Document{files: f, schemes: map[string]place{}}
	if err := d.read(filepath.Base(name)); err != nil {
		return nil, f.looks, err
	}
	return d, f.looks, nil
}

var versions = regexp.MustCompile(`^3\.[01](\.\d+)?$`)

func (d *Document) read(name string) error {
	top, err := d.files.open(name)
	if err != nil {
		return err
	}
	d.top = top.place(top.top)
	if err := d.top.each("an OpenAPI document", func(string, place, place) error { return nil }); err != nil {
		return err
	}
	version, is := d.top.get("openapi")
	if old, swagger := d.top.get("swagger"); swagger && !is {
		return old.errorf("this is Swagger %s: OpenAPI 3.0 and 3.1 are read; convert the document", old.node.Value)
	}
	if !is {
		return d.top.errorf(`"openapi" is missing: an OpenAPI document says its version, such as openapi: 3.1.1`)
	}
	if d.version, err = version.text(); err != nil {
		return err
	}
	if !versions.MatchString(d.version) {
		return version.errorf("OpenAPI %q is not read: 3.0 and 3.1 are", d.version)
	}
	if err := d.top.has("an OpenAPI document", documentWords); err != nil {
		return err
	}
	if err := d.readSchemes(); err != nil {
		return err
	}
	paths, is := d.top.get("paths")
	if !is {
		return d.top.errorf(`"paths" is missing: no operation is there to make a route of`)
	}
	return paths.each("paths", d.readPath)
}

// methods are the words of a path item that are operations.
var methods = []string{"get", "put", "post", "delete", "options", "head", "patch", "trace"}

func (d *Document) readPath(template string, at, value place) error {
	if strings.HasPrefix(template, "x-") {
		return nil
	}
	if !strings.HasPrefix(template, "/") {
		return at.errorf("path %q does not begin with a slash", template)
	}
	item, err := d.refersTo(value, "path item "+template)
	if err != nil {
		return err
	}
	if err := item.has("path item "+template, itemWords); err != nil {
		return err
	}
	servers, found := item.get("servers")
	if !found {
		servers, _ = d.top.get("servers")
	}
	return item.each("path item "+template, func(name string, key, value place) error {
		if !slices.Contains(methods, name) {
			return nil
		}
		value, err := d.refersTo(value, "operation "+name) // which OpenAPI does not know, and documents of many files have
		if err != nil {
			return err
		}
		if err := value.has("operation "+name, operationWords); err != nil {
			return err
		}
		o := &operation{method: strings.ToUpper(name), template: template, at: key, item: item, of: value, server: servers}
		if own, found := value.get("servers"); found {
			o.server = own
		}
		d.operations = append(d.operations, o)
		return nil
	})
}

// Members of objects of OpenAPI 3.0 and 3.1 that decide which operations there are, and who may call them.
var (
	documentWords  = []string{"openapi", "info", "jsonSchemaDialect", "servers", "paths", "webhooks", "components", "security", "tags", "externalDocs"}
	itemWords      = append([]string{"summary", "description", "servers", "parameters"}, methods...)
	operationWords = []string{
		"tags", "summary", "description", "externalDocs", "operationId", "parameters", "requestBody", "responses", "callbacks", "deprecated",
		"security", "servers",
	}
	besideRef = []string{"$ref", "summary", "description"}
)

// has checks that an object has no member but these and extensions: one that is misspelt must not be read past, for "securty" would let
// every key in.
func (p place) has(what string, words []string) error {
	return p.each(what, func(name string, key, _ place) error {
		if slices.Contains(words, name) || strings.HasPrefix(name, "x-") {
			return nil
		}
		return key.errorf("%s has no %q: known are %s, and what begins with x-", what, name, strings.Join(words, ", "))
	})
}

// refersTo follows the $ref of a path item or an operation. What stands beside it would not be read, and may be its security.
func (d *Document) refersTo(p place, what string) (place, error) {
	if _, is := p.reference(); is {
		if err := p.has(what+" with a $ref", besideRef); err != nil {
			return place{}, err
		}
	}
	return d.files.resolve(p)
}

// source is where an operation stands.
func (o *operation) source() string {
	return fmt.Sprintf("%s:%d", o.at.file.reader.Name, o.at.node.Line)
}

// takesGET reports whether the path of a HEAD operation has a GET of its own.
func (o *operation) takesGET() bool {
	_, found := o.item.get("get")
	return o.method == http.MethodHead && found
}
