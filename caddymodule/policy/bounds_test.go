package policy

import (
	"encoding/json"
	"fmt"
	"net/url"
	"runtime"
	"slices"
	"strings"
	"testing"
	"time"

	"github.com/open-policy-agent/opa/v1/ast"
	"github.com/stretchr/testify/require"
)

// hostile are calls whose arguments a caller may give. None is larger than a request's header and body may be, and each
// would take seconds or gigabytes if it were made.
var hostile = map[string]struct {
	call  string
	query url.Values
	body  any
}{
	"bits.lsh":                         {call: `bits.lsh(1, to_number(q.n[0]))`, query: url.Values{"n": {"100000000000"}}},
	"concat":                           {call: `concat(q.n[0], b)`, query: url.Values{"n": {strings.Repeat("a", 1<<18)}}, body: repeated("", 1<<18)},
	"glob.match":                       {call: `glob.match(q.n[0], [], q.s[0])`, query: url.Values{"n": {"*a*a*a*a*c*d"}, "s": {strings.Repeat("a", 900) + "d"}}},
	"indexof":                          {call: `indexof(q.n[0], q.s[0])`, query: url.Values{"n": {strings.Repeat("é", 1<<18)}, "s": {strings.Repeat("é", 1<<17) + "x"}}},
	"indexof_n":                        {call: `indexof_n(q.n[0], q.s[0])`, query: url.Values{"n": {strings.Repeat("a", 1<<18)}, "s": {strings.Repeat("a", 1<<17)}}},
	"json.unmarshal":                   {call: `json.unmarshal(q.n[0])`, query: url.Values{"n": {`{"a": ` + strings.Repeat("1", 1<<19) + `}`}}},
	"net.cidr_contains_matches":        {call: `net.cidr_contains_matches(b, b)`, body: repeated("10.0.0.0/8", 1<<16)},
	"numbers.range":                    {call: `numbers.range(1, to_number(q.n[0]))`, query: url.Values{"n": {"100000000000"}}},
	"numbers.range of huge numbers":    {call: `numbers.range(-1e300, 1e300)`},
	"numbers.range_step":               {call: `numbers.range_step(1, to_number(q.n[0]), 2)`, query: url.Values{"n": {"100000000000"}}},
	"object.subset":                    {call: `object.subset(b, b)`, body: repeated("x", 1<<17)},
	"product":                          {call: `product(b)`, body: numbers("1e300", 1<<16)},
	"regex.find_all_string_submatch_n": {call: `regex.find_all_string_submatch_n("((((((.))))))", q.n[0], -1)`, query: url.Values{"n": {strings.Repeat("a", 1<<20)}}},
	"regex.find_n":                     {call: `regex.find_n(q.s[0], q.n[0], -1)`, query: url.Values{"n": {strings.Repeat("a", 1<<18)}, "s": {strings.Repeat("x?", 1<<11)}}},
	"regex.is_valid":                   {call: `regex.is_valid(q.n[0])`, query: url.Values{"n": {strings.Repeat("x{1000}", 3000)}}},
	"regex.match":                      {call: `regex.match("^[a-z]*b?.{900}c$", q.n[0])`, query: url.Values{"n": {strings.Repeat("a", 1<<20)}}},
	"regex.replace":                    {call: `regex.replace(q.n[0], "a", q.s[0])`, query: url.Values{"n": {strings.Repeat("a", 1<<17)}, "s": {strings.Repeat("a", 1<<17)}}},
	"regex.split":                      {call: `regex.split(q.s[0], q.n[0])`, query: url.Values{"n": {strings.Repeat("a", 1<<18)}, "s": {strings.Repeat("x?", 1<<11)}}},
	"replace":                          {call: `replace(q.n[0], "a", q.s[0])`, query: url.Values{"n": {strings.Repeat("a", 1<<18)}, "s": {strings.Repeat("a", 1<<18)}}},
	"replace that finds nothing":       {call: `replace(q.n[0], q.s[0], "")`, query: url.Values{"n": {strings.Repeat("a", 1<<19)}, "s": {"b" + strings.Repeat("a", 1<<18)}}},
	"sprintf":                          {call: `sprintf(q.n[0], b)`, query: url.Values{"n": {strings.Repeat("%999999d", 1<<14)}}, body: numbers("1", 1<<14)},
	"sprintf by an argument's width":   {call: `sprintf("%*d", b)`, body: numbers("999999", 2)},
	"sprintf of one argument":          {call: `sprintf(q.n[0], [q.s[0]])`, query: url.Values{"n": {strings.Repeat("%[1]s", 1<<16)}, "s": {strings.Repeat("a", 1<<18)}}},
	"strings.replace_n":                {call: `strings.replace_n({"a": q.s[0]}, q.n[0])`, query: url.Values{"n": {strings.Repeat("a", 1<<18)}, "s": {strings.Repeat("a", 1<<18)}}},
	"to_number":                        {call: `to_number(q.n[0])`, query: url.Values{"n": {"0." + strings.Repeat("1", 1<<19)}}},
	"trim":                             {call: `trim(q.n[0], q.s[0])`, query: url.Values{"n": {strings.Repeat("é", 1<<18)}, "s": {strings.Repeat("a", 1<<17) + "é"}}},
	"trim_left":                        {call: `trim_left(q.n[0], q.s[0])`, query: url.Values{"n": {strings.Repeat("é", 1<<18)}, "s": {strings.Repeat("a", 1<<17) + "é"}}},
	"trim_right":                       {call: `trim_right(q.n[0], q.s[0])`, query: url.Values{"n": {strings.Repeat("é", 1<<18)}, "s": {strings.Repeat("a", 1<<17) + "é"}}},
	"units.parse":                      {call: `units.parse(q.n[0])`, query: url.Values{"n": {"1e999999"}}},
	"units.parse of many digits":       {call: `units.parse(q.n[0])`, query: url.Values{"n": {strings.Repeat("1", 1<<19)}}},
	"units.parse_bytes":                {call: `units.parse_bytes(q.n[0])`, query: url.Values{"n": {"1E999999"}}},
}

func repeated(text string, n int) any { return slices.Repeat([]any{text}, n) }

func numbers(number string, n int) any { return slices.Repeat([]any{json.Number(number)}, n) }

// TestNoCallTakesMoreThanItsArgumentsAreWorth makes every hostile call, in little time and memory, and gets an error that
// names the place and the function.
func TestNoCallTakesMoreThanItsArgumentsAreWorth(t *testing.T) {
	for name, test := range hostile {
		t.Run(name, func(t *testing.T) {
			function, _, _ := strings.Cut(name, " ")
			text := refusal("q := input.request.query\n\tb := object.get(input.request, \"body\", [])\n\tcount([q, b]) > 0\n\t" + "json.marshal(" + test.call + ") == \"\"")
			e, in := engine(t, map[string]string{"a.rego": text}), request().with(query(test.query.Encode()))
			in.Body, in.HasBody = test.body, test.body != nil
			var before, after runtime.MemStats
			runtime.ReadMemStats(&before)
			began := time.Now()
			_, err := e.Decide(t.Context(), in)
			took := time.Since(began)
			runtime.ReadMemStats(&after)
			require.ErrorIs(t, err, ErrCostly)
			require.ErrorContains(t, err, "a.rego:7: "+function+": ")
			require.Less(t, took, 3*time.Second)
			require.Less(t, after.TotalAlloc-before.TotalAlloc, uint64(200<<20))
		})
	}
	for name := range bounded {
		require.Contains(t, hostile, name, "no hostile call of %s is tried", name)
	}
}

// TestBoundsLetReasonableCallsPass has calls as policies make them, at the size that requests have.
func TestBoundsLetReasonableCallsPass(t *testing.T) {
	for _, expression := range []string{
		`bits.lsh(1, 40) == 1099511627776`,
		`concat(", ", ["a", "b"]) == "a, b"`,
		`concat("", numbers_as_text) != ""`,
		`glob.match("/api/*/leads/*", ["/"], "/api/v2/leads/1")`,
		`glob.match("**.example.com", [], "a.b.example.com")`,
		`indexof("abc", "c") == 2`,
		`indexof_n("aaa", "a") == [0, 1, 2]`,
		`json.unmarshal("{\"sha\": \"12e4567890123456789012345678901234567890123456789012345678901234\"}").sha != ""`,
		`net.cidr_contains_matches(["10.0.0.0/8"], "10.1.1.1") == {[0, "10.1.1.1"]}`,
		`count(numbers.range(1, 100000)) == 100000`,
		`numbers.range_step(5, 1, 2) == [5, 3, 1]`,
		`object.subset({"a": 1, "b": 2}, {"a": 1})`,
		`product([2, 3]) == 6`,
		`count(regex.find_all_string_submatch_n("a(.)", "abac", -1)) == 2`,
		`regex.match("^[a-z0-9._%+-]{1,64}@[a-z0-9.-]+\\.[a-z]{2,}$", "a@example.com")`,
		`regex.is_valid("[0-9]{4}")`,
		`regex.replace("abc", "b", "x") == "axc"`,
		`regex.split("[, ]+", "a, b") == ["a", "b"]`,
		`regex.find_n("b", "abb", 1) == ["b"]`,
		`replace(long, "x", "yy") != ""`,
		`sprintf("in 2026: %5.2f %s %v %%", [1.5, "a", {"b": 1}]) == "in 2026:  1.50 a {\"b\": 1} %"`,
		`strings.replace_n({"a": "b"}, "aa") == "bb"`,
		`to_number("12.50") == 12.5`,
		`trim(" a ", " ") == "a"`,
		`trim_left("xa", "x") == "a"`,
		`trim_right("ax", "x") == "a"`,
		`units.parse("1.5Gi") > 0`,
		`units.parse_bytes("10MB") == 10000000`,
	} {
		text := refusal(expression) + "\nnumbers_as_text := [format_int(n, 10) | some n in numbers.range(1, 10000)]\n\nlong := concat(\"\", [\"x\" | some _ in numbers.range(1, 100000)])\n"
		t.Run(expression, func(t *testing.T) {
			d, err := engine(t, map[string]string{"a.rego": text}).Decide(t.Context(), request())
			require.NoError(t, err)
			require.False(t, d.Allow)
		})
	}
}

// TestBoundsHoldWhereverACallStands has the call in every place that the compiler leaves one in.
func TestBoundsHoldWhereverACallStands(t *testing.T) {
	for name, text := range map[string]string{
		"nested":          refusal(`count(format_int(bits.lsh(1, 9999), 10)) > 1`),
		"a comprehension": refusal(`count([x | x := bits.lsh(1, 9999)]) == 1`),
		"every":           refusal(`every x in [9999] { bits.lsh(1, x) > 1 }`),
		"not":             refusal(`not bits.lsh(1, 9999) == 1`),
		"a head":          authz(`deny contains {"code": "FORBIDDEN", "message": format_int(bits.lsh(1, 9999), 10)}`),
		"an else":         refusal(`_x > 1`) + "\n_x := 1 if {\n\tinput.request.method == \"PUT\"\n} else := bits.lsh(1, 9999)\n",
		"a function":      refusal(`_f(9999) > 1`) + "\n_f(n) := bits.lsh(1, n)\n",
		"a default":       refusal(`_f(9999) > 1`) + "\ndefault _f(_) := 7\n\n_f(n) := bits.lsh(1, n) if n > 1\n",
		"with a value":    refusal(`_x > 1 with data.n as bits.lsh(1, 9999)`) + "\n_x := data.n\n",
		"with a function": refusal(`_f(1, 9999) > 1 with _f as bits.lsh`) + "\n_f(a, b) := a + b\n",
		"a template":      refusal("$`{bits.lsh(1, 9999)}` != \"\""),
		"an own package":  refusal(`data.team.x > 1`) + "\n",
	} {
		t.Run(name, func(t *testing.T) {
			files := map[string]string{"a.rego": text, "team.rego": "package team\n\nx := bits.lsh(1, 9999)\n"}
			_, err := engine(t, files).Decide(t.Context(), request())
			require.ErrorIs(t, err, ErrCostly)
		})
	}
}

func TestBoundsHoldInTests(t *testing.T) {
	report, err := Test(t.Context(), []string{folder(t, map[string]string{
		"a.rego":      refusal(`bits.lsh(1, to_number(input.request.query.n[0])) > 5`),
		"a_test.rego": "package team_test\n\ntest_a if count(data.tollgate.authz.deny) > 0 with input as {\"request\": {\"query\": {\"n\": [\"9999\"]}}}\n\ntest_mock if count(data.tollgate.authz.deny) > 0 with input as {\"request\": {\"query\": {\"n\": [\"9999\"]}}} with bits.lsh as 7\n",
	})})
	require.NoError(t, err)
	require.Contains(t, report.Tests[0].Reason, "bits.lsh: "+ErrCostly.Error())
	require.True(t, report.Tests[1].Passed, "a test may still put something in a function's place")
}

// TestFailuresOfBoundedFunctionsReadLikeOthers compares a bounded function with one that is not.
func TestFailuresOfBoundedFunctionsReadLikeOthers(t *testing.T) {
	for call, want := range map[string]string{
		`to_number("x") == 1`:         "a.rego:4: eval_builtin_error: to_number",
		`regex.match("(", "x")`:       "a.rego:4: eval_builtin_error: regex.match",
		`semver.compare("x", "") > 1`: "a.rego:4: eval_builtin_error: semver.compare",
	} {
		_, err := engine(t, map[string]string{"a.rego": refusal(call)}).Decide(t.Context(), request())
		require.EqualError(t, err, fmt.Sprint("evaluating the policies: ", err.Error()[strings.Index(err.Error(), "/"):]))
		require.ErrorContains(t, err, want)
		require.NotContains(t, err.Error(), boundedPrefix)
	}
}

func BenchmarkBounded(b *testing.B) {
	args := []*ast.Term{ast.StringTerm("^[a-z0-9._%+-]{1,64}@[a-z0-9.-]+$"), ast.StringTerm("somebody@example.com")}
	b.ReportAllocs()
	for b.Loop() {
		if !bounded["regex.match"](args) {
			b.Fatal("refused")
		}
	}
}
