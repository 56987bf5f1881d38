package policy

import (
	"path/filepath"
	"strings"
	"testing"

	"github.com/stretchr/testify/require"
)

func TestDescribesEachFile(t *testing.T) {
	root := folder(t, map[string]string{
		"a.rego":    refusal(`data.team.bad`),
		"team.rego": "package team\n\nbad if walk(input, [_, \"evil\"])\n",
		"data.yaml": "x: 1\n",
	})
	report, err := Check(t.Context(), []string{root})
	require.NoError(t, err)
	team := filepath.Join(root, "team.rego")
	why := team + ":3 reads input as a whole"
	require.Equal(t, Report{
		Why: why, Reads: []string{"input"},
		Files: []FileReport{
			{Name: filepath.Join(root, "a.rego"), Package: "tollgate.authz", Reads: []string{}},
			{Name: team, Package: "team", Reads: []string{"input"}, Why: why, Unchecked: []string{team + ":3: input"}},
			{Name: "embedded:tollgate/authz/allowlist.rego", Embedded: true, Package: "tollgate.authz", Reads: []string{"input.key.allowed_ips", "input.request.client_ip"}},
			{Name: "embedded:tollgate/authz/plans.rego", Embedded: true, Package: "tollgate.authz", Reads: []string{"input.plan.denied", "input.plan.name"}},
			{Name: "embedded:tollgate/authz/scopes.rego", Embedded: true, Package: "tollgate.authz", Reads: []string{"input.key.scopes", "input.route.scopes"}},
			{Name: "embedded:tollgate/decision.rego", Embedded: true, Package: "tollgate", Reads: []string{}},
		},
	}, report)
}

func TestSaysWhyDecisionsAreNotRemembered(t *testing.T) {
	for rule, want := range map[string]string{
		`some name, _ in input.request.headers; startswith(name, "x-")`: "a.rego:4 reads input.request.headers as a whole",
		`r := input.request; r.method == "POST"`:                        "a.rego:4 reads input.request as a whole",
		`input.request[input.plan.name]`:                                "a.rego:4 reads input.request as a whole",
		`x := input; x.plan.denied`:                                     "a.rego:4 reads input as a whole",
		`input[input.plan.name]`:                                        "a.rego:4 reads input as a whole",
	} {
		t.Run(rule, func(t *testing.T) {
			e := engine(t, map[string]string{"a.rego": refusal(rule)})
			require.False(t, e.Report().Remembered)
			require.Contains(t, e.Report().Why, want)
			in := request()
			for range 2 {
				d, err := e.Decide(t.Context(), in)
				require.NoError(t, err)
				require.False(t, d.Remembered)
			}
		})
	}
	require.True(t, engine(t, nil).Report().Remembered)
	require.Empty(t, engine(t, nil).Report().Why)
}

func TestSaysWhereTheSchemaCannotSee(t *testing.T) {
	for rule, want := range map[string][]string{
		`f(input.request)`:                                     {"a.rego:4: input.request"},
		`f(input)`:                                             {"a.rego:4: input"},
		"r := input.request\n\tf(r)":                           {"a.rego:5: input.request"},
		"x := input\n\tr := x.request\n\tf(r)":                 {"a.rego:6: input.request"},
		`object.get(input.request, "metod", "") == "POST"`:     {"a.rego:4: input.request"},
		`[x | x := object.get(input.key, "nam", "")] == ["a"]`: {"a.rego:4: input.key"},
		`not f(input.plan)`:                                    {"a.rego:4: input.plan"},
		`input.request[input.plan.name] == "x"`:                {"a.rego:4: input.request"},
		"r := input.request\n\tr[input.plan.name] == \"x\"":    {"a.rego:5: input.request"},
		`some _, value in input.request; f(value)`:             {"a.rego:4: input.request"},
		`walk(input, [_, "evil"])`:                             {"a.rego:4: input"},
		"r := input.request\n\tr.method == \"POST\"":           nil, // the compiler sees through it
		`f(input.request.headers)`:                             nil, // whose names nobody lists
		`f(input.request.body)`:                                nil,
		`f(input.request.method)`:                              nil,
		`input.request.headers[input.plan.name]`:               nil,
		`count(input.request.headers) > 99`:                    nil,
	} {
		t.Run(rule, func(t *testing.T) {
			e := engine(t, map[string]string{"a.rego": refusal(rule) + "\nf(_)\n"})
			var got []string
			for _, place := range e.Report().Files[0].Unchecked {
				got = append(got, strings.TrimPrefix(place, e.options.Paths[0]+"/"))
			}
			require.Equal(t, want, got)
		})
	}
	for _, file := range engine(t, nil).Report().Files {
		require.Empty(t, file.Unchecked, file.Name)
	}
}
