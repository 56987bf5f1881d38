// Package turns bounds how many pieces of work run at once, and shares the turns fairly among those who wait.
package turns

import (
	"context"
	"errors"
	"fmt"
	"slices"
	"sync"
	"time"
)

// ErrBusy means that no turn came in time: too many others were before it.
var ErrBusy = errors.New("no turn came in time")

// Turns lets a number of pieces of work run at once. Who has to wait waits in a line of its workspace, and the lines take
// turns: a workspace whose work is slow, or much, holds up its own. It may be used by many goroutines at once.
type Turns struct {
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

// New lets so many run at once.
func New(atOnce int) *Turns { return &Turns{free: atOnce, lines: map[string]*line{}} }

// Take waits for a turn, which Done gives back, but no longer than told. The error is ErrBusy, or the cause of ctx's end.
func (t *Turns) Take(ctx context.Context, workspace string, longest time.Duration) error {
	t.mu.Lock()
	if t.free > 0 {
		t.free--
		t.mu.Unlock()
		return nil
	}
	turn := t.wait(workspace)
	t.mu.Unlock()
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
		t.Done() // it came at the last moment
	}
	return err
}

// Waiting is how many wait in the line of a workspace.
func (t *Turns) Waiting(workspace string) int {
	t.mu.Lock()
	defer t.mu.Unlock()
	if l := t.lines[workspace]; l != nil {
		return len(l.waiting)
	}
	return 0
}

// wait lines up. The turn is there when the channel is closed.
func (t *Turns) wait(workspace string) chan struct{} {
	turn, l := make(chan struct{}), t.lines[workspace]
	if l == nil {
		l = &line{workspace: workspace}
		t.lines[workspace], t.order = l, append(t.order, l)
	}
	l.waiting = append(l.waiting, turn)
	return turn
}

// leave reports whether the turn was still waited for.
func (t *Turns) leave(workspace string, turn chan struct{}) bool {
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

// Done passes the turn on to the first of the next line, which then stands last.
func (t *Turns) Done() {
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
