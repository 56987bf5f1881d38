package policy

import (
	"encoding/json"
	"path/filepath"
	"testing"

	"github.com/stretchr/testify/require"
)

// explain asks an engine with these files; names of files in the answer are made relative to their folder.
func explain(t *testing.T, files map[string]string, in *Input) *Explanation {
	t.Helper()
	e := engine(t, files)
	x, err := e.Explain(t.Context(), in)
	require.NoError(t, err)
	for i := range x.Refusals {
		if relative, err := filepath.Rel(filepath.Join(append([]string{"/"}, e.options.Paths...)...), x.Refusals[i].File); err == nil && files != nil {
			x.Refusals[i].File = relative
		}
	}
	return x
}

func TestExplainsThatNobodyRefuses(t *testing.T) {
	x := explain(t, nil, request())
	require.Equal(t, &Explanation{Decision: Decision{Allow: true, Generation: 1}}, x)
}

func TestExplainsARefusalOfOurs(t *testing.T) {
	x := explain(t, nil, request().with(func(in *Input) { in.Route.Scopes = []string{"other"} }))
	require.NoError(t, x.Err)
	require.Equal(t, []Refusal{{
		File: "embedded:tollgate/authz/scopes.rego", Line: 10, Code: Forbidden,
		Message: "This key lacks a scope that the route needs. Use a key that holds the missing scopes.",
		Details: map[string]any{"missing_scopes": []any{"other"}}, Stands: true,
		Values: []Value{
			{"input.key.allowed_ips", true, []any{"203.0.113.0/24"}},
			{"input.key.scopes", true, []any{"agent.leads.*"}},
			{"input.request.client_ip", true, "203.0.113.9"},
			{"input.route.scopes", true, []any{"other"}},
		},
	}}, x.Refusals)
}

func TestExplainsEveryRefusalWithItsRuleAndValues(t *testing.T) {
	files := map[string]string{
		"a.rego": refusal(`input.request.query.a[0] == "1"`) + "\n" +
			`deny contains {"code": "VALIDATION_ERROR", "message": "too much", "details": {"limit": data.team.limit}} if data.team.over` + "\n",
		"team.rego": "package team\n\nlimit := 5\n\nover if input.request.body.amount > limit\n",
	}
	in := request().with(query("a=1&b=2"))
	in.Body, in.HasBody = map[string]any{"amount": json.Number("9"), "other": "x"}, true
	in.Plan = nil
	x := explain(t, files, in)
	require.Equal(t, "The plan of this workspace does not include the API. Choose another plan to use it.", x.Decision.Message)
	require.Equal(t, []Refusal{
		{File: "a.rego", Line: 3, Code: Forbidden, Message: "refused", Values: []Value{{"input.request.query.a", true, []any{"1"}}}},
		{
			File: "a.rego", Line: 7, Code: ValidationError, Message: "too much", Details: map[string]any{"limit": json.Number("5")},
			Values: []Value{{"input.request.body.amount", true, json.Number("9")}},
		},
		{
			File: x.Refusals[2].File, Line: 8, Code: Forbidden, Message: x.Decision.Message, Stands: true,
			Values: []Value{{"input.plan.denied", false, nil}},
		},
	}, x.Refusals)
	require.Contains(t, x.Refusals[2].File, "embedded:tollgate/authz/plans.rego")
}

// TestExplainsOneRefusalThatTwoRulesMake has two rules that say the same: both are told.
func TestExplainsOneRefusalThatTwoRulesMake(t *testing.T) {
	x := explain(t, map[string]string{"a.rego": refusal(`input.request.method == "GET"`), "b.rego": refusal(`input.request.host == "api.example.com"`)}, request())
	require.Len(t, x.Refusals, 2)
	require.Equal(t, "a.rego", x.Refusals[0].File)
	require.Equal(t, "b.rego", x.Refusals[1].File)
	require.True(t, x.Refusals[0].Stands && x.Refusals[1].Stands)
}

func TestExplainsTheMessageOfTheCode(t *testing.T) {
	x := explain(t, map[string]string{"a.rego": authz(`deny contains {"code": "NOT_FOUND"}`)}, request())
	require.Equal(t, "There is no such resource.", x.Decision.Message)
	require.Empty(t, x.Refusals[0].Message)
	require.True(t, x.Refusals[0].Stands)
}

func TestExplainsWhyThereIsNoDecision(t *testing.T) {
	x := explain(t, map[string]string{"a.rego": authz(`deny contains {"code": "TEAPOT", "message": "a"}`)}, request())
	require.ErrorIs(t, x.Err, ErrMalformed)
	require.Equal(t, []Refusal{{File: "a.rego", Line: 3, Code: "TEAPOT", Message: "a"}}, x.Refusals)

	x = explain(t, map[string]string{"a.rego": authz(`deny contains "no"`)}, request())
	require.ErrorIs(t, x.Err, ErrMalformed)
	require.Equal(t, []Refusal{{File: "a.rego", Line: 3}}, x.Refusals)

	x = explain(t, map[string]string{"a.rego": refusal(`to_number(input.request.method) > 1`)}, request())
	require.ErrorContains(t, x.Err, "a.rego:4: eval_builtin_error: to_number")
	require.Empty(t, x.Refusals)
}

// TestExplainingChangesNothing asks for a decision after an explanation.
func TestExplainingChangesNothing(t *testing.T) {
	e := engine(t, map[string]string{"a.rego": refusal(`input.request.method == "POST"`)})
	in := request().with(method("POST"))
	_, err := e.Explain(t.Context(), in)
	require.NoError(t, err)
	d, err := e.Decide(t.Context(), in)
	require.NoError(t, err)
	require.Equal(t, Decision{Code: Forbidden, Message: "refused", Generation: 1}, d)
}
