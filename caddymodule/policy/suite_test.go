package policy

import (
	"path/filepath"
	"testing"

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
	require.ErrorContains(t, err, "undefined function http.send")
}
