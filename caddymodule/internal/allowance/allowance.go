// Package allowance bounds how long work may run: by the time that it has a core, not by the clock.
package allowance

import (
	"runtime"
	"sync/atomic"
	"time"
)

const (
	// steps is how often in its time the work is asked what it has used of it.
	steps = 10
	// Times is how many times its time the work may take on the clock, where it gets no core to run on.
	Times = 10
)

// Allowance is the time that one piece of work may run. What counts is its time on a core, where the system tells it (Linux):
// work that the machine lets wait, because others keep it busy, is not late. It looks at the time when the work asks whether
// to go on, so the work may be longer by what it does between two such questions. It is a topdown.Cancel of OPA. No goroutine
// waits for it.
type Allowance struct {
	timeout, step time.Duration
	timer         *time.Timer
	// passed are the steps on the clock; due says that one of them was not yet looked at.
	passed atomic.Int64
	due    atomic.Bool
	// stopped ends the work; late says that it had its time.
	stopped, late, ended atomic.Bool

	// measured says that the work keeps its thread to itself, which had run for so long by then. Work that ends in
	// the first step, as most does, never comes to it.
	measured bool
	before   time.Duration
}

// Begin begins the work, which calls End in the same goroutine.
func Begin(timeout time.Duration) *Allowance {
	a := &Allowance{timeout: timeout, step: max(timeout/steps, 1)}
	a.timer = time.AfterFunc(time.Hour, a.pass) // not a.step yet: pass uses a.timer, which must be set before it runs
	a.timer.Reset(a.step)
	return a
}

// pass takes note that a step is over. However late it is, it counts once: the process may have stood still.
func (a *Allowance) pass() {
	switch {
	case a.ended.Load():
	case a.passed.Add(1) >= steps*Times:
		a.stop()
	default:
		a.due.Store(true)
		a.timer.Reset(a.step)
	}
}

func (a *Allowance) stop() {
	a.late.Store(true)
	a.stopped.Store(true)
}

// Cancel ends the work. It is part of topdown.Cancel.
func (a *Allowance) Cancel() { a.stopped.Store(true) }

// Cancelled tells the work whether to end. It is called in its goroutine. It is part of topdown.Cancel.
func (a *Allowance) Cancelled() bool {
	if a.due.Load() {
		a.look()
	}
	return a.stopped.Load()
}

// look looks what the work has used of its time, in its own goroutine.
func (a *Allowance) look() {
	a.due.Store(false)
	ran, known := ThreadTime()
	switch {
	case !known:
		if time.Duration(a.passed.Load())*a.step >= a.timeout {
			a.stop()
		}
	case !a.measured:
		runtime.LockOSThread()
		a.measured = true
		a.before, _ = ThreadTime()
	case ran-a.before >= a.timeout:
		a.stop()
	}
}

// End reports whether the work ended in its time.
func (a *Allowance) End() bool {
	a.ended.Store(true)
	a.timer.Stop()
	if a.due.Load() {
		a.look() // what it has used since it last asked
	}
	if a.measured {
		runtime.UnlockOSThread()
	}
	return !a.late.Load()
}
