package sqlite_test

import (
	"path/filepath"
	"testing"
	"time"

	"github.com/stretchr/testify/require"

	"github.com/tollgate-gateway/tollgate/caddymodule/keystore"
	"github.com/tollgate-gateway/tollgate/caddymodule/keystore/sqlite"
	"github.com/tollgate-gateway/tollgate/caddymodule/keystore/storetest"
)

func open(path string) (storetest.Writable, error) {
	return sqlite.New(path, sqlite.Options{Create: true}), nil
}

func TestMain(m *testing.M) { storetest.Main(m, open) }

func TestKilledAtAnyMomentNothingAcknowledgedIsLost(t *testing.T) {
	rounds := 12
	if storetest.Long() {
		rounds = 200
	}
	storetest.Killed(t, rounds, func() string { return filepath.Join(t.TempDir(), "tollgate.db") }, open)
}

func TestSchema(t *testing.T) {
	storetest.Schema(t, storetest.Databases{
		Fresh: func(t *testing.T) string {
			path := filepath.Join(t.TempDir(), "tollgate.db")
			raw(t, path, "PRAGMA journal_mode = WAL")
			return path
		},
		Open: open, Execute: raw, Bytes: "BLOB", Literal: "x'",
	})
}

func TestSuspendedAndDeletedAtBothGateways(t *testing.T) {
	admin, path := create(t)
	gateways := make([]*keystore.Cache, 2)
	for i := range gateways {
		gateways[i] = keystore.NewCache(sqlite.New(path, sqlite.Options{}), keystore.Options{Stale: time.Minute})
		gateways[i].Start()
		t.Cleanup(func() { require.NoError(t, gateways[i].Close()) })
	}
	storetest.Barred(t, admin, gateways...)
}

func TestAMillionKeys(t *testing.T) {
	if !storetest.Long() {
		return // minutes
	}
	s, path := create(t)
	storetest.Million(t, s, func() keystore.Store { return sqlite.New(path, sqlite.Options{}) })
}
