package postgres_test

import (
	"testing"

	"github.com/stretchr/testify/require"

	"github.com/tollgate-gateway/tollgate/caddymodule/keystore/postgres"
)

func TestThePlaceHoldsNoPassword(t *testing.T) {
	for address, place := range map[string]string{
		"postgres://ann:pass-word@db.example:5433/keys":                         "postgres://ann@db.example:5433/keys",
		"postgresql://ann:pass%2Dword@db.example/keys?sslmode=disable":          "postgres://ann@db.example:5432/keys",
		"host=db.example user=ann password=pass-word dbname=keys":               "postgres://ann@db.example:5432/keys",
		"host=/var/run/postgresql user=ann password=pass-word dbname=keys":      "postgres://ann@/keys?host=/var/run/postgresql",
		"postgres://ann:pass-word@[2001:db8::1]:5432/keys?password=pass-word":   "postgres://ann@[2001:db8::1]:5432/keys",
		"postgres://ann:pass-word@one.example,two.example/keys?sslmode=disable": "postgres://ann@one.example:5432/keys",
	} {
		s, err := postgres.New(address)
		require.NoError(t, err, place)
		require.Equal(t, place, s.String())
		require.NoError(t, s.Close(), "one that was never used closes")
	}
}
