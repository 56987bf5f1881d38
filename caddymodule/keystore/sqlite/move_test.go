package sqlite_test

import (
	"path/filepath"
	"testing"

	"github.com/tollgate-gateway/tollgate/caddymodule/keystore/sqlite"
	"github.com/tollgate-gateway/tollgate/caddymodule/keystore/storetest"
	"github.com/tollgate-gateway/tollgate/caddymodule/usage"
)

func TestMove(t *testing.T) {
	storetest.Move(t, func(t *testing.T) storetest.Movable {
		return opened(t, filepath.Join(t.TempDir(), "tollgate.db"), sqlite.Options{Create: true})
	}, func(t *testing.T, s storetest.Movable, statement string) {
		raw(t, s.String(), statement)
	})
}

func TestUsage(t *testing.T) {
	storetest.Usage(t, func(t *testing.T) (usage.Keeper, func(string)) {
		s, path := create(t)
		return s, func(statement string) { raw(t, path, statement) }
	})
}

func TestAMillionUses(t *testing.T) {
	s, path := create(t)
	storetest.MillionUses(t, s, func(statement string) { raw(t, path, statement) },
		"WITH RECURSIVE c(n) AS (SELECT 1 UNION ALL SELECT n + 1 FROM c WHERE n < 1000000) SELECT n FROM c")
}
