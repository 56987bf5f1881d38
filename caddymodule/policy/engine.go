package policy

import (
	"context"
	"sync"
	"sync/atomic"
	"time"

	"github.com/tollgate-gateway/tollgate/caddymodule/internal/watch"
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
	// Remember is how many decisions are remembered; 0 is DefaultRemember, less is none.
	Remember int
}

// Engine decides by the newest policies that could be loaded. It may be used by many goroutines at once.
type Engine struct {
	options Options
	// loading lets one generation be loaded after the other; no request waits for it.
	loading sync.Mutex
	current atomic.Pointer[generation]
	files   *watch.Files
}

// New loads the embedded policies and those of options.Paths. The error says file, line and why.
func New(ctx context.Context, options Options) (*Engine, error) {
	if options.Timeout == 0 {
		options.Timeout = DefaultTimeout
	}
	if options.Remember == 0 {
		options.Remember = DefaultRemember
	}
	// Looking before loading: what changes while it is loaded is then a change.
	e := &Engine{options: options, files: watch.New(options.Paths...)}
	if err := e.Reload(ctx); err != nil {
		return nil, err
	}
	return e, nil
}

// Reload loads all policies anew. If anything of them is wrong the current ones stay, and the error says file, line and
// why.
func (e *Engine) Reload(ctx context.Context) error {
	e.loading.Lock()
	defer e.loading.Unlock()
	number := uint64(1)
	if last := e.current.Load(); last != nil {
		number = last.number + 1
	}
	g, err := load(ctx, number, e.options.Paths, e.options.Remember)
	if err != nil {
		return err
	}
	e.current.Store(g)
	return nil
}

// Watch reloads whenever the files of Options.Paths have changed, until ctx ends. It looks every so often and tells
// loaded the outcome of each reload, but not that of one which the end of ctx cut short. It may be called once.
func (e *Engine) Watch(ctx context.Context, every time.Duration, loaded func(error)) {
	e.files.Poll(ctx, every, func() {
		if err := e.Reload(ctx); err == nil || ctx.Err() == nil {
			loaded(err)
		}
	})
}

// Decide answers for one request. An error is no answer, and never "allow": the policies were late (ErrLate), failed, or
// said something that is no decision (ErrUndefined, ErrMalformed), or ctx ended. Of the decision only Generation is set
// then: it names the policies that failed.
func (e *Engine) Decide(ctx context.Context, in *Input) (Decision, error) {
	return e.current.Load().decide(ctx, in, e.options.Timeout)
}
