package envelope

import (
	"bufio"
	"context"
	"crypto/tls"
	"crypto/x509"
	"errors"
	"io"
	"log"
	"net"
	"net/http"
	"net/http/httptest"
	"net/http/httputil"
	"net/url"
	"testing"

	"github.com/quic-go/quic-go/http3"
	"github.com/stretchr/testify/require"
	"github.com/tollgate-gateway/tollgate/caddymodule/refusal"
)

// gateway puts a Writer around a handler, as ServeHTTP of the real one does.
type gateway struct {
	mapper     *Mapper
	inner      http.Handler
	credential bool
	secret     func([]byte) bool
	reports    chan Report
}

func newGateway(m *Mapper, inner http.Handler) *gateway {
	return &gateway{mapper: m, inner: inner, reports: make(chan Report, 100)}
}

type errKey struct{}

func (g *gateway) ServeHTTP(under http.ResponseWriter, r *http.Request) {
	ctx, cancel := context.WithCancel(r.Context())
	defer cancel()
	var (
		w   Writer
		err error
	)
	w.Init(under, Options{Mapper: g.mapper, Method: r.Method, Context: r.Context(), Cancel: cancel, Hook: new(limitHook), Credential: g.credential, Secret: g.secret})
	defer func() { g.reports <- w.Report() }()
	ctx = context.WithValue(ctx, http.ServerContextKey, &http.Server{}) // without it, httputil passes cut bodies off as whole
	inner := r.WithContext(context.WithValue(ctx, errKey{}, &err))
	panicked, _ := run(&w, func(w http.ResponseWriter) error { g.inner.ServeHTTP(w, inner); return nil })
	w.Finish(err, panicked)
}

// proxyTo is a reverse proxy that gives its errors to the gateway, as Caddy's does.
func proxyTo(backend string) http.Handler {
	return &httputil.ReverseProxy{
		Rewrite:       func(r *httputil.ProxyRequest) { r.SetURL(&url.URL{Scheme: "http", Host: backend}) },
		Transport:     &http.Transport{DisableCompression: true, DisableKeepAlives: true},
		FlushInterval: -1,
		ErrorLog:      log.New(io.Discard, "", 0),
		ErrorHandler: func(w http.ResponseWriter, r *http.Request, err error) {
			if errors.Is(err, context.Canceled) {
				w.WriteHeader(statusClientClosed)
				return
			}
			*r.Context().Value(errKey{}).(*error) = refusal.HandlerError(http.StatusBadGateway, err)
		},
	}
}

// rawBackend answers every connection with the bytes that the function writes. It says when a connection has ended.
func rawBackend(t testing.TB, answer func(net.Conn)) (address string, ended <-chan struct{}) {
	t.Helper()
	l, err := net.Listen("tcp", "127.0.0.1:0")
	require.NoError(t, err)
	t.Cleanup(func() { l.Close() })
	done := make(chan struct{}, 1000)
	go func() {
		for {
			conn, err := l.Accept()
			if err != nil {
				return
			}
			go func() {
				defer func() { conn.Close(); done <- struct{}{} }()
				if _, err := http.ReadRequest(bufio.NewReader(conn)); err == nil {
					answer(conn)
				}
			}()
		}
	}()
	return l.Addr().String(), done
}

// says is an answer of fixed bytes.
func says(raw string) func(net.Conn) {
	return func(conn net.Conn) { _, _ = io.WriteString(conn, raw) }
}

// client speaks one version of HTTP to one server.
type client struct {
	*http.Client
	url   string
	major int
}

// clients serves a handler over HTTP/1.1, HTTP/2 and HTTP/3, and gives a client for each.
func clients(t testing.TB, handler http.Handler) map[string]client {
	t.Helper()
	quiet := log.New(io.Discard, "", 0)
	one := httptest.NewUnstartedServer(handler)
	one.Config.ErrorLog = quiet
	one.Start()
	t.Cleanup(one.Close)

	two := httptest.NewUnstartedServer(handler)
	two.Config.ErrorLog = quiet
	two.EnableHTTP2 = true
	two.StartTLS()
	t.Cleanup(two.Close)

	socket, err := net.ListenPacket("udp", "127.0.0.1:0")
	require.NoError(t, err)
	three := &http3.Server{Handler: handler, TLSConfig: http3.ConfigureTLSConfig(&tls.Config{Certificates: two.TLS.Certificates})}
	go func() { _ = three.Serve(socket) }()
	roots := x509.NewCertPool()
	roots.AddCert(two.Certificate())
	transport := &http3.Transport{TLSClientConfig: &tls.Config{RootCAs: roots, ServerName: "example.com"}}
	t.Cleanup(func() { transport.Close(); three.Close(); socket.Close() })

	raw := func(c *http.Client) *http.Client {
		c.Transport.(*http.Transport).DisableCompression = true
		c.CheckRedirect = func(*http.Request, []*http.Request) error { return http.ErrUseLastResponse }
		return c
	}
	return map[string]client{
		"HTTP/1.1": {raw(one.Client()), one.URL, 1},
		"HTTP/2":   {raw(two.Client()), two.URL, 2},
		"HTTP/3":   {&http.Client{Transport: transport}, "https://" + socket.LocalAddr().String(), 3},
	}
}

// over runs a test over every version of HTTP.
func over(t *testing.T, handler http.Handler, test func(t *testing.T, c client)) {
	t.Helper()
	for name, c := range clients(t, handler) {
		t.Run(name, func(t *testing.T) { test(t, c) })
	}
}

// do sends a request without body and reads the answer to its end or its cut.
func (c client) do(t testing.TB, method string) (*http.Response, []byte, error) {
	t.Helper()
	req, err := http.NewRequestWithContext(t.Context(), method, c.url+"/x", nil)
	require.NoError(t, err)
	res, err := c.Do(req)
	if err != nil {
		return nil, nil, err
	}
	defer res.Body.Close()
	require.Equal(t, c.major, res.ProtoMajor)
	body, err := io.ReadAll(res.Body)
	return res, body, err
}
