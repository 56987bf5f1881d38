package envelope

import "github.com/tollgate-gateway/tollgate/caddymodule/refusal"

// Source says who is behind an answer: a closed set, fit for a metric's label.
type Source string

const (
	SourceGateway Source = "gateway" // the gateway's own refusal
	SourceBackend Source = "backend" // what the backend answered, mapped or not
	SourceCaddy   Source = "caddy"   // an error or a panic of a later handler, or none that answered
)

// Dropped says why an error body was not mapped; 0: it was, or there was none.
type Dropped uint8

const (
	DroppedTooLong     Dropped = 1 + iota // longer than max_body
	DroppedLate                           // not complete in time
	DroppedBroken                         // cut off
	DroppedUndecodable                    // not decodable within max_body
)

// String is the reason in words, for the log.
func (d Dropped) String() string {
	return [...]string{"", "longer than max_body", "not complete in time", "cut off", "not decodable within max_body"}[d]
}

// Report is what became of an answer. It is for logs and metrics; nothing of it goes to the caller.
type Report struct {
	// Source is who is behind the answer.
	Source Source
	// Status is the status that was sent; 0: none was.
	Status int
	// Code is the envelope's code; "": no error.
	Code refusal.Code
	// Reason is the catalogue's row; "": the answer is not a refusal.
	Reason string
	// Backend is what the backend said and the caller must not see, bounded and printable; "" for nothing.
	Backend string
	// Unread is a body of which nothing was understood; nil: something was, or there was none.
	Unread *Unread
	// Cause is the error or the panic behind the answer; nil: none.
	Cause error
	// Dropped says why an error body was not mapped; 0: it was, or there was none.
	Dropped Dropped
	// ClientGone says that the client left before the answer was complete: no failure of gateway or backend.
	ClientGone bool
}

// Report is what became of the answer. It is complete once Finish has returned or panicked.
func (w *Writer) Report() Report { return w.report }
