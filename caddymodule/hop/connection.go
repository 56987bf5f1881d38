package hop

import (
	"bufio"
	"context"
	"errors"
	"fmt"
	"math"
	"net"
	"net/http"
	"net/http/httptrace"
	"net/textproto"
	"sync/atomic"
	"time"
)

// connection is one connection to a backend. It belongs to one request at a time, or to the pool.
type connection struct {
	transport *Transport
	host      string
	conn      net.Conn
	socket    *socket
	reader    *bufio.Reader

	// left is how many bytes may be read until something must have been understood. Only the request's goroutine uses it.
	left     int64
	reused   bool
	idleFrom time.Time

	// ended is why the connection was closed under its request: cancelled, or too late.
	ended atomic.Pointer[error]
}

// newConnection returns an error if the connection has something to say before it is asked.
func (t *Transport) newConnection(host string, conn net.Conn) (*connection, error) {
	c := &connection{transport: t, host: host, conn: conn, socket: newSocket(conn)}
	if c.socket == nil || !c.socket.quiet() {
		_ = conn.Close()
		return nil, errUnasked
	}
	c.reader = bufio.NewReaderSize((*bounded)(c), t.options.ReadBuffer)
	return c, nil
}

// bounded reads from a connection what may be read.
type bounded connection

func (b *bounded) Read(p []byte) (int, error) {
	if b.left <= 0 {
		return 0, errHeaderBytes
	}
	if int64(len(p)) > b.left {
		p = p[:b.left]
	}
	n, err := b.conn.Read(p)
	b.left -= int64(n)
	return n, err
}

var (
	errHeaderBytes = errors.New("read limit exhausted")
	errUnasked     = errors.New("the backend closed the connection, or answered on it, before anything was asked")
)

// timeoutError is the error of net/http for an answer's header that is late.
type timeoutError struct{}

func (timeoutError) Error() string   { return "net/http: timeout awaiting response headers" }
func (timeoutError) Timeout() bool   { return true }
func (timeoutError) Temporary() bool { return true }

// Is says that it is a deadline that has passed.
func (timeoutError) Is(err error) bool { return err == context.DeadlineExceeded }

// beforeAnswer marks an error that came before the first byte of an answer; unwritten: before the first of the request.
type beforeAnswer struct {
	error
	unwritten bool
}

func (b beforeAnswer) Unwrap() error { return b.error }

// plain takes the mark off.
func plain(err error) error {
	if b, ok := err.(beforeAnswer); ok {
		return b.error
	}
	return err
}

// retry says whether the request that failed here may be sent on another connection.
func (c *connection) retry(r *http.Request, err error) bool {
	b, ok := err.(beforeAnswer)
	return ok && c.reused && !hasBody(r) && (b.unwritten || replayable(r))
}

// end closes the connection under its request, which is told why.
func (c *connection) end(why error) {
	c.ended.CompareAndSwap(nil, &why)
	_ = c.conn.Close()
}

// why gives the reason for which the connection was ended, or the error that came of something else.
func (c *connection) why(err error) error {
	if ended := c.ended.Load(); ended != nil {
		return *ended
	}
	return err
}

// exchange sends a request, which is composed, and reads the answer's header. With an error the connection is closed. It returns false
// if the text is still in use, which is only so with an answer.
func (c *connection) exchange(r *http.Request, text []byte) (response *http.Response, free bool, err error) {
	ctx := r.Context()
	stop := context.AfterFunc(ctx, func() { c.end(context.Cause(ctx)) })
	left := c.write(text)
	response, err = c.await(r, left)
	if err != nil {
		stop()
		_ = c.conn.Close()
		if left != nil {
			<-left.done
		}
		return nil, true, c.why(err)
	}
	c.left = math.MaxInt64
	keep := !response.Close && response.StatusCode > 199 && left == nil
	switch {
	case response.StatusCode == http.StatusSwitchingProtocols && switches(response.Header):
		response.Body = &switched{reader: c.reader, Conn: c.conn, stop: stop}
	case r.Method == http.MethodHead || response.ContentLength == 0:
		c.release(stop, keep)
	default:
		response.Body = &body{of: response.Body, c: c, stop: stop, keep: keep}
	}
	return response, left == nil, nil
}

// release gives the connection back after an answer that was read to its end, or closes it.
func (c *connection) release(stop func() bool, keep bool) {
	if !stop() || !keep || c.reader.Buffered() > 0 {
		_ = c.conn.Close()
		return
	}
	c.reused = true
	c.transport.idle.put(c)
}

// await reads up to the header of the final answer, within the time that it may take once the request has been written.
func (c *connection) await(r *http.Request, left *rest) (*http.Response, error) {
	c.left = c.transport.options.MaxHeaderBytes
	if left != nil {
		response, err := c.receive(r)
		close(left.answered)
		if err != nil {
			if failed := left.failed(); failed != nil {
				return nil, failed
			}
		}
		return response, err
	}
	stop := c.startTimeout()
	response, err := c.receive(r)
	if !stop() && err == nil {
		return nil, timeoutError{}
	}
	return response, err
}

// receive reads answers until the final one, as net/http does.
func (c *connection) receive(r *http.Request) (*http.Response, error) {
	if _, err := c.reader.Peek(1); err != nil {
		return nil, beforeAnswer{error: err}
	}
	trace := httptrace.ContextClientTrace(r.Context())
	for {
		response, err := http.ReadResponse(c.reader, r)
		if err != nil {
			if c.left <= 0 {
				err = fmt.Errorf("net/http: server response headers exceeded %d bytes; aborted", c.transport.options.MaxHeaderBytes)
			}
			return nil, broken(err)
		}
		if response.StatusCode < 100 || response.StatusCode > 199 || response.StatusCode == http.StatusSwitchingProtocols {
			return response, nil
		}
		if trace == nil || trace.Got1xxResponse == nil {
			continue // all interim answers together are bounded
		}
		if err := trace.Got1xxResponse(response.StatusCode, textproto.MIMEHeader(response.Header)); err != nil {
			return nil, broken(err)
		}
		c.left = c.transport.options.MaxHeaderBytes // who listens bounds their number
	}
}

func broken(err error) error {
	return fmt.Errorf("net/http: HTTP/1.x transport connection broken: %w", err)
}
