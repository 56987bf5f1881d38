// Command long prints which tests have a long form: for each package a line of its path and of a pattern for go test -run. A test has one
// if it reaches, through whatever it names, a text that holds TOLLGATE_TEST_LONG. It fails where something reads the variable that no test
// reaches.
//
// A call through an interface reaches every method of that name. So a test may stand in the list that has no long form, but none is left
// out that has one.
package main

import (
	"errors"
	"fmt"
	"go/ast"
	"go/token"
	"go/types"
	"os"
	"slices"
	"strings"

	"golang.org/x/tools/go/packages"
)

const variable = "TOLLGATE_TEST_LONG"

func main() {
	if len(os.Args) != 2 {
		fmt.Fprintln(os.Stderr, "usage: long FOLDER: prints the tests of the module in FOLDER that have a long form")
		os.Exit(2)
	}
	lines, err := list(os.Args[1])
	if err != nil {
		fmt.Fprintln(os.Stderr, err)
		os.Exit(1)
	}
	fmt.Println(strings.Join(lines, "\n"))
}

// place is a declaration: a package's path, and the name of a function, a method or a variable in it.
type place struct{ path, name string }

// before stands for what runs before every test of a package: TestMain, init, and the values of variables.
const before = "before every test"

// graph says of each place who names it.
type graph struct {
	namedBy map[place]map[place]bool
	methods map[string][]place // by their names alone
	tests   map[place]bool
	readers map[place]token.Position // of the variable
}

// list loads the module with its tests.
func list(folder string) ([]string, error) {
	loaded, err := packages.Load(&packages.Config{
		Dir: folder, Tests: true,
		Mode: packages.NeedName | packages.NeedFiles | packages.NeedSyntax | packages.NeedTypes | packages.NeedTypesInfo | packages.NeedImports,
	}, "./...")
	if err != nil {
		return nil, err
	}
	g := graph{namedBy: map[place]map[place]bool{}, methods: map[string][]place{}, tests: map[place]bool{}, readers: map[place]token.Position{}}
	var errs []error
	for _, p := range loaded {
		for _, e := range p.Errors {
			errs = append(errs, e)
		}
		for _, file := range p.Syntax {
			g.add(p, file)
		}
	}
	if err := errors.Join(errs...); err != nil {
		return nil, err
	}
	return g.lines()
}

// of is an object's place. An object of a function's inside has none.
func of(object types.Object) (place, bool) {
	if object.Pkg() == nil {
		return place{}, false
	}
	if f, ok := object.(*types.Func); ok {
		return place{object.Pkg().Path(), strings.TrimPrefix(f.Origin().FullName(), object.Pkg().Path()+".")}, true
	}
	return place{object.Pkg().Path(), object.Name()}, object.Parent() == object.Pkg().Scope()
}

// add takes up the declarations of a file.
func (g *graph) add(p *packages.Package, file *ast.File) {
	isTest := strings.HasSuffix(p.Fset.Position(file.Pos()).Filename, "_test.go")
	for _, declaration := range file.Decls {
		switch d := declaration.(type) {
		case *ast.FuncDecl:
			at, _ := of(p.TypesInfo.Defs[d.Name])
			switch name := d.Name.Name; {
			case d.Recv != nil:
				g.methods[name] = append(g.methods[name], at)
			case name == "init" || name == "TestMain":
				at.name = before
			case isTest && strings.HasPrefix(name, "Test"):
				g.tests[at] = true
			}
			g.read(p, at, d)
		case *ast.GenDecl:
			for _, spec := range d.Specs {
				values, ok := spec.(*ast.ValueSpec)
				if !ok {
					continue
				}
				for _, name := range values.Names {
					at := place{p.Types.Path(), name.Name}
					g.read(p, at, values)
					if d.Tok == token.VAR && name.Name == "_" && len(values.Values) > 0 {
						g.read(p, place{p.Types.Path(), before}, values)
					}
				}
			}
		}
	}
}

// read takes up what a declaration names.
func (g *graph) read(p *packages.Package, at place, declaration ast.Node) {
	names := func(to place) {
		if g.namedBy[to] == nil {
			g.namedBy[to] = map[place]bool{}
		}
		g.namedBy[to][at] = true
	}
	ast.Inspect(declaration, func(n ast.Node) bool {
		switch n := n.(type) {
		case *ast.Ident:
			object := p.TypesInfo.Uses[n]
			if object == nil {
				return true
			}
			if to, ok := of(object); ok {
				names(to)
			}
			if f, ok := object.(*types.Func); ok {
				if receiver := f.Signature().Recv(); receiver != nil && types.IsInterface(receiver.Type()) {
					names(place{"", f.Name()})
				}
			}
		case *ast.BasicLit:
			if n.Kind == token.STRING && strings.Contains(n.Value, variable) {
				g.readers[at] = p.Fset.Position(n.Pos())
			}
		}
		return true
	})
}

// lines goes from those that read the variable up to the tests.
func (g *graph) lines() ([]string, error) {
	long := map[string][]string{} // tests by package
	var errs []error
	for reader, position := range g.readers {
		reached := false
		for at := range g.above(reader) {
			if g.tests[at] || at.name == before {
				// The tests of package x_test are in the folder of x.
				path := strings.TrimSuffix(at.path, "_test")
				long[path], reached = append(long[path], at.name), true
			}
		}
		if !reached {
			errs = append(errs, fmt.Errorf("%s: %s reads %s, and no test reaches it", position, reader.name, variable))
		}
	}
	var lines []string
	for path, names := range long {
		slices.Sort(names)
		pattern := "^(" + strings.Join(slices.Compact(names), "|") + ")$"
		if slices.Contains(names, before) {
			pattern = "."
		}
		lines = append(lines, path+" "+pattern)
	}
	if len(lines) == 0 {
		errs = append(errs, fmt.Errorf("nothing reads %s: has the variable another name now?", variable))
	}
	slices.Sort(lines)
	return lines, errors.Join(errs...)
}

// above gives a place and all that reach it.
func (g *graph) above(reader place) map[place]bool {
	seen, queue := map[place]bool{reader: true}, []place{reader}
	for len(queue) > 0 {
		at := queue[0]
		queue = queue[1:]
		by := []map[place]bool{g.namedBy[at]}
		for name, methods := range g.methods {
			if slices.Contains(methods, at) {
				by = append(by, g.namedBy[place{"", name}])
			}
		}
		for _, set := range by {
			for next := range set {
				if !seen[next] {
					seen[next] = true
					queue = append(queue, next)
				}
			}
		}
	}
	return seen
}
