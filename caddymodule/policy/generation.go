package policy

import (
	"context"
	"errors"
	"fmt"
	"strings"
	"time"

	"github.com/open-policy-agent/opa/v1/ast"
	"github.com/open-policy-agent/opa/v1/metrics"
	"github.com/open-policy-agent/opa/v1/rego"
	"github.com/open-policy-agent/opa/v1/topdown"

	"github.com/tollgate-gateway/tollgate/caddymodule/internal/allowance"
	"github.com/tollgate-gateway/tollgate/caddymodule/internal/turns"
)

// decisionRef is what a generation answers.
var decisionRef = ast.MustParseRef("data.tollgate.decision")

// generation is one immutable set of policies, ready to decide.
type generation struct {
	number   uint64
	sources  *sources
	compiler *ast.Compiler
	// warnings are what most likely is a mistake in the policies, with file and line.
	warnings []string
	prepared rego.PreparedEvalQuery
	reads    parts
	// places tell where a refusal comes from.
	places places
	// memory is nil where decisions are not remembered; why says the reason.
	memory *memory
	why    string
	slots  []slot
	// byKey and byWorkspace tell whether slots holds those records.
	byKey, byWorkspace bool
}

// parts are the inputs that cost something to build; those that no policy reads are left out.
type parts struct{ query, headers, body bool }

// load reads, checks, compiles, tests and prepares the embedded policies together with those of paths.
func load(ctx context.Context, number uint64, paths []string, remember int) (*generation, error) {
	s, err := parse(ctx, paths)
	if err != nil {
		return nil, err
	}
	g := &generation{number: number, sources: s}
	if g.compiler, g.warnings, err = s.check(ctx); err != nil {
		return nil, err
	}
	if err := s.runTests(ctx); err != nil {
		return nil, err
	}
	g.places = g.placesOf(g.compiler)
	g.prepared, err = s.prepare(ctx, g.compiler, decisionRef)
	if err != nil {
		return nil, err
	}
	reached := reachedFrom(g.compiler, decisionRef)
	onlyListed := readsAddressForListsOnly(reached)
	readings := reached.sorted()
	g.reads = partsOf(readings)
	if g.slots, g.why = slotsOf(readings); g.why == "" && remember > 0 {
		g.memory = newMemory(remember, number)
	}
	if onlyListed {
		addressOfListed(g.slots)
	}
	for _, s := range g.slots {
		g.byKey = g.byKey || s.kind == slotKey
		g.byWorkspace = g.byWorkspace || s.kind == slotWorkspace
	}
	g.warmUp(ctx)
	return g, nil
}

// prepare makes a query of compiled policies ready for evaluation.
func (s *sources) prepare(ctx context.Context, compiler *ast.Compiler, query ast.Ref) (rego.PreparedEvalQuery, error) {
	options := []func(*rego.Rego){
		rego.ParsedQuery(ast.NewBody(ast.NewExpr(ast.NewTerm(query)))),
		rego.Compiler(compiler),
		rego.Store(s.store),
		rego.Transaction(s.data),
		rego.StrictBuiltinErrors(true), // a failing call fails the decision, instead of leaving out a refusal
	}
	for _, builtin := range boundedBuiltins {
		options = append(options, builtin.Func)
	}
	prepared, err := rego.New(options...).PrepareForEval(ctx)
	if err != nil {
		return prepared, fmt.Errorf("preparing the policies: %w", err)
	}
	return prepared, nil
}

// decide answers from memory, or else afresh when it is its turn.
func (g *generation) decide(ctx context.Context, in *Input, timeout time.Duration, turns *turns.Turns) (Decision, error) {
	var buffer [usualKey]byte
	var key []byte
	var of owners
	remembers := g.memory != nil && !(g.reads.body && in.HasBody)
	if remembers {
		key, of = appendKey(buffer[:0], g.slots, in), g.owners(in)
		if d := g.memory.get(key, of); d != nil {
			return *d, nil
		}
	}
	if err := turns.Take(ctx, in.workspace(), timeout+turnTimeout); err != nil {
		return Decision{Generation: g.number}, err
	}
	defer turns.Done()
	if !remembers {
		return g.evaluate(ctx, in, timeout)
	}
	if d := g.memory.get(key, of); d != nil {
		return *d, nil // another request had the same question, and the turn before
	}
	d, err := g.evaluate(ctx, in, timeout)
	if err == nil {
		g.memory.put(key, of, d)
	}
	return d, err
}

// owners are the records that the key of a remembered decision stands for.
func (g *generation) owners(in *Input) (of owners) {
	if in.Identity == nil {
		return of
	}
	if g.byKey {
		of.key = in.Identity.Key
	}
	if g.byWorkspace {
		of.workspace = in.Identity.Workspace
	}
	return of
}

// evaluate decides afresh, within timeout and while ctx lasts. With an error it only tells the generation.
func (g *generation) evaluate(ctx context.Context, in *Input, timeout time.Duration) (Decision, error) {
	d, err := g.ask(ctx, in, timeout)
	if err != nil {
		d = Decision{}
	}
	d.Generation = g.number
	return d, err
}

func (g *generation) ask(ctx context.Context, in *Input, timeout time.Duration) (d Decision, err error) {
	value, err := in.value(g.reads)
	if err != nil {
		return d, err
	}
	var bad error
	found, err := g.sources.eval(ctx, g.prepared, value, timeout, func(result ast.Value) { d, bad = decode(result) })
	switch {
	case err != nil:
		return d, err
	case !found:
		return d, ErrUndefined
	case bad != nil && in.large():
		return d, bad
	case bad != nil:
		return d, g.blame(ctx, value, timeout, bad)
	}
	return g.located(ctx, in, value, timeout, d), nil
}

// eval evaluates a prepared query within timeout and while ctx lasts, and gives its result to take. No goroutine waits
// for either: both only set a flag that the evaluation looks at.
func (s *sources) eval(ctx context.Context, query rego.PreparedEvalQuery, input ast.Value, timeout time.Duration, take func(ast.Value), more ...rego.EvalOption) (found bool, err error) {
	allowed := allowance.Begin(timeout)
	left := context.AfterFunc(ctx, allowed.Cancel)
	results, err := query.Eval(ctx, append(more,
		rego.EvalParsedInput(input),
		rego.EvalTransaction(s.data),
		rego.EvalExternalCancel(allowed),
		rego.EvalMetrics(noMetrics),
		rego.EvalGenerateJSON(func(term *ast.Term, _ *rego.EvalContext) (any, error) {
			take(term.Value)
			return nil, nil
		}),
	)...)
	inTime := allowed.End()
	left()
	switch {
	case ctx.Err() != nil:
		return false, context.Cause(ctx)
	case !inTime:
		return false, ErrLate
	case err != nil:
		return false, fmt.Errorf("evaluating the policies: %w", evaluationError(err))
	}
	return len(results) > 0, nil
}

// evaluationError leaves out of OPA's message the values it quotes: they are the caller's, and this goes into logs.
func evaluationError(err error) error {
	var failed *topdown.Error
	if !errors.As(err, &failed) {
		return err
	}
	said, _, _ := strings.Cut(failed.Message, ":")
	said = strings.TrimPrefix(said, boundedPrefix)
	if errors.Is(err, ErrCostly) {
		return fmt.Errorf("%s: %s: %w", place(failed.Location), said, ErrCostly)
	}
	return fmt.Errorf("%s: %s: %s", place(failed.Location), failed.Code, said)
}

var noMetrics = metrics.NoOp()
