package policy

import (
	"errors"
	"fmt"
	"maps"
	"slices"
	"strings"

	"github.com/open-policy-agent/opa/v1/ast"
	"github.com/open-policy-agent/opa/v1/types"
)

// checkShapes finds refusals that can only make the decision malformed, as far as types and constants tell: those that
// are text, that have no code or an unknown one, or a field of another type. What may be malformed is a warning.
func (s *sources) checkShapes(compiler *ast.Compiler) (warnings []string, err error) {
	var problems []error
	for _, name := range slices.Sorted(maps.Keys(s.own)) {
		module := compiler.Modules[name]
		if packageName(module) != authzPackage {
			continue
		}
		for _, rule := range module.Rules {
			if ruleName(rule) != "deny" || rule.Head.Key == nil {
				continue
			}
			wrong, certain := shapeOf(compiler, rule)
			switch {
			case wrong == "":
			case certain:
				problems = append(problems, fmt.Errorf("%s: the refusal %s; %s", place(rule.Location), wrong, refusalForm))
			default:
				warnings = append(warnings, fmt.Sprintf("%s: the refusal, for some requests, %s, and fails their decision; %s", place(rule.Location), wrong, refusalForm))
			}
		}
	}
	return warnings, errors.Join(problems...)
}

const refusalForm = `write {"code": "FORBIDDEN", "message": "…", "details": {…}}; message and details may be left out`

// shapeOf says what is wrong with the refusals of a rule of deny, and whether all of that kind which the rule makes would
// fail the decision.
func shapeOf(compiler *ast.Compiler, rule *ast.Rule) (wrong string, certain bool) {
	if code := constantCode(rule); code != "" && !slices.Contains(codes, code) {
		return fmt.Sprintf("has the code %q, which is not one of %s", clip(code), strings.Join(codes, ", ")), true
	}
	query := compiler.QueryCompiler()
	if _, err := query.Compile(rule.Body); err != nil {
		return "", false // the rule itself did compile: what its types are is not known, and evaluation will see
	}
	wrong, all := wrongShape(query.TypeEnv().GetByValue(rule.Head.Key.Value))
	return wrong, all || isUnfiltered(rule)
}

// wrongShape says what is wrong with values of a type in place of a refusal, and whether that holds for all of them.
func wrongShape(t types.Type) (wrong string, all bool) {
	switch t := t.(type) {
	case nil:
		return "", false
	case types.Any:
		right := len(t) == 0
		for _, member := range t {
			if bad, _ := wrongShape(member); bad != "" {
				wrong = bad
			} else {
				right = true
			}
		}
		return wrong, !right
	case *types.Object:
		wrong = wrongFields(t)
		return wrong, wrong != ""
	}
	return "is of type " + typeName(t), true
}

// wrongFields says what is wrong with the fields of an object, as far as their names are known.
func wrongFields(object *types.Object) string {
	names := map[string]types.Type{}
	for _, field := range object.StaticProperties() {
		names[fmt.Sprint(field.Key)] = field.Value
	}
	if names["code"] == nil && object.DynamicProperties() == nil {
		return "has no code"
	}
	for _, name := range slices.Sorted(maps.Keys(names)) {
		switch name {
		case "code", "message":
			if !mayBe(names[name], types.S) {
				return "has a " + name + " of type " + typeName(names[name])
			}
		case "details":
			if !mayBe(names[name], types.Nl) && !mayBeObject(names[name]) {
				return "has details of type " + typeName(names[name])
			}
		default:
			return fmt.Sprintf("has a field %q", name)
		}
	}
	return ""
}

// mayBe reports whether a value of a type can be one of a scalar type.
func mayBe(t, scalar types.Type) bool {
	return t == nil || types.Compare(t, types.A) == 0 || slices.ContainsFunc(members(t), func(member types.Type) bool {
		return types.Compare(member, scalar) == 0
	})
}

func mayBeObject(t types.Type) bool {
	return slices.ContainsFunc(members(t), func(member types.Type) bool { _, ok := member.(*types.Object); return ok })
}

func members(t types.Type) []types.Type {
	if union, ok := t.(types.Any); ok {
		return union
	}
	return []types.Type{t}
}

// constantCode is the code of a refusal where the rule itself says it; else it is empty.
func constantCode(rule *ast.Rule) string {
	if refusal, ok := boundTo(rule, rule.Head.Key).Value.(ast.Object); ok {
		if code := refusal.Get(ast.InternedTerm("code")); code != nil {
			text, _ := boundTo(rule, code).Value.(ast.String)
			return string(text)
		}
	}
	return ""
}

// boundTo is what the rule's body says that a variable is, in an equality of its own; any other term is itself.
func boundTo(rule *ast.Rule, term *ast.Term) *ast.Term {
	if _, isVar := term.Value.(ast.Var); !isVar {
		return term
	}
	for _, expr := range rule.Body {
		if expr.IsEquality() && !expr.Negated {
			switch {
			case expr.Operand(0).Equal(term):
				return expr.Operand(1)
			case expr.Operand(1).Equal(term):
				return expr.Operand(0)
			}
		}
	}
	return term
}

// isUnfiltered reports whether a rule makes a refusal of every value of a variable: the body says where they come from and
// nothing else of them.
func isUnfiltered(rule *ast.Rule) bool {
	variable, ok := rule.Head.Key.Value.(ast.Var)
	if !ok {
		return false
	}
	mentions := 0
	for _, expr := range rule.Body {
		vars := ast.NewVarVisitor()
		vars.Walk(expr)
		if vars.Vars().Contains(variable) {
			mentions++
		}
	}
	return mentions == 1
}
