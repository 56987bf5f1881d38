package sqlite_test

import (
	"path/filepath"
	"testing"
	"time"

	"github.com/stretchr/testify/require"

	"github.com/tollgate-gateway/tollgate/caddymodule/keystore/sqlite"
	"github.com/tollgate-gateway/tollgate/caddymodule/keystore/storetest"
	"github.com/tollgate-gateway/tollgate/caddymodule/record"
)

// opened is a store on a database of its own, closed with the test.
func opened(t testing.TB, path string, options sqlite.Options) *sqlite.Store {
	t.Helper()
	s := sqlite.New(path, options)
	t.Cleanup(func() { require.NoError(t, s.Close()) })
	return s
}

func create(t testing.TB) (*sqlite.Store, string) {
	t.Helper()
	path := filepath.Join(t.TempDir(), "tollgate.db")
	return opened(t, path, sqlite.Options{Create: true}), path
}

func TestConformance(t *testing.T) {
	t.Run("store", func(t *testing.T) {
		storetest.Store(t, func(t *testing.T) storetest.Opened {
			s, path := create(t)
			storetest.Fill(t, s, storetest.Example())
			command := sqlite.New(path, sqlite.Options{})
			return storetest.Opened{Store: s, Within: time.Second, Disable: func() {
				_, err := command.UpdateKey(t.Context(), storetest.Act, "key_full", func(k *record.Key) error { k.Disabled = true; return nil })
				require.NoError(t, err)
				require.NoError(t, command.Close())
			}}
		})
	})
	t.Run("admin", func(t *testing.T) {
		storetest.Admin(t, func(t *testing.T) storetest.Writable {
			s, _ := create(t)
			return s
		})
	})
}
