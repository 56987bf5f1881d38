package policy

import (
	"context"
	"fmt"
	"time"

	"github.com/open-policy-agent/opa/v1/ast"
	"github.com/open-policy-agent/opa/v1/metrics"
	"github.com/open-policy-agent/opa/v1/rego"
	"github.com/open-policy-agent/opa/v1/storage"
	"github.com/open-policy-agent/opa/v1/storage/inmem"
	"github.com/open-policy-agent/opa/v1/topdown"
)

// query is what a generation answers.
const query = "data.tollgate.decision"

// generation is one immutable set of policies, ready to decide.
type generation struct {
	number   uint64
	compiler *ast.Compiler
	prepared rego.PreparedEvalQuery
	// data is one read transaction for the generation's whole life: requests then take no lock of the store.
	data  storage.Transaction
	reads parts
}

// parts are the inputs that cost something to build; those that no policy reads are left out.
type parts struct{ query, headers, body bool }

// prepare makes a generation of compiled policies and their data.
func prepare(ctx context.Context, compiler *ast.Compiler, documents map[string]any) (*generation, error) {
	store := inmem.NewFromObjectWithOpts(documents, inmem.OptRoundTripOnWrite(false), inmem.OptReturnASTValuesOnRead(true))
	data, err := store.NewTransaction(ctx)
	if err != nil {
		return nil, fmt.Errorf("opening the policies' data: %w", err)
	}
	prepared, err := rego.New(
		rego.Query(query),
		rego.Compiler(compiler),
		rego.Store(store),
		rego.Transaction(data),
		rego.StrictBuiltinErrors(true), // a failing call fails the decision, instead of leaving out a refusal
	).PrepareForEval(ctx)
	if err != nil {
		return nil, fmt.Errorf("preparing the policies: %w", err)
	}
	return &generation{compiler: compiler, prepared: prepared, data: data, reads: parts{true, true, true}}, nil
}

// evaluate decides afresh, within timeout and while ctx lasts.
func (g *generation) evaluate(ctx context.Context, in *Input, timeout time.Duration) (Decision, error) {
	value, err := in.value(g.reads)
	if err != nil {
		return Decision{}, err
	}
	cancel := topdown.NewCancel()
	late := time.AfterFunc(timeout, cancel.Cancel)
	defer context.AfterFunc(ctx, cancel.Cancel)()
	var decision Decision
	results, err := g.prepared.Eval(ctx,
		rego.EvalParsedInput(value),
		rego.EvalTransaction(g.data),
		rego.EvalExternalCancel(cancel),
		rego.EvalMetrics(noMetrics),
		rego.EvalGenerateJSON(func(term *ast.Term, _ *rego.EvalContext) (any, error) {
			decision, err = decode(term.Value)
			return nil, err
		}),
	)
	switch {
	case !late.Stop():
		return Decision{}, ErrLate
	case ctx.Err() != nil:
		return Decision{}, context.Cause(ctx)
	case err != nil:
		return Decision{}, fmt.Errorf("evaluating the policies: %w", err)
	case len(results) == 0:
		return Decision{}, ErrUndefined
	}
	decision.Generation = g.number
	return decision, nil
}

var noMetrics = metrics.NoOp()
