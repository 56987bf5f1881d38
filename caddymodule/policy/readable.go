package policy

import (
	"errors"
	"fmt"
	"strings"

	"github.com/open-policy-agent/opa/v1/ast"
	"github.com/open-policy-agent/opa/v1/types"
)

// readableError puts what OPA and the parsers say on one line, each problem with its file and line.
func readableError(err error) error {
	var problems ast.Errors
	if joined, ok := err.(interface{ Unwrap() []error }); ok {
		lines := make([]string, 0, 4)
		for _, err := range joined.Unwrap() {
			lines = append(lines, readableError(err).Error())
		}
		return errors.New(strings.Join(lines, "; "))
	}
	if !errors.As(err, &problems) {
		return err
	}
	lines := make([]string, len(problems))
	for i, problem := range problems {
		lines[i] = strings.Join(strings.Fields(problem.Message), " ")
		if name, isCall := strings.CutPrefix(lines[i], "undefined function "); isCall {
			if why := whyNotAvailable(name); why != "" {
				lines[i] = name + " is not available to policies: " + why
			}
		}
		if problem.Location != nil {
			lines[i] = fmt.Sprintf("%s:%d: %s", problem.Location.File, problem.Location.Row, lines[i])
		}
		lines[i] += readableDetail(problem.Details)
	}
	return errors.New(strings.Join(lines, "; "))
}

// readableDetail tells which types the checker found, and what to write in place of the usual mistakes.
func readableDetail(details ast.ErrorDetails) string {
	switch detail := details.(type) {
	case *ast.RefErrInvalidDetail:
		return fmt.Sprintf(" (%s; known here are %v)", detail.Ref, detail.OneOf)
	case *ast.UnificationErrDetail:
		return fmt.Sprintf(": %s is compared with %s%s", typeName(detail.Left), typeName(detail.Right), advice(detail.Left, detail.Right))
	case *ast.RefErrUnsupportedDetail:
		return fmt.Sprintf(" (a %s has no elements)", typeName(detail.Have))
	case *ast.ArgErrDetail:
		return readableArguments(detail)
	}
	return ""
}

// readableArguments leaves out what the function gives, which stands behind its arguments.
func readableArguments(detail *ast.ArgErrDetail) string {
	takes, has := detail.Want.Args, detail.Have
	if n := len(takes) - 1; n >= 0 {
		if len(has) == len(takes) {
			has = has[:n]
		}
		takes = takes[:n]
	}
	given, taken, what := make([]string, len(has)), make([]string, len(takes)), ""
	for i := range has {
		given[i] = typeName(has[i])
		if i < len(takes) && what == "" {
			what = advice(has[i], takes[i])
		}
	}
	for i := range takes {
		taken[i] = typeName(takes[i])
	}
	return fmt.Sprintf(": it is given (%s) and takes (%s)%s", strings.Join(given, ", "), strings.Join(taken, ", "), what)
}

// typeName is a type as OPA writes it; "any" where it is not known.
func typeName(t types.Type) string {
	if named, ok := t.(*types.NamedType); ok {
		t = named.Type
	}
	if t == nil {
		return types.A.String()
	}
	return clip(t.String())
}

// advice is what to write where one type is taken for another.
func advice(a, b types.Type) string {
	one, other := typeName(a), typeName(b)
	if one != "array[string]" && one != "string" {
		one, other = other, one
	}
	switch {
	case one == "array[string]" && (other == "string" || other == "number" || other == "boolean"),
		one == "string" && other == "array[string]":
		return `; headers, query parameters and scopes are lists: write "value" in the list, or take one of them, as in list[0]`
	case one == "string" && other == "number":
		return "; what a request says is text: make a number of it with to_number, once regex.match has seen that it is one"
	}
	return ""
}
