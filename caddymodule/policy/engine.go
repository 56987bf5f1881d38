package policy

import (
	"context"
	"maps"
	"runtime"
	"slices"
	"sync"
	"sync/atomic"
	"time"

	"github.com/tollgate-gateway/tollgate/caddymodule/internal/turns"
	"github.com/tollgate-gateway/tollgate/caddymodule/internal/watch"
)

// ErrBusy means that no evaluation of the decision began in time: too many others were before it.
var ErrBusy = turns.ErrBusy

// turnTimeout is how long a request waits at most for its evaluation to begin, beside the timeout of one decision: the others
// may each take so long with theirs.
const turnTimeout = 5 * time.Second

// evaluationsAtOnce is how many evaluations may run at once: two for each core, so that the core of one that the system
// interrupts does not stand idle. More would only take the cores from each other, and each would pay with its timeout.
func evaluationsAtOnce() int { return 2 * runtime.GOMAXPROCS(0) }

// DefaultTimeout is how long a decision may take where Options say nothing else.
const DefaultTimeout = 100 * time.Millisecond

// Options of an Engine.
type Options struct {
	// Paths are folders, .rego files, data files (.json, .yaml, .yml) and bundles (.tar.gz) that are added to the
	// embedded policies.
	Paths []string
	// Timeout is how long one evaluation may run, from when it begins; 0 is DefaultTimeout. A refusal of a request that is not
	// large may take a second one, which finds the rule.
	Timeout time.Duration
	// Remember is how many decisions are remembered; 0 is DefaultRemember, less is none.
	Remember int
}

// Engine decides by the newest policies that could be loaded. It may be used by many goroutines at once.
type Engine struct {
	options Options
	*loaded
}

// loaded is what all Engines share that differ in their timeouts only.
type loaded struct {
	// loading lets one generation be loaded after the other; no request waits for it.
	loading sync.Mutex
	current atomic.Pointer[generation]
	files   *watch.Files
	// seen is how the files looked before they were last loaded; failure is what came of it.
	seen    uint64
	failure atomic.Pointer[failure]
	turns   *turns.Turns
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
	e := &Engine{options: options, loaded: &loaded{files: watch.New(options.Paths...), turns: turns.New(evaluationsAtOnce())}}
	if err := e.Reload(ctx); err != nil {
		return nil, err
	}
	return e, nil
}

// WithTimeout is an engine of the same policies, now and later, that gives each decision so much time; 0 is DefaultTimeout.
func (e *Engine) WithTimeout(timeout time.Duration) *Engine {
	if timeout == 0 {
		timeout = DefaultTimeout
	}
	options := e.options
	options.Timeout = timeout
	return &Engine{options: options, loaded: e.loaded}
}

// Reload loads all policies anew. If anything of them is wrong the current ones stay, and the error says file, line and
// why.
func (e *Engine) Reload(ctx context.Context) error {
	e.loading.Lock()
	defer e.loading.Unlock()
	return e.load(ctx, watch.Look(e.options.Paths...))
}

// Refresh is Reload where the files have changed since they were last loaded, and else what came of it then. While they
// are being loaded it waits for nothing, and is nil.
func (e *Engine) Refresh(ctx context.Context) error {
	if !e.loading.TryLock() {
		return nil
	}
	defer e.loading.Unlock()
	if now := watch.Look(e.options.Paths...); now != e.seen {
		return e.load(ctx, now)
	}
	return e.Failure()
}

// Failure is why the files could not be loaded last; nil: they could.
func (e *Engine) Failure() error {
	if last := e.failure.Load(); last != nil {
		return last.error
	}
	return nil
}

type failure struct{ error }

// load is told how the files look. Policies that could not be loaded because ctx has ended are loaded by the next Refresh.
func (e *Engine) load(ctx context.Context, seen uint64) error {
	number := uint64(1)
	if last := e.current.Load(); last != nil {
		number = last.number + 1
	}
	g, err := load(ctx, number, e.options.Paths, e.options.Remember)
	if err == nil {
		e.current.Store(g)
	}
	if err == nil || ctx.Err() == nil {
		e.seen = seen
		e.failure.Store(&failure{err})
	}
	return err
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
	return e.current.Load().decide(ctx, in, e.options.Timeout, e.turns)
}

// Caller appends to b all that the present policies can read of the request of a caller whose key, workspace and plan are known, but
// method, path, query, body and route; and gives their generation. Where two of the same key, workspace, plan and generation are
// equal, the policies say the same of both for each route.
func (e *Engine) Caller(b []byte, in *Input) (read []byte, generation uint64) {
	g := e.current.Load()
	asked := Input{Facts: Facts{Host: in.Host, Header: in.Header, ClientIP: in.ClientIP}, Identity: in.Identity, Plan: in.Plan}
	if g.why == "" {
		return appendKey(b, g.slots, &asked), g.number
	}
	b = appendAddress(appendText(b, in.Host), &asked)
	for _, name := range slices.Sorted(maps.Keys(in.Header)) {
		if !hidden(name) {
			b = appendList(appendText(b, name), in.Header[name])
		}
	}
	return b, g.number
}
