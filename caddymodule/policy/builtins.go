package policy

import (
	"slices"

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
