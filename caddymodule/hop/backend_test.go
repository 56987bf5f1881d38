package hop

import (
	"bufio"
	"context"
	"net"
	"net/http"
	"runtime"
	"sync"
	"sync/atomic"
	"testing"
	"time"

	"github.com/stretchr/testify/require"
)

// rawBackend is a server that says on a connection what a test lets it say.
type rawBackend struct {
	addr     string
	accepted atomic.Int64
	open     atomic.Int64
	serve    func(conn *net.TCPConn, in *bufio.Reader)
	all      sync.WaitGroup

	restarting sync.Mutex

	mu       sync.Mutex
	listener net.Listener
	conns    map[net.Conn]bool
}

// serveRaw calls serve for every connection, which is closed when that returns.
func serveRaw(t testing.TB, serve func(conn *net.TCPConn, in *bufio.Reader)) *rawBackend {
	t.Helper()
	return serveRawAt(t, "127.0.0.1:0", serve)
}

func serveRawAt(t testing.TB, address string, serve func(conn *net.TCPConn, in *bufio.Reader)) *rawBackend {
	t.Helper()
	listener, err := net.Listen("tcp", address)
	require.NoError(t, err)
	b := &rawBackend{addr: listener.Addr().String(), serve: serve, conns: make(map[net.Conn]bool)}
	b.accept(listener)
	return b
}

func (b *rawBackend) accept(listener net.Listener) {
	b.mu.Lock()
	b.listener = listener
	b.mu.Unlock()
	b.all.Go(func() {
		for {
			conn, err := listener.Accept()
			if err != nil {
				return
			}
			b.accepted.Add(1)
			b.open.Add(1)
			b.remember(conn, true)
			b.all.Go(func() {
				defer b.open.Add(-1)
				defer func() { _ = conn.Close() }()
				defer b.remember(conn, false)
				b.serve(conn.(*net.TCPConn), bufio.NewReader(conn))
			})
		}
	})
}

func (b *rawBackend) remember(conn net.Conn, there bool) {
	b.mu.Lock()
	defer b.mu.Unlock()
	if there {
		b.conns[conn] = true
		return
	}
	delete(b.conns, conn)
}

// restart ends the server with all its connections, and starts it anew at the same address.
func (b *rawBackend) restart() {
	b.restarting.Lock()
	defer b.restarting.Unlock()
	b.mu.Lock()
	_ = b.listener.Close()
	for conn := range b.conns {
		_ = conn.Close()
	}
	b.mu.Unlock()
	for {
		listener, err := net.Listen("tcp", b.addr)
		if err == nil {
			b.accept(listener)
			return
		}
		runtime.Gosched() // somebody has the port, for a moment
	}
}

// restarted waits until the server is there again.
func (b *rawBackend) restarted() {
	b.restarting.Lock()
	defer b.restarting.Unlock()
}

// end stops the server and waits until every connection has been closed by its client.
func (b *rawBackend) end() {
	b.mu.Lock()
	_ = b.listener.Close()
	b.mu.Unlock()
	b.all.Wait()
}

func standard() *http.Transport {
	return &http.Transport{
		DialContext: new(net.Dialer).DialContext, MaxIdleConnsPerHost: 32, DisableCompression: true, MaxResponseHeaderBytes: 64 << 10,
		ResponseHeaderTimeout: 20 * time.Second,
	}
}

// narrow dials connections that take few bytes at once, so that a request with a body does not fit.
func narrow(ctx context.Context, network, address string) (net.Conn, error) {
	conn, err := new(net.Dialer).DialContext(ctx, network, address)
	if err == nil {
		err = conn.(*net.TCPConn).SetWriteBuffer(4 << 10)
	}
	return conn, err
}

// own gives a transport with the options of a standard one.
func own(t testing.TB, from *http.Transport) *Transport {
	t.Helper()
	options, ok := FromStandard(from)
	require.True(t, ok)
	return New(options)
}
