package policy

import (
	"encoding/json"
	"strings"
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
		if files != nil {
			x.Refusals[i].File = strings.TrimPrefix(x.Refusals[i].File, e.options.Paths[0]+"/")
			x.Refusals[i].ForwardedAt = strings.TrimPrefix(x.Refusals[i].ForwardedAt, e.options.Paths[0]+"/")
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
			Details: map[string]any{"reason": "plan"},
			Values:  []Value{{"input.plan.denied", false, nil}, {"input.plan.name", false, nil}},
		},
	}, x.Refusals)
	require.Contains(t, x.Refusals[2].File, "embedded:tollgate/authz/plans.rego")
}

// TestExplainsOneRefusalThatTwoRulesMake has two rules that say the same: both are told.
func TestExplainsOneRefusalThatTwoRulesMake(t *testing.T) {
	x := explain(t, map[string]string{"a.rego": refusal(`input.request.method == "GET"`), "b.rego": refusal(`input.request.host == "api.example.com"`)}, request())
	require.Len(t, x.Refusals, 2)
	require.Equal(t, "a.rego", x.Refusals[0].File)
	require.Equal(t, []Value{{"input.request.method", true, "GET"}}, x.Refusals[0].Values)
	require.Equal(t, "b.rego", x.Refusals[1].File)
	require.Equal(t, []Value{{"input.request.host", true, "api.example.com"}}, x.Refusals[1].Values, "not those of a rule on the same line of another file")
	require.True(t, x.Refusals[0].Stands && x.Refusals[1].Stands)
}

func TestExplainsTheMessageOfTheCode(t *testing.T) {
	x := explain(t, map[string]string{"a.rego": authz(`deny contains {"code": "NOT_FOUND"}`)}, request())
	require.Equal(t, "There is no such resource.", x.Decision.Message)
	require.Empty(t, x.Refusals[0].Message)
	require.True(t, x.Refusals[0].Stands)
}

// TestExplainsWhichMessageStands has refusals of one code of which some say nothing: the code's message then takes its
// place among the others.
func TestExplainsWhichMessageStands(t *testing.T) {
	for name, test := range map[string]struct {
		first, second string // messages
		want          string
		stands        []bool
	}{
		"the code's is the first":         {`""`, `"Z"`, "This key may not do this.", []bool{true, false}},
		"the code's is not the first":     {`""`, `"A"`, "A", []bool{false, true}},
		"the code's, said in other words": {`""`, `"This key may not do this."`, "This key may not do this.", []bool{true, true}},
		"both say something":              {`"B"`, `"A"`, "A", []bool{false, true}},
	} {
		t.Run(name, func(t *testing.T) {
			x := explain(t, map[string]string{
				"a.rego": authz(`deny contains {"code": "FORBIDDEN", "message": ` + test.first + `}`),
				"b.rego": authz(`deny contains {"code": "FORBIDDEN", "message": ` + test.second + `, "details": {"b": 1}}`),
			}, request())
			require.Equal(t, test.want, x.Decision.Message)
			require.Len(t, x.Refusals, 2)
			require.Equal(t, test.stands, []bool{x.Refusals[0].Stands, x.Refusals[1].Stands})
		})
	}
}

// TestExplainsWhereAForwardedRefusalIsMade has rules of deny that pass on the refusals of other packages.
func TestExplainsWhereAForwardedRefusalIsMade(t *testing.T) {
	forward := authz("deny contains r if some r in data.team.deny\n\ndeny contains r if {\n\tr := {\"code\": \"NOT_FOUND\", \"message\": \"own\"}\n}\n")
	team := "package team\n\ndeny contains {\"code\": \"FORBIDDEN\", \"message\": \"from the team\"} if input.request.method == \"GET\"\n\ndeny contains r if some r in data.other.refusals\n"
	other := "package other\n\nrefusals contains {\"code\": \"FORBIDDEN\", \"message\": \"from others\"} if input.request.host != \"\"\n\nnobody contains 1 if to_number(input.request.host) > 1\n"
	x := explain(t, map[string]string{"a.rego": forward, "team.rego": team, "other.rego": other}, request())
	require.NoError(t, x.Err)
	values := []Value{{"input.request.host", true, "api.example.com"}, {"input.request.method", true, "GET"}}
	require.Equal(t, []Refusal{
		{File: "a.rego", Line: 5, Code: NotFound, Message: "own"},
		{File: "other.rego", Line: 3, ForwardedAt: "a.rego:3", Code: Forbidden, Message: "from others", Stands: true, Values: values},
		{File: "team.rego", Line: 3, ForwardedAt: "a.rego:3", Code: Forbidden, Message: "from the team", Values: values},
	}, x.Refusals)

	// What fails where it is made does not hide who passed it on.
	failing := strings.Replace(other, "refusals contains", "refusals contains {\"code\": \"FORBIDDEN\"} if to_number(input.request.host) > 1\n\nrefusals contains", 1)
	x = explain(t, map[string]string{"a.rego": authz("deny contains r if some r in data.made\n"), "data.json": `{"made": [{"code": "FORBIDDEN", "message": "by data"}]}`, "other.rego": failing}, request())
	require.NoError(t, x.Err)
	require.Equal(t, []Refusal{{File: "a.rego", Line: 3, Code: Forbidden, Message: "by data", Stands: true}}, x.Refusals)
}

func TestExplainsWhyThereIsNoDecision(t *testing.T) {
	x := explain(t, map[string]string{"a.rego": authz(`deny contains {"code": upper("teapot"), "message": "a"}`)}, request())
	require.ErrorIs(t, x.Err, ErrMalformed)
	require.Equal(t, []Refusal{{File: "a.rego", Line: 3, Code: "TEAPOT", Message: "a"}}, x.Refusals)

	x = explain(t, map[string]string{"a.rego": authz(`deny contains json.unmarshal("\"no\"")`)}, request())
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
