package hop

import (
	"bufio"
	"context"
	"errors"
	"fmt"
	"io"
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
	look      func() bool // see looker
	reader    *bufio.Reader
	writer    *bufio.Writer

	// left is how many bytes may be read until something must have been understood. Only the request's goroutine uses it.
	left     int64
	sawEnd   bool
	written  int64
	reused   bool
	idleFrom time.Time

	// ended is why the connection was closed under its request: cancelled, or too late.
	ended atomic.Pointer[error]
}

func (t *Transport) newConnection(host string, conn net.Conn) *connection {
	c := &connection{transport: t, host: host, conn: conn, look: looker(conn)}
	c.reader = bufio.NewReaderSize((*bounded)(c), t.options.ReadBuffer)
	c.writer = bufio.NewWriterSize((*counted)(c), t.options.WriteBuffer)
	return c
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
	if err == io.EOF {
		b.sawEnd = true
	}
	return n, err
}

// counted writes to a connection and counts the bytes.
type counted connection

func (c *counted) Write(p []byte) (int, error) {
	n, err := c.conn.Write(p)
	c.written += int64(n)
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
	return ok && c.reused && (b.unwritten || replayable(r))
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

// exchange writes a request and reads the answer's header. With an error the connection is closed.
func (t *Transport) exchange(r *http.Request, c *connection) (*http.Response, error) {
	ctx := r.Context()
	stop := context.AfterFunc(ctx, func() { c.end(context.Cause(ctx)) })
	response, err := c.send(r)
	if err != nil {
		stop()
		_ = c.conn.Close()
		return nil, c.why(err)
	}
	c.left = math.MaxInt64
	keep := !response.Close && response.StatusCode > 199
	if response.StatusCode == http.StatusSwitchingProtocols && switches(response.Header) {
		response.Body = &switched{reader: c.reader, Conn: c.conn, stop: stop}
		return response, nil
	}
	if r.Method == http.MethodHead || response.ContentLength == 0 {
		c.release(stop, keep)
		return response, nil
	}
	response.Body = &body{of: response.Body, c: c, stop: stop, keep: keep}
	return response, nil
}

// release gives the connection back after an answer that was read to its end, or closes it.
func (c *connection) release(stop func() bool, keep bool) {
	if !stop() || !keep || c.sawEnd || c.reader.Buffered() > 0 || c.ended.Load() != nil {
		_ = c.conn.Close()
		return
	}
	c.reused = true
	c.transport.idle.put(c)
}

// send writes the request and reads up to the header of the final answer.
func (c *connection) send(r *http.Request) (*http.Response, error) {
	c.written = 0
	c.left = c.transport.options.MaxHeaderBytes
	err := r.Write(c.writer)
	if err == nil {
		err = c.writer.Flush()
	}
	if err != nil {
		if c.written == 0 {
			return nil, beforeAnswer{error: err, unwritten: true}
		}
		return nil, broken(err)
	}
	if d := c.transport.options.ResponseHeaderTimeout; d > 0 {
		late := time.AfterFunc(d, func() { c.end(timeoutError{}) })
		response, err := c.receive(r)
		if !late.Stop() && err == nil {
			return nil, timeoutError{}
		}
		return response, err
	}
	return c.receive(r)
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
			return nil, err
		}
		c.left = c.transport.options.MaxHeaderBytes // who listens bounds their number
	}
}

func broken(err error) error {
	return fmt.Errorf("net/http: HTTP/1.x transport connection broken: %w", err)
}
