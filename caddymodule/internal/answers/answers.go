// Package answers holds what backends answered against the document of an API, once it has left: no client waits for it, and what it
// costs is bounded. An answer is copied as it goes by, up to a bound; what does not fit, or comes while too many wait, is not checked.
package answers

import (
	"errors"
	"net/http"
	"sync"
	"sync/atomic"

	"github.com/tollgate-gateway/tollgate/caddymodule/envelope"
	"github.com/tollgate-gateway/tollgate/caddymodule/route"
)

// Bounds of what answers cost.
const (
	// MaxBody is the longest body that is checked, in bytes, before and after decoding.
	MaxBody = 256 << 10
	// maxMemory is how many bytes of bodies are kept at a time, in the whole process.
	maxMemory = 32 << 20
	// maxWaiting is how many answers wait for their check at most. One is checked at a time.
	maxWaiting = 256
)

// Result is what became of an answer, in a word.
type Result string

// The results.
const (
	// AsDescribed says that nothing is wrong with it, as far as it is looked at.
	AsDescribed Result = "as_described"
	// Broken says that it breaks what the document says of its status.
	Broken Result = "broken"
	// Undeclared says that the document does not declare its status.
	Undeclared Result = "undeclared_status"
	// TooLarge says that its body is longer than MaxBody, or takes too many steps; it was not checked.
	TooLarge Result = "too_large"
	// Encoded says that its encoding could not be taken off; it was not checked.
	Encoded Result = "encoded"
	// Busy says that too many others were waiting; it was not checked.
	Busy Result = "busy"
	// Failed says that the check itself went wrong.
	Failed Result = "failed"
	// Cut says that it broke off; it was not checked.
	Cut Result = "cut"
)

// Results are all of them.
var Results = []Result{AsDescribed, Broken, Undeclared, TooLarge, Encoded, Busy, Cut, Failed}

// Checks checks answers, one after the other. The zero value is ready. It may be used by many goroutines.
type Checks struct {
	memory atomic.Int64

	mu      sync.Mutex
	waiting []func()
	working bool
}

// Answer is one that goes by. It is for one goroutine at a time.
type Answer struct {
	checks      *Checks
	against     route.Answers
	status      int
	contentType string
	codings     []string
	reads       bool
	any         bool // some of a body went by
	body        []byte
	taken       int64  // of the memory of all
	failed      Result // why the body is not kept
}

// Begin begins with an answer whose header is about to leave.
func (c *Checks) Begin(against route.Answers, status int, h http.Header) *Answer {
	a := &Answer{checks: c, against: against, status: status, contentType: "none"}
	if list := h["Content-Type"]; len(list) > 0 {
		a.contentType = list[0]
	}
	if list := h["Content-Encoding"]; len(list) > 0 {
		a.codings = append(a.codings, list...)
	}
	a.reads = against.Reads(status, a.contentType)
	return a
}

// Saw keeps a part of the body that went by.
func (a *Answer) Saw(p []byte) {
	a.any = a.any || len(p) > 0
	if !a.reads || a.failed != "" || len(p) == 0 {
		return
	}
	if len(a.body)+len(p) > MaxBody {
		a.drop(TooLarge)
		return
	}
	if need := len(a.body) + len(p); need > cap(a.body) {
		grown := int64(min(MaxBody, max(need, 2*cap(a.body), 2<<10)))
		if a.checks.memory.Add(grown-a.taken) > maxMemory {
			a.taken = grown
			a.drop(Busy)
			return
		}
		a.taken = grown
		a.body = append(make([]byte, 0, grown), a.body...)
	}
	a.body = append(a.body, p...)
}

// drop lets the copy go.
func (a *Answer) drop(why Result) {
	a.checks.memory.Add(-a.taken)
	a.taken, a.body, a.failed = 0, nil, why
}

// Forget lets go of an answer that is not to be checked.
func (a *Answer) Forget() { a.drop("") }

// End has the answer checked, and tells what became of it, now or later. Whole says that it left whole.
func (a *Answer) End(whole bool, told func(Result, []route.Problem)) {
	switch {
	case !whole:
		a.drop(Cut)
		told(Cut, nil)
	case a.failed != "":
		told(a.failed, nil)
	case !a.checks.add(func() {
		result, problems := a.check()
		a.drop("")
		told(result, problems)
	}):
		a.drop(Busy)
		told(Busy, nil)
	}
}

func (a *Answer) check() (result Result, problems []route.Problem) {
	defer func() {
		if recover() != nil { // nobody else would catch it, and it would end the process
			result, problems = Failed, nil
		}
	}()
	body := a.body
	if len(a.codings) > 0 && a.reads && a.any {
		decoded, whole := envelope.Decode(a.codings, body, MaxBody)
		if !whole {
			return Encoded, nil
		}
		body = decoded
	}
	contentType := a.contentType
	if !a.any {
		contentType = ""
	}
	problems, err := a.against.Check(a.status, contentType, body)
	switch {
	case errors.Is(err, route.ErrUndeclared):
		return Undeclared, nil
	case err != nil:
		return TooLarge, nil
	case len(problems) > 0:
		return Broken, problems
	}
	return AsDescribed, nil
}

// add has a check run after those that wait; false: too many do. Whoever works through them is gone when none is left.
func (c *Checks) add(check func()) bool {
	c.mu.Lock()
	defer c.mu.Unlock()
	if len(c.waiting) == maxWaiting {
		return false
	}
	c.waiting = append(c.waiting, check)
	if !c.working {
		c.working = true
		go c.work()
	}
	return true
}

func (c *Checks) work() {
	for {
		c.mu.Lock()
		if len(c.waiting) == 0 {
			c.working, c.waiting = false, nil
			c.mu.Unlock()
			return
		}
		next := c.waiting[0]
		c.waiting = c.waiting[1:]
		c.mu.Unlock()
		next()
	}
}
