package harness

import (
	"bytes"
	"io"
	"net/http"
	"net/http/httptest"
	"strings"
	"sync"
	"testing"
)

// Backend is a real HTTP server on loopback that records the requests it saw and answers as the test says.
type Backend struct {
	// Addr is its host and port.
	Addr string

	server *httptest.Server
	mu     sync.Mutex
	seen   []Seen
	answer http.HandlerFunc
}

// Seen is a request as the backend saw it.
type Seen struct {
	Method, Target, Host string
	Header, Trailer      http.Header
	Body                 string
	// Broken says that the body broke off: the request was never complete.
	Broken bool
}

// NewBackend starts a backend, which answers 200 "ok". It stops with its test.
func NewBackend(t testing.TB) *Backend {
	b := new(Backend)
	server := httptest.NewUnstartedServer(b)
	server.Config.Protocols = new(http.Protocols)
	server.Config.Protocols.SetHTTP1(true)
	server.Config.Protocols.SetUnencryptedHTTP2(true)
	server.Start()
	b.server = server
	t.Cleanup(b.Close)
	b.Addr = strings.TrimPrefix(server.URL, "http://")
	return b
}

// Close ends the backend before its test does.
func (b *Backend) Close() { b.server.Close() }

// Answer sets how the backend answers from now on; nil: 200 "ok". The request's body has been read by then.
func (b *Backend) Answer(answer http.HandlerFunc) {
	b.mu.Lock()
	defer b.mu.Unlock()
	b.answer = answer
}

// Seen gives the requests since the last call, and forgets them.
func (b *Backend) Seen() []Seen {
	b.mu.Lock()
	defer b.mu.Unlock()
	seen := b.seen
	b.seen = nil
	return seen
}

// ServeHTTP records the request and answers it.
func (b *Backend) ServeHTTP(w http.ResponseWriter, r *http.Request) {
	var body []byte
	var broken error
	if r.Header.Get("Upgrade") == "" {
		body, broken = io.ReadAll(r.Body)
		r.Body = io.NopCloser(bytes.NewReader(body)) // for an answer that reads it as well
	}
	b.mu.Lock()
	b.seen = append(b.seen, Seen{
		Method: r.Method, Target: r.RequestURI, Host: r.Host,
		Header: r.Header.Clone(), Trailer: r.Trailer.Clone(), Body: string(body), Broken: broken != nil,
	})
	answer := b.answer
	b.mu.Unlock()
	if answer != nil {
		answer(w, r)
		return
	}
	_, _ = io.WriteString(w, "ok")
}
