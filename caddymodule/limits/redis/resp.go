package redis

import (
	"bufio"
	"bytes"
	"errors"
	"fmt"
	"net"
	"strconv"
	"strings"

	goredis "github.com/redis/go-redis/v9"
)

// go-redis makes the connection of a link: it dials, asks Sentinels, makes it TLS, authenticates, and sends what comes first on
// it, or is out of the ordinary. All other flights speak on the same connection without it: its contexts, its pool, its look at
// the socket before each write, and a value for each argument and each number of a reply were 16 of the 18 allocations
// of a round trip, and a good part of its CPU. Between two flights nothing is under way, so that it does not matter who
// sends the next one.

// errProtocol is the end of a connection on which Redis, or who speaks for it, said what the protocol does not allow here.
var errProtocol = errors.New("redis gave a reply that the protocol does not allow")

// refusal is an error that Redis gave. It is a goredis.Error.
type refusal string

func (r refusal) Error() string { return string(r) }

// RedisError is part of goredis.Error.
func (refusal) RedisError() {}

// isReadOnly reports whether an error is that of a replica, or of a node that became one, to a call or within the script.
func isReadOnly(err error) bool {
	return said(err) && (goredis.HasErrorPrefix(err, "READONLY ") || strings.Contains(err.Error(), "-READONLY "))
}

// doubt gives up the connection to a node that refuses to write, as go-redis does: the name may lead to another one now.
func (l *link) doubt(calls []*call) {
	for _, c := range calls {
		if isReadOnly(c.command.Err()) {
			l.proven = nil
			_ = (*l.conn.Load()).Close() // go-redis sees that, and dials
			return
		}
	}
}

// speaker speaks RESP on a connection.
type speaker struct {
	conn net.Conn
	in   *bufio.Reader
	out  []byte
}

// on lets it speak on a connection, which it may have done before.
func (s *speaker) on(conn net.Conn) {
	if s.conn == conn {
		return
	}
	s.conn = conn
	if s.in == nil {
		s.in = bufio.NewReaderSize(conn, bufferSize)
	} else {
		s.in.Reset(conn)
	}
}

// speak sends calls in one write and reads their replies, each into its command. An error says that the connection is broken; the
// commands without a reply have it as well.
func (s *speaker) speak(calls []*call) error {
	s.out = s.out[:0]
	for _, c := range calls {
		s.out = c.append(s.out)
	}
	_, err := s.conn.Write(s.out)
	for _, c := range calls {
		if err == nil {
			err = s.hear(c)
		}
		if err != nil {
			c.command.SetErr(err)
		}
	}
	if err == nil && s.in.Buffered() > 0 {
		return errProtocol // more replies than calls: who knows which are whose
	}
	return err
}

// hear reads the reply of a call: a list of numbers or an error.
func (s *speaker) hear(c *call) error {
	line, err := s.line()
	if err != nil {
		return err
	}
	switch line[0] {
	case '-':
		c.command.SetErr(refusal(line[1:]))
		return nil
	case '*':
	default:
		return errProtocol
	}
	n, err := number(line)
	if err != nil || n < 0 || int(n) > maxReply {
		return errProtocol
	}
	values := c.batch.room(int(n))
	for range n {
		if line, err = s.line(); err != nil {
			return err
		}
		value, err := number(line)
		if err != nil || line[0] != ':' {
			return errProtocol
		}
		values = append(values, value)
	}
	c.command.SetVal(values)
	return nil
}

// line is the next one, of at least one byte, without its end. It holds until the next one is read.
func (s *speaker) line() ([]byte, error) {
	line, err := s.in.ReadSlice('\n')
	switch {
	case errors.Is(err, bufio.ErrBufferFull):
		return nil, errProtocol
	case err != nil:
		return nil, fmt.Errorf("reading from redis: %w", err)
	}
	if line = bytes.TrimSuffix(line, crlf); len(line) == 0 {
		return nil, errProtocol
	}
	return line, nil
}

var crlf = []byte("\r\n")

// number reads what stands behind the first byte of a line.
func number(line []byte) (n int64, err error) {
	digits := line[1:]
	negative := len(digits) > 0 && digits[0] == '-'
	if negative {
		digits = digits[1:]
	}
	if len(digits) == 0 || len(digits) > 18 {
		return 0, errProtocol
	}
	for _, d := range digits {
		if d < '0' || d > '9' {
			return 0, errProtocol
		}
		n = 10*n + int64(d-'0')
	}
	if negative {
		n = -n
	}
	return n, nil
}

// appendBulk appends an argument.
func appendBulk(to, argument []byte) []byte {
	to = append(strconv.AppendInt(append(to, '$'), int64(len(argument)), 10), crlf...)
	return append(append(to, argument...), crlf...)
}

// appendNumber appends an argument that is a number.
func appendNumber(to []byte, n int64) []byte {
	if 0 <= n && n < 10 {
		return append(to, '$', '1', '\r', '\n', byte('0'+n), '\r', '\n')
	}
	var digits [20]byte
	return appendBulk(to, strconv.AppendInt(digits[:0], n, 10))
}
