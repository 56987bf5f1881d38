// Package hop sends requests to a backend and reads the answers, both in the goroutine of the request: those without a body, and those
// whose body has been read whole. The standard transport hands every request to two goroutines of its connection, which costs more than
// all the rest of a small request.
//
// It serves only what needs no second goroutine. Everything else, and everything that is unusual, goes to the standard transport. It
// trusts neither a backend nor a connection more than that: answers are parsed by net/http, within the same bounds, a connection is
// looked at before it is used again, and it is never used again after an answer that was not read exactly to its end.
package hop

import (
	"bytes"
	"context"
	"net"
	"net/http"
	"net/http/httptrace"
	"time"

	"golang.org/x/net/http/httpguts"
)

// MaxHeader and MaxBody are how many bytes a request's header and body may have that are served here. Both are put together in memory
// before they are sent.
const (
	MaxHeader = 16 << 10
	MaxBody   = 64 << 10
)

// BodyRead is the name under which who has read a request's body whole, and put it back, says so with the value true: in Caddy's
// variables of the request.
const BodyRead = "tollgate_body_read"

// Options are what a Transport takes over from the standard one. The fields have the meaning they have there.
type Options struct {
	// Dial opens a connection to a host and port.
	Dial func(ctx context.Context, network, address string) (net.Conn, error)
	// ResponseHeaderTimeout is how long an answer's header may take once the request is written. 0: without limit.
	ResponseHeaderTimeout time.Duration
	// MaxHeaderBytes bounds an answer's header, and all interim answers with it unless somebody listens to them. 0: 10 MiB.
	MaxHeaderBytes int64
	// MaxIdle is how many idle connections are kept, MaxIdleOfHost how many of one host. 0: without limit, and 2.
	MaxIdle, MaxIdleOfHost int
	// IdleTimeout is how long a connection is kept idle. 0: without limit.
	IdleTimeout time.Duration
	// ReadBuffer is a size in bytes. 0: 4 KiB.
	ReadBuffer int
}

// FromStandard takes the options of a standard transport. It returns false if the transport is set up in a way that this package does
// not serve.
func FromStandard(t *http.Transport) (Options, bool) {
	o := Options{
		Dial:                  t.DialContext,
		ResponseHeaderTimeout: t.ResponseHeaderTimeout,
		MaxHeaderBytes:        t.MaxResponseHeaderBytes,
		MaxIdle:               t.MaxIdleConns,
		MaxIdleOfHost:         t.MaxIdleConnsPerHost,
		IdleTimeout:           t.IdleConnTimeout,
		ReadBuffer:            t.ReadBufferSize,
	}
	http1 := t.Protocols == nil || t.Protocols.HTTP1()
	return o, canLook && http1 && t.DialContext != nil && !t.DisableKeepAlives && t.MaxConnsPerHost == 0 && t.MaxIdleConnsPerHost >= 0
}

// Transport is an http.RoundTripper for the requests that Serves names.
type Transport struct {
	options Options
	idle    pool
}

// New gives a transport. Close ends its idle connections.
func New(o Options) *Transport {
	if o.MaxHeaderBytes == 0 {
		o.MaxHeaderBytes = 10 << 20
	}
	if o.MaxIdleOfHost == 0 {
		o.MaxIdleOfHost = http.DefaultMaxIdleConnsPerHost
	}
	if o.ReadBuffer <= 0 {
		o.ReadBuffer = 4 << 10
	}
	t := &Transport{options: o}
	t.idle = pool{most: o.MaxIdle, mostOfHost: o.MaxIdleOfHost, timeout: o.IdleTimeout}
	return t
}

// Close ends the idle connections, and those in use as soon as their answers have been read.
func (t *Transport) Close() { t.idle.close() }

// Idle is the number of idle connections.
func (t *Transport) Idle() int { return t.idle.len() }

// Serves says whether a request may be given to RoundTrip. A body must have a length and be there: whole says that reading it waits for
// nobody. What net/http would refuse is not served either, so that it says why.
func Serves(r *http.Request, whole bool) bool {
	switch {
	case hasBody(r) && !(whole && 0 < r.ContentLength && r.ContentLength <= MaxBody) || !hasBody(r) && r.ContentLength != 0:
		return false
	case len(r.Trailer) > 0 || len(r.TransferEncoding) > 0 || r.Close:
		return false
	}
	if r.URL == nil || r.Header == nil || r.URL.Scheme != "http" || r.URL.Port() == "" || !ascii(r.URL.Host) || !httpguts.ValidHostHeader(r.Host) {
		return false
	}
	//lint:ignore SA1019 to refuse it
	if r.Cancel != nil || r.Method == http.MethodConnect || !httpguts.ValidHeaderFieldName(r.Method) {
		return false
	}
	if trace := httptrace.ContextClientTrace(r.Context()); trace != nil && traced(trace) {
		return false
	}
	written := len(r.Method) + len(r.URL.Path) + len(r.URL.RawPath) + len(r.URL.RawQuery) + len(r.Host)
	for name, values := range r.Header {
		switch name {
		case "Connection", "Upgrade", "Expect", "Te", "Trailer", "Transfer-Encoding":
			return false
		}
		if !httpguts.ValidHeaderFieldName(name) {
			return false
		}
		for _, value := range values {
			if !httpguts.ValidHeaderFieldValue(value) {
				return false
			}
			written += len(name) + len(value) + len(": \r\n")
		}
	}
	return written <= MaxHeader
}

func ascii(host string) bool {
	for i := range len(host) {
		if host[i] >= 0x80 {
			return false
		}
	}
	return true
}

// traced says whether somebody listens to more than interim answers.
func traced(t *httptrace.ClientTrace) bool {
	return t.GetConn != nil || t.GotConn != nil || t.PutIdleConn != nil || t.GotFirstResponseByte != nil || t.Got100Continue != nil ||
		t.DNSStart != nil || t.DNSDone != nil || t.ConnectStart != nil || t.ConnectDone != nil || t.TLSHandshakeStart != nil ||
		t.TLSHandshakeDone != nil || t.WroteHeaderField != nil || t.WroteHeaders != nil || t.Wait100Continue != nil || t.WroteRequest != nil
}

// replayable says whether a request may be sent again, by the rule of net/http.
func replayable(r *http.Request) bool {
	switch r.Method {
	case "", http.MethodGet, http.MethodHead, http.MethodOptions, http.MethodTrace:
		return true
	}
	_, named := r.Header["Idempotency-Key"]
	_, alsoNamed := r.Header["X-Idempotency-Key"]
	return named || alsoNamed
}

// RoundTrip sends a request that Serves and reads the answer's header. The connection is used again once the answer's body has been
// read to its end. A request without a body that fails on a used connection before the first byte of an answer is sent once more, on a
// new connection, if it may be. The body is read only once there is a connection: who could not connect may try elsewhere with it.
func (t *Transport) RoundTrip(r *http.Request) (*http.Response, error) {
	ctx := r.Context()
	if ctx.Err() != nil {
		closeBody(r)
		return nil, context.Cause(ctx)
	}
	out := buffers.Get().(*bytes.Buffer)
	for c := t.idle.take(r.URL.Host); ; c = nil {
		if c == nil {
			var err error
			if c, err = t.connect(ctx, r.URL.Host); err != nil {
				closeBody(r)
				free(out)
				return nil, err
			}
		}
		if out.Len() == 0 {
			if err := compose(out, r); err != nil {
				_ = c.conn.Close()
				free(out)
				return nil, err
			}
		}
		response, done, err := c.exchange(r, out.Bytes())
		if err != nil && c.retry(r, err) && ctx.Err() == nil {
			continue
		}
		if done {
			free(out)
		}
		return response, plain(err)
	}
}

func (t *Transport) connect(ctx context.Context, host string) (*connection, error) {
	conn, err := t.options.Dial(ctx, "tcp", host)
	if err == nil {
		return t.newConnection(host, conn)
	}
	if ctx.Err() != nil {
		err = context.Cause(ctx)
	}
	return nil, err
}
