package policy

import (
	"context"
	"sync/atomic"
	"time"
)

// DefaultTimeout is how long a decision may take where Options say nothing else.
const DefaultTimeout = 100 * time.Millisecond

// Options of an Engine.
type Options struct {
	// Paths are folders, .rego files, data files (.json, .yaml, .yml) and bundles (.tar.gz) that are added to the
	// embedded policies.
	Paths []string
	// Timeout is how long one decision may take; 0 is DefaultTimeout.
	Timeout time.Duration
}

// Engine decides by the newest policies that could be loaded. It may be used by many goroutines at once.
type Engine struct {
	options Options
	current atomic.Pointer[generation]
}

// New loads the embedded policies and those of options.Paths. The error says file, line and why.
func New(ctx context.Context, options Options) (*Engine, error) {
	if options.Timeout == 0 {
		options.Timeout = DefaultTimeout
	}
	e := &Engine{options: options}
	return e, e.Reload(ctx)
}

// Reload loads all policies anew. If anything of them is wrong the current ones stay, and the error says file, line and
// why.
func (e *Engine) Reload(ctx context.Context) error {
	g, err := load(ctx, e.options.Paths)
	if err != nil {
		return err
	}
	g.number = 1
	if last := e.current.Load(); last != nil {
		g.number = last.number + 1
	}
	e.current.Store(g)
	return nil
}

// Decide answers for one request. An error is no answer, and never "allow": the policies were late (ErrLate), failed, or
// said something that is no decision (ErrUndefined, ErrMalformed), or ctx ended.
func (e *Engine) Decide(ctx context.Context, in *Input) (Decision, error) {
	return e.current.Load().evaluate(ctx, in, e.options.Timeout)
}
