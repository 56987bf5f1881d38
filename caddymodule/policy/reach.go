package policy

import (
	"errors"
	"fmt"
	"maps"
	"slices"

	"github.com/open-policy-agent/opa/v1/ast"
)

// howToRefuse ends the errors about rules that nobody asks.
const howToRefuse = `a request passes unless a rule refuses it, so write what is refused, in package tollgate.authz: ` +
	`deny contains {"code": "FORBIDDEN", "message": "Read only."} if input.request.method != "GET"`

// checkReach finds files that no decision asks. One that means to decide, by a rule called allow or deny, is an error: it
// would refuse nobody, and nothing would say so. Any other may be there for tests: it is a warning, and so is such a rule
// beside others that are asked.
func (s *sources) checkReach(compiler *ast.Compiler) (warnings []string, err error) {
	reached := reachedFrom(compiler, decisionRef)
	var problems []error
	for _, name := range slices.Sorted(maps.Keys(s.own)) {
		module := compiler.Modules[name]
		asked := slices.ContainsFunc(module.Rules, func(rule *ast.Rule) bool { return reached.seen[rule] })
		unasked := slices.IndexFunc(module.Rules, func(rule *ast.Rule) bool { return decides(rule) && !reached.seen[rule] })
		switch {
		case asked && unasked >= 0:
			warnings = append(warnings, neverAsked(module.Rules[unasked]))
		case asked, len(module.Rules) == 0:
		case unasked >= 0:
			problems = append(problems, fmt.Errorf("%s; no rule of this file is asked, so it would refuse nobody: %s", neverAsked(module.Rules[unasked]), howToRefuse))
		default:
			warnings = append(warnings, fmt.Sprintf("%s: no rule of this file is asked for a decision; if only tests use it, end its name in _test.rego", name))
		}
	}
	return warnings, errors.Join(problems...)
}

// decides tells the rules by which published policies say yes or no. Functions are none: they are called by name.
func decides(rule *ast.Rule) bool {
	return len(rule.Head.Args) == 0 && slices.ContainsFunc(rule.Head.Ref(), func(element *ast.Term) bool {
		return element.Equal(ast.VarTerm("allow")) || element.Equal(ast.VarTerm("deny")) ||
			element.Equal(ast.StringTerm("allow")) || element.Equal(ast.StringTerm("deny"))
	})
}

func neverAsked(rule *ast.Rule) string {
	return fmt.Sprintf("%s: %s of package %s is never asked for a decision", place(rule.Location), ruleName(rule), packageName(rule.Module))
}
