package policy

import (
	"context"
	"fmt"
	"slices"
	"strings"
	"time"

	"github.com/open-policy-agent/opa/v1/ast"
	"github.com/open-policy-agent/opa/v1/rego"
	"github.com/open-policy-agent/opa/v1/topdown"
)

// maxWitnessed bounds what is kept of one evaluation: sets may have any number of elements.
const maxWitnessed = 1000

// made is an element of a set, and the rule that made it.
type made struct {
	rule    *ast.Rule
	element *ast.Term
}

// witness follows an evaluation and keeps which rule made which element of a set.
type witness struct {
	// refusals are those of deny, once for each rule; others those of other packages' sets.
	refusals, others []made
}

// Enabled is part of topdown.QueryTracer.
func (*witness) Enabled() bool { return true }

// Config is part of topdown.QueryTracer.
func (*witness) Config() topdown.TraceConfig { return topdown.TraceConfig{} }

// TraceEvent is part of topdown.QueryTracer.
func (w *witness) TraceEvent(event topdown.Event) {
	rule, ok := event.Node.(*ast.Rule)
	if !ok || event.Op != topdown.ExitOp || rule.Head.Key == nil {
		return
	}
	isRefusal, isOurs := ruleName(rule) == "deny", packageName(rule.Module) == authzPackage
	switch {
	case isOurs && isRefusal && len(w.refusals) < maxWitnessed:
		m := made{rule, event.Plug(rule.Head.Key)}
		if !slices.ContainsFunc(w.refusals, func(other made) bool { return other.rule == rule && other.element.Equal(m.element) }) {
			w.refusals = append(w.refusals, m)
		}
	case !isOurs && !passesOn(rule) && len(w.others) < maxWitnessed:
		w.others = append(w.others, made{rule, event.Plug(rule.Head.Key)})
	}
}

// origins are the rules of other packages that made a refusal which deny only passes on; none where deny made it itself.
func (w *witness) origins(refusal made) (rules []*ast.Rule) {
	for _, m := range w.others {
		if passesOn(refusal.rule) && m.element.Equal(refusal.element) && !slices.Contains(rules, m.rule) {
			rules = append(rules, m.rule)
		}
	}
	return rules
}

// passesOn reports whether a rule of a set takes its elements from elsewhere, instead of making an object.
func passesOn(rule *ast.Rule) bool {
	_, isVar := boundTo(rule, rule.Head.Key).Value.(ast.Var)
	_, isRef := boundTo(rule, rule.Head.Key).Value.(ast.Ref)
	return isVar || isRef
}

// witnessed evaluates the decision once more, and tells who made what.
func (g *generation) witnessed(ctx context.Context, input ast.Value, timeout time.Duration) (*witness, error) {
	w := &witness{}
	_, err := g.sources.eval(ctx, g.prepared, input, timeout, func(ast.Value) {}, rego.EvalQueryTracer(w))
	return w, err
}

// blame puts in front of the error of a malformed decision where the rules stand that made the refusals at fault.
func (g *generation) blame(ctx context.Context, input ast.Value, timeout time.Duration, malformed error) error {
	w, err := g.witnessed(ctx, input, timeout)
	if err != nil {
		return malformed
	}
	var places []string
	for _, refusal := range w.refusals {
		if wellFormed(refusal.element.Value) {
			continue
		}
		for _, rule := range w.makers(refusal) {
			places = append(places, place(rule.Location))
		}
	}
	slices.Sort(places)
	if places = slices.Compact(places); places == nil {
		return malformed
	}
	return fmt.Errorf("%s: %w", strings.Join(places, ", "), malformed)
}

// makers are the rules that made a refusal: its origins, or the rule of deny itself.
func (w *witness) makers(m made) []*ast.Rule {
	if rules := w.origins(m); rules != nil {
		return rules
	}
	return []*ast.Rule{m.rule}
}

// wellFormed reports whether a value is a refusal as decision.rego takes it and decode can tell it on.
func wellFormed(refusal ast.Value) bool {
	object, ok := refusal.(ast.Object)
	if !ok {
		return false
	}
	code, hasCode := get[ast.String](object, "code")
	if !hasCode || !slices.Contains(codes, string(code)) {
		return false
	}
	return object.Iter(func(name, field *ast.Term) error {
		switch name.Value {
		case ast.String("code"):
			return nil
		case ast.String("message"):
			if _, ok := field.Value.(ast.String); ok {
				return nil
			}
		case ast.String("details"):
			details, err := plainJSON(field.Value)
			if _, isObject := details.(map[string]any); isObject || details == nil {
				return err
			}
		}
		return ErrMalformed
	}) == nil
}
