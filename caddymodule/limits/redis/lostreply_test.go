package redis_test

import (
	"context"
	"io"
	"net"
	"strconv"
	"strings"
	"sync"
	"testing"

	"github.com/stretchr/testify/require"

	"github.com/tollgate-gateway/tollgate/caddymodule/limits"
	"github.com/tollgate-gateway/tollgate/caddymodule/services"
)

// thief passes everything on to a server, until it is told to steal replies: then each connection that a script was sent
// on ends as soon as the server has answered it.
type thief struct {
	net.Listener
	mu       sync.Mutex
	stealing bool
	passing  sync.WaitGroup
}

func newThief(t *testing.T, address string, port int) *thief {
	t.Helper()
	l, err := net.Listen("tcp", services.Address(port))
	require.NoError(t, err)
	th := &thief{Listener: l}
	th.passing.Go(func() {
		for {
			client, err := l.Accept()
			if err != nil {
				return
			}
			th.passing.Go(func() { th.pass(client, address) })
		}
	})
	t.Cleanup(func() { l.Close(); th.passing.Wait() })
	return th
}

func (th *thief) pass(client net.Conn, address string) {
	defer client.Close()
	server, err := net.Dial("tcp", address)
	if err != nil {
		return
	}
	defer server.Close()
	th.passing.Go(func() { _, _ = io.Copy(server, client); server.Close() })
	buffer := make([]byte, 1<<16)
	for {
		n, err := server.Read(buffer)
		th.mu.Lock()
		steals := th.stealing && strings.HasPrefix(string(buffer[:n]), "*4\r\n") // the script's reply about one window
		th.mu.Unlock()
		if err != nil || steals {
			return
		}
		if _, err := client.Write(buffer[:n]); err != nil {
			return
		}
	}
}

// TestALostReplyIsNotAskedForAgain: the cost may have been taken, and asking again would take it twice.
func TestALostReplyIsNotAskedForAgain(t *testing.T) {
	w := windows(t, "100/1h")
	for name, cluster := range map[string]bool{"single": false, "cluster": true} {
		t.Run(name, func(t *testing.T) {
			port := services.FreePort(t)
			args, query := []string{}, ""
			if cluster {
				query = "?cluster=true"
				args = []string{"--cluster-enabled", "yes", "--cluster-announce-ip", "127.0.0.1", "--cluster-announce-port", strconv.Itoa(port)}
			}
			server := services.Redis(t, args...)
			client := server.Client()
			defer client.Close()
			if cluster {
				require.NoError(t, client.ClusterAddSlotsRange(context.Background(), 0, 16383).Err())
				services.Wait(t, "the cluster", func() bool {
					return strings.Contains(client.ClusterInfo(context.Background()).Val(), "cluster_state:ok")
				})
			}
			th := newThief(t, server.Address(), port)
			e, o := newEngine(t, "redis://"+services.Address(port)+query, patient)
			require.Equal(t, []int64{90}, remaining(take(t, e, "ws", w, 10).State))

			th.mu.Lock()
			th.stealing = true
			th.mu.Unlock()
			require.Equal(t, limits.FromLocal, take(t, e, "ws", w, 10).Source)
			require.Equal(t, int64(1), o.errors.Load())
			require.Equal(t, "20", client.Get(context.Background(), "tollgate:{ws}:3600").Val(), "taken once")
		})
	}
}
