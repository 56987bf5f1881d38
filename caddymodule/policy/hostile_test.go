package policy

import (
	"fmt"
	"slices"
	"strings"
	"testing"
	"time"

	"github.com/open-policy-agent/opa/v1/ast"
	"github.com/open-policy-agent/opa/v1/topdown"
	"github.com/stretchr/testify/require"
)

// many are so many elements of a kind as a request's body of some hundred KiB may hold.
func many(element func(i int) *ast.Term) []*ast.Term {
	elements := make([]*ast.Term, 1<<15)
	for i := range elements {
		elements[i] = element(i)
	}
	return elements
}

// hostileValues are values of every kind, each about as large as a request may be; the awkward ones come first.
func hostileValues() []*ast.Term {
	const long = 1 << 18
	text := func(i int) *ast.Term { return ast.StringTerm(fmt.Sprint("k", i)) }
	number := func(int) *ast.Term { return ast.NumberTerm("1e300") }
	network := func(i int) *ast.Term { return ast.StringTerm(fmt.Sprintf("10.%d.%d.0/24", i/256, i%256)) }
	list := func(i int) *ast.Term { return ast.ArrayTerm(text(i)) }
	set := func(i int) *ast.Term { return ast.SetTerm(text(i)) }
	object := func(i int) *ast.Term { return ast.ObjectTerm(ast.Item(text(i), text(i))) }
	fields := ast.NewObject()
	for i, key := range many(text) {
		fields.Insert(key, text(i))
	}
	return []*ast.Term{
		ast.StringTerm(strings.Repeat("a", long)), ast.StringTerm(strings.Repeat("é", long/2)), ast.NumberTerm("1e300"),
		ast.NumberTerm("9007199254740991"), ast.ArrayTerm(many(text)...), ast.ArrayTerm(many(number)...), ast.SetTerm(many(text)...), ast.NewTerm(fields),
		ast.StringTerm(strings.Repeat("1", long)), ast.StringTerm(strings.Repeat("[", 9000) + strings.Repeat("]", 9000)),
		ast.StringTerm(strings.Repeat("a=1&", long/4)), ast.StringTerm("1.0.0-" + strings.Repeat("a.", long/2) + "a"), ast.StringTerm(""),
		ast.NumberTerm("1e-300"), ast.NumberTerm("-9223372036854775808"), ast.ArrayTerm(many(network)...), ast.ArrayTerm(many(list)...),
		ast.ArrayTerm(many(object)...), ast.SetTerm(many(set)...),
		ast.ArrayTerm(slices.Repeat([]*ast.Term{ast.StringTerm(strings.Repeat("/a", 2000))}, 200)...),
	}
}

// TestWhatIsNotBoundedNeedsNoBound calls every other built-in with all combinations of hostile values: it is the reason
// why they may go without a bound, and finds those that a new version of OPA makes slow.
func TestWhatIsNotBoundedNeedsNoBound(t *testing.T) {
	if testing.Short() || underRace {
		t.Skip("its bound holds for evaluation without the race detector, which slows it down tenfold")
	}
	// These call back for each result, or mean something to the compiler only.
	others := []string{"walk", "print", "eq", "assign", "rego.metadata.chain", "rego.metadata.rule"}
	values, calls := hostileValues(), 0
	for _, name := range pure {
		function := topdown.GetBuiltin(name)
		if bounded[name] != nil || slices.Contains(others, name) || strings.HasPrefix(name, "internal.") {
			continue
		}
		require.NotNil(t, function, name)
		arity := ast.BuiltinMap[name].Decl.Arity()
		offered := values
		if arity > 2 {
			offered = values[:8]
		}
		var call func(args []*ast.Term)
		call = func(args []*ast.Term) {
			if len(args) < min(arity, 3) {
				for _, value := range offered {
					call(append(slices.Clip(args), value))
				}
				return
			}
			for len(args) < arity {
				args = append(args, ast.IntNumberTerm(1))
			}
			began := time.Now()
			_ = function(topdown.BuiltinContext{}, args, func(*ast.Term) error { return nil })
			if took := time.Since(began); took > 2*time.Second {
				t.Errorf("%s took %v", name, took)
			}
			calls++
		}
		call(nil)
	}
	require.Greater(t, calls, 10_000)
}
