package policy

import (
	"path/filepath"
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
			{Name: team, Package: "team", Reads: []string{"input"}, Why: why},
			{Name: "embedded:tollgate/authz/allowlist.rego", Embedded: true, Package: "tollgate.authz", Reads: []string{"input.key.allowed_ips", "input.request.client_ip"}},
			{Name: "embedded:tollgate/authz/plans.rego", Embedded: true, Package: "tollgate.authz", Reads: []string{"input.plan.denied"}},
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
