package policy

import (
	"cmp"
	"context"
	"slices"
	"strings"

	"github.com/open-policy-agent/opa/v1/ast"
)

// Explanation tells how the policies come to their decision about one input.
type Explanation struct {
	// Decision is what Decide says, made afresh; Err what keeps it from saying anything.
	Decision Decision
	Err      error
	// Refusals are all that the policies have against the request, by file and line; where they fail, those until then.
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

// messagesRef is what is said for a code whose refusal says nothing.
var messagesRef = ast.MustParseRef("data.tollgate._messages")

// Explain decides about an input anew and tells every refusal with the rule it comes from and the values that rule can
// read. It follows the evaluation step by step: it is for people, not for the request path.
func (e *Engine) Explain(ctx context.Context, in *Input) (*Explanation, error) {
	g := e.current.Load()
	x := &Explanation{}
	x.Decision, x.Err = g.evaluate(ctx, in, e.options.Timeout)
	input, err := in.value(parts{query: true, headers: true, body: true})
	if err != nil {
		return nil, err
	}
	w, err := g.witnessed(ctx, input, e.options.Timeout)
	x.Err = cmp.Or(x.Err, err)
	for _, made := range w.refusals {
		refusal, err := g.refusal(made, input)
		if err != nil {
			return nil, err
		}
		says := cmp.Or(refusal.Message, g.standardMessage(refusal.Code))
		refusal.Stands = x.Err == nil && refusal.Code == x.Decision.Code && says == x.Decision.Message
		origins := w.origins(made)
		for _, rule := range origins {
			forwarded := refusal
			forwarded.ForwardedAt = place(made.rule.Location)
			forwarded.File, forwarded.Line = rule.Location.File, rule.Location.Row
			x.Refusals = append(x.Refusals, forwarded)
		}
		if origins == nil {
			x.Refusals = append(x.Refusals, refusal)
		}
	}
	slices.SortFunc(x.Refusals, func(a, b Refusal) int {
		return cmp.Or(strings.Compare(a.File, b.File), cmp.Compare(a.Line, b.Line), strings.Compare(a.Message, b.Message))
	})
	return x, nil
}

// refusal tells what a rule of deny made, of whatever form.
func (g *generation) refusal(made made, input ast.Value) (r Refusal, err error) {
	r.File, r.Line = made.rule.Location.File, made.rule.Location.Row
	for _, read := range readingsOf(g.compiler, []*ast.Rule{made.rule}) {
		v := Value{Path: read.String()}
		if found, err := input.Find(read.ref()[1:]); err == nil {
			if json, err := plainJSON(found); err == nil {
				v.Present, v.JSON = true, json
			}
		}
		r.Values = append(r.Values, v)
	}
	object, ok := made.element.Value.(ast.Object)
	if !ok {
		return r, nil
	}
	code, _ := get[ast.String](object, "code")
	message, _ := get[ast.String](object, "message")
	r.Code, r.Message = string(code), string(message)
	if details := object.Get(ast.InternedTerm("details")); details != nil {
		r.Details, err = plainJSON(details.Value)
	}
	return r, err
}

// standardMessage is what the policies say where a refusal of that code says nothing.
func (g *generation) standardMessage(code string) string {
	for _, rule := range g.compiler.GetRulesExact(messagesRef) {
		if messages, ok := rule.Head.Value.Value.(ast.Object); ok {
			standard, _ := get[ast.String](messages, code)
			return string(standard)
		}
	}
	return ""
}
