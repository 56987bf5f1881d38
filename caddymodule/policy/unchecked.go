package policy

import (
	"slices"

	"github.com/open-policy-agent/opa/v1/ast"
)

// unseen finds the places in a rule where the schema of the input ends: a part of it whose names are fixed is given to a
// function, or one of its names is computed. A typing error behind them is found by no compiler, only by tests.
type unseen struct {
	// parts are the variables that stand for such a part.
	parts map[ast.Var][]string
	found []reading
}

// uncheckedIn are the places of all rules, in their order.
func uncheckedIn(rules []*ast.Rule) []reading {
	var all []reading
	for _, rule := range rules {
		u := unseen{parts: map[ast.Var][]string{}}
		ast.WalkExprs(rule, func(expr *ast.Expr) bool { u.names(expr); return false })
		ast.WalkExprs(rule, func(expr *ast.Expr) bool { u.calls(expr); return false })
		ast.WalkRefs(rule, func(ref ast.Ref) bool { u.computed(ref); return false })
		all = append(all, u.found...)
	}
	slices.SortStableFunc(all, func(a, b reading) int { return compareLocations(a.at, b.at) })
	return slices.CompactFunc(all, func(a, b reading) bool {
		return compareLocations(a.at, b.at) == 0 && slices.Equal(a.path, b.path)
	})
}

// fixedNames tells the parts of the input whose names the schema lists: itself, and its five objects.
func fixedNames(path []string) bool { return len(path) < 2 }

// part is the path of a part of the input that a term stands for, as far as its names are constants, and the number of
// elements that were.
func (u *unseen) part(term *ast.Term) (path []string, elements int, ok bool) {
	ref, isRef := term.Value.(ast.Ref)
	if !isRef {
		variable, isVar := term.Value.(ast.Var)
		path, ok = u.parts[variable]
		return path, 0, isVar && ok
	}
	if !ref[0].Equal(ast.InputRootDocument) {
		if path, _, ok = u.part(ref[0]); !ok {
			return nil, 0, false
		}
	}
	path = slices.Clone(path)
	for _, element := range ref[1:] {
		name, constant := element.Value.(ast.String)
		if !constant {
			break
		}
		path, elements = append(path, string(name)), elements+1
	}
	return path, elements, true
}

// whole is the path of a part with fixed names that a term stands for as a whole.
func (u *unseen) whole(term *ast.Term) ([]string, bool) {
	path, elements, ok := u.part(term)
	if ref, isRef := term.Value.(ast.Ref); isRef && elements < len(ref)-1 {
		return nil, false
	}
	return path, ok && fixedNames(path)
}

// names takes note of a variable that stands for a part.
func (u *unseen) names(expr *ast.Expr) {
	if !expr.IsEquality() {
		return
	}
	for _, sides := range [][2]int{{0, 1}, {1, 0}} {
		variable, isVar := expr.Operand(sides[0]).Value.(ast.Var)
		if path, ok := u.whole(expr.Operand(sides[1])); isVar && ok {
			u.parts[variable] = path
		}
	}
}

func (u *unseen) calls(expr *ast.Expr) {
	if !expr.IsCall() || expr.IsEquality() {
		return
	}
	for _, operand := range expr.Operands() {
		if path, ok := u.whole(operand); ok {
			u.found = append(u.found, reading{path: path, at: expr.Location})
		}
	}
}

func (u *unseen) computed(ref ast.Ref) {
	path, elements, ok := u.part(ast.NewTerm(ref))
	if ok && elements < len(ref)-1 && fixedNames(path) {
		u.found = append(u.found, reading{path: path, at: ref[0].Location})
	}
}
