package dashboard

import (
	"context"
	"crypto/rand"
	"errors"
	"fmt"
	"net"
	"net/http"
	"net/http/httputil"
	"strconv"
	"strings"
	"time"

	"github.com/caddyserver/caddy/v2"

	"github.com/tollgate-gateway/tollgate/caddymodule/gateway"
)

// Relay shows a browser the dashboard of the gateway behind an admin endpoint, for as long as it is served. Browsers cannot
// open the endpoint itself: Caddy (since 2.11) refuses what they ask for without an Origin or a Referer, and with an address
// that somebody types they send neither. It also takes the page away from the origin of /load and /stop: nothing but
// /tollgate/ passes.
//
// It listens on loopback, and its address holds a random word: other users of the machine, who may not be allowed to open the
// endpoint's socket, do not know it.
type Relay struct {
	listener net.Listener
	prefix   string
	hosts    []string
	proxy    *httputil.ReverseProxy
	server   *http.Server
}

// NewRelay listens on that port of the loopback address, or on any that is free (0). Admin is the endpoint's address as a
// configuration has it.
func NewRelay(admin string, port int) (*Relay, error) {
	to, err := caddy.ParseNetworkAddress(admin)
	if err != nil || to.PortRangeSize() > 1 {
		return nil, fmt.Errorf("reading the admin endpoint's address '%s': write one such as localhost:2019 or unix//run/caddy/admin.sock", admin)
	}
	listener, err := net.Listen("tcp", net.JoinHostPort("127.0.0.1", strconv.Itoa(port)))
	if err != nil {
		return nil, fmt.Errorf("listening for the dashboard: %w", err)
	}
	own := strconv.Itoa(listener.Addr().(*net.TCPAddr).Port)
	r := &Relay{
		listener: listener, prefix: "/" + rand.Text(),
		hosts: []string{net.JoinHostPort("127.0.0.1", own), net.JoinHostPort("localhost", own), net.JoinHostPort("::1", own)},
	}
	r.proxy = &httputil.ReverseProxy{Rewrite: rewriteTo(to), Transport: transportTo(to), ErrorHandler: func(w http.ResponseWriter, _ *http.Request, err error) {
		sendProblem(w, refuse(http.StatusBadGateway, "the admin endpoint %s does not answer: %v", admin, err))
	}}
	r.server = &http.Server{Handler: r, ReadHeaderTimeout: 5 * time.Second, IdleTimeout: time.Minute, MaxHeaderBytes: 64 << 10}
	return r, nil
}

// hostOf is what the endpoint is asked by: any name on a socket, which checks none.
func hostOf(to caddy.NetworkAddress) string {
	if to.IsUnixNetwork() {
		return "127.0.0.1"
	}
	return to.JoinHostPort(0)
}

// rewriteTo makes a browser's request one of the relay's own: its address is not the endpoint's origin.
func rewriteTo(to caddy.NetworkAddress) func(*httputil.ProxyRequest) {
	host := hostOf(to)
	return func(p *httputil.ProxyRequest) {
		out := http.Header{}
		for _, name := range []string{"Accept", "Content-Type"} {
			if values := p.In.Header[name]; values != nil {
				out[name] = values
			}
		}
		if !to.IsUnixNetwork() {
			out.Set("Origin", "http://"+host) // an endpoint with enforce_origin asks for one
		}
		p.Out.Header = out
		p.Out.URL.Scheme, p.Out.URL.Host, p.Out.Host = "http", "admin", host
	}
}

func transportTo(to caddy.NetworkAddress) *http.Transport {
	address := to.JoinHostPort(0)
	if to.IsUnixNetwork() {
		address, _, _ = strings.Cut(address, "|") // the socket's mode may follow
	}
	return &http.Transport{DialContext: func(ctx context.Context, _, _ string) (net.Conn, error) {
		return (&net.Dialer{Timeout: 5 * time.Second}).DialContext(ctx, to.Network, address)
	}, MaxIdleConnsPerHost: 4, IdleConnTimeout: time.Minute}
}

// Port is the relay's.
func (r *Relay) Port() int { return r.listener.Addr().(*net.TCPAddr).Port }

// URL is where a browser finds the page.
func (r *Relay) URL() string { return "http://" + r.hosts[0] + r.prefix + gateway.AdminPath }

// Serve answers until the context ends.
func (r *Relay) Serve(ctx context.Context) error {
	ended := context.AfterFunc(ctx, func() { _ = r.server.Close() }) // streams would not end by themselves
	defer ended()
	if err := r.server.Serve(r.listener); !errors.Is(err, http.ErrServerClosed) {
		return fmt.Errorf("serving the dashboard: %w", err)
	}
	return nil
}

// ServeHTTP hands on what the page asks for, and nothing else: not for another name, not for another site.
func (r *Relay) ServeHTTP(w http.ResponseWriter, request *http.Request) {
	path, found := strings.CutPrefix(request.URL.Path, r.prefix)
	_, ours := strings.CutPrefix(path, gateway.AdminPath)
	switch {
	case !r.knows(request.Host), foreign(request, r.URL()):
		harden(w.Header())
		sendProblem(w, refuse(http.StatusForbidden, "this is for the dashboard's own page"))
		return
	case !found || !ours || strings.Contains(path, ".."):
		harden(w.Header())
		sendProblem(w, refuse(http.StatusNotFound, "there is nothing here"))
		return
	}
	request.URL.Path, request.URL.RawPath = path, ""
	r.proxy.ServeHTTP(w, request)
}

func (r *Relay) knows(host string) bool {
	for _, own := range r.hosts {
		if strings.EqualFold(own, host) {
			return true
		}
	}
	return false
}

// foreign reports whether another site's page asks. A link or an address that leads a person to the page may come from
// anywhere.
func foreign(r *http.Request, own string) bool {
	if origin := r.Header.Get("Origin"); origin != "" && origin != "http://"+r.Host {
		return true
	}
	switch r.Header.Get("Sec-Fetch-Site") {
	case "", "same-origin", "none":
		return false
	}
	return r.Method != http.MethodGet || r.Header.Get("Sec-Fetch-Mode") != "navigate" || !strings.HasSuffix(own, r.URL.Path)
}
