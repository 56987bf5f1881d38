// Package inner makes a request for the handlers of a site out of one that they already have: with a replacer, variables and an
// answer of its own, and with the caller's address, credential and trust of the first.
package inner

import (
	"bytes"
	"context"
	"io"
	"maps"
	"net/http"
	"net/textproto"
	"net/url"
	"slices"
	"strings"

	"github.com/caddyserver/caddy/v2"
	"github.com/caddyserver/caddy/v2/modules/caddyhttp"
)

// Request is what differs from the outer one.
type Request struct {
	Method string
	// Path is percent-encoded, and Query as it goes over the wire.
	Path, Query string
	// Header is set in place of what the outer request has under the same names.
	Header http.Header
	// Body is the body; nil: there is none.
	Body []byte
	// Hidden reports whether a variable of the outer request is not the inner one's.
	Hidden func(name string) bool
}

// New makes the inner request, whose answer goes to w. It ends with the outer one. The error says that the path is not one.
func New(outer *http.Request, r *Request, w http.ResponseWriter) (*http.Request, error) {
	target := r.Path
	if r.Query != "" {
		target += "?" + r.Query
	}
	place, err := url.ParseRequestURI(target)
	if err != nil {
		return nil, err
	}
	made := &http.Request{
		Method: r.Method, URL: place, RequestURI: target, Host: outer.Host, RemoteAddr: outer.RemoteAddr, TLS: outer.TLS,
		Proto: outer.Proto, ProtoMajor: outer.ProtoMajor, ProtoMinor: outer.ProtoMinor, Header: header(outer.Header, r.Header), Body: http.NoBody,
	}
	if r.Body != nil {
		made.Body, made.ContentLength = io.NopCloser(bytes.NewReader(r.Body)), int64(len(r.Body))
	}
	repl := caddy.NewReplacer()
	server, _ := outer.Context().Value(caddyhttp.ServerCtxKey).(*caddyhttp.Server)
	prepared := caddyhttp.PrepareRequest(made.WithContext(outer.Context()), repl, w, server)
	ctx := &both{Context: prepared.Context(), outer: outer.Context()}
	vars, _ := ctx.Value(caddyhttp.VarsCtxKey).(map[string]any)
	earlier, _ := outer.Context().Value(caddyhttp.VarsCtxKey).(map[string]any)
	maps.Copy(vars, earlier)
	maps.DeleteFunc(vars, func(name string, _ any) bool { return r.Hidden(name) })
	if known, ok := outer.Context().Value(caddy.ReplacerCtxKey).(*caddy.Replacer); ok {
		repl.Map(func(name string) (any, bool) {
			if strings.HasPrefix(name, "tollgate.") || strings.HasPrefix(name, "http.request.") || strings.HasPrefix(name, "http.reverse_proxy.") || strings.HasPrefix(name, "http.response.") {
				return nil, false
			}
			return known.Get(name) // what handlers in front of the gate found out
		})
	}
	return prepared.WithContext(ctx), nil
}

// both is the context of the inner request. What Caddy makes for every request is its own; all else, such as which of several
// groups of routes was taken, is the outer one's.
type both struct {
	context.Context
	outer context.Context
}

func (b *both) Value(key any) any {
	switch key {
	case caddy.ReplacerCtxKey, caddyhttp.VarsCtxKey, caddyhttp.OriginalRequestCtxKey, caddyhttp.ExtraLogFieldsCtxKey:
		return b.Context.Value(key)
	}
	if value := b.outer.Value(key); value != nil {
		return value
	}
	return b.Context.Value(key)
}

// leftOut are the headers that belong to the outer message, or to its client's wishes about the answer to that.
var leftOut = []string{"Accept", "Accept-Charset", "Accept-Encoding", "Accept-Language", "Connection", "Content-Disposition", "Content-Encoding", "Content-Language", "Content-Length",
	"Content-Location", "Content-Md5", "Content-Range", "Content-Type", "Cookie", "Digest", "Expect", "If-Match", "If-Modified-Since", "If-None-Match", "If-Range", "If-Unmodified-Since",
	"Keep-Alive", "Last-Event-Id", "Origin", "Range", "Referer", "Te", "Trailer", "Transfer-Encoding", "Upgrade"}

func header(outer, own http.Header) http.Header {
	h := outer.Clone()
	for _, named := range outer["Connection"] {
		for name := range strings.SplitSeq(named, ",") {
			delete(h, textproto.CanonicalMIMEHeaderKey(strings.TrimSpace(name)))
		}
	}
	for name := range h {
		if slices.Contains(leftOut, name) || strings.HasPrefix(name, "Mcp-") || strings.HasPrefix(name, "Sec-") || strings.HasPrefix(name, "Access-Control-") || strings.HasPrefix(name, ":") {
			delete(h, name)
		}
	}
	if values, given := outer["Authorization"]; given {
		h["Authorization"] = values // whatever Connection names: without it another caller would be judged
	}
	h["Accept"] = []string{"application/json"}
	maps.Copy(h, own)
	return h
}
