package hop

import (
	"bufio"
	"errors"
	"io"
	"net"
	"net/http"
	"sync"

	"golang.org/x/net/http/httpguts"
)

var errReadAfterClose = errors.New("http: read on closed response body")

// body is the body of an answer. The connection goes back when it has been read to its end; in every other case it is closed.
// Close may be called while another goroutine reads.
type body struct {
	of   io.ReadCloser
	c    *connection
	stop func() bool
	keep bool

	mu     sync.Mutex
	closed bool
	err    error // of the last Read, which stays
}

// Read reads from the answer.
func (b *body) Read(p []byte) (int, error) {
	b.mu.Lock()
	closed, err := b.closed, b.err
	b.mu.Unlock()
	if closed {
		return 0, errReadAfterClose
	}
	if err != nil {
		return 0, err
	}
	n, err := b.of.Read(p)
	if err == nil {
		return n, nil
	}
	b.mu.Lock()
	defer b.mu.Unlock()
	if b.err != nil {
		return n, b.err
	}
	if err == io.EOF {
		b.c.release(b.stop, b.keep) // closes it if the body has been closed, as that stopped
	} else {
		b.stop()
		_ = b.c.conn.Close()
		err = b.c.why(err)
	}
	b.err = err
	return n, err
}

// Close closes the connection unless the answer was read to its end. It reads nothing: what is left may be endless.
func (b *body) Close() error {
	b.mu.Lock()
	defer b.mu.Unlock()
	if b.closed {
		return nil
	}
	b.closed = true
	if b.err == nil {
		b.stop()
		_ = b.c.conn.Close()
	}
	return nil
}

// switched is the body of a 101 that nobody asked for. It is the connection, as with net/http: the proxy refuses and closes it.
type switched struct {
	reader *bufio.Reader
	net.Conn
	stop func() bool
}

// Read gives first what was read too far.
func (s *switched) Read(p []byte) (int, error) { return s.reader.Read(p) }

// Close closes the connection.
func (s *switched) Close() error {
	s.stop()
	return s.Conn.Close()
}

func switches(h http.Header) bool {
	return h.Get("Upgrade") != "" && httpguts.HeaderValuesContainsToken(h["Connection"], "Upgrade")
}
