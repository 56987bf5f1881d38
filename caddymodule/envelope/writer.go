package envelope

import (
	"bufio"
	"context"
	"errors"
	"io"
	"net"
	"net/http"

	"github.com/tollgate-gateway/tollgate/caddymodule/refusal"
)

// Hook is told before anything of a header leaves. It sets what every answer carries (limit headers, X-Request-Id) and
// removes the backend's own copies of it.
type Hook interface {
	// BeforeHeader is called right before every header is written, informational ones (1xx) included. Those may come from
	// another goroutine than the handler's, but never at the same time as anything else.
	BeforeHeader(status int, h http.Header)
	// BeforeTrailer is called when the body of a response that was passed on has ended: what is in h under a name that
	// was announced in Trailer, or under http.TrailerPrefix, is about to leave as a trailer.
	BeforeTrailer(h http.Header)
}

// Options are what a Writer must know of the request.
type Options struct {
	// Mapper maps error bodies. It must be set.
	Mapper *Mapper
	// Method is the request's. HEAD has no bodies; a successful CONNECT is a tunnel.
	Method string
	// Context is the one that ends when the client leaves: not the one that Cancel ends.
	Context context.Context
	// Cancel ends the request to the backend. It is called when an error body is too long or late.
	Cancel context.CancelFunc
	// Hook may be nil.
	Hook Hook
	// Busy reports whether the server may be writing an informational header of its own right now. Those of the backend are
	// then left out: net/http would write the one into the other. Nil: it never is.
	Busy func() bool
	// Secret reports whether an error body holds what nobody may see; nil: none does. Such a body becomes the code's
	// standard message.
	Secret func(body []byte) bool
	// Credential says that the site injects Authorization: a 401 then is not the caller's, and becomes 502.
	Credential bool
}

// maxInformational is how many 1xx of one request are passed on. The transport reads as many as the backend sends and
// leaves it to us to end it.
const maxInformational = 100

// errDropped ends the copying of a body that nobody will see.
var errDropped = errors.New("error body dropped: it is longer than max_body or not complete in time")

type state uint8

const (
	unwritten  state = iota // no final status yet
	passing                 // the header went out, the body follows untouched
	looking                 // a success that may be a soft failure: header and body are held
	collecting              // an error: its body is kept for the mapper
	dropping                // an error whose body nobody will see
	answered                // our own answer went out: whatever follows is discarded
	hijacked                // the connection is the handler's
)

// Writer is the http.ResponseWriter for everything behind the gateway. Statuses and headers decide alone whether anything
// is done: streams, upgrades, 1xx, trailers, flushes and successes go through untouched, only error bodies are held, and
// answered in the envelope by Finish.
//
// It must not be used again, and not be copied. Like every http.ResponseWriter it is for one goroutine at a time.
type Writer struct {
	under         http.ResponseWriter
	opt           Options
	held          *capture // what is held back, while looking, collecting or dropping
	state         state
	informational uint8
	malformed     bool // the backend broke the protocol: whatever it says, the answer is UpstreamMalformed
	report        Report
	watched       func(p []byte) // nil: nobody watches what is passed on
}

// Watch has what is passed on of the body told to somebody, once it was written. It is called from Hook.BeforeHeader.
func (w *Writer) Watch(told func(p []byte)) { w.watched = told }

// pour writes a part of a body that is passed on.
func (w *Writer) pour(p []byte) (int, error) {
	n, err := w.under.Write(p)
	if w.watched != nil {
		w.watched(p[:n])
	}
	return n, err
}

// Init readies a zero Writer, so that it can be part of a larger struct and costs no allocation of its own.
func (w *Writer) Init(under http.ResponseWriter, o Options) {
	w.under, w.opt = under, o
	w.report.Source = SourceBackend
}

// CancelWith sets Options.Cancel, where that is not known from the beginning. It is called before the request goes to the backend.
func (w *Writer) CancelWith(cancel context.CancelFunc) { w.opt.Cancel = cancel }

// Unwrap is the writer below, for http.ResponseController.
func (w *Writer) Unwrap() http.ResponseWriter { return w.under }

// Header is the header map of the writer below. It stays writable after the body, for trailers.
func (w *Writer) Header() http.Header { return w.under.Header() }

// Sent reports whether the final header went out, or the connection was hijacked: it is too late for a refusal.
func (w *Writer) Sent() bool { return w.state == passing || w.state == answered || w.state == hijacked }

// ClientClosed reports whether the answer is the proxy's word for a client that left: it is held, and may become a refusal.
func (w *Writer) ClientClosed() bool {
	return w.held != nil && w.held.status == statusClientClosed && w.state == collecting
}

// Hijacked reports whether the connection is a handler's own.
func (w *Writer) Hijacked() bool { return w.state == hijacked }

// WriteHeader decides what is done with the answer. Only the first final status counts.
func (w *Writer) WriteHeader(status int) {
	switch {
	case w.state != unwritten:
	case status == http.StatusContinue: // the server says so itself, once, when the body is read
	case status >= 100 && status <= 199 && status != http.StatusSwitchingProtocols:
		w.inform(status)
	default:
		w.decide(status)
	}
}

// inform passes an informational header on.
func (w *Writer) inform(status int) {
	if w.informational == maxInformational {
		w.malformed = true
		w.cancel()
		return
	}
	w.informational++
	if w.opt.Busy == nil || !w.opt.Busy() {
		w.sendHeader(status)
	}
}

// decide looks at a final status.
func (w *Writer) decide(status int) {
	h := w.under.Header()
	switch {
	case w.malformed, status < 100, status > 599:
		w.malformed = true
		w.collect(http.StatusBadGateway, h)
	case status < 400:
		if (status == http.StatusOK || status == http.StatusCreated) && w.opt.Mapper.soft && w.mayBeSoft(h) {
			w.state, w.held = looking, newCapture(w.opt.Mapper, status, h)
			if w.held.coding != "" {
				w.held.snapshot(h) // it is decided at the end, when trailers may have come
			}
			return
		}
		w.pass(status)
	case untouchable(h):
		w.report.Code = refusal.CodeOf(status)
		w.pass(status)
	case w.opt.Mapper.off && status != statusClientClosed && !w.mustJudge(status):
		w.report.Code = refusal.CodeOf(status)
		w.pass(status)
	default:
		w.collect(status, h)
	}
}

// statusClientClosed is what Caddy's reverse_proxy writes when the client left.
const statusClientClosed = 499

// pass sends the header; the body will follow untouched.
func (w *Writer) pass(status int) {
	w.state = passing
	w.report.Status = status
	if status == http.StatusNoContent {
		delete(w.under.Header(), "Content-Length") // RFC 9110, section 8.6; HTTP/2 clients take it for a missing body
	}
	w.sendHeader(status)
}

func (w *Writer) sendHeader(status int) {
	if w.opt.Hook != nil {
		w.opt.Hook.BeforeHeader(status, w.under.Header())
	}
	w.under.WriteHeader(status)
}

// collect begins to hold an error.
func (w *Writer) collect(status int, h http.Header) {
	if w.held == nil {
		w.held = newCapture(w.opt.Mapper, status, h)
	}
	w.state = collecting
	w.held.snapshot(h)
	switch {
	case !w.held.announcedTooLong(h) || w.opt.Method == http.MethodHead:
	case status < 500:
		w.drop(DroppedTooLong)
		return
	default:
		w.held.bound = min(w.held.bound, maxLogText) // the log is to have its beginning
	}
	w.held.await(w.opt.Cancel)
}

// drop gives an error body up and ends the request to the backend.
func (w *Writer) drop(why Dropped) {
	w.state = dropping
	w.report.Dropped = why
	w.held.giveUp()
	w.cancel()
}

func (w *Writer) cancel() {
	if w.opt.Cancel != nil {
		w.opt.Cancel()
	}
}

func (w *Writer) clientGone() bool { return w.opt.Context != nil && w.opt.Context.Err() != nil }

// Write passes the body on, or holds it, as WriteHeader decided. A body that was given up gets an error, which ends the
// copying.
func (w *Writer) Write(p []byte) (int, error) {
	if w.state == unwritten {
		w.WriteHeader(http.StatusOK)
	}
	switch w.state {
	case passing:
		return w.pour(p)
	case looking:
		return w.look(p)
	case collecting:
		switch {
		case w.held.late.Load():
			w.drop(DroppedLate)
		case !w.held.add(p):
			w.held.addForLog(p)
			w.drop(DroppedTooLong)
		default:
			return len(p), nil
		}
	case hijacked:
		return 0, http.ErrHijacked
	}
	return 0, errDropped
}

// ReadFrom keeps the way open for sendfile where the body is passed on.
func (w *Writer) ReadFrom(src io.Reader) (n int64, err error) {
	if w.state == unwritten {
		w.WriteHeader(http.StatusOK)
	}
	if w.state != passing {
		if n, err = w.readHeld(src); err != nil || w.state != passing {
			return n, ignoreEOF(err)
		}
	}
	var rest int64
	if w.watched != nil {
		rest, err = io.Copy(writeOnly{w}, src)
	} else if rf, ok := w.under.(io.ReaderFrom); ok {
		rest, err = rf.ReadFrom(src)
	} else {
		rest, err = io.Copy(writeOnly{w.under}, src)
	}
	return n + rest, err
}

// writeOnly hides ReadFrom, so that io.Copy calls Write.
type writeOnly struct{ io.Writer }

// readHeld copies until the body is passed on or at its end, which is io.EOF.
func (w *Writer) readHeld(src io.Reader) (n int64, err error) {
	var buf [4 << 10]byte
	for w.state != passing {
		nr, rerr := src.Read(buf[:])
		if nr > 0 {
			nw, werr := w.Write(buf[:nr])
			n += int64(nw)
			if werr != nil {
				return n, werr
			}
		}
		if rerr != nil {
			return n, rerr
		}
	}
	return n, nil
}

func ignoreEOF(err error) error {
	if err == io.EOF {
		return nil
	}
	return err
}

// FlushError flushes what is passed on. What is held stays held: there is nothing yet that could be flushed.
func (w *Writer) FlushError() error {
	if w.state == unwritten {
		w.WriteHeader(http.StatusOK)
	}
	if w.state == looking && w.held.expired() {
		if err := w.release(); err != nil {
			return err
		}
	}
	if w.state != passing {
		return nil
	}
	return http.NewResponseController(w.under).Flush()
}

// Flush is FlushError for those who ask for an http.Flusher.
func (w *Writer) Flush() { _ = w.FlushError() }

// Hijack gives the connection to the handler: from there on nothing is ours.
func (w *Writer) Hijack() (net.Conn, *bufio.ReadWriter, error) {
	conn, rw, err := http.NewResponseController(w.under).Hijack()
	if err == nil {
		w.stopHolding()
		w.state = hijacked
	}
	return conn, rw, err
}

// stopHolding frees what is held, and its timer.
func (w *Writer) stopHolding() {
	if w.held != nil {
		w.held.forget()
		w.held = nil
	}
}

var (
	_ http.ResponseWriter = (*Writer)(nil)
	_ http.Flusher        = (*Writer)(nil)
	_ http.Hijacker       = (*Writer)(nil)
	_ io.ReaderFrom       = (*Writer)(nil)
)
