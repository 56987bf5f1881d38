package policy

import (
	"slices"
	"strings"

	"github.com/open-policy-agent/opa/v1/ast"
)

// pure are the built-in functions that policies may call: their results depend on their arguments alone. It is an allow
// list, since OPA marks some functions as deterministic that are not: those that check certificates or tokens look at
// the clock, and JSON schema functions may load documents that their arguments only name.
//
// Left out as well are functions that cannot be interrupted and whose result or run time can be far larger than their
// arguments, since those may be a caller's: graph.* (exponential in the graph's depth), json.patch (copies of copies),
// net.cidr_expand (all addresses), regex.globs_match and regex.template_match (expressions whose size is not theirs to
// see), yaml.* (quadratic in its depth). Others of that kind are useful and run within bounds: see bounded.
var pure = []string{
	// Comparison, assignment, membership, and what the compiler itself puts in.
	"eq", "assign", "equal", "neq", "lt", "lte", "gt", "gte", "internal.member_2", "internal.member_3",
	"internal.print", "internal.template_string", "internal.test_case", "print", "rego.metadata.chain", "rego.metadata.rule",
	// Numbers.
	"plus", "minus", "mul", "div", "rem", "abs", "round", "ceil", "floor", "bits.and", "bits.or", "bits.xor", "bits.negate",
	"bits.lsh", "bits.rsh", "numbers.range", "numbers.range_step", "to_number", "format_int", "units.parse", "units.parse_bytes",
	// Collections.
	"count", "sum", "product", "max", "min", "sort", "and", "or", "intersection", "union", "walk",
	"array.concat", "array.flatten", "array.reverse", "array.slice",
	"object.filter", "object.get", "object.keys", "object.remove", "object.subset", "object.union", "object.union_n",
	"json.filter", "json.remove",
	// Text.
	"concat", "contains", "endswith", "startswith", "indexof", "indexof_n", "lower", "upper", "replace", "split", "sprintf",
	"strings.any_prefix_match", "strings.any_suffix_match", "strings.count", "strings.replace_n", "strings.reverse",
	"strings.split_n", "substring", "trim", "trim_left", "trim_prefix", "trim_right", "trim_space", "trim_suffix",
	"regex.find_all_string_submatch_n", "regex.find_n", "regex.is_valid", "regex.match", "regex.replace",
	"regex.split", "glob.match", "glob.quote_meta", "semver.compare", "semver.is_valid",
	// Encodings.
	"base64.decode", "base64.encode", "base64.is_valid", "base64url.decode", "base64url.encode", "base64url.encode_no_pad",
	"hex.decode", "hex.encode", "json.is_valid", "json.marshal", "json.unmarshal",
	"urlquery.decode", "urlquery.decode_object", "urlquery.encode", "urlquery.encode_object", "uri.is_valid", "uri.parse",
	"uuid.parse",
	"crypto.hmac.equal", "crypto.hmac.sha256", "crypto.hmac.sha512", "crypto.md5", "crypto.sha1", "crypto.sha256",
	// Addresses, and times that the input or the data give.
	"net.cidr_contains", "net.cidr_contains_matches", "net.cidr_intersects", "net.cidr_is_valid", "net.cidr_merge",
	"time.add_date", "time.clock", "time.date", "time.diff", "time.format", "time.parse_duration_ns", "time.parse_ns",
	"time.parse_rfc3339_ns", "time.weekday",
	// Types.
	"is_array", "is_boolean", "is_null", "is_number", "is_object", "is_set", "is_string", "type_name",
}

// capabilities are OPA's without every built-in that is not pure, and without any host to reach.
func capabilities() *ast.Capabilities {
	capabilities := ast.CapabilitiesForThisVersion()
	capabilities.Builtins = slices.DeleteFunc(capabilities.Builtins, func(builtin *ast.Builtin) bool {
		return !slices.Contains(pure, builtin.Name)
	})
	for _, builtin := range boundedBuiltins {
		capabilities.Builtins = append(capabilities.Builtins, builtin.Decl)
	}
	capabilities.AllowNet = []string{}
	return capabilities
}

// notAvailable says why policies may not call a built-in function of OPA, by the beginning of its name.
var notAvailable = []struct{ prefix, why string }{
	{"http.", "they cannot use the network"},
	{"net.lookup", "they cannot use the network"},
	{"providers.", "they hold no credentials and do not know the time, to sign requests with"},
	{"time.now", "a decision depends on its input alone, not on the clock"},
	{"rand.", "a decision depends on its input alone, not on chance"},
	{"uuid.rfc4122", "a decision depends on its input alone, not on chance"},
	{"opa.", "a decision depends on its input alone, not on the process that makes it"},
	{"io.jwt.", "they see no tokens; input.key and input.workspace say who is calling"},
	{"crypto.x509.", "a decision depends on its input alone, not on the clock and this machine's certificates"},
	{"crypto.parse_private", "they hold no secrets"},
	{"crypto.hmac.", "use crypto.hmac.sha256"},
	{"json.match_schema", "a schema may name other documents to load"},
	{"json.verify_schema", "a schema may name other documents to load"},
	{"json.", tooCostly}, {"graph.", tooCostly}, {"graphql.", tooCostly}, {"yaml.", tooCostly}, {"regex.", tooCostly},
	{"net.cidr_expand", tooCostly}, {"rego.parse_module", tooCostly}, {"strings.render_template", tooCostly},
	{"net.cidr_overlap", "OPA has deprecated it: use net.cidr_contains"},
	{"re_match", "OPA has deprecated it: use regex.match"},
	{"set_diff", "OPA has deprecated it: write a - b"},
	{"cast_", "OPA has deprecated it: use is_string and its like"},
	{"any", "OPA has deprecated it: write true in list"},
	{"all", "OPA has deprecated it: use every"},
	{"trace", "use print"},
}

const tooCostly = "with one call a request could hold a core, or fill the memory"

// whyNotAvailable is the reason; empty where OPA has no such function, or policies may call it.
func whyNotAvailable(name string) string {
	if ast.BuiltinMap[name] == nil || slices.Contains(pure, name) {
		return ""
	}
	for _, family := range notAvailable {
		if strings.HasPrefix(name, family.prefix) {
			return family.why
		}
	}
	return ""
}
