package redis_test

import (
	"context"
	"strconv"
	"strings"
	"testing"

	"github.com/stretchr/testify/require"

	"github.com/tollgate-gateway/tollgate/caddymodule/limits"
	"github.com/tollgate-gateway/tollgate/caddymodule/services"
)

// TestALostReplyIsNotAskedForAgain: the cost may have been taken, and asking again would take it twice.
func TestALostReplyIsNotAskedForAgain(t *testing.T) {
	w := windows(t, "100/1h")
	for name, cluster := range map[string]bool{"single": false, "cluster": true} {
		t.Run(name, func(t *testing.T) {
			port := services.FreePort(t)
			args, query := []string{}, ""
			if cluster {
				query = "?cluster=true"
				args = append(services.ClusterArgs(t), "--cluster-announce-port", strconv.Itoa(port))
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
			th := services.NewThief(t, port, server.Address())
			e, o := newEngine(t, "redis://"+services.Address(port)+query, patient)
			require.Equal(t, []int64{90}, remaining(take(t, e, "ws", w, 10).State))

			th.Steal(func(answer string) bool { return strings.HasPrefix(answer, "*4\r\n") }) // the script's about one window
			require.Equal(t, limits.FromLocal, take(t, e, "ws", w, 10).Source)
			require.Equal(t, int64(1), o.errors.Load())
			require.Equal(t, "20", client.Get(context.Background(), "tollgate:{ws}:3600").Val(), "taken once")
		})
	}
}
