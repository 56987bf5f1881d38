package policy

import (
	"errors"
	"regexp/syntax"
	"strings"

	"github.com/open-policy-agent/opa/v1/ast"
	"github.com/open-policy-agent/opa/v1/rego"
	"github.com/open-policy-agent/opa/v1/tester"
	"github.com/open-policy-agent/opa/v1/topdown"
	"github.com/open-policy-agent/opa/v1/topdown/builtins"
)

// ErrCostly means that a policy called a built-in function with arguments for which its result or its run time could be
// far larger than they are. Such calls cannot be interrupted: one request would otherwise fill the memory.
var ErrCostly = errors.New("the arguments would make the call too costly: bound them in the policy before the call")

// What a call may cost at most.
const (
	maxSteps    = 1 << 24 // bytes written, or pairs of bytes compared: some ten milliseconds
	maxMatching = 1 << 22 // states of a regular expression times the bytes of the text
	maxStates   = 10_000  // of a regular expression, whatever it is asked about
	maxRange    = 100_000 // elements of a range
	maxPairs    = 1 << 18 // pairs of networks
	maxFactors  = 100     // numbers of a product
	maxShift    = 1024    // bits
	maxDigits   = 1000    // characters of a number within a text
	maxWidth    = 1000    // characters that a verb of sprintf may pad to
)

// bounded are the pure built-ins that are asked first whether they can afford their arguments. Arguments of a wrong type
// cost nothing: the function itself refuses them.
var bounded = map[string]func(args []*ast.Term) bool{
	"bits.lsh":      func(args []*ast.Term) bool { return between(args[1], 0, maxShift) },
	"concat":        func(args []*ast.Term) bool { return joined(args) <= maxSteps },
	"glob.match":    affordsGlob,
	"indexof":       func(args []*ast.Term) bool { return size(args[0])*size(args[1]) <= maxSteps },
	"indexof_n":     func(args []*ast.Term) bool { return size(args[0])*size(args[1]) <= maxSteps },
	"trim":          func(args []*ast.Term) bool { return size(args[0])*size(args[1]) <= maxSteps },
	"trim_left":     func(args []*ast.Term) bool { return size(args[0])*size(args[1]) <= maxSteps },
	"trim_right":    func(args []*ast.Term) bool { return size(args[0])*size(args[1]) <= maxSteps },
	"object.subset": func(args []*ast.Term) bool { return leaves(args[0])*leaves(args[1]) <= maxSteps },
	"product":       func(args []*ast.Term) bool { return size(args[0]) <= maxFactors },
	"replace":       func(args []*ast.Term) bool { return (size(args[0])+1)*(size(args[1])+size(args[2])) <= maxSteps },
	"strings.replace_n": func(args []*ast.Term) bool {
		return (size(args[1])+1)*joined([]*ast.Term{ast.InternedEmptyString, args[0]}) <= maxSteps
	},
	"sprintf":                   affordsFormat,
	"net.cidr_contains_matches": func(args []*ast.Term) bool { return size(args[0])*size(args[1]) <= maxPairs },
	"numbers.range":             func(args []*ast.Term) bool { return affordsRange(args[0], args[1], ast.InternedTerm(1)) },
	"numbers.range_step":        func(args []*ast.Term) bool { return affordsRange(args[0], args[1], args[2]) },
	// Numbers of many digits, and with large exponents, make whatever is done with them slow.
	"json.unmarshal":    numbersAreShort,
	"to_number":         numbersAreShort,
	"units.parse":       unitsAreShort,
	"units.parse_bytes": unitsAreShort,

	"regex.find_all_string_submatch_n": func(args []*ast.Term) bool { return affordsRegex(args[0], args[1]) },
	"regex.find_n":                     func(args []*ast.Term) bool { return affordsRegex(args[0], args[1]) },
	"regex.is_valid":                   func(args []*ast.Term) bool { return affordsRegex(args[0], ast.InternedEmptyString) },
	"regex.match":                      func(args []*ast.Term) bool { return affordsRegex(args[0], args[1]) },
	"regex.split":                      func(args []*ast.Term) bool { return affordsRegex(args[0], args[1]) },
	"regex.replace": func(args []*ast.Term) bool {
		return affordsRegex(args[1], args[0]) && (size(args[0])+1)*(size(args[2])+1) <= maxSteps
	},
}

// boundedPrefix begins the names under which compiled policies call bounded built-ins. OPA takes no other function for
// a name of its own, and what it registers for the process is not ours to replace.
const boundedPrefix = "bounded."

// boundedBuiltins declares the bounded built-ins for compilers and registers them for queries.
var boundedBuiltins = func() (list []*tester.Builtin) {
	for name, affords := range bounded {
		call, declaration := topdown.GetBuiltin(name), ast.BuiltinMap[name].Decl
		list = append(list, &tester.Builtin{Decl: &ast.Builtin{Name: boundedPrefix + name, Decl: declaration}, Func: rego.FunctionDyn(
			&rego.Function{Name: boundedPrefix + name, Decl: declaration},
			func(bctx rego.BuiltinContext, args []*ast.Term) (result *ast.Term, err error) {
				if !affords(args) {
					return nil, ErrCostly
				}
				err = call(bctx, args, func(term *ast.Term) error { result = term; return nil })
				if failed, ok := errors.AsType[*topdown.Error](err); ok && failed.Code != topdown.CancelErr {
					err = errors.New(strings.TrimPrefix(failed.Message, name+": "))
				}
				return result, err
			},
		)})
	}
	return list
}()

// callBounded is the compiler's last stage: it has every call of a bounded built-in, and every mock of one, mean ours.
func callBounded(compiler *ast.Compiler) *ast.Error {
	for _, module := range compiler.Modules {
		ast.NewGenericVisitor(func(node any) bool {
			switch node := node.(type) {
			case *ast.Expr:
				if terms, isCall := node.Terms.([]*ast.Term); isCall {
					terms[0] = ours(terms[0])
				}
			case ast.Call:
				node[0] = ours(node[0])
			case *ast.With:
				node.Target, node.Value = ours(node.Target), ours(node.Value)
			}
			return false
		}).Walk(module)
	}
	return nil
}

func ours(operator *ast.Term) *ast.Term {
	switch operator.Value.(type) {
	case ast.Ref, ast.Var:
		if name := operator.Value.String(); bounded[name] != nil {
			return &ast.Term{Value: ast.MustParseRef(boundedPrefix + name), Location: operator.Location}
		}
	}
	return operator
}

// size is the number of bytes of a text or of elements of a collection.
func size(term *ast.Term) int {
	switch value := term.Value.(type) {
	case ast.String:
		return len(value)
	case interface{ Len() int }:
		return value.Len()
	}
	return 1
}

// joined is how long the texts of a collection are together, with a text between any two.
func joined(args []*ast.Term) (length int) {
	length = size(args[0]) * size(args[1])
	add := func(term *ast.Term) { length += size(term) }
	switch collection := args[1].Value.(type) {
	case *ast.Array:
		collection.Foreach(add)
	case ast.Set:
		collection.Foreach(add)
	case ast.Object:
		collection.Foreach(func(key, value *ast.Term) { add(key); add(value) })
	}
	return length
}

// leaves counts all values within a value.
func leaves(term *ast.Term) (n int) {
	ast.WalkTerms(term, func(*ast.Term) bool { n++; return false })
	return n
}

// between reports whether a number is an integer of that range. What is no number is the function's to refuse.
func between(term *ast.Term, least, most int) bool {
	number, ok := term.Value.(ast.Number)
	if !ok {
		return true
	}
	n, ok := number.Int()
	return ok && n >= least && n <= most
}

func affordsRange(first, last, step *ast.Term) bool {
	const most = 1 << 53
	if !between(first, -most, most) || !between(last, -most, most) || !between(step, 1, most) {
		return !between(step, 1, most) && between(step, -most, 0) // a step that is not positive is the function's to refuse
	}
	by, err := builtins.IntOperand(step.Value, 3)
	from, errFrom := builtins.IntOperand(first.Value, 1)
	to, errTo := builtins.IntOperand(last.Value, 2)
	return errors.Join(err, errFrom, errTo) != nil || max(to-from, from-to)/by < maxRange
}

// affordsGlob counts asterisks: each may try every place of the text for each place of the one before.
func affordsGlob(args []*ast.Term) bool {
	pattern, _ := args[0].Value.(ast.String)
	steps, length := 1, size(args[2])+1
	for range strings.Count(strings.ReplaceAll(string(pattern), "**", "*"), "*") {
		if steps *= length; steps > 4*maxSteps {
			return false
		}
	}
	return len(pattern) <= maxStates
}

// affordsRegex multiplies the states of the expression with the length of the text.
func affordsRegex(expression, text *ast.Term) bool {
	pattern, ok := expression.Value.(ast.String)
	if !ok {
		return true
	}
	states := len(pattern) + 1
	if states > maxStates {
		return false
	}
	if strings.Contains(string(pattern), "{") {
		tree, err := syntax.Parse(string(pattern), syntax.Perl)
		if err != nil {
			return true // the function says so
		}
		states = statesOf(tree)
	}
	return states <= maxStates && states*(size(text)+1) <= maxMatching
}

// statesOf is about how many states an expression compiles to. Go itself bounds repeats within repeats by 1000.
func statesOf(tree *syntax.Regexp) int {
	states := 1 + len(tree.Rune)
	if tree.Op == syntax.OpCharClass {
		states = 1
	}
	for _, sub := range tree.Sub {
		states += statesOf(sub)
	}
	if tree.Op == syntax.OpRepeat {
		states *= max(tree.Min, tree.Max, 1)
	}
	return states
}

// affordsFormat takes each verb for the longest it can write: %q makes ten characters of one, and widths pad.
func affordsFormat(args []*ast.Term) bool {
	format, _ := args[0].Value.(ast.String)
	verbs, digits, within := 0, 0, false
	for _, c := range []byte(format) {
		switch {
		case !within:
			within, digits = c == '%', 0
		case c == '*':
			return false // a width that an argument gives
		case c >= '0' && c <= '9':
			if digits++; digits > len("999") {
				return false
			}
		case strings.IndexByte("+-# .[]", c) >= 0:
			digits = 0
		default:
			verbs, within = verbs+1, false
		}
	}
	longest := 0
	if list, ok := args[1].Value.(*ast.Array); ok {
		list.Foreach(func(term *ast.Term) { longest = max(longest, written(term)) })
	}
	return len(format)+verbs*(2*maxWidth+10*longest) <= maxSteps
}

// written is about how long a value is where it is printed.
func written(term *ast.Term) (length int) {
	ast.WalkTerms(term, func(term *ast.Term) bool {
		length += 2
		switch value := term.Value.(type) {
		case ast.String:
			length += len(value)
		case ast.Number:
			length += 400 + len(value) // a double of 5 characters may print as 309
		}
		return false
	})
	return length
}

// numbersAreShort reports whether no number within the text is longer than anybody counts.
func numbersAreShort(args []*ast.Term) bool {
	text, _ := args[0].Value.(ast.String)
	digits := 0
	for _, c := range []byte(text) {
		if digits++; c != '.' && (c < '0' || c > '9') {
			digits = 0
		}
		if digits > maxDigits {
			return false
		}
	}
	return true
}

// unitsAreShort also looks at the exponent: units are exact, so that 1e999999 has a million digits.
func unitsAreShort(args []*ast.Term) bool {
	text, _ := args[0].Value.(ast.String)
	_, exponent, _ := strings.Cut(strings.ToLower(string(text)), "e")
	return len(exponent) <= len("+999") && numbersAreShort(args)
}
