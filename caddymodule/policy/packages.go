package policy

import (
	"fmt"

	"github.com/open-policy-agent/opa/v1/ast"
)

// reserved is the package below which only tollgate.authz is open to a team, and there only deny.
const reserved = "tollgate"

// embeddedRules are the names that the embedded policies define in tollgate.authz, deny aside. A second definition would
// be one more way to satisfy them, so that a file could weaken what it is added to.
func embeddedRules(modules map[string]*ast.Module) map[string]bool {
	names := map[string]bool{}
	for _, module := range modules {
		for _, rule := range module.Rules {
			names[ruleName(rule)] = true
		}
	}
	delete(names, "deny")
	return names
}

// checkPackage says why a team may not define what its module defines (design, section 5): packages are tollgate.authz
// or outside tollgate; tests may also use tollgate.authz_test.
func checkPackage(module *ast.Module, test bool, taken map[string]bool) error {
	path := module.Package.Path
	root, ok := path[1].Value.(ast.String)
	if !ok || root != reserved {
		return nil
	}
	name := module.Package.String()
	switch {
	case name == "package tollgate.authz_test" && test:
		return nil
	case name != "package tollgate.authz":
		location := module.Package.Location
		return fmt.Errorf("%s:%d: %s is the gateway's own, it makes the decision: write refusals as deny in package tollgate.authz, "+
			"or use a package outside tollgate", location.File, location.Row, name)
	}
	for _, rule := range module.Rules {
		if taken[ruleName(rule)] {
			return fmt.Errorf("%s:%d: %s is a rule of the embedded policies: choose another name",
				rule.Location.File, rule.Location.Row, ruleName(rule))
		}
	}
	return nil
}

// ruleName is the first name of a rule's head, below its package.
func ruleName(rule *ast.Rule) string {
	switch name := rule.Head.Ref()[0].Value.(type) {
	case ast.Var:
		return string(name)
	case ast.String:
		return string(name)
	}
	return rule.Head.Ref().String()
}
