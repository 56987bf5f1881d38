package redis

import (
	"context"
	"net"
	"testing"
	"time"

	"github.com/stretchr/testify/require"
)

// TestALinkIsReadyWhenTheKernelHasDoneItsPart: what has come back counts from when it is in the socket until the read that
// fetched it has returned, and room for a write counts at once.
func TestALinkIsReadyWhenTheKernelHasDoneItsPart(t *testing.T) {
	listener, err := net.Listen("tcp", "127.0.0.1:0")
	require.NoError(t, err)
	defer listener.Close()
	l := newLink(&shard{})
	defer l.breakOff()
	require.False(t, l.ready(), "it has no socket")

	conn, err := dialer(nil)(context.WithValue(context.Background(), linkOf{}, l), "tcp", listener.Addr().String())
	require.NoError(t, err)
	peer, err := listener.Accept()
	require.NoError(t, err)
	defer peer.Close()
	w := conn.(*wire)
	require.True(t, l.ready(), "the connection is made, which the link still waits for")
	l.wait(true)
	require.True(t, l.ready(), "there is room to write")
	l.wait(false)
	require.False(t, l.ready(), "nothing has come back")

	_, err = peer.Write([]byte("+OK\r\n"))
	require.NoError(t, err)
	require.Eventually(t, l.ready, 10*time.Second, time.Millisecond, "it is in the socket")
	n, err := w.TCPConn.Read(make([]byte, 16)) // as Read does, up to where it may be kept from running
	require.NoError(t, err)
	require.True(t, l.ready(), "it was fetched, and nobody has been given it")
	w.read.Add(uint64(n))
	require.False(t, l.ready(), "it was read")

	require.NoError(t, peer.Close())
	require.Eventually(t, l.ready, 10*time.Second, time.Millisecond, "the connection's end has come")
}
