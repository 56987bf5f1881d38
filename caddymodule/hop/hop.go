// Package hop sends requests without a body to a backend and reads the answers, both in the goroutine of the request. The standard
// transport hands every request to two goroutines of its connection, which costs more than all the rest of a small request.
//
// It serves only what needs no second goroutine. Everything else, and everything that is unusual, goes to the standard transport. It
// trusts neither a backend nor a connection more than that: answers are parsed by net/http, within the same bounds, a connection is
// looked at before it is used again, and it is never used again after an answer that was not read exactly to its end.
package hop

import (
	"context"
	"net"
	"net/http"
	"net/http/httptrace"
	"time"

	"golang.org/x/net/http/httpguts"
)

// maxWritten bounds the header that is written here. It is written before the answer is read: what does not fit into the buffers of the
// system would wait for a backend that answers without reading.
const maxWritten = 16 << 10

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
	// ReadBuffer and WriteBuffer are sizes in bytes. 0: 4 KiB.
	ReadBuffer, WriteBuffer int
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
		WriteBuffer:           t.WriteBufferSize,
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
	if o.WriteBuffer <= 0 {
		o.WriteBuffer = 4 << 10
	}
	t := &Transport{options: o}
	t.idle = pool{most: o.MaxIdle, mostOfHost: o.MaxIdleOfHost, timeout: o.IdleTimeout}
	return t
}

// Close ends the idle connections, and those in use as soon as their answers have been read.
func (t *Transport) Close() { t.idle.close() }

// Idle is the number of idle connections.
func (t *Transport) Idle() int { return t.idle.len() }

// Serves says whether a request may be given to RoundTrip. What net/http would refuse is not served either, so that it says why.
func Serves(r *http.Request) bool {
	if r.Body != nil && r.Body != http.NoBody || r.ContentLength != 0 || len(r.Trailer) > 0 || len(r.TransferEncoding) > 0 || r.Close {
		return false
	}
	if r.URL == nil || r.Header == nil || r.URL.Scheme != "http" || r.URL.Port() == "" || !ascii(r.URL.Host) || !httpguts.ValidHostHeader(r.Host) {
		return false
	}
	if r.Cancel != nil || r.Method == http.MethodConnect || !httpguts.ValidHeaderFieldName(r.Method) { //nolint:staticcheck // to refuse it
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
	return written <= maxWritten
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
// read to its end. A request that fails on a used connection before the first byte of an answer is sent once more, on a new connection,
// if it may be.
func (t *Transport) RoundTrip(r *http.Request) (*http.Response, error) {
	ctx := r.Context()
	if ctx.Err() != nil {
		return nil, context.Cause(ctx)
	}
	if c := t.idle.take(r.URL.Host); c != nil {
		response, err := t.exchange(r, c)
		if err == nil || !c.retry(r, err) || ctx.Err() != nil {
			return response, plain(err)
		}
	}
	conn, err := t.options.Dial(ctx, "tcp", r.URL.Host)
	if err != nil {
		if ctx.Err() != nil {
			err = context.Cause(ctx)
		}
		return nil, err
	}
	c := t.newConnection(r.URL.Host, conn)
	if !c.look() {
		_ = conn.Close()
		return nil, errUnasked
	}
	response, err := t.exchange(r, c)
	return response, plain(err)
}
