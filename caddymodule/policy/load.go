package policy

import (
	"context"
	"errors"
	"fmt"
	"io/fs"
	"time"

	"github.com/open-policy-agent/opa/v1/ast"
	"github.com/open-policy-agent/opa/v1/storage"
	"github.com/open-policy-agent/opa/v1/storage/inmem"

	"github.com/tollgate-gateway/tollgate/policies"
)

// sources are the policies as they were read and parsed, before any compiler saw them.
type sources struct {
	// policies are all modules but tests, the embedded ones among them.
	policies map[string]*ast.Module
	// tests are the team's own.
	tests map[string]*ast.Module
	// own tells the team's files from the embedded ones.
	own map[string]bool
	// store holds the data files, as terms.
	store storage.Store
	// data is one read transaction for as long as store is used: requests then take no lock of the store.
	data storage.Transaction
	// suiteTimeout is how long all tests together may run.
	suiteTimeout time.Duration
}

// embeddedPrefix begins the names of embedded files.
const embeddedPrefix = "embedded:"

// parse reads and parses the embedded policies and those of paths.
func parse(ctx context.Context, paths []string) (*sources, error) {
	s := &sources{policies: map[string]*ast.Module{}, tests: map[string]*ast.Module{}, own: map[string]bool{}, suiteTimeout: suiteTimeout}
	if err := s.embed(); err != nil {
		return nil, err
	}
	taken := embeddedRules(s.policies)
	files, err := read(paths)
	if err != nil {
		return nil, err
	}
	var problems []error
	for i := range files {
		if files[i].isPolicy() {
			problems = append(problems, s.add(&files[i], taken))
		}
	}
	data, err := documents(files)
	if err := errors.Join(append(problems, err)...); err != nil {
		return nil, readableError(err)
	}
	s.store = inmem.NewFromObjectWithOpts(data, inmem.OptRoundTripOnWrite(false), inmem.OptReturnASTValuesOnRead(true))
	if s.data, err = s.store.NewTransaction(ctx); err != nil {
		return nil, fmt.Errorf("opening the policies' data: %w", err)
	}
	return s, nil
}

// embed parses the policies that apply everywhere.
func (s *sources) embed() error {
	return fs.WalkDir(policies.Embedded, ".", func(name string, entry fs.DirEntry, err error) error {
		if err != nil || entry.IsDir() {
			return err
		}
		text, err := policies.Embedded.ReadFile(name)
		if err != nil {
			return err
		}
		s.policies[embeddedPrefix+name], err = ast.ParseModule(embeddedPrefix+name, string(text))
		return err
	})
}

// add parses one of the team's files and checks what it may define.
func (s *sources) add(f *file, taken map[string]bool) error {
	module, err := ast.ParseModule(f.name, string(f.text))
	if err != nil {
		return err
	}
	if s.policies[f.name] != nil || s.tests[f.name] != nil {
		return fmt.Errorf("%s: another policy is called the same: rename the file", f.name)
	}
	if err := checkPackage(module, f.isTest(), taken); err != nil {
		return err
	}
	if f.within != nil {
		if err := f.within.checkPackage(module); err != nil {
			return err
		}
	}
	if f.isTest() {
		s.tests[f.name] = module
	} else {
		s.policies[f.name], s.own[f.name] = module, true
	}
	return nil
}

// newCompiler gives a compiler without the built-in functions that policies may not call, and with the schema of the input.
func (s *sources) newCompiler(ctx context.Context) (*ast.Compiler, error) {
	schemas, err := schema()
	if err != nil {
		return nil, err
	}
	return ast.NewCompiler().
		WithCapabilities(capabilities()).
		WithSchemas(schemas).
		WithStrict(true).
		WithStageAfterID(ast.StageCheckRecursion, ast.CompilerStageDefinition{
			Name: "OpenSchema", MetricName: "compile_stage_open_schema", Stage: openSchema,
		}).
		WithStageAfterID(ast.StageBuildRequiredCapabilities, ast.CompilerStageDefinition{
			Name: "CallBounded", MetricName: "compile_stage_call_bounded", Stage: callBounded,
		}).
		WithPathConflictsCheck(storage.NonEmpty(ctx, s.store, s.data)), nil
}

// compile compiles the given modules.
func (s *sources) compile(ctx context.Context, modules map[string]*ast.Module) (*ast.Compiler, error) {
	compiler, err := s.newCompiler(ctx)
	if err != nil {
		return nil, err
	}
	if compiler.Compile(modules); compiler.Failed() {
		return nil, readableError(compiler.Errors)
	}
	return compiler, nil
}

// check compiles the policies and looks for rules that could not do what they are there for. The warnings say what most
// likely is a mistake, with file and line.
func (s *sources) check(ctx context.Context) (compiler *ast.Compiler, warnings []string, err error) {
	if compiler, err = s.compile(ctx, s.policies); err != nil {
		return nil, nil, err
	}
	unasked, errReach := s.checkReach(compiler)
	shapes, errShapes := s.checkShapes(compiler)
	if err := errors.Join(s.checkExposed(compiler), s.checkHeaders(compiler), errReach, errShapes); err != nil {
		return nil, nil, readableError(err)
	}
	return compiler, append(unasked, shapes...), nil
}
