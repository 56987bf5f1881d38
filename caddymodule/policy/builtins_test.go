package policy

import (
	"slices"
	"strings"
	"testing"

	"github.com/open-policy-agent/opa/v1/ast"
	"github.com/stretchr/testify/require"
)

func TestOffersOnlyPureFunctions(t *testing.T) {
	known := map[string]*ast.Builtin{}
	for _, builtin := range ast.CapabilitiesForThisVersion().Builtins {
		known[builtin.Name] = builtin
	}
	for _, name := range pure {
		require.NotNil(t, known[name], "OPA has no %s", name)
		require.False(t, known[name].IsNondeterministic(), name)
	}
	offered := capabilities()
	require.Len(t, offered.Builtins, len(pure)+len(bounded))
	for name := range bounded {
		require.Contains(t, pure, name)
	}
	require.NotNil(t, offered.AllowNet, "nil would allow every host")
	require.Empty(t, offered.AllowNet)
}

// TestLeavesOutWhatIsNotPureOrNotBounded names the functions that look at the clock, at the machine, or at documents
// elsewhere, whatever OPA says of them, and those of which one call may take all memory or all time.
func TestLeavesOutWhatIsNotPureOrNotBounded(t *testing.T) {
	impure := []string{
		"http.", "net.lookup", "rand.", "uuid.rfc4122", "opa.", "time.now", "trace", "crypto.x509.", "crypto.parse_private", "io.jwt.",
		"providers.", "json.match_schema", "json.verify_schema", "graphql.", "rego.parse_module", "net.cidr_expand", "strings.render_template",
		"graph.", "yaml.", "json.marshal_with_options", "json.patch", "regex.globs_match", "regex.template_match",
	}
	for _, prefix := range impure {
		require.True(t, slices.ContainsFunc(ast.CapabilitiesForThisVersion().Builtins, func(b *ast.Builtin) bool {
			return strings.HasPrefix(b.Name, prefix)
		}), "OPA has nothing called %s any more", prefix)
		require.False(t, slices.ContainsFunc(capabilities().Builtins, func(b *ast.Builtin) bool {
			return strings.HasPrefix(b.Name, prefix)
		}), prefix)
	}
}

// TestEveryFunctionOfOPAWasJudged fails when a new version of OPA brings functions: somebody has to say if they are pure.
func TestEveryFunctionOfOPAWasJudged(t *testing.T) {
	refused := []string{
		"cast_array", "cast_boolean", "cast_null", "cast_object", "cast_set", "cast_string", "all", "any", "re_match", "set_diff", "net.cidr_overlap",
		"crypto.hmac.md5", "crypto.hmac.sha1", "net.cidr_expand", "strings.render_template", "rego.parse_module", "trace",
		"json.marshal_with_options", "json.patch", "regex.globs_match", "regex.template_match",
	}
	families := []string{"http.", "net.lookup", "rand.", "uuid.rfc4122", "opa.", "time.now", "crypto.x509.", "crypto.parse_private", "io.jwt.", "providers.", "json.match_schema", "json.verify_schema", "graphql.", "graph.", "yaml."}
	for _, builtin := range ast.CapabilitiesForThisVersion().Builtins {
		judged := slices.Contains(pure, builtin.Name) || slices.Contains(refused, builtin.Name) ||
			slices.ContainsFunc(families, func(family string) bool { return strings.HasPrefix(builtin.Name, family) })
		require.True(t, judged, "%s is new: is it pure?", builtin.Name)
	}
}

// TestSaysWhyABuiltInIsNotAvailable asks for every function that OPA has and policies do not.
func TestSaysWhyABuiltInIsNotAvailable(t *testing.T) {
	for _, builtin := range ast.CapabilitiesForThisVersion().Builtins {
		why := whyNotAvailable(builtin.Name)
		require.Equal(t, capabilitiesHave(builtin.Name), why == "", builtin.Name)
	}
	for call, want := range map[string]string{
		`io.jwt.decode("x")`:                   "a.rego:4: io.jwt.decode is not available to policies: they see no tokens; input.key and input.workspace say who is calling",
		`count(yaml.marshal({})) > 1`:          "a.rego:4: yaml.marshal is not available to policies: with one call a request could hold a core, or fill the memory",
		`re_match("a", input.request.path)`:    "a.rego:4: re_match is not available to policies: OPA has deprecated it: use regex.match",
		`net.cidr_expand("10.0.0.0/8")`:        "a.rego:4: net.cidr_expand is not available to policies: with one call a request could hold a core",
		`every x in [1] { time.now_ns() > x }`: "a.rego:4: time.now_ns is not available to policies: a decision depends on its input alone, not on the clock",
		`any([true])`:                          "a.rego:4: any is not available to policies: OPA has deprecated it: write true in list",
		`team.f(1)`:                            "a.rego:4: undefined function team.f",
		`data.team.http.send(1)`:               "a.rego:4: undefined function data.team.http.send",
	} {
		_, err := New(t.Context(), patient(folder(t, map[string]string{"a.rego": refusal(call)})))
		require.ErrorContains(t, err, want)
	}
}

func capabilitiesHave(name string) bool {
	for _, builtin := range capabilities().Builtins {
		if builtin.Name == name {
			return true
		}
	}
	return false
}
