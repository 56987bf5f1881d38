package postgres_test

import (
	"net/url"
	"strings"
	"testing"

	"github.com/stretchr/testify/require"

	"github.com/tollgate-gateway/tollgate/caddymodule/keystore/storetest"
	"github.com/tollgate-gateway/tollgate/caddymodule/services"
	"github.com/tollgate-gateway/tollgate/caddymodule/usage"
)

// aCommitWhoseAnswerIsLost: the database books the batch, and the gateway hears nothing of it, several times in a row.
func aCommitWhoseAnswerIsLost(t *testing.T, server *services.PostgresServer) {
	address := server.Database()
	direct, err := url.Parse(address)
	require.NoError(t, err)
	thief := services.NewThief(t, services.FreePort(t), direct.Host)
	direct.Host = thief.Addr().String()
	s := opened(t, direct.String())
	storetest.Fill(t, s, storetest.Example())
	batch := usage.Batch{Instance: "one", Entries: []usage.Entry{{Cell: usage.Cell{Hour: 500_000, Workspace: "ws_a"}, Sum: usage.Sum{Requests: 3, Cost: 6}}}}
	for batch.Number = 1; batch.Number <= 3; batch.Number++ {
		thief.Steal(func(answer string) bool { return strings.Contains(answer, "COMMIT\x00") })
		for range 3 {
			before := thief.Stolen()
			require.Error(t, s.Book(t.Context(), batch))
			require.Equal(t, before+1, thief.Stolen(), "it was committed, and is not sent again unasked")
		}
		thief.Steal(nil)
		require.NoError(t, s.Book(t.Context(), batch))
	}
	sums := storetest.SumsOf(t, opened(t, address), usage.Query{})
	require.Equal(t, map[usage.Cell]usage.Sum{{}: {Requests: 9, Cost: 18}}, sums)
}
