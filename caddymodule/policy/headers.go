package policy

import (
	"errors"
	"fmt"
	"maps"
	"net/textproto"
	"slices"
	"strings"

	"github.com/open-policy-agent/opa/v1/ast"
)

// checkHeaders refuses headers that the input never has: a rule that asks for one would refuse nobody, or everybody, and
// the schema cannot tell.
func (s *sources) checkHeaders(compiler *ast.Compiler) error {
	var problems []error
	for _, name := range slices.Sorted(maps.Keys(s.own)) {
		f := follower{compiler: compiler, stay: true}
		for _, rule := range compiler.Modules[name].Rules {
			f.rule(rule)
		}
		for _, r := range f.readings {
			if len(r.path) > 2 && r.path[0] == "request" && r.path[1] == "headers" {
				if advice := neverThere(r.path[2]); advice != "" {
					problems = append(problems, fmt.Errorf("%s: %s is never there: %s", place(r.at), r, advice))
				}
			}
		}
	}
	return errors.Join(problems...)
}

// neverThere says what to write in place of a header name that no input has; empty for all others.
func neverThere(name string) string {
	lower := strings.ToLower(name)
	switch canonical := textproto.CanonicalMIMEHeaderKey(lower); {
	case hidden(canonical):
		return "policies see no credentials, ask input.key who it is"
	case strings.ToLower(canonical) != lower || strings.ContainsAny(name, " :"):
		return "no header can have this name"
	case lower != name:
		return fmt.Sprintf("header names are in lower case, write %q", lower)
	}
	return ""
}
