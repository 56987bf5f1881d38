package hop

import (
	"bufio"
	"net"
	"net/http"
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
	all      sync.WaitGroup
	listener net.Listener
}

// serveRaw calls serve for every connection, which is closed when that returns.
func serveRaw(t testing.TB, serve func(conn *net.TCPConn, in *bufio.Reader)) *rawBackend {
	t.Helper()
	listener, err := net.Listen("tcp", "127.0.0.1:0")
	require.NoError(t, err)
	b := &rawBackend{addr: listener.Addr().String(), listener: listener}
	b.all.Add(1)
	go func() {
		defer b.all.Done()
		for {
			conn, err := listener.Accept()
			if err != nil {
				return
			}
			b.accepted.Add(1)
			b.open.Add(1)
			b.all.Add(1)
			go func() {
				defer b.all.Done()
				defer b.open.Add(-1)
				defer func() { _ = conn.Close() }()
				serve(conn.(*net.TCPConn), bufio.NewReader(conn))
			}()
		}
	}()
	return b
}

// end stops the server and waits until every connection has been closed by its client.
func (b *rawBackend) end() {
	_ = b.listener.Close()
	b.all.Wait()
}

func standard() *http.Transport {
	return &http.Transport{
		DialContext: new(net.Dialer).DialContext, MaxIdleConnsPerHost: 32, DisableCompression: true, MaxResponseHeaderBytes: 64 << 10,
		ResponseHeaderTimeout: 20 * time.Second,
	}
}

// own gives a transport with the options of a standard one.
func own(t testing.TB, from *http.Transport) *Transport {
	t.Helper()
	options, ok := FromStandard(from)
	require.True(t, ok)
	return New(options)
}
