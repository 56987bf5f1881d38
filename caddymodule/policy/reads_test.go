package policy

import (
	"slices"
	"strings"
	"testing"

	"github.com/open-policy-agent/opa/v1/ast"
	"github.com/open-policy-agent/opa/v1/dependencies"
	"github.com/stretchr/testify/require"
)

func TestFindsEverythingThatAPolicyCanRead(t *testing.T) {
	embedded := []string{"input.key.allowed_ips", "input.key.scopes", "input.plan.denied", "input.plan.name", "input.request.client_ip", "input.route.scopes"}
	for name, test := range map[string]struct {
		files map[string]string
		want  []string // beside what the embedded policies read
	}{
		"nothing else":                 {},
		"constant paths":               {map[string]string{"a.rego": refusal(`input.request.headers["x-a"][0] == input.workspace.metadata.a.b`)}, []string{`input.request.headers["x-a"]`, "input.workspace.metadata.a.b"}},
		"up to a variable":             {map[string]string{"a.rego": refusal(`input.request.query[_][0] == "a"`)}, []string{"input.request.query"}},
		"up to an index":               {map[string]string{"a.rego": refusal(`input.request.query.a[0] == "a"`)}, []string{"input.request.query.a"}},
		"a path within a path":         {map[string]string{"a.rego": refusal(`input.request.query[input.request.method]`)}, []string{"input.request.method", "input.request.query"}},
		"a path within a data path":    {map[string]string{"a.rego": refusal(`data.blocked[input.request.host]`), "data.json": `{"blocked": {}}`}, []string{"input.request.host"}},
		"the shorter of two paths":     {map[string]string{"a.rego": refusal(`input.workspace.metadata.a == input.workspace.metadata`)}, []string{"input.workspace.metadata"}},
		"other packages":               {map[string]string{"a.rego": refusal(`data.team.bad`), "b.rego": "package team\n\nbad if input.request.host == \"b\"\n"}, []string{"input.request.host"}},
		"packages by a variable":       {map[string]string{"a.rego": refusal(`data.team[input.request.method].bad`), "b.rego": "package team.b\n\nbad if input.request.host == \"b\"\n"}, []string{"input.request.host", "input.request.method"}},
		"a whole package":              {map[string]string{"a.rego": refusal("x := data.team\n\tx.bad"), "b.rego": "package team\n\nbad if input.request.host == \"b\"\n"}, []string{"input.request.host"}},
		"what stands in `with`":        {map[string]string{"a.rego": refusal(`data.team.bad with input.request.path as input.request.host`), "b.rego": "package team\n\nbad if input.request.method == \"b\"\n"}, []string{"input.request.host", "input.request.method"}},
		"the function put in by with":  {map[string]string{"a.rego": refusal(`data.team.f(1) with data.team.f as data.team.g`), "b.rego": "package team\n\nf(_) := 1\n\ng(_) := 1 if input.request.method == \"b\"\n"}, []string{"input.request.method"}},
		"else and default":             {map[string]string{"a.rego": refusal(`_a`) + "\ndefault _a := false\n\n_a if {\n\tinput.request.path == \"x\"\n} else if {\n\tinput.request.host == \"b\"\n}\n"}, []string{"input.request.host", "input.request.path"}},
		"every, comprehensions, heads": {map[string]string{"a.rego": authz(`deny contains {"code": input.request.method} if every x in [y | some y in input.request.query.y] { x in {z | some z in input.request.query.z} }`)}, []string{"input.request.method", "input.request.query.y", "input.request.query.z"}},
		"brackets in a head":           {map[string]string{"a.rego": refusal(`_a.b.c`) + "\n_a[input.request.host][input.request.method] := 1\n"}, []string{"input.request.host", "input.request.method"}},
		"template strings":             {map[string]string{"a.rego": refusal("$`{input.request.host}` == \"b\"")}, []string{"input.request.host"}},
		"no rules that nothing asks":   {map[string]string{"a.rego": "package team\n\nbad if input.request.host == \"b\"\n"}, nil},
		"no tests":                     {map[string]string{"a.rego": authz("_a := 1\n\n_b := _a\n"), "a_test.rego": "package team_test\n\ntest_a if not data.team.x with input as {}\n"}, nil},
		"the whole input":              {map[string]string{"a.rego": refusal(`f(input)`) + "\nf(i) if i.request.method == \"POST\"\n"}, []string{"input"}},
	} {
		t.Run(name, func(t *testing.T) {
			want := append(slices.Clone(embedded), test.want...)
			slices.Sort(want)
			if slices.Contains(want, "input") {
				want = []string{"input"}
			}
			require.Equal(t, want, engine(t, test.files).Report().Reads)
		})
	}
}

// TestOPAFindsNothingThatIsNotFoundHere compares with OPA's own analysis, which is made for another purpose and may panic.
func TestOPAFindsNothingThatIsNotFoundHere(t *testing.T) {
	compared := 0
	for _, policy := range trickyPolicies {
		g := engine(t, map[string]string{"policy.rego": policy.rego}).current.Load()
		readings := readingsOf(g.compiler, g.compiler.GetRulesDynamicWithOpts(decisionRef, ast.RulesOptions{}))
		for _, ref := range baseDependencies(g.compiler) {
			if !ref[0].Equal(ast.InputRootDocument) || policy.name == "with the whole input" {
				continue // OPA counts the target of a `with`, too
			}
			compared++
			var path []string
			for _, term := range ref.ConstantPrefix()[1:] {
				path = append(path, strings.Trim(term.String(), `"`))
			}
			require.True(t, slices.ContainsFunc(readings, func(r reading) bool {
				return len(r.path) <= len(path) && slices.Equal(r.path, path[:len(r.path)])
			}), "%s: %s is not among %v", policy.name, ref, readings)
		}
	}
	require.Greater(t, compared, 100)
}

func baseDependencies(compiler *ast.Compiler) (refs []ast.Ref) {
	defer func() { _ = recover() }()
	refs, _ = dependencies.Base(compiler, ast.NewBody(ast.NewExpr(ast.NewTerm(decisionRef))))
	return refs
}

func TestAnUnknownNodeMayReadAnything(t *testing.T) {
	f := follower{}
	require.False(t, f.visit(struct{}{}))
	require.Equal(t, []reading{{}}, f.readings)
}

// TestNeedsNoCompilerToTakeReferencesApart walks rules as they were parsed, with paths within paths and heads.
func TestNeedsNoCompilerToTakeReferencesApart(t *testing.T) {
	for rule, want := range map[string][]string{
		`p := input.a[input.b[data.c[input.d]]]`:                         {"input.a", "input.b", "input.d"},
		`p[input.a][input.b].c := 1`:                                     {"input.a", "input.b"},
		`p contains 1 if { f(input.a)[input.b] }`:                        {"input.a", "input.b"},
		`p := [input.a][input.b]`:                                        {"input.a", "input.b"},
		`p if { true } else := input.a if { input["b"] }`:                {"input.a", "input.b"},
		`p := 1 if { x with input.a as input.b }`:                        {"input.b"},
		`p := {input.a: {input.b | input.c}, "d": input}`:                {"input"},
		`p := y if { some y in input.a; every z in y { z == input.b } }`: {"input.a", "input.b"},
	} {
		t.Run(rule, func(t *testing.T) {
			require.Equal(t, want, paths(ownReadingsOf(nil, ast.MustParseModule("package p\n\n"+rule).Rules)))
		})
	}
}
