package envelope

import (
	"errors"
	"fmt"
	"net/http"
	"strconv"

	"github.com/tollgate-gateway/tollgate/caddymodule/refusal"
)

// Refuse sends the gateway's own refusal, unless a header went out before: then it reports false.
func (w *Writer) Refuse(r *refusal.Refusal) bool {
	if w.Sent() {
		return false
	}
	w.refuse(r, SourceGateway)
	return true
}

// Finish ends the exchange when the inner handler has returned err, or has panicked with what was recovered. It answers
// what was held, and renders errors and panics:
//
//   - A *Refusal among the errors is sent as it is, any other error as Internal.
//   - Nil, and nothing was written: an empty 200, as net/http would do. Give a NoHandler refusal where there was none.
//   - http.ErrAbortHandler is panicked on, unless it is about a body that we hold: then the answer is whole.
//   - After the header, a panic is panicked on, and an error becomes http.ErrAbortHandler: the client sees a cut.
//
// Report is complete before Finish panics.
func (w *Writer) Finish(err error, panicked any) {
	w.report.ClientGone = w.clientGone()
	defer w.stopHolding()
	switch {
	case w.Sent():
		w.finishSent(err, panicked)
	case w.state == unwritten && w.malformed:
		w.refuse(&refusal.Refusal{Kind: refusal.UpstreamMalformed, Cause: err}, SourceBackend)
	case panicked != nil && panicked != http.ErrAbortHandler:
		w.refuse(&refusal.Refusal{Kind: refusal.Panic, Cause: panicError(panicked)}, SourceCaddy)
	case w.state == dropping, w.state == collecting && w.held.late.Load():
		w.giveUp(DroppedLate)
	case panicked != nil:
		w.finishAborted()
	case err != nil:
		w.refuse(asRefusal(err), SourceCaddy)
	default:
		w.conclude()
	}
}

// finishSent ends an answer whose header went out. An error there may leave half a body behind, and only a cut tells the
// client so; a body that HTTP does not allow (204, HEAD) leaves nothing.
func (w *Writer) finishSent(err error, panicked any) {
	switch {
	case panicked != nil:
		w.report.Cause = panicError(panicked)
		panic(panicked)
	case err != nil:
		w.report.Cause = err
		if w.state == passing && !errors.Is(err, http.ErrBodyNotAllowed) {
			panic(http.ErrAbortHandler)
		}
	}
	if w.state == passing && w.opt.Hook != nil {
		w.opt.Hook.BeforeTrailer(w.under.Header())
	}
}

// finishAborted ends an answer that the handler broke off before we sent anything of it.
func (w *Writer) finishAborted() {
	w.report.Cause = http.ErrAbortHandler
	switch {
	case w.state == collecting && !w.report.ClientGone:
		w.giveUp(DroppedBroken)
		return
	case w.state == looking && w.release() == nil:
		_ = w.FlushError() // the client is to see what there was, and then the cut
	}
	panic(http.ErrAbortHandler)
}

// conclude ends an answer that is complete.
func (w *Writer) conclude() {
	if w.state == unwritten {
		w.WriteHeader(http.StatusOK)
	}
	if w.state == looking {
		_ = w.lookAtHeld(true) // an error here is the client's leaving, and so it is below
	}
	switch {
	case w.ClientClosed() && (w.clientGone() || w.opt.Mapper.off):
		_ = w.release()
	case w.state == collecting:
		w.answer()
	case w.state == looking:
		_ = w.release()
	}
}

// giveUp answers with the standard message for a body that was dropped.
func (w *Writer) giveUp(why Dropped) {
	if w.report.Dropped == 0 {
		w.report.Dropped = why
		w.held.giveUp()
	}
	a := w.opt.Mapper.standard(w.held.status)
	if a.Code == refusal.CodeInternal {
		a.Hidden = w.held.said
	}
	w.respond(a, []byte(w.held.said))
}

// answer maps the body that was held.
func (w *Writer) answer() {
	body, ok := w.held.decoded()
	if !ok {
		w.giveUp(DroppedUndecodable)
		return
	}
	if w.opt.Secret != nil && w.opt.Secret(body) {
		a := w.opt.Mapper.standard(w.held.status)
		a.Hidden = logText(body)
		w.respond(a, body)
		return
	}
	if w.opt.Mapper.off && !w.isOurCredential(w.held.status, "") && !w.malformed {
		w.passHeld()
		return
	}
	w.respond(w.opt.Mapper.Map(w.held.status, first(w.held.header["Content-Type"]), body), body)
}

// respond sends what a backend's error became. An answer that is about us and not about the caller becomes a refusal.
func (w *Writer) respond(a Answer, body []byte) {
	switch {
	case w.malformed:
		w.report.Backend = logText(body)
		w.refuse(&refusal.Refusal{Kind: refusal.UpstreamMalformed}, SourceBackend)
		return
	case w.isOurCredential(a.Status, a.Code):
		w.report.Backend = logText(body)
		delete(w.held.header, "Www-Authenticate") // the challenge was for us
		w.refuse(&refusal.Refusal{Kind: refusal.UpstreamCredential}, SourceBackend)
		return
	}
	h := w.under.Header()
	w.held.restore(h)
	if a.RetryAfter > 0 && first(h["Retry-After"]) == "" {
		h["Retry-After"] = []string{strconv.Itoa(a.RetryAfter)}
	}
	if w.opt.Mapper.keep {
		a.Body = withErrors(a.Body)
	}
	if dropStale(h); !a.Passed || !isJSON(mediaType(h)) {
		h["Content-Type"] = []string{"application/json"}
	}
	if w.opt.Method != http.MethodHead { // the length of what GET would bring is not known
		h["Content-Length"] = []string{strconv.Itoa(len(a.Body))}
	}
	w.report.Status, w.report.Code, w.report.Backend, w.report.Unread = a.Status, a.Code, a.Hidden, a.Unread
	w.send(a.Status, a.Body)
}

// RefuseWith sends the gateway's own refusal in another protocol's words: with that status and JSON, and not in the envelope.
func (w *Writer) RefuseWith(r *refusal.Refusal, status int, body []byte) {
	if w.Sent() {
		return
	}
	h := w.under.Header()
	r.SetHeaders(h, len(body))
	w.report.Source, w.report.Status, w.report.Code = SourceGateway, status, r.Code()
	w.report.Reason, w.report.Cause = r.Kind.Reason, r.Cause
	w.send(status, body)
}

// refuse sends a refusal in place of whatever was held.
func (w *Writer) refuse(r *refusal.Refusal, source Source) {
	h := w.under.Header()
	if w.held != nil {
		w.held.restore(h)
	}
	dropStale(h)
	body := r.JSON()
	if w.opt.Mapper.keep {
		body = withErrors(body)
	}
	r.SetHeaders(h, len(body))
	w.report.Source, w.report.Status, w.report.Code = source, r.StatusCode(), r.Code()
	w.report.Reason, w.report.Cause = r.Kind.Reason, r.Cause
	w.send(r.StatusCode(), body)
}

// send is the end of every answer of ours.
func (w *Writer) send(status int, body []byte) {
	w.state = answered
	w.sendHeader(status)
	if w.opt.Method != http.MethodHead {
		_, _ = w.under.Write(body) // an error here is the client's leaving
	}
}

// asRefusal finds the refusal in an error, or makes one of it.
func asRefusal(err error) *refusal.Refusal {
	if r, ok := errors.AsType[*refusal.Refusal](err); ok {
		return r
	}
	return &refusal.Refusal{Kind: refusal.Internal, Cause: err}
}

// panicError is what was panicked with, as an error for the log.
func panicError(panicked any) error {
	if err, ok := panicked.(error); ok {
		return err
	}
	return fmt.Errorf("panic: %v", panicked)
}
