package gateway

import (
	"context"
	"errors"
	"io"
	"net/http"
	"os"
	"strconv"
	"strings"
	"sync/atomic"
	"time"

	"github.com/tollgate-gateway/tollgate/caddymodule/envelope"
	"github.com/tollgate-gateway/tollgate/caddymodule/refusal"
)

// How much of a body a refusal waits for, and for how long: what a client has sent with its request is there by then, and
// its connection need not be closed.
const (
	drainBytes = 64 << 10
	drainTime  = 20 * time.Millisecond
)

// lingerTime bounds how long net/http reads on from a client whose body was not read to its end, before it closes the
// connection.
const lingerTime = time.Second

// inbound is the body of a request, and the one account of what the client sent of it. Caddy's own wrappers keep net/http
// from seeing that a body was left unread: the rest of it would be taken for the next request. Close leaves the body to
// net/http, which closes it when the request has ended, so that nobody waits for a client in it.
type inbound struct {
	source io.ReadCloser // nil: the request has no body
	// declared is how many bytes Content-Length says; -1: it says nothing.
	declared int64
	// expects says that the client sends the body only when it is told to.
	expects bool

	read    atomic.Int64
	ended   atomic.Bool // EOF came
	closed  atomic.Bool
	touched atomic.Bool // somebody behind the gate has read
	broken  atomic.Pointer[brokenBody]
}

// brokenBody is how the client failed to send its body. It satisfies errors.Is(err, context.Canceled), so that health checks
// of the proxy do not blame the backend.
type brokenBody struct{ error }

func (b *brokenBody) Unwrap() error        { return b.error }
func (b *brokenBody) Is(target error) bool { return target == context.Canceled }

// errShortBody is a body that ends before Content-Length says so. HTTP/1.1 tells by itself; over HTTP/2 and HTTP/3 it comes
// as the end of the body.
var errShortBody = errors.New("the body is shorter than its Content-Length")

// take makes the account of a request's body, and puts it into the request where there is one.
func (b *inbound) take(r *http.Request) {
	b.declared = declaredLength(r)
	if r.Body == nil || r.ContentLength == 0 {
		if b.declared > 0 { // HTTP/2 with the end of the stream on the header: net/http forgets the length
			b.broken.Store(&brokenBody{errShortBody})
		}
		return
	}
	b.source = r.Body
	b.expects = r.ProtoAtLeast(1, 1) && strings.EqualFold(r.Header.Get("Expect"), "100-continue")
	r.Body = b
}

// declaredLength is how long a request says its body is; -1: it does not say.
func declaredLength(r *http.Request) int64 {
	if r.ContentLength > 0 || r.ProtoMajor < 2 {
		return r.ContentLength
	}
	if values := r.Header["Content-Length"]; len(values) == 1 {
		if n, err := strconv.ParseInt(values[0], 10, 64); err == nil {
			return n
		}
	}
	return -1
}

// Read passes on, counts, and notes how the client failed.
func (b *inbound) Read(p []byte) (int, error) {
	b.touched.Store(true) // before the look at closed: drain looks the other way round
	if b.closed.Load() {
		return 0, http.ErrBodyReadAfterClose
	}
	return b.receive(p)
}

func (b *inbound) receive(p []byte) (int, error) {
	n, err := b.source.Read(p)
	read := b.read.Add(int64(n))
	switch {
	case err == nil:
		return n, nil
	case err == io.EOF && read >= b.declared:
		b.ended.Store(true)
		return n, err
	case err == io.EOF:
		err = errShortBody
	case errors.Is(err, http.ErrBodyReadAfterClose):
		return n, err // the request has ended
	}
	failed := &brokenBody{err}
	b.broken.Store(failed)
	return n, failed
}

// Close ends the reading of those behind the gate.
func (b *inbound) Close() error {
	b.closed.Store(true)
	return nil
}

// awaited reports whether nothing of the body has come yet. While the client waits for "100 Continue" that may be written at
// any moment, by whoever reads first, and net/http keeps no other informational header from being written into it.
func (b *inbound) awaited() bool { return b.read.Load() == 0 && !b.ended.Load() }

// whole reports whether the body has been read to its end, or there is none.
func (b *inbound) whole() bool {
	return b.source == nil || b.ended.Load() || b.declared > 0 && b.read.Load() >= b.declared
}

// refusal is the refusal for a body that the client broke off; nil if it did not.
func (b *inbound) refusal() *refusal.Refusal {
	broken := b.broken.Load()
	switch {
	case broken == nil:
		return nil
	case errors.Is(broken.error, os.ErrDeadlineExceeded):
		return &refusal.Refusal{Kind: refusal.BodyLate, Cause: broken.error}
	}
	return &refusal.Refusal{Kind: bodyKind(broken.error), Cause: broken.error}
}

// drain reads what has arrived of a body that nobody wants, and reports whether that was all of it. It reads nothing where
// somebody behind the gate has begun to, and from then on nobody else reads.
func (b *inbound) drain(control *http.ResponseController) bool {
	b.closed.Store(true)
	if b.touched.Load() || b.expects || b.declared-b.read.Load() > drainBytes || b.broken.Load() != nil || control.SetReadDeadline(time.Now().Add(drainTime)) != nil {
		return false
	}
	_, _ = io.CopyN(io.Discard, receiver{b}, drainBytes+1) // what it could not read is not drained
	if !b.whole() {
		return false
	}
	return control.SetReadDeadline(time.Time{}) == nil
}

// receiver reads an inbound body for the gateway itself.
type receiver struct{ *inbound }

func (r receiver) Read(p []byte) (int, error) { return r.receive(p) }

// settle makes an answer close the connection of HTTP/1 where the body has not been read to its end: what is left of it
// must never be taken for a request. A refusal reads first what has arrived, so that a small request costs no new
// connection.
func (c *call) settle(h http.Header) {
	b := &c.inbound
	if c.request.ProtoMajor != 1 || b.whole() {
		return
	}
	own := !c.passed || c.writer.Report().Source != envelope.SourceBackend
	if own && b.drain(http.NewResponseController(c.writer.Unwrap())) {
		return
	}
	h["Connection"] = []string{"close"}
}

// linger lets net/http wait, for a bounded time, before it closes a connection on which the client may still be sending:
// a client that is reset does not read the answer.
func (c *call) linger() {
	b := &c.inbound
	if c.request.ProtoMajor != 1 || b.whole() || c.writer.Hijacked() {
		return
	}
	wait := lingerTime
	if b.expects && b.read.Load() == 0 {
		wait = drainTime // such a client waits for us
	}
	under := c.writer.Unwrap()
	_ = http.NewResponseController(under).SetReadDeadline(time.Now().Add(wait)) // net/http then waits as long as it would anyway
	for {
		inner, ok := under.(interface{ Unwrap() http.ResponseWriter })
		if !ok {
			break
		}
		under = inner.Unwrap()
	}
	// The one way to tell net/http that more is to come than anybody will read.
	_, _ = http.MaxBytesReader(under, io.NopCloser(strings.NewReader("x")), 0).Read(make([]byte, 2))
}
