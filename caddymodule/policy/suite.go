package policy

import (
	"cmp"
	"context"
	"errors"
	"fmt"
	"maps"
	"slices"
	"strings"
	"time"

	"github.com/open-policy-agent/opa/v1/ast"
	"github.com/open-policy-agent/opa/v1/cover"
	"github.com/open-policy-agent/opa/v1/tester"
)

// Bounds of the team's tests: policies whose tests never end are not loaded.
const (
	testTimeout  = 2 * time.Second
	suiteTimeout = 20 * time.Second
	// interruptTimeout is how long interrupted tests have to end. One that cannot be interrupted is left behind.
	interruptTimeout = time.Second
)

// TestReport is what the team's tests say.
type TestReport struct {
	Tests []TestResult
	// Coverage are the team's policy files, by name.
	Coverage []FileCoverage
	// Warnings are those of Report.
	Warnings []string
}

// TestResult is one test rule.
type TestResult struct {
	// File and Line are where the test stands.
	File string
	Line int
	// Name is the rule's full name, such as data.team_test.test_refuses.
	Name string
	// Passed is false for a test that failed or could not be evaluated; Reason then says which.
	Passed bool
	Reason string
	// Skipped marks tests whose name begins with todo_; they do not count as failed.
	Skipped bool
	// Output is what the test printed.
	Output string
	Took   time.Duration
}

// FileCoverage tells how much of a policy file its tests reach.
type FileCoverage struct {
	File string
	// Percent of the lines that can be covered, from 0 to 100.
	Percent float64
	// Missed are the lines that no test reaches, each once, in their order.
	Missed []int
}

// Failed are the tests that did not pass.
func (r *TestReport) Failed() []TestResult {
	return slices.DeleteFunc(slices.Clone(r.Tests), func(t TestResult) bool { return t.Passed || t.Skipped })
}

// Err says which tests failed, or nil.
func (r *TestReport) Err() error {
	var failed []string
	for _, t := range r.Failed() {
		failed = append(failed, fmt.Sprintf("%s:%d: %s %s", t.File, t.Line, t.Name, t.Reason))
	}
	if failed == nil {
		return nil
	}
	return errors.New("the policies' own tests do not pass: " + strings.Join(failed, "; "))
}

// Test runs the tests (*_test.rego) found in paths, with the embedded policies in place. The error is that of policies
// that could not be loaded; failed tests are in the report.
func Test(ctx context.Context, paths []string) (*TestReport, error) {
	s, err := parse(ctx, paths)
	if err != nil {
		return nil, err
	}
	// Alone first, as they will be loaded: with the tests beside them they could ask for what only a test defines.
	_, warnings, err := s.check(ctx)
	if err != nil {
		return nil, err
	}
	report, err := s.test(ctx, cover.New())
	if report != nil {
		report.Warnings = warnings
	}
	return report, err
}

// runTests is what loading asks of the tests.
func (s *sources) runTests(ctx context.Context) error {
	report, err := s.test(ctx, nil)
	if err != nil {
		return err
	}
	return report.Err()
}

// test runs all tests and fills the report, coverage included if there is a tracer for it.
func (s *sources) test(ctx context.Context, coverage *cover.Cover) (*TestReport, error) {
	report := &TestReport{}
	if len(s.tests) == 0 && coverage == nil {
		return report, nil
	}
	compiler, err := s.newCompiler(ctx)
	if err != nil {
		return nil, err
	}
	modules := maps.Clone(s.policies)
	maps.Copy(modules, s.tests)
	runner := tester.NewRunner().
		SetCompiler(compiler.WithEnablePrintStatements(true)).
		SetModules(modules).
		SetStore(s.store).
		SetTimeout(testTimeout).
		AddCustomBuiltins(boundedBuiltins).
		RaiseBuiltinErrors(true)
	if coverage != nil {
		runner = runner.SetCoverageQueryTracer(coverage)
	}
	ctx, cancel := context.WithTimeoutCause(ctx, s.suiteTimeout, fmt.Errorf("they take longer than %v", s.suiteTimeout))
	defer cancel()
	results, err := runner.RunTests(ctx, s.data)
	if err != nil {
		return nil, readableError(err)
	}
	if report.Tests, err = s.collect(ctx, results); err != nil {
		return nil, err
	}
	if coverage != nil {
		report.Coverage = s.coverage(coverage, compiler.Modules)
	}
	return report, nil
}

// collect takes the results of all tests, by file and line. When ctx ends the tests are interrupted; those that do not
// end even then are named in the error, and left to themselves.
func (s *sources) collect(ctx context.Context, results chan *tester.Result) (tests []TestResult, err error) {
	giveUp := (<-chan time.Time)(nil)
	interrupted := ctx.Done()
	for {
		select {
		case result, more := <-results:
			if !more {
				slices.SortFunc(tests, compareTests)
				if err := context.Cause(ctx); err != nil {
					return nil, fmt.Errorf("running the policies' tests: %w", err)
				}
				return tests, nil
			}
			tests = append(tests, testResult(result))
		case <-interrupted:
			interrupted, giveUp = nil, time.After(interruptTimeout)
		case <-giveUp:
			go func() { // the runner's goroutines end when somebody takes what they say
				for range results {
				}
			}()
			return nil, fmt.Errorf("running the policies' tests: %w, and cannot be interrupted: %s", context.Cause(ctx), s.without(tests))
		}
	}
}

// without names the first tests that have no result.
func (s *sources) without(results []TestResult) string {
	const most = 5
	var rules []*ast.Rule
	for name, module := range s.tests {
		for _, rule := range module.Rules {
			ended := slices.ContainsFunc(results, func(t TestResult) bool { return t.File == name && t.Line == rule.Location.Row })
			if strings.HasPrefix(ruleName(rule), tester.TestPrefix) && !ended {
				rules = append(rules, rule)
			}
		}
	}
	slices.SortFunc(rules, func(a, b *ast.Rule) int { return compareLocations(a.Location, b.Location) })
	var missing []string
	for _, rule := range rules[:min(len(rules), most)] {
		missing = append(missing, place(rule.Location)+": "+ruleName(rule))
	}
	if len(rules) > most {
		missing = append(missing, fmt.Sprintf("and %d more", len(rules)-most))
	}
	return strings.Join(missing, ", ")
}

func compareTests(a, b TestResult) int {
	return cmp.Or(cmp.Compare(a.File, b.File), cmp.Compare(a.Line, b.Line))
}

func testResult(r *tester.Result) TestResult {
	t := TestResult{
		File: r.Location.File, Line: r.Location.Row, Name: r.Package + "." + r.Name,
		Passed: r.Pass(), Skipped: r.Skip, Output: string(r.Output), Took: r.Duration,
	}
	switch {
	case r.Error != nil:
		t.Reason = "cannot be evaluated: " + readableError(r.Error).Error()
	case !t.Passed && !t.Skipped:
		t.Reason = "failed"
	}
	return t
}

func (s *sources) coverage(coverage *cover.Cover, modules map[string]*ast.Module) []FileCoverage {
	var files []FileCoverage
	for name, file := range coverage.Report(modules).Files {
		if !s.own[name] {
			continue
		}
		f := FileCoverage{File: name, Percent: file.Coverage}
		for _, missed := range file.NotCovered {
			for row := missed.Start.Row; row <= missed.End.Row; row++ {
				f.Missed = append(f.Missed, row)
			}
		}
		slices.Sort(f.Missed)
		f.Missed = slices.Compact(f.Missed)
		files = append(files, f)
	}
	slices.SortFunc(files, func(a, b FileCoverage) int { return cmp.Compare(a.File, b.File) })
	return files
}
