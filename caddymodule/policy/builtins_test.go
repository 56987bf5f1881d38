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
