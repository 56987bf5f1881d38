package policy

import (
	"fmt"

	"github.com/open-policy-agent/opa/v1/ast"
)

// reserved is the package below which only tollgate.authz is open to a team, and there only deny.
const reserved = "tollgate"

// authzPackage is where teams write their refusals.
const authzPackage = "tollgate.authz"

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

// checkPackage says why a team may not define what its module defines: packages are tollgate.authz
// or outside tollgate; those of tests are tollgate.authz_test or outside.
func checkPackage(module *ast.Module, test bool, taken map[string]bool) error {
	path := module.Package.Path
	root, ok := path[1].Value.(ast.String)
	if !ok || root != reserved {
		return nil
	}
	name, at := packageName(module), place(module.Package.Location)
	switch {
	case name == "tollgate.authz_test" && test:
		return nil
	case name == authzPackage && test:
		return fmt.Errorf("%s: package tollgate.authz in a file of tests, which do not belong to the policies: "+
			"use package tollgate.authz_test, or a file name that does not end in _test.rego", at)
	case name != authzPackage:
		return fmt.Errorf("%s: package %s is the gateway's own, it makes the decision: write refusals as deny in package "+
			"tollgate.authz, or use a package outside tollgate", at, name)
	}
	for _, rule := range module.Rules {
		if taken[ruleName(rule)] {
			return fmt.Errorf("%s: %s is a rule of the embedded policies: choose another name", place(rule.Location), ruleName(rule))
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
