package redis

import (
	"context"
	"io"
	"net"
	"strings"
	"sync"
	"testing"
	"time"

	goredis "github.com/redis/go-redis/v9"
	"github.com/stretchr/testify/require"

	"github.com/tollgate-gateway/tollgate/caddymodule/record"
)

// callsAbout are calls about workspaces with one window, as a link makes them.
func callsAbout(windows []record.Window, workspaces ...string) (calls []*call) {
	for _, workspace := range workspaces {
		c := newCall(len(windows))
		c.prepare(&batch{account: &account{}, workspace: workspace, suffix: countSuffix, windows: windows, cost: 3, n: 12}, "tollgate:{", 0)
		calls = append(calls, c)
	}
	return calls
}

// TestACallIsWhatGoRedisWouldSend: both send calls on one connection, and Redis cannot tell them apart.
func TestACallIsWhatGoRedisWouldSend(t *testing.T) {
	for name, windows := range map[string][]record.Window{
		"one window": {{Limit: 100, Duration: time.Minute}},
		"many": {
			{Limit: record.MaxLimit, Duration: time.Hour}, {Limit: 5, Period: record.Monthly}, {Limit: 7, Duration: time.Second, Over: true},
			{Limit: 9, Duration: time.Minute, Key: "key_1"},
		},
	} {
		t.Run(name, func(t *testing.T) {
			c := callsAbout(windows, "ws_acme")[0]
			here, there := net.Pipe()
			var last []byte // what was written in one
			var all sync.WaitGroup
			all.Go(func() {
				in := make([]byte, 1<<16)
				for {
					n, err := there.Read(in)
					if err != nil {
						return
					}
					last = append(last[:0], in[:n]...)
					_, _ = io.WriteString(there, "-ERR no\r\n")
				}
			})
			client := goredis.NewClient(&goredis.Options{
				Protocol: 2, DisableIdentity: true, MaxRetries: -1,
				Dialer: func(context.Context, string, string) (net.Conn, error) { return here, nil },
			})
			require.ErrorContains(t, client.Process(context.Background(), c.command), "ERR no")
			require.NoError(t, client.Close())
			all.Wait()
			require.Equal(t, string(last), string(c.append(nil)))
		})
	}
}

// TestReplies: what a node says is believed as far as it is the protocol's, and nothing after that.
func TestReplies(t *testing.T) {
	window := []record.Window{{Limit: 100, Duration: time.Minute}}
	for name, c := range map[string]struct {
		says   string
		values [][]int64
		errs   []string // of each call; "": none
		broken string
	}{
		"both":             {says: "*4\r\n:1\r\n:3\r\n:99\r\n:5\r\n*4\r\n:-1\r\n:0\r\n:0\r\n:6\r\n", values: [][]int64{{1, 3, 99, 5}, {-1, 0, 0, 6}}},
		"an error and one": {says: "-NOSCRIPT No matching script\r\n*1\r\n:7\r\n", values: [][]int64{nil, {7}}, errs: []string{"NOSCRIPT No matching script", ""}},
		"none":             {says: "", errs: []string{"EOF", "EOF"}, broken: "EOF"},
		"half a line":      {says: "*1\r\n:7\r\n*1\r\n:12", values: [][]int64{{7}, nil}, errs: []string{"", "EOF"}, broken: "EOF"},
		"a text":           {says: "$2\r\nOK\r\n", errs: []string{"protocol", "protocol"}, broken: "protocol"},
		"a list of texts":  {says: "*1\r\n$2\r\nOK\r\n", errs: []string{"protocol", "protocol"}, broken: "protocol"},
		"no number":        {says: "*1\r\n:1x\r\n", errs: []string{"protocol", "protocol"}, broken: "protocol"},
		"too long a number": {
			says: "*1\r\n:1234567890123456789\r\n", errs: []string{"protocol", "protocol"}, broken: "protocol",
		},
		"no list":        {says: "*-1\r\n", errs: []string{"protocol", "protocol"}, broken: "protocol"},
		"a huge list":    {says: "*1000000000\r\n", errs: []string{"protocol", "protocol"}, broken: "protocol"},
		"an empty line":  {says: "\r\n", errs: []string{"protocol", "protocol"}, broken: "protocol"},
		"a line forever": {says: "-" + strings.Repeat("x", 2*bufferSize), errs: []string{"protocol", "protocol"}, broken: "protocol"},
		"one too many":   {says: "*1\r\n:1\r\n*1\r\n:2\r\n*1\r\n:3\r\n", values: [][]int64{{1}, {2}}, broken: "protocol"},
	} {
		t.Run(name, func(t *testing.T) {
			here, there := net.Pipe()
			defer here.Close()
			go func() {
				_, _ = io.ReadFull(there, make([]byte, 1))
				go func() { _, _ = io.Copy(io.Discard, there) }()
				_, _ = io.WriteString(there, c.says)
				_ = there.Close()
			}()
			var s speaker
			s.on(here)
			calls := callsAbout(window, "ws_a", "ws_b")
			err := s.speak(calls)
			if c.broken == "" {
				require.NoError(t, err)
			} else {
				require.ErrorContains(t, err, c.broken)
			}
			for i, one := range calls {
				if c.errs == nil || c.errs[i] == "" {
					require.NoError(t, one.command.Err())
					require.Equal(t, c.values[i], one.command.Val())
					continue
				}
				require.ErrorContains(t, one.command.Err(), c.errs[i])
				require.Equal(t, c.broken == "", said(one.command.Err()))
				require.Empty(t, one.command.Val())
			}
		})
	}
}
