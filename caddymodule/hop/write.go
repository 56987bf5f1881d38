package hop

import (
	"bytes"
	"io"
	"net/http"
	"sync"
	"time"
)

// buffers hold requests while they are written.
var buffers = sync.Pool{New: func() any { return new(bytes.Buffer) }}

// keptBuffer is the largest buffer that is kept for other requests.
const keptBuffer = 16 << 10

func free(b *bytes.Buffer) {
	if b.Cap() <= keptBuffer {
		b.Reset()
		buffers.Put(b)
	}
}

// noted is a request's body that remembers why it could not be read: who retries asks for that error itself.
type noted struct {
	io.ReadCloser
	err error
}

func (n *noted) Read(p []byte) (int, error) {
	count, err := n.ReadCloser.Read(p)
	if err != nil && err != io.EOF {
		n.err = err
	}
	return count, err
}

// compose writes a request into a buffer, with its body, which is closed. A body that breaks off or has another length than it should
// is an error before a byte of the request is sent.
func compose(out *bytes.Buffer, r *http.Request) error {
	if !hasBody(r) {
		return r.Write(out)
	}
	body := &noted{ReadCloser: r.Body}
	sent := *r
	sent.Body = body
	err := sent.Write(out)
	if body.err != nil {
		return body.err
	}
	return err
}

func hasBody(r *http.Request) bool { return r.Body != nil && r.Body != http.NoBody }

func closeBody(r *http.Request) {
	if r.Body != nil {
		_ = r.Body.Close()
	}
}

// rest is what the system did not take of a request at once. It is written by a goroutine while the answer is awaited, as a backend may
// answer before it has read everything. The connection is not used again.
type rest struct {
	answered chan struct{} // closed once the answer's header is there, or an error
	done     chan struct{} // closed when it has been written, or err is set
	err      error
	written  int
}

// write sends what is composed. It returns nil where the system took all of it.
func (c *connection) write(text []byte) *rest {
	n := c.socket.write(text)
	if n == len(text) {
		return nil
	}
	left := &rest{answered: make(chan struct{}), done: make(chan struct{}), written: n}
	go func() {
		n, err := c.conn.Write(text[n:])
		left.written += n
		left.err = err
		close(left.done)
		if err != nil {
			_ = c.conn.Close() // whoever reads is told
			return
		}
		stop := c.startTimeout()
		<-left.answered
		stop()
	}()
	return left
}

// failed gives the error of a request of which nothing, or not all, could be written.
func (w *rest) failed() error {
	select {
	case <-w.done:
	default:
		return nil
	}
	switch {
	case w.err == nil:
		return nil
	case w.written == 0:
		return beforeAnswer{error: w.err, unwritten: true}
	}
	return broken(w.err)
}

// startTimeout starts the time that an answer's header may take. Stop returns false if it has passed.
func (c *connection) startTimeout() (stop func() bool) {
	d := c.transport.options.ResponseHeaderTimeout
	if d <= 0 {
		return func() bool { return true }
	}
	return time.AfterFunc(d, func() { c.end(timeoutError{}) }).Stop
}
