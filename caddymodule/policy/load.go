package policy

import (
	"bytes"
	"context"
	"encoding/json"
	"errors"
	"fmt"
	"io/fs"
	"strings"
	"sync"
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
	// patience is how long all tests together may run.
	patience time.Duration
}

// embeddedPrefix begins the names of embedded files.
const embeddedPrefix = "embedded:"

// parse reads and parses the embedded policies and those of paths.
func parse(ctx context.Context, paths []string) (*sources, error) {
	s := &sources{policies: map[string]*ast.Module{}, tests: map[string]*ast.Module{}, own: map[string]bool{}, patience: suiteTimeout}
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
	if f.isTest() {
		s.tests[f.name] = module
	} else {
		s.policies[f.name], s.own[f.name] = module, true
	}
	return nil
}

// schema is the published schema of the input in the compiler's form.
var schema = sync.OnceValues(func() (*ast.SchemaSet, error) {
	var document any
	if err := json.NewDecoder(bytes.NewReader(policies.InputSchema)).Decode(&document); err != nil {
		return nil, fmt.Errorf("reading the input schema: %w", err)
	}
	set := ast.NewSchemaSet()
	set.Put(ast.SchemaRootRef, document)
	return set, nil
})

// newCompiler gives a compiler with everything that section 5 of the design takes away and asks for.
func (s *sources) newCompiler(ctx context.Context) (*ast.Compiler, error) {
	schemas, err := schema()
	if err != nil {
		return nil, err
	}
	return ast.NewCompiler().
		WithCapabilities(capabilities()).
		WithSchemas(schemas).
		WithStrict(true).
		WithStageAfterID(ast.StageBuildRequiredCapabilities, ast.CompilerStageDefinition{
			Name: "CallBounded", MetricName: "compile_stage_call_bounded", Stage: callBounded,
		}).
		WithPathConflictsCheck(storage.NonEmpty(ctx, s.store, s.data)), nil
}

// compile checks and compiles the given modules.
func (s *sources) compile(ctx context.Context, modules map[string]*ast.Module) (*ast.Compiler, error) {
	compiler, err := s.newCompiler(ctx)
	if err != nil {
		return nil, err
	}
	if compiler.Compile(modules); compiler.Failed() {
		return nil, readableError(compiler.Errors)
	}
	if err := s.checkHeaders(compiler); err != nil {
		return nil, readableError(err)
	}
	return compiler, nil
}

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
		if problem.Location != nil {
			lines[i] = fmt.Sprintf("%s:%d: %s", problem.Location.File, problem.Location.Row, lines[i])
		}
		if detail, ok := problem.Details.(*ast.RefErrInvalidDetail); ok {
			lines[i] += fmt.Sprintf(" (%s; known here are %v)", detail.Ref, detail.OneOf)
		}
	}
	return errors.New(strings.Join(lines, "; "))
}
