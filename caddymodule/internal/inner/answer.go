package inner

import (
	"bytes"
	"context"
	"errors"
	"mime"
	"net/http"
	"sync"
	"time"

	"github.com/tollgate-gateway/tollgate/caddymodule/refusal"
)

// errEnough ends the copying of an answer that is longer than anybody takes.
var errEnough = errors.New("the answer is longer than may be passed on")

// Answer is the http.ResponseWriter of an inner request. It keeps the answer's beginning.
type Answer struct {
	// Status is the status; 0: none was written.
	Status int
	// Body is at most Most bytes of the body.
	Body bytes.Buffer
	// Long says that there was more.
	Long bool
	// Stream says that it is one of events.
	Stream bool
	// Unfit is what its caller is told in its place; nil: it is fit to be passed on.
	Unfit *refusal.Refusal

	most    int64
	patient Patience
	cancel  context.CancelFunc
	header  http.Header
	sent    http.Header

	mu      sync.Mutex
	timer   *time.Timer
	stopped bool
}

// Patience is how long after its status an answer may take.
type Patience struct {
	// Stream is how long events are collected.
	Stream time.Duration
	// Whole is until when any other answer must be there.
	Whole time.Duration
}

// NewAnswer keeps at most so many bytes. Cancel ends the request when there are more, and when the answer takes longer than anybody
// waits.
func NewAnswer(most int64, patient Patience, cancel context.CancelFunc) *Answer {
	return &Answer{most: most, patient: patient, cancel: cancel, header: http.Header{}}
}

// Header is what the handlers write into.
func (a *Answer) Header() http.Header { return a.header }

// Sent is the header as it was when the status was written.
func (a *Answer) Sent() http.Header {
	if a.sent == nil {
		return a.header
	}
	return a.sent
}

// WriteHeader takes the first status that is final.
func (a *Answer) WriteHeader(status int) {
	if status < http.StatusOK || a.Status != 0 {
		return
	}
	a.Status, a.sent = status, a.header.Clone()
	patience := a.patient.Whole
	if kind, _, _ := mime.ParseMediaType(a.header.Get("Content-Type")); kind == "text/event-stream" {
		a.Stream, patience = true, a.patient.Stream
	}
	a.mu.Lock()
	defer a.mu.Unlock()
	a.timer = time.AfterFunc(patience, func() {
		a.mu.Lock()
		a.stopped = true
		a.mu.Unlock()
		a.cancel()
	})
}

// Write keeps what there is room for.
func (a *Answer) Write(p []byte) (int, error) {
	if a.Status == 0 {
		a.WriteHeader(http.StatusOK)
	}
	room := a.most - int64(a.Body.Len())
	if int64(len(p)) <= room {
		return a.Body.Write(p)
	}
	n, _ := a.Body.Write(p[:room])
	a.Long = true
	a.cancel()
	return n, errEnough
}

// Close ends the answer, and reports whether it took too long. It may be called more than once.
func (a *Answer) Close() (stopped bool) {
	a.mu.Lock()
	defer a.mu.Unlock()
	if a.timer != nil {
		a.timer.Stop()
	}
	return a.stopped
}

// FlushError, SetReadDeadline and SetWriteDeadline have nothing to do: nobody reads before the end, and the body is there.
func (a *Answer) FlushError() error                { return nil }
func (a *Answer) SetReadDeadline(time.Time) error  { return nil }
func (a *Answer) SetWriteDeadline(time.Time) error { return nil }
