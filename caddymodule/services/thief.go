package services

import (
	"io"
	"net"
	"sync"
	"sync/atomic"
	"testing"
)

// Thief passes everything on to a server, until it is told to steal answers: then a connection ends as soon as the server has
// given such an answer, of which the client hears nothing.
type Thief struct {
	net.Listener
	steals  atomic.Pointer[func(answer string) bool]
	stolen  atomic.Int64
	passing sync.WaitGroup
}

// NewThief listens on a port for clients of the server at an address, until the test ends.
func NewThief(t testing.TB, port int, server string) *Thief {
	t.Helper()
	l, err := net.Listen("tcp", Address(port))
	if err != nil {
		t.Fatalf("listening: %v", err)
	}
	th := &Thief{Listener: l}
	th.Steal(nil)
	th.passing.Go(func() {
		for {
			client, err := l.Accept()
			if err != nil {
				return
			}
			th.passing.Go(func() { th.pass(client, server) })
		}
	})
	t.Cleanup(func() { _ = l.Close(); th.passing.Wait() })
	return th
}

// Steal says which answers are stolen from now on; nil: none.
func (th *Thief) Steal(steals func(answer string) bool) {
	if steals == nil {
		steals = func(string) bool { return false }
	}
	th.steals.Store(&steals)
}

// Stolen is how many answers were.
func (th *Thief) Stolen() int64 { return th.stolen.Load() }

func (th *Thief) pass(client net.Conn, address string) {
	defer client.Close()
	server, err := net.Dial("tcp", address)
	if err != nil {
		return
	}
	defer server.Close()
	th.passing.Go(func() { _, _ = io.Copy(server, client); _ = server.Close() })
	buffer := make([]byte, 1<<16)
	for {
		n, err := server.Read(buffer)
		if err != nil {
			return
		}
		if (*th.steals.Load())(string(buffer[:n])) {
			th.stolen.Add(1)
			return
		}
		if _, err := client.Write(buffer[:n]); err != nil {
			return
		}
	}
}
