package policy

import (
	"cmp"
	"context"
	"maps"
	"slices"
	"strconv"
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
	// ForwardedAt is the file and line of the rule of deny that took the refusal from another set, such as
	// deny contains r if some r in data.team.deny. It is empty where the rule at File and Line is one of deny itself.
	ForwardedAt string
	// Code, Message and Details are the refusal's own; each may be missing.
	Code    string
	Message string
	Details any
	// Stands tells that the caller gets this refusal's message.
	Stands bool
	// Values are the inputs that the rule, and the rules it asks, can read; of a forwarded refusal those of the rule that
	// forwards it.
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

// explained is the name of the sets that located makes.
const explained = "__explained__"

var (
	explainedRef = ast.MustParseRef("data.tollgate.authz." + explained)
	messagesRef  = ast.MustParseRef("data.tollgate._messages")
)

// Explain decides about an input anew and tells every refusal with the rule it comes from and the values that rule can
// read. It compiles the policies a second time: it is for people, not for the request path.
func (e *Engine) Explain(ctx context.Context, in *Input) (*Explanation, error) {
	g := e.current.Load()
	x := &Explanation{}
	x.Decision, x.Err = g.evaluate(ctx, in, e.options.Timeout)
	modules, origins := g.located()
	compiler, err := g.sources.compile(ctx, modules)
	if err != nil {
		return nil, err
	}
	input, err := in.value(parts{query: true, headers: true, body: true})
	if err != nil {
		return nil, err
	}
	ask := func(query ast.Ref, take func(ast.Value)) error {
		prepared, err := g.sources.prepare(ctx, compiler, query)
		if err == nil {
			_, err = g.sources.eval(ctx, prepared, input, e.options.Timeout, take)
		}
		return err
	}
	var bad error
	var found []finding
	err = ask(explainedRef, func(result ast.Value) { found, bad = findings(compiler, result, input) })
	x.Err = cmp.Or(x.Err, err, bad)
	for _, origin := range origins {
		// Policies that fail there may not even have been asked: the refusals then stand as those of deny.
		_ = ask(origin, func(result ast.Value) { found = traced(found, result) })
	}
	for _, f := range found {
		x.Refusals = append(x.Refusals, f.Refusal)
	}
	slices.SortFunc(x.Refusals, func(a, b Refusal) int {
		return cmp.Or(strings.Compare(a.File, b.File), cmp.Compare(a.Line, b.Line), strings.Compare(a.Message, b.Message))
	})
	var messages ast.Object // what a code says where its refusal says nothing
	_ = ask(messagesRef, func(result ast.Value) { messages, _ = result.(ast.Object) })
	for i := range x.Refusals {
		r := &x.Refusals[i]
		says := r.Message
		if says == "" && messages != nil {
			standard, _ := get[ast.String](messages, r.Code)
			says = string(standard)
		}
		r.Stands = x.Err == nil && r.Code == x.Decision.Code && says == x.Decision.Message
	}
	return x, nil
}

// located gives modules in which each refusal also says where it stands: beside each deny contains X they have
// __explained__ contains {"refusal": X, "file": …, "line": …}, on the same condition. The same is done to the sets of other
// packages that the decision can reach, so that what a rule of deny only passes on is found where it is made; origins are
// the sets with those.
func (g *generation) located() (marked map[string]*ast.Module, origins []ast.Ref) {
	reached := follower{compiler: g.compiler, seen: map[*ast.Rule]bool{}}
	reached.follow(g.compiler.GetRulesDynamicWithOpts(decisionRef, ast.RulesOptions{}))
	places := map[string]bool{}
	for rule := range reached.seen {
		places[place(rule.Location)] = true
	}
	marked = maps.Clone(g.sources.policies)
	for name, module := range g.sources.policies {
		module = module.Copy()
		refuses := packageName(module) == "tollgate.authz"
		before := len(module.Rules)
		for _, rule := range slices.Clone(module.Rules) {
			switch {
			case rule.Head.Key == nil || len(rule.Head.Ref()) > 1 || rule.Head.Value != nil || !places[place(rule.Location)]:
			case refuses && ruleName(rule) == "deny", !refuses && !passesOn(rule):
				module.Rules = append(module.Rules, locatedRule(module, rule))
			}
		}
		if len(module.Rules) > before {
			marked[name] = module
			origin := module.Package.Path.Append(ast.StringTerm(explained))
			if !refuses && !slices.ContainsFunc(origins, func(other ast.Ref) bool { return other.Equal(origin) }) {
				origins = append(origins, origin)
			}
		}
	}
	return marked, origins
}

// passesOn reports whether a rule's elements are a variable's values, made elsewhere or at least not in its head.
func passesOn(rule *ast.Rule) bool {
	_, isVar := rule.Head.Key.Value.(ast.Var)
	return isVar
}

func locatedRule(module *ast.Module, rule *ast.Rule) *ast.Rule {
	rule = rule.Copy()
	rule.Head.Name = explained
	rule.Head.Reference = ast.Ref{ast.VarTerm(explained)}
	rule.Head.Key = ast.ObjectTerm(
		ast.Item(ast.InternedTerm("refusal"), rule.Head.Key),
		ast.Item(ast.InternedTerm("file"), ast.StringTerm(rule.Location.File)),
		ast.Item(ast.InternedTerm("line"), ast.IntNumberTerm(rule.Location.Row)),
		ast.Item(ast.InternedTerm("passed_on"), ast.InternedTerm(passesOn(rule))),
	)
	rule.Module = module
	return rule
}

// traced puts in place of refusals that deny only passes on those that make them, as many as there are.
func traced(all []finding, elements ast.Value) (found []finding) {
	set, ok := elements.(ast.Set)
	if !ok {
		return all
	}
	for _, r := range all {
		before := len(found)
		set.Foreach(func(element *ast.Term) {
			object := element.Value.(ast.Object)
			if made := object.Get(ast.InternedTerm("refusal")); r.passedOn && r.ForwardedAt == "" && made.Equal(r.term) {
				origin := r
				origin.ForwardedAt = r.File + ":" + strconv.Itoa(r.Line)
				origin.File, origin.Line = located(object)
				found = append(found, origin)
			}
		})
		if len(found) == before {
			found = append(found, r)
		}
	}
	return found
}

// located reads where an element of the sets that generation.located makes stands.
func located(object ast.Object) (name string, row int) {
	file, _ := get[ast.String](object, "file")
	line, _ := get[ast.Number](object, "line")
	row, _ = line.Int()
	return string(file), row
}

// finding is a refusal as the policies made it.
type finding struct {
	Refusal
	term *ast.Term
	// passedOn tells that the rule takes it from a variable.
	passedOn bool
}

// findings reads the elements of the set that located makes.
func findings(compiler *ast.Compiler, elements, input ast.Value) ([]finding, error) {
	var all []finding
	err := elements.(ast.Set).Iter(func(element *ast.Term) error {
		object := element.Value.(ast.Object)
		r := finding{term: object.Get(ast.InternedTerm("refusal"))}
		r.File, r.Line = located(object)
		passed, _ := get[ast.Boolean](object, "passed_on")
		r.passedOn = bool(passed)
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
