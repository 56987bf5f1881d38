package policy

import (
	"cmp"
	"slices"
	"strconv"

	"github.com/open-policy-agent/opa/v1/ast"
)

// reading is an input path that a rule can read, and where. An empty path is the whole input.
type reading struct {
	path []string
	at   *ast.Location
}

// ref is the path as OPA has it.
func (r reading) ref() ast.Ref {
	ref := ast.Ref{ast.InputRootDocument}
	for _, name := range r.path {
		ref = append(ref, ast.StringTerm(name))
	}
	return ref
}

// String is the path as policies write it, such as input.request.headers["x-tenant"].
func (r reading) String() string { return r.ref().String() }

// follower follows rules to all that they can read. It over-approximates: a reference counts wherever it stands in a
// rule, whether evaluation gets there or not, and also where a caller replaces the input by `with`.
type follower struct {
	compiler *ast.Compiler
	seen     map[*ast.Rule]bool
	readings []reading
	// stay keeps to the given rules and does not follow them into others.
	stay bool
}

// reachedFrom follows a query to everything that it can read.
func reachedFrom(compiler *ast.Compiler, query ast.Ref) *follower {
	f := &follower{compiler: compiler, seen: map[*ast.Rule]bool{}}
	f.follow(compiler.GetRulesDynamicWithOpts(query, ast.RulesOptions{}))
	return f
}

// readingsOf are all input paths that a query of these rules can read, directly or through any rule they refer to.
func readingsOf(compiler *ast.Compiler, rules []*ast.Rule) []reading {
	f := follower{compiler: compiler, seen: map[*ast.Rule]bool{}}
	f.follow(rules)
	return f.sorted()
}

// ownReadingsOf are the input paths that stand in the rules themselves.
func ownReadingsOf(compiler *ast.Compiler, rules []*ast.Rule) []reading {
	f := follower{compiler: compiler, seen: map[*ast.Rule]bool{}, stay: true}
	for _, rule := range rules {
		f.rule(rule)
	}
	return f.sorted()
}

func (f *follower) follow(rules []*ast.Rule) {
	for _, rule := range rules {
		if !f.seen[rule] {
			f.seen[rule] = true
			f.rule(rule)
		}
	}
}

// rule visits the rule with its else branches. The visitor leaves out the reference of a head, where rules with several
// brackets keep their keys.
func (f *follower) rule(rule *ast.Rule) {
	ast.NewGenericVisitor(f.visit).Walk(rule)
	for r := rule; r != nil; r = r.Else {
		if len(r.Head.Reference) > 1 {
			f.elements(r.Head.Reference[1:])
		}
	}
}

// visit is told every node of a rule; it returns true where it has dealt with all below. A node that it does not know,
// from a future version of the language, may read anything.
func (f *follower) visit(node any) bool {
	switch node := node.(type) {
	case ast.Ref:
		f.reference(node)
		return true
	case ast.Var:
		f.reference(ast.Ref{ast.NewTerm(node)})
	case *ast.With:
		// The target is not read: it is what the rules of the expression find in its place, and those are followed.
		ast.NewGenericVisitor(f.visit).Walk(node.Value)
		return true
	case *ast.Rule, *ast.Head, ast.Body, ast.Args, *ast.Expr, *ast.Term, ast.Call, *ast.Every, *ast.SomeDecl,
		*ast.ArrayComprehension, *ast.ObjectComprehension, *ast.SetComprehension, *ast.TemplateString,
		*ast.Not, *ast.LogicalAnd, *ast.LogicalOr,
		*ast.Array, ast.Object, ast.Set, ast.String, ast.Number, ast.Boolean, ast.Null:
	default:
		f.readings = append(f.readings, reading{})
	}
	return false
}

// reference takes a reference to the input as a reading, up to the first element that is no constant text, and follows
// one to data into every rule that it may mean.
func (f *follower) reference(ref ast.Ref) {
	f.elements(ref[1:])
	head := ref[0]
	switch {
	case head.Equal(ast.InputRootDocument):
		path := make([]string, 0, len(ref)-1)
		for _, element := range ref[1:] {
			name, constant := element.Value.(ast.String)
			if !constant {
				break
			}
			path = append(path, string(name))
		}
		f.readings = append(f.readings, reading{path: path, at: head.Location})
	case head.Equal(ast.DefaultRootDocument):
		if !f.stay {
			f.follow(f.compiler.GetRulesDynamicWithOpts(ref, ast.RulesOptions{IncludeHiddenModules: true}))
		}
	default:
		// A variable, a call's result or a literal: what it stands for is visited where it stands.
		if _, isVar := head.Value.(ast.Var); !isVar {
			ast.NewGenericVisitor(f.visit).Walk(head)
		}
	}
}

func (f *follower) elements(terms []*ast.Term) {
	for _, term := range terms {
		ast.NewGenericVisitor(f.visit).Walk(term)
	}
}

// sorted gives each path once, at the first place that reads it, and none that lies below another.
func (f *follower) sorted() []reading {
	slices.SortFunc(f.readings, func(a, b reading) int {
		return cmp.Or(slices.Compare(a.path, b.path), compareLocations(a.at, b.at))
	})
	var kept []reading
	for _, r := range f.readings {
		if len(kept) > 0 {
			last := kept[len(kept)-1].path
			if len(last) <= len(r.path) && slices.Equal(last, r.path[:len(last)]) {
				continue
			}
		}
		kept = append(kept, r)
	}
	return kept
}

// place is a location as messages give it.
func place(at *ast.Location) string {
	if at == nil {
		return "a policy"
	}
	return at.File + ":" + strconv.Itoa(at.Row)
}

func compareLocations(a, b *ast.Location) int {
	if a == nil || b == nil {
		return 0
	}
	return cmp.Or(cmp.Compare(a.File, b.File), cmp.Compare(a.Row, b.Row))
}
