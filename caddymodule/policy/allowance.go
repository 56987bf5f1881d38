package policy

import (
	"runtime"
	"sync/atomic"
	"time"
)

const (
	// allowedSteps is how often in its time an evaluation is asked what it has used of it.
	allowedSteps = 10
	// allowedTimes is how many times its time an evaluation may take on the clock, where it gets no core to run on.
	allowedTimes = 10
)

// allowance is the time that one evaluation may run. What counts is its time on a core, where the system tells it: an
// evaluation that the machine lets wait, because others keep it busy, is not late. It is a topdown.Cancel, and looks at the
// time when the evaluation asks whether to go on; one call of a built-in function, all of which are bounded, may make it
// longer. No goroutine waits for it.
type allowance struct {
	timeout, step time.Duration
	timer         *time.Timer
	// passed are the steps on the clock; due says that one of them was not yet looked at.
	passed atomic.Int64
	due    atomic.Bool
	// stopped ends the evaluation; late says that it had its time.
	stopped, late, ended atomic.Bool

	// measured says that the evaluation keeps its thread to itself, which had run for so long by then. Those that end in
	// the first step, as most do, never come to it.
	measured bool
	before   time.Duration
}

// allow begins an evaluation.
func allow(timeout time.Duration) *allowance {
	a := &allowance{timeout: timeout, step: max(timeout/allowedSteps, 1)}
	a.timer = time.AfterFunc(time.Hour, a.pass)
	a.timer.Reset(a.step)
	return a
}

// pass takes note that a step is over. However late it is, it counts once: the process may have stood still.
func (a *allowance) pass() {
	switch {
	case a.ended.Load():
	case a.passed.Add(1) >= allowedSteps*allowedTimes:
		a.stop()
	default:
		a.due.Store(true)
		a.timer.Reset(a.step)
	}
}

func (a *allowance) stop() {
	a.late.Store(true)
	a.stopped.Store(true)
}

// Cancel ends the evaluation. It is part of topdown.Cancel.
func (a *allowance) Cancel() { a.stopped.Store(true) }

// Cancelled is asked by the evaluation before everything that it does. It is part of topdown.Cancel.
func (a *allowance) Cancelled() bool {
	if a.due.Load() {
		a.look()
	}
	return a.stopped.Load()
}

// look looks what the evaluation has used of its time, in its own goroutine.
func (a *allowance) look() {
	a.due.Store(false)
	ran, known := threadTime()
	switch {
	case !known:
		if time.Duration(a.passed.Load())*a.step >= a.timeout {
			a.stop()
		}
	case !a.measured:
		runtime.LockOSThread()
		a.measured = true
		a.before, _ = threadTime()
	case ran-a.before >= a.timeout:
		a.stop()
	}
}

// end reports whether the evaluation ended in its time.
func (a *allowance) end() bool {
	a.ended.Store(true)
	a.timer.Stop()
	if a.measured {
		runtime.UnlockOSThread()
	}
	return !a.late.Load()
}
