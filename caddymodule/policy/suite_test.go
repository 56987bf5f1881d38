package policy

import (
	"context"
	"errors"
	"fmt"
	"os"
	"path/filepath"
	"testing"
	"time"

	"github.com/open-policy-agent/opa/v1/ast"
	"github.com/open-policy-agent/opa/v1/topdown"
	"github.com/stretchr/testify/require"
)

func TestRunsTheTeamsTests(t *testing.T) {
	root := folder(t, map[string]string{
		"a.rego": refusal(`input.request.method == "POST"`) + "\n" + `deny contains {"code": "NOT_FOUND"} if {` + "\n\tinput.request.path == \"/gone\"\n}\n",
		"a_test.rego": `package tollgate.authz_test

request := {"request": {"method": "POST"}, "key": {"scopes": [], "allowed_ips": []}, "route": {"scopes": []}, "plan": {"denied": false}}

test_refuses_post if {
	print("asked")
	data.tollgate.decision.message == "refused" with input as request
}

test_wrong if data.tollgate.decision.allow with input as request

test_fails_to_run if to_number(request.request.method) == 1

todo_test_later if false
`,
	})
	report, err := Test(t.Context(), []string{root})
	require.NoError(t, err)
	file := filepath.Join(root, "a_test.rego")
	for i := range report.Tests {
		report.Tests[i].Took = 0
	}
	require.Equal(t, []TestResult{
		{File: file, Line: 5, Name: "data.tollgate.authz_test.test_refuses_post", Passed: true, Output: "asked\n"},
		{File: file, Line: 10, Name: "data.tollgate.authz_test.test_wrong", Reason: "failed"},
		{File: file, Line: 12, Name: "data.tollgate.authz_test.test_fails_to_run", Reason: report.Tests[2].Reason},
		{File: file, Line: 14, Name: "data.tollgate.authz_test.todo_test_later", Skipped: true},
	}, report.Tests)
	require.Contains(t, report.Tests[2].Reason, "cannot be evaluated: ")
	require.Equal(t, report.Tests[1:3], report.Failed())
	require.ErrorContains(t, report.Err(), file+":10: data.tollgate.authz_test.test_wrong failed; ")
	require.Len(t, report.Coverage, 1)
	require.Equal(t, filepath.Join(root, "a.rego"), report.Coverage[0].File)
	require.Equal(t, []int{7, 8}, report.Coverage[0].Missed)
	require.InDelta(t, 50, report.Coverage[0].Percent, 0.1)
}

func TestReportsPoliciesWithoutTests(t *testing.T) {
	report, err := Test(t.Context(), []string{folder(t, map[string]string{"a.rego": refusal(`input.request.method == "POST"`)})})
	require.NoError(t, err)
	require.NoError(t, report.Err())
	require.Empty(t, report.Tests)
	require.Len(t, report.Coverage, 1)
	require.Zero(t, report.Coverage[0].Percent)
}

func TestTestsAreRunOnWhatIsLoaded(t *testing.T) {
	_, err := Test(t.Context(), []string{folder(t, map[string]string{"a.rego": "nonsense"})})
	require.ErrorContains(t, err, "a.rego:1: ")
	_, err = Test(t.Context(), []string{folder(t, map[string]string{"a.rego": refusal(`http.send({})`)})})
	require.ErrorContains(t, err, "a.rego:4: http.send is not available to policies")
}

// TestPoliciesThatNeedTheirTestsAreRefusedByAll has a function that only a file of tests defines.
func TestPoliciesThatNeedTheirTestsAreRefusedByAll(t *testing.T) {
	root := folder(t, map[string]string{
		"a.rego":      refusal(`data.team.bad(input.request.method)`),
		"a_test.rego": "package team\n\nbad(m) if m == \"POST\"\n\ntest_bad if bad(\"POST\")\n",
	})
	const want = "a.rego:4: undefined function data.team.bad"
	_, err := New(t.Context(), patient(root))
	require.ErrorContains(t, err, want)
	_, err = Check(t.Context(), []string{root})
	require.ErrorContains(t, err, want)
	_, err = Test(t.Context(), []string{root})
	require.ErrorContains(t, err, want)
}

// stuck makes a built-in function wait for the test's end whatever its query is told, as one that OPA cannot interrupt. The
// context ends when it waits.
func stuck(t *testing.T) context.Context {
	release := make(chan struct{})
	ctx, enough := context.WithCancelCause(t.Context())
	standIn(t, func(topdown.BuiltinContext, []*ast.Term, func(*ast.Term) error) error {
		enough(errEnough)
		<-release
		return nil
	})
	t.Cleanup(func() { close(release) })
	return ctx
}

// standIn takes the place of the built-in function semver.is_valid, until the test's end.
func standIn(t *testing.T, function topdown.BuiltinFunc) {
	given := topdown.GetBuiltin("semver.is_valid")
	topdown.RegisterBuiltinFunc("semver.is_valid", function)
	t.Cleanup(func() { topdown.RegisterBuiltinFunc("semver.is_valid", given) })
}

var errEnough = errors.New("enough")

var stuckTests = map[string]string{
	"a.rego":      refusal(`input.request.method == "POST"`),
	"a_test.rego": "package team_test\n\ntest_quick if true\n\ntest_stuck if semver.is_valid(\"1\")\n",
}

func TestATestThatCannotBeInterruptedIsALoadError(t *testing.T) {
	ctx := stuck(t)
	s, err := parse(t.Context(), []string{folder(t, stuckTests)})
	require.NoError(t, err)
	err = s.runTests(ctx)
	require.ErrorIs(t, err, errEnough)
	require.ErrorContains(t, err, "running the policies' tests: enough, and cannot be interrupted: ")
	require.ErrorContains(t, err, "a_test.rego:5: test_stuck")
}

func TestAllTestsTogetherHaveABound(t *testing.T) {
	s, err := parse(t.Context(), []string{folder(t, stuckTests)})
	require.NoError(t, err)
	require.Equal(t, suiteTimeout, s.suiteTimeout)
	s.suiteTimeout = time.Nanosecond
	require.ErrorContains(t, s.runTests(t.Context()), "running the policies' tests: they take longer than 1ns")
}

// TestAStuckReloadEndsWithItsContextAndAGoodOneFollows holds the engine to what a watcher needs at its end.
func TestAStuckReloadEndsWithItsContextAndAGoodOneFollows(t *testing.T) {
	root := folder(t, map[string]string{"a.rego": stuckTests["a.rego"]})
	e, err := New(t.Context(), patient(root))
	require.NoError(t, err)
	ctx := stuck(t)
	write(t, filepath.Join(root, "a_test.rego"), stuckTests["a_test.rego"])
	require.ErrorIs(t, e.Reload(ctx), errEnough)
	require.NoError(t, os.Remove(filepath.Join(root, "a_test.rego")))
	require.NoError(t, e.Reload(t.Context()))
	require.Equal(t, uint64(2), e.Report().Generation)
}

func TestManyUnfinishedTestsAreNotAllNamed(t *testing.T) {
	tests := "package team_test\n"
	for i := range 9 {
		tests += fmt.Sprintf("\ntest_%d if true\n", i)
	}
	s, err := parse(t.Context(), []string{folder(t, map[string]string{"a_test.rego": tests})})
	require.NoError(t, err)
	require.Contains(t, s.without(nil), "a_test.rego:11: test_4, and 4 more")
}
