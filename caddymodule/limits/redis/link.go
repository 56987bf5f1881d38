package redis

import (
	"context"
	"crypto/tls"
	"errors"
	"fmt"
	"net"
	"strings"
	"sync/atomic"
	"syscall"
	"time"

	goredis "github.com/redis/go-redis/v9"

	"github.com/tollgate-gateway/tollgate/caddymodule/limits"
)

// link is one connection to one node of Redis: a go-redis client of its own, which has no other connection, and a speaker that
// goes around it. One flight at a time uses it. Once broken it is closed and another one takes its place.
type link struct {
	shard  *shard
	open   context.Context // ends when the link is closed
	close  context.CancelFunc
	client *goredis.Client // nil until the link is used
	wire   atomic.Pointer[wire]
	// waiting is since when, by the shard's own time, the link has waited for the network; resting where it does not.
	waiting atomic.Int64
	writes  atomic.Bool                     // it waits to connect or to write, else to read
	socket  atomic.Pointer[syscall.RawConn] // of the connection, from before it is made
	late    atomic.Bool                     // its flight was given up: what comes back now is too late
	// silentFrom is since when, by the shard's own time, nothing has come back, silentSince since when by the engine's clock,
	// and excused for how long of it nothing could. They are guarded by the shard's lock.
	silentFrom, silentSince int64
	excused                 time.Duration

	asked   bool                     // the node was asked which process it is
	conn    atomic.Pointer[net.Conn] // what go-redis was given: the wire, or TLS over it
	proven  *net.Conn                // the connection on which Redis has done what go-redis sent
	lastAt  int64                    // when the replies of the last flight were there, on the engine's clock
	speaker speaker
	glance  glance

	flight   flight
	commands []goredis.Cmder
	spare    [limits.MaxWindows + 1][]*call // by the number of windows
}

// resting is the time since when a link waits that waits for nothing.
const resting = -1

func newLink(s *shard) *link {
	l := &link{shard: s}
	l.waiting.Store(resting)
	l.open, l.close = context.WithCancel(context.Background())
	return l
}

// breakOff makes whoever uses the link return with an error at once.
func (l *link) breakOff() {
	l.close()
	if w := l.wire.Load(); w != nil {
		_ = w.Close() // whatever it says, nobody uses the connection any more
	}
}

// end closes the link. Nobody uses it.
func (l *link) end() {
	l.breakOff()
	if l.client != nil {
		_ = l.client.Close() // of a connection that is closed already
	}
}

// exchange sends all calls of the flight in one write and reads all replies. What a call came to is in its command; an
// error says that the link is broken.
func (l *link) exchange(f *flight) (err error) {
	defer func() {
		// Otherwise the process would end, and the requests that wait would never be answered.
		if panicked := recover(); panicked != nil {
			err = fmt.Errorf("calling redis: panic: %v", panicked)
		}
	}()
	if l.client == nil {
		l.client = l.shard.connect()
		l.client.AddHook(dialing{l})
	}
	if err = l.run(f, f.calls); err != nil {
		return err
	}
	// Where Redis does not know the script, nothing was executed. The first call that says so brings it along for all, and if
	// that one is sent to another node before it is read, each of the others does.
	for _, each := range []bool{false, true} {
		var unknown []*call
		for _, c := range f.calls {
			if err := c.command.Err(); err != nil && goredis.HasErrorPrefix(err, "NOSCRIPT") {
				c.ready(each || unknown == nil)
				unknown = append(unknown, c)
			}
		}
		if unknown == nil {
			return nil
		}
		if err = l.run(f, unknown); err != nil {
			return err
		}
	}
	return nil
}

// run sends calls and reads their replies. The error is that of the link, not one that Redis gave.
func (l *link) run(f *flight, calls []*call) (err error) {
	if l.fluent(calls) {
		l.speaker.on(*l.proven)
		f.sentAt = l.shard.engine.now()
		err = l.speaker.speak(calls)
		f.heardAt = l.shard.engine.now()
		l.lastAt = f.heardAt
		l.rest()
		l.doubt(calls)
		return err
	}
	ctx, pipeline := context.Background(), l.client.Pipeline()
	l.commands = l.commands[:0]
	for _, c := range calls {
		if c.batch.asking {
			l.commands = append(l.commands, goredis.NewCmd(ctx, "asking"))
		}
		l.commands = append(l.commands, c.command)
	}
	var info *goredis.StringCmd
	if !l.asked && l.near() {
		l.asked = true
		info = goredis.NewStringCmd(ctx, "info", "server")
		l.commands = append(l.commands, info)
	}
	f.sentAt = l.shard.engine.now()
	_ = pipeline.BatchProcess(ctx, l.commands...) // only queues them
	_, err = pipeline.Exec(ctx)
	f.heardAt = l.shard.engine.now()
	l.lastAt = f.heardAt
	l.rest()
	if info != nil {
		l.shard.neighbour.Store(newNeighbour(field(info.Val(), "process_id"), field(info.Val(), "executable")))
	}
	if err == nil {
		l.proven = l.conn.Load()
	}
	if f.said = err; said(err) {
		return nil
	}
	return err
}

// rest is for how long nothing was under way on a connection that is looked at before it is used: meanwhile it may have ended.
const rest = 100 * time.Microsecond

// fluent reports whether calls are sent without go-redis: they are plain, on a connection on which Redis has answered.
func (l *link) fluent(calls []*call) bool {
	if l.proven == nil || l.proven != l.conn.Load() || !l.asked && l.near() {
		return false
	}
	if l.shard.engine.now()-l.lastAt > int64(rest) && l.glance.at(*l.socket.Load()) {
		return false // the connection has ended meanwhile, which go-redis finds out as well: it dials
	}
	for _, c := range calls {
		if !c.plain() {
			return false
		}
	}
	return true
}

// near reports whether the node runs on this machine.
func (l *link) near() bool {
	w := l.wire.Load()
	return l.shard.near || w != nil && w.near()
}

// said reports whether an error is one that Redis gave, and not one of the link.
func said(err error) bool {
	if err == nil {
		return false
	}
	var reply goredis.Error
	return errors.As(err, &reply)
}

// call gives a call about so many windows, which is the flight's until the link is used again.
func (l *link) call(windows int) *call {
	spare := l.spare[windows]
	if len(spare) == 0 {
		return newCall(windows)
	}
	c := spare[len(spare)-1]
	l.spare[windows] = spare[:len(spare)-1]
	return c
}

// keep lets the calls be used again. Nobody else holds the flight.
func (l *link) keep(calls []*call) {
	for _, c := range calls {
		n := len(c.batch.windows)
		c.batch = nil
		l.spare[n] = append(l.spare[n], c)
	}
}

// wait says that from now on only the network can let the link go on.
func (l *link) wait(writes bool) {
	l.writes.Store(writes)
	l.waiting.Store(l.shard.own.Load())
}

// rest says that it goes on.
func (l *link) rest() { l.waiting.Store(resting) }

// wire is the connection of a link. It knows since when the link has waited for the network.
type wire struct {
	*net.TCPConn
	link *link
	read atomic.Uint64 // bytes that reads gave
}

// Read is part of net.Conn.
func (w *wire) Read(p []byte) (n int, err error) {
	w.link.wait(false)
	n, err = w.TCPConn.Read(p)
	w.link.rest()
	w.read.Add(uint64(n))
	if n > 0 && !w.link.late.Load() {
		w.link.shard.heard.Store(w.link.shard.own.Load())
	}
	return n, err
}

// Write is part of net.Conn.
func (w *wire) Write(p []byte) (n int, err error) {
	w.link.wait(true)
	n, err = w.TCPConn.Write(p)
	w.link.rest()
	return n, err
}

// near reports whether the node runs on this machine.
func (w *wire) near() bool {
	here, isTCP := w.LocalAddr().(*net.TCPAddr)
	there, too := w.RemoteAddr().(*net.TCPAddr)
	return isTCP && too && here.IP.Equal(there.IP)
}

// isNear reports whether an address is one of this machine. Others may be as well.
func isNear(address string) bool {
	host, _, _ := net.SplitHostPort(address)
	return host == "localhost" || net.ParseIP(host).IsLoopback()
}

// field is a value in what Redis says of itself.
func field(info, name string) string {
	_, rest, _ := strings.Cut(info, "\n"+name+":")
	value, _, _ := strings.Cut(rest, "\r")
	return value
}

// dialing lets go-redis dial for a link.
type dialing struct{ *link }

// linkOf is the key under which the context of a dial holds the link.
type linkOf struct{}

// DialHook says that the link waits while a name is looked up; from when there is a socket, keepSocket does. It ends the dial
// with the link.
func (d dialing) DialHook(next goredis.DialHook) goredis.DialHook {
	return func(ctx context.Context, network, address string) (net.Conn, error) {
		ctx, cancel := context.WithCancel(context.WithValue(ctx, linkOf{}, d.link))
		defer cancel()
		defer context.AfterFunc(d.open, cancel)()
		if host, _, err := net.SplitHostPort(address); err == nil && net.ParseIP(host) == nil {
			d.wait(true) // for the name's address
		}
		defer d.rest()
		return next(ctx, network, address)
	}
}

// ProcessHook is part of goredis.Hook.
func (dialing) ProcessHook(next goredis.ProcessHook) goredis.ProcessHook { return next }

// ProcessPipelineHook is part of goredis.Hook.
func (dialing) ProcessPipelineHook(next goredis.ProcessPipelineHook) goredis.ProcessPipelineHook {
	return next
}

// keepSocket lets the link look at its connection while it is made, for which it waits from now on.
func keepSocket(ctx context.Context, _, _ string, socket syscall.RawConn) error {
	if l, found := ctx.Value(linkOf{}).(*link); found {
		l.socket.Store(&socket)
		l.wait(true)
	}
	return nil
}

// dialer gives go-redis a dialer that puts a wire under the connections of links, and under TLS where there is TLS.
// Connections to Sentinels belong to no link: go-redis dials them in contexts of its own.
func dialer(secure *tls.Config) func(ctx context.Context, network, address string) (net.Conn, error) {
	plain := net.Dialer{Timeout: MaxTimeout, ControlContext: keepSocket}
	return func(ctx context.Context, network, address string) (net.Conn, error) {
		conn, err := plain.DialContext(ctx, network, address)
		if err != nil {
			return nil, err
		}
		l, found := ctx.Value(linkOf{}).(*link)
		if found {
			w := &wire{TCPConn: conn.(*net.TCPConn), link: l}
			l.wire.Store(w)
			conn = w
			if l.open.Err() != nil {
				_ = conn.Close()
				return nil, errClosed
			}
		}
		if secure != nil {
			client := tls.Client(conn, secure)
			if err := client.HandshakeContext(ctx); err != nil {
				_ = conn.Close()
				return nil, err
			}
			conn = client
		}
		if found {
			l.conn.Store(&conn)
		}
		return conn, nil
	}
}

// Interface guards
var (
	_ goredis.Hook = dialing{}
	_ net.Conn     = (*wire)(nil)
	_ syscall.Conn = (*wire)(nil)
)
