package policy

import (
	"path/filepath"
	"testing"

	"github.com/stretchr/testify/require"
)

func TestARefusalTellsTheRuleWhoseMessageItHas(t *testing.T) {
	t.Parallel()
	for name, c := range map[string]struct {
		files map[string]string
		in    *Input
		file  string
		line  int
	}{
		"the embedded":                         {nil, request().with(func(in *Input) { in.Plan = nil }), "plans.rego", 8},
		"a team's own":                         {map[string]string{"a.rego": authz("\n\n" + `deny contains {"code": "NOT_FOUND"} if true`)}, request(), "a.rego", 5},
		"the first of those that say it":       {map[string]string{"b.rego": refusal("true"), "a.rego": authz(`_a := 1`) + "\n" + `deny contains {"code": "FORBIDDEN", "message": "refused"} if _a == 1` + "\n"}, request(), "a.rego", 4},
		"not the one with a later message":     {map[string]string{"a.rego": authz(`deny contains {"code": "FORBIDDEN", "message": "zz"} if true`), "b.rego": refusal("true")}, request(), "b.rego", 3},
		"not the one with a weaker code":       {map[string]string{"a.rego": authz(`deny contains {"code": "NOT_FOUND", "message": "aa"} if true`), "b.rego": refusal("true")}, request(), "b.rego", 3},
		"where deny only passes it on":         {map[string]string{"a.rego": authz(`deny contains r if some r in data.team.deny`), "t.rego": "package team\n\n_x := 1\n\ndeny contains {\"code\": \"FORBIDDEN\", \"message\": \"m\"} if _x == 1\n"}, request(), "t.rego", 5},
		"a message made of what a caller sent": {map[string]string{"a.rego": authz(`deny contains {"code": "VALIDATION_ERROR", "message": sprintf("not %s", [input.request.method])} if true`)}, request(), "a.rego", 3},
		"a code made of what a caller sent":    {map[string]string{"a.rego": authz(`deny contains {"code": code, "message": "aa"} if code := {"GET": "FORBIDDEN"}[input.request.method]`), "b.rego": authz(`deny contains {"code": "FORBIDDEN", "message": "aa"} if input.request.method == "POST"`)}, request(), "a.rego", 3},
		"one of two that say the same":         {map[string]string{"a.rego": refusal(`input.request.method == "POST"`), "b.rego": refusal("true")}, request(), "b.rego", 3},
	} {
		t.Run(name, func(t *testing.T) {
			e := engine(t, c.files)
			for range 2 { // the second is remembered
				d, err := e.Decide(t.Context(), c.in)
				require.NoError(t, err)
				require.False(t, d.Allow)
				require.Equal(t, c.file, filepath.Base(d.File))
				require.Equal(t, c.line, d.Line)
			}
		})
	}
}
