package sqlite_test

import (
	"context"
	"path/filepath"
	"testing"
	"testing/synctest"
	"time"

	"github.com/stretchr/testify/require"

	"github.com/tollgate-gateway/tollgate/caddymodule/keystore"
	"github.com/tollgate-gateway/tollgate/caddymodule/keystore/sqlite"
	"github.com/tollgate-gateway/tollgate/caddymodule/keystore/storetest"
)

// TestTheLogIsReadFiveTimesASecond, by a clock of its own: what a gateway promises in a second needs that.
func TestTheLogIsReadFiveTimesASecond(t *testing.T) {
	path := filepath.Join(t.TempDir(), "tollgate.db")
	synctest.Test(t, func(t *testing.T) {
		s := sqlite.New(path, sqlite.Options{Create: true})
		storetest.Fill(t, s, storetest.Example())
		began := time.Now()
		first, err := s.Changes(t.Context(), keystore.Position{})
		require.NoError(t, err)
		require.Zero(t, time.Since(began), "who knows nothing does not wait")
		for n := 1; n <= 5; n++ {
			_, err := s.Changes(t.Context(), first.Position)
			require.NoError(t, err)
			require.Equal(t, time.Duration(n)*200*time.Millisecond, time.Since(began))
		}
		require.NoError(t, s.Close())
	})
}

// TestTheLogIsReadHoweverManyAsk: the feed has a connection of its own, for which it waits for nobody.
func TestTheLogIsReadHoweverManyAsk(t *testing.T) {
	s, _ := create(t)
	storetest.Fill(t, s, storetest.Example())
	first, err := s.Changes(t.Context(), keystore.Position{})
	require.NoError(t, err)
	db, err := s.Open(t.Context())
	require.NoError(t, err)
	for db.Stats().InUse < db.Stats().MaxOpenConnections {
		taken, err := db.Conn(t.Context())
		require.NoError(t, err)
		defer taken.Close()
	}
	ctx, cancel := context.WithTimeout(t.Context(), 5*time.Second)
	defer cancel()
	_, err = s.Changes(ctx, first.Position)
	require.NoError(t, err)
}
