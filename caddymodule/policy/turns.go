package policy

import (
	"context"
	"errors"
	"fmt"
	"runtime"
	"slices"
	"sync"
	"time"
)

// ErrBusy means that no evaluation of the decision began in time: too many others were before it.
var ErrBusy = errors.New("the policies are busy: no evaluation began in time")

// evaluationsAtOnce is how many evaluations may run at once: two for each core, so that one which the system interrupts lets
// its core not stand idle.
func evaluationsAtOnce() int { return 2 * runtime.GOMAXPROCS(0) }

// turnTimeout is how long a request waits for its turn at most, beside the timeout of one decision.
const turnTimeout = 5 * time.Second

// turns lets so many evaluations run at once: more would only take the cores from each other, and each would pay with its
// timeout. Who has to wait waits in a line of its workspace, and the lines take turns, so that a workspace whose requests
// are slow to judge, or many, holds up its own.
type turns struct {
	timeout time.Duration

	mu    sync.Mutex
	free  int
	lines map[string]*line
	// order are the lines in which somebody waits, the next first.
	order []*line
}

// line is who waits for one workspace, the first first.
type line struct {
	workspace string
	waiting   []chan struct{}
}

func newTurns(atOnce int) *turns {
	return &turns{timeout: turnTimeout, free: atOnce, lines: map[string]*line{}}
}

// take waits for a turn, which done gives back. Others may each take so long with theirs. The error is ErrBusy, or the cause
// of ctx's end.
func (t *turns) take(ctx context.Context, workspace string, decision time.Duration) error {
	t.mu.Lock()
	if t.free > 0 {
		t.free--
		t.mu.Unlock()
		return nil
	}
	turn := t.wait(workspace)
	t.mu.Unlock()
	longest := t.timeout + decision
	late := time.NewTimer(longest)
	defer late.Stop()
	var err error
	select {
	case <-turn:
		return nil
	case <-ctx.Done():
		err = context.Cause(ctx)
	case <-late.C:
		err = fmt.Errorf("%w (%v)", ErrBusy, longest)
	}
	if !t.leave(workspace, turn) {
		t.done() // it came at the last moment
	}
	return err
}

// wait lines up. The turn is there when the channel is closed.
func (t *turns) wait(workspace string) chan struct{} {
	turn, l := make(chan struct{}), t.lines[workspace]
	if l == nil {
		l = &line{workspace: workspace}
		t.lines[workspace], t.order = l, append(t.order, l)
	}
	l.waiting = append(l.waiting, turn)
	return turn
}

// leave reports whether the turn was still waited for.
func (t *turns) leave(workspace string, turn chan struct{}) bool {
	t.mu.Lock()
	defer t.mu.Unlock()
	l := t.lines[workspace]
	if l == nil {
		return false
	}
	i := slices.Index(l.waiting, turn)
	if i < 0 {
		return false
	}
	if l.waiting = slices.Delete(l.waiting, i, i+1); len(l.waiting) == 0 {
		delete(t.lines, workspace)
		t.order = slices.DeleteFunc(t.order, func(other *line) bool { return other == l })
	}
	return true
}

// done passes the turn on to the first of the next line, which then stands last.
func (t *turns) done() {
	t.mu.Lock()
	defer t.mu.Unlock()
	if len(t.order) == 0 {
		t.free++
		return
	}
	next := t.order[0]
	t.order = t.order[1:]
	close(next.waiting[0])
	if next.waiting = next.waiting[1:]; len(next.waiting) == 0 {
		delete(t.lines, next.workspace)
		return
	}
	t.order = append(t.order, next)
}
