package policies_test

import (
	"encoding/json"
	"io/fs"
	"os"
	"path"
	"strings"
	"testing"

	"github.com/open-policy-agent/opa/v1/ast"
	"github.com/open-policy-agent/opa/v1/cover"
	"github.com/open-policy-agent/opa/v1/format"
	"github.com/open-policy-agent/opa/v1/tester"
	"github.com/stretchr/testify/require"

	"github.com/tollgate-gateway/tollgate/policies"
)

// regoFiles are all Rego files of this folder, tests included.
func regoFiles(t *testing.T) map[string]string {
	files := map[string]string{}
	require.NoError(t, fs.WalkDir(os.DirFS("."), ".", func(name string, entry fs.DirEntry, err error) error {
		if err != nil || path.Ext(name) != ".rego" {
			return err
		}
		text, err := os.ReadFile(name)
		files[name] = string(text)
		return err
	}))
	require.NotEmpty(t, files)
	return files
}

func modules(t *testing.T) map[string]*ast.Module {
	modules := map[string]*ast.Module{}
	for name, text := range regoFiles(t) {
		module, err := ast.ParseModuleWithOpts(name, text, ast.ParserOptions{ProcessAnnotation: true})
		require.NoError(t, err)
		modules[name] = module
	}
	return modules
}

func strictCompiler(t *testing.T) *ast.Compiler {
	var schema any
	require.NoError(t, json.Unmarshal(policies.InputSchema, &schema))
	schemas := ast.NewSchemaSet()
	schemas.Put(ast.SchemaRootRef, schema)
	return ast.NewCompiler().WithStrict(true).WithSchemas(schemas)
}

func TestRegoTestsPassAndCoverEveryLine(t *testing.T) {
	coverage, tested := cover.New(), modules(t)
	runner := tester.NewRunner().SetCompiler(strictCompiler(t)).SetModules(tested).SetCoverageQueryTracer(coverage)
	results, err := runner.RaiseBuiltinErrors(true).RunTests(t.Context(), nil)
	require.NoError(t, err)
	count := 0
	for result := range results {
		count++
		require.True(t, result.Pass(), "%s: %s %v", result.Location, result.Name, result.Error)
	}
	require.Greater(t, count, 30)
	report := coverage.Report(tested)
	for name := range tested {
		if file := report.Files[name]; !strings.HasSuffix(name, "_test.rego") {
			require.NotNil(t, file, name)
			require.InDelta(t, 100, file.Coverage, 0, "%s misses %v", name, file.NotCovered)
		}
	}
}

func TestEveryPolicyIsEmbeddedAndNoTest(t *testing.T) {
	for name, text := range regoFiles(t) {
		embedded, err := policies.Embedded.ReadFile(name)
		if strings.HasSuffix(name, "_test.rego") {
			require.ErrorIs(t, err, fs.ErrNotExist, name)
			continue
		}
		require.NoError(t, err)
		require.Equal(t, text, string(embedded), name)
	}
}

func TestHouseStyle(t *testing.T) {
	for name, text := range regoFiles(t) {
		t.Run(name, func(t *testing.T) {
			formatted, err := format.Source(name, []byte(text))
			require.NoError(t, err)
			require.Equal(t, string(formatted), text, "opa fmt would change the file")
		})
	}
	compiler := strictCompiler(t)
	compiler.Compile(modules(t))
	require.Empty(t, compiler.Errors)
}

func TestPackagesAreNamedAfterTheirFolders(t *testing.T) {
	for name, module := range modules(t) {
		folder := strings.ReplaceAll(path.Dir(name), "/", ".")
		require.Equal(t, "package "+folder, strings.TrimSuffix(module.Package.String(), "_test"), name)
	}
}

func TestEveryPublicRuleNamesItsCodes(t *testing.T) {
	for name, module := range modules(t) {
		for _, rule := range module.Rules {
			rule := rule.Head.Name.String()
			if strings.HasSuffix(name, "_test.rego") || strings.HasPrefix(rule, "_") {
				continue
			}
			custom := map[string]any{}
			for _, annotations := range module.Annotations {
				if annotations.Scope == "rule" && annotations.GetTargetPath().String() == module.Package.Path.String()+"."+rule {
					custom = annotations.Custom
				}
			}
			require.True(t, custom["code"] != nil || custom["codes"] != nil, "%s: %s has no METADATA with its code", name, rule)
		}
	}
}
