package envelope

import (
	"errors"
	"io"
	"net/http"
	"os"
	"sync/atomic"
)

// requestBody is the caller's body on its way to the backend. It notes whether it was the caller who broke it off: the
// backend's transport tells that from a failure of the backend by nothing.
type requestBody struct {
	io.ReadCloser
	closed atomic.Bool
	failed atomic.Pointer[Kind]
}

// RequestBody is what the handlers behind the gateway must read in place of the request's body, so that a body that the
// caller broke off is not answered as the backend's failure. It may be called once; a body that is none stays as it is.
func (w *Writer) RequestBody(body io.ReadCloser) io.ReadCloser {
	if body == nil || body == http.NoBody {
		return body
	}
	w.body.ReadCloser = body
	return &w.body
}

// Read notes an error that comes before anybody closed the body. A transport may read in a goroutine of its own.
func (b *requestBody) Read(p []byte) (int, error) {
	n, err := b.ReadCloser.Read(p)
	if err != nil && err != io.EOF && !b.closed.Load() {
		kind := BodyBroken
		if errors.Is(err, os.ErrDeadlineExceeded) {
			kind = BodyLate
		} else if _, tooLarge := errors.AsType[*http.MaxBytesError](err); tooLarge {
			kind = BodyTooLarge
		}
		b.failed.CompareAndSwap(nil, kind)
	}
	return n, err
}

// Close ends the reading: errors from here on are not the caller's.
func (b *requestBody) Close() error {
	b.closed.Store(true)
	return b.ReadCloser.Close()
}

// failure is what the caller did wrong; nil: nothing.
func (b *requestBody) failure() *Kind { return b.failed.Load() }
