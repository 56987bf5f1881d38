package policy

import (
	"slices"
	"strconv"
	"strings"

	"github.com/open-policy-agent/opa/v1/ast"
	"github.com/open-policy-agent/opa/v1/types"
)

// checkExposed finds comparisons of values that can never be equal where OPA's type checker does not look: it takes
// operands of any type for !=, <, <=, > and >=, and any operand as the collection of `in`; it does not check what stands
// in the braces of `every`, nor what object.get finds. Each rule is written anew in a form that OPA does check.
func (s *sources) checkExposed(compiler *ast.Compiler) error {
	var rules []*ast.Rule
	for name := range s.own {
		ast.WalkRules(compiler.Modules[name], func(rule *ast.Rule) bool {
			rules = append(rules, exposedRule(rule, len(rules)))
			return false
		})
	}
	var found ast.Errors
	for _, problem := range compiler.PassesTypeCheckRules(rules) {
		if isComparison(problem) {
			found = append(found, problem)
		}
	}
	if found == nil {
		return nil
	}
	return found
}

// exposedRule is a copy of a compiled rule of which only the body matters. Its name is one that no rule refers to.
func exposedRule(rule *ast.Rule, n int) *ast.Rule {
	rule = rule.Copy()
	rule.Else = nil
	rule.Module = &ast.Module{Package: &ast.Package{Path: ast.Ref{ast.DefaultRootDocument, ast.StringTerm("__exposed__")}}}
	rule.Head.Reference = ast.Ref{ast.VarTerm("__exposed" + strconv.Itoa(n) + "__")}
	rule.Head.Name = ""
	x := exposure{defaults: map[ast.Var]*ast.Term{}, seen: map[ast.Var]bool{}}
	x.see(rule.Head.Args)
	rule.Body = x.body(rule.Body)
	ast.WalkClosures(rule, func(node any) bool {
		switch closure := node.(type) {
		case *ast.ArrayComprehension:
			closure.Body = x.body(closure.Body)
		case *ast.SetComprehension:
			closure.Body = x.body(closure.Body)
		case *ast.ObjectComprehension:
			closure.Body = x.body(closure.Body)
		}
		return false
	})
	return rule
}

// isComparison tells the errors that checkExposed is about. Errors in references are the compiler's to find; those about
// a type that is not known say nothing.
func isComparison(problem *ast.Error) bool {
	switch detail := problem.Details.(type) {
	case *ast.UnificationErrDetail:
		return !types.Nil(detail.Left) && !types.Nil(detail.Right)
	case *ast.ArgErrDetail:
		given := detail.Have[:min(len(detail.Have), len(detail.Want.Args)-1)] // what follows is the result
		return !slices.ContainsFunc(given, types.Nil)
	case *ast.RefErrUnsupportedDetail:
		problem.Message, problem.Details = "`in` finds nothing in a "+types.Sprint(detail.Have), nil
		return true
	}
	return false
}

// exposure rewrites the bodies of one rule.
type exposure struct {
	// defaults are the variables that hold what object.get finds, with what it gives where there is nothing.
	defaults map[ast.Var]*ast.Term
	// seen are the variables of all expressions so far: evaluation has given them a value.
	seen  map[ast.Var]bool
	fresh int
}

func (x *exposure) variable() *ast.Term {
	x.fresh++
	return ast.VarTerm("__fresh" + strconv.Itoa(x.fresh) + "__")
}

func (x *exposure) body(body ast.Body) (exposed ast.Body) {
	for _, expr := range body {
		for _, expr := range x.expr(expr) {
			exposed.Append(expr)
		}
		x.see(expr)
	}
	if len(exposed) == 0 {
		exposed = ast.NewBody(ast.NewExpr(ast.InternedTerm(true)))
	}
	return exposed
}

func (x *exposure) see(node any) {
	ast.WalkVars(node, func(variable ast.Var) bool { x.seen[variable] = true; return false })
}

// expr gives what stands in place of an expression. One with `with` is left out: types then are not what they seem.
func (x *exposure) expr(expr *ast.Expr) []*ast.Expr {
	if len(expr.With) > 0 {
		return nil
	}
	switch terms := expr.Terms.(type) {
	case *ast.Every:
		return x.every(expr, terms)
	case *ast.Not:
		return x.body(terms.Body)
	case []*ast.Term:
		return x.call(expr, expr.Operator().String(), expr.Operands())
	}
	return []*ast.Expr{expr}
}

// every writes `every k, v in domain { body }` as what it says of one element: d = domain; v = d[k]; body.
func (x *exposure) every(at *ast.Expr, every *ast.Every) []*ast.Expr {
	domain, key := x.variable(), every.Key
	if key == nil {
		key = x.variable()
	}
	element := ast.NewTerm(ast.Ref{domain, key})
	return append([]*ast.Expr{equal(at, domain, every.Domain), equal(at, every.Value, element)}, x.body(every.Body)...)
}

func (x *exposure) call(expr *ast.Expr, function string, operands []*ast.Term) []*ast.Expr {
	same := []*ast.Expr{expr}
	switch function {
	case ast.Equality.Name:
		return x.compare(expr, operands[0], operands[1])
	case ast.NotEqual.Name, ast.LessThan.Name, ast.LessThanEq.Name, ast.GreaterThan.Name, ast.GreaterThanEq.Name:
		return x.differ(expr, operands[0], operands[1])
	case ast.Member.Name:
		return x.member(expr, operands[0], operands[1])
	case ast.MemberWithKey.Name:
		return x.member(expr, operands[1], operands[2])
	case ast.ObjectGet.Name:
		return x.get(expr, operands)
	}
	isOwn := ast.BuiltinMap[strings.TrimPrefix(function, boundedPrefix)] == nil
	if isOwn && slices.ContainsFunc(operands, func(operand *ast.Term) bool { return x.defaultOf(operand) != nil }) {
		return nil // the function may be about what stands for nothing
	}
	return same
}

// differ checks a comparison as if it were one of equal values. `x != null` asks whether there is an x.
func (x *exposure) differ(expr *ast.Expr, a, b *ast.Term) []*ast.Expr {
	if a.Equal(ast.InternedNullTerm) || b.Equal(ast.InternedNullTerm) {
		return []*ast.Expr{expr}
	}
	return append([]*ast.Expr{expr}, x.compare(equal(expr, a, b), a, b)...)
}

// compare leaves out a comparison of what object.get found with anything but a constant other than its default: it may
// ask whether nothing was found.
func (x *exposure) compare(expr *ast.Expr, a, b *ast.Term) []*ast.Expr {
	if x.defaultOf(a) == nil {
		a, b = b, a
	}
	otherwise := x.defaultOf(a)
	alias, isVar := b.Value.(ast.Var)
	switch {
	case otherwise == nil:
	case isVar && !x.seen[alias]:
		x.defaults[alias] = otherwise
	case !ast.IsConstant(b.Value), !ast.IsConstant(otherwise.Value), b.Equal(otherwise):
		return nil
	}
	return []*ast.Expr{expr}
}

// member also looks into the collection, which a text is not.
func (x *exposure) member(expr *ast.Expr, element, collection *ast.Term) []*ast.Expr {
	if x.defaultOf(element) != nil {
		return nil
	}
	exposed := []*ast.Expr{expr}
	switch within := collection.Value.(type) {
	case ast.Var:
		return append(exposed, x.look(expr, ast.Ref{collection, x.variable()}))
	case ast.Ref:
		return append(exposed, x.look(expr, within.Append(x.variable())))
	}
	return exposed
}

func (x *exposure) look(at *ast.Expr, ref ast.Ref) *ast.Expr {
	ref[0] = &ast.Term{Value: ref[0].Value, Location: at.Location}
	return ast.NewExpr(ast.NewTerm(ref)).SetLocation(at.Location)
}

// get writes v = object.get(o, k, default) as v = o[k].
func (x *exposure) get(expr *ast.Expr, operands []*ast.Term) []*ast.Expr {
	if len(operands) < 4 {
		return []*ast.Expr{expr}
	}
	result, ok := operands[3].Value.(ast.Var)
	if !ok {
		return []*ast.Expr{expr}
	}
	ref, ok := found(operands[0], operands[1])
	if !ok {
		return []*ast.Expr{expr}
	}
	x.defaults[result] = operands[2]
	return []*ast.Expr{equal(expr, operands[3], ast.NewTerm(ref))}
}

// found is the reference to what object.get looks for.
func found(object, key *ast.Term) (ref ast.Ref, ok bool) {
	switch within := object.Value.(type) {
	case ast.Var:
		ref = ast.Ref{object}
	case ast.Ref:
		ref = within.Copy()
	default:
		return nil, false
	}
	switch name := key.Value.(type) {
	case ast.String:
		return ref.Append(key), true
	case *ast.Array:
		name.Foreach(func(key *ast.Term) { ref = ref.Append(key) })
		return ref, name.IsGround()
	}
	return nil, false
}

// defaultOf is what a variable holds where object.get finds nothing; nil for all other terms.
func (x *exposure) defaultOf(term *ast.Term) *ast.Term {
	variable, _ := term.Value.(ast.Var)
	return x.defaults[variable]
}

func equal(at *ast.Expr, a, b *ast.Term) *ast.Expr {
	return ast.Equality.Expr(a, b).SetLocation(at.Location)
}
