package policy

import (
	"cmp"
	"context"
	"maps"
	"slices"
	"strings"

	"github.com/open-policy-agent/opa/v1/ast"
)

// Explanation tells how the policies come to their decision about one input.
type Explanation struct {
	// Decision is what Decide says, made afresh; Err what keeps it from saying anything.
	Decision Decision
	Err      error
	// Refusals are all that the policies have against the request, by file and line.
	Refusals []Refusal
}

// Refusal is one element of deny.
type Refusal struct {
	// File and Line are where the rule stands that refuses; embedded files begin with "embedded:".
	File string
	Line int
	// Code, Message and Details are the refusal's own; each may be missing.
	Code    string
	Message string
	Details any
	// Stands tells that the caller gets this refusal's message.
	Stands bool
	// Values are the inputs that the rule, and the rules it asks, can read.
	Values []Value
}

// Value is one input.
type Value struct {
	// Path is as policies write it, such as input.request.client_ip.
	Path string
	// Present is false where the input has no such path; JSON is then nil.
	Present bool
	JSON    any
}

// explained is the name of the set that located makes beside deny.
const explained = "__explained__"

var explainedRef = ast.MustParseRef("data.tollgate.authz." + explained)

// Explain decides about an input anew and tells every refusal with the rule it comes from and the values that rule can
// read. It compiles the policies a second time: it is for people, not for the request path.
func (e *Engine) Explain(ctx context.Context, in *Input) (*Explanation, error) {
	g := e.current.Load()
	x := &Explanation{}
	x.Decision, x.Err = g.evaluate(ctx, in, e.options.Timeout)
	compiler, err := g.sources.compile(ctx, located(g.sources.policies))
	if err != nil {
		return nil, err
	}
	query, err := g.sources.prepare(ctx, compiler, explainedRef)
	if err != nil {
		return nil, err
	}
	input, err := in.value(parts{query: true, headers: true, body: true})
	if err != nil {
		return nil, err
	}
	var bad error
	take := func(result ast.Value) { x.Refusals, bad = refusals(compiler, result, input) }
	if _, err := g.sources.eval(ctx, query, input, e.options.Timeout, take); err != nil || bad != nil {
		x.Err = cmp.Or(x.Err, err, bad)
	}
	for i := range x.Refusals {
		r := &x.Refusals[i]
		r.Stands = x.Err == nil && r.Code == x.Decision.Code && cmp.Or(r.Message, x.Decision.Message) == x.Decision.Message
	}
	return x, nil
}

// located gives modules in which each refusal also says where it stands: beside each deny contains X they have
// __explained__ contains {"refusal": X, "file": …, "line": …}, on the same condition.
func located(modules map[string]*ast.Module) map[string]*ast.Module {
	marked := maps.Clone(modules)
	for name, module := range modules {
		if packageName(module) != "tollgate.authz" {
			continue
		}
		module = module.Copy()
		for _, rule := range slices.Clone(module.Rules) {
			if ruleName(rule) == "deny" && rule.Head.Key != nil {
				rule = rule.Copy()
				rule.Head.Name = explained
				rule.Head.Reference = ast.Ref{ast.VarTerm(explained)}
				rule.Head.Key = ast.ObjectTerm(
					ast.Item(ast.InternedTerm("refusal"), rule.Head.Key),
					ast.Item(ast.InternedTerm("file"), ast.StringTerm(rule.Location.File)),
					ast.Item(ast.InternedTerm("line"), ast.IntNumberTerm(rule.Location.Row)),
				)
				rule.Module = module
				module.Rules = append(module.Rules, rule)
			}
		}
		marked[name] = module
	}
	return marked
}

// refusals reads the elements of the set that located makes.
func refusals(compiler *ast.Compiler, elements, input ast.Value) ([]Refusal, error) {
	var all []Refusal
	err := elements.(ast.Set).Iter(func(element *ast.Term) error {
		object := element.Value.(ast.Object)
		file, _ := get[ast.String](object, "file")
		line, _ := get[ast.Number](object, "line")
		row, _ := line.Int()
		r := Refusal{File: string(file), Line: row}
		if refusal, ok := get[ast.Object](object, "refusal"); ok {
			code, _ := get[ast.String](refusal, "code")
			message, _ := get[ast.String](refusal, "message")
			r.Code, r.Message = string(code), string(message)
			if details := refusal.Get(ast.InternedTerm("details")); details != nil {
				var err error
				if r.Details, err = plainJSON(details.Value); err != nil {
					return err
				}
			}
		}
		r.Values = valuesRead(compiler, r.File, r.Line, input)
		all = append(all, r)
		return nil
	})
	slices.SortFunc(all, func(a, b Refusal) int {
		return cmp.Or(strings.Compare(a.File, b.File), cmp.Compare(a.Line, b.Line), strings.Compare(a.Message, b.Message))
	})
	return all, err
}

// valuesRead are the values of all paths that the rule at that place can read.
func valuesRead(compiler *ast.Compiler, file string, line int, input ast.Value) []Value {
	rules := slices.DeleteFunc(slices.Clone(compiler.GetRulesExact(explainedRef)), func(rule *ast.Rule) bool {
		return rule.Location.File != file || rule.Location.Row != line
	})
	var values []Value
	for _, r := range readingsOf(compiler, rules) {
		v := Value{Path: r.String()}
		if found, err := input.Find(r.ref()[1:]); err == nil {
			if json, err := plainJSON(found); err == nil {
				v.Present, v.JSON = true, json
			}
		}
		values = append(values, v)
	}
	return values
}
