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
		"postgres://ann:pass-word@one.example,two.example/keys?sslmode=disable": "postgres://ann@one.example:5432,two.example:5432/keys",
		"postgres://ann:pass-word@one.example:5433,[2001:db8::1]:5434/keys":     "postgres://ann@one.example:5433,[2001:db8::1]:5434/keys",
		"host=one.example,/run/pg user=ann password=pass-word dbname=keys":      "postgres://ann@one.example:5432/keys?host=/run/pg",
	} {
		s, err := postgres.New(address)
		require.NoError(t, err, place)
		require.Equal(t, place, s.String())
		require.NoError(t, s.Close(), "one that was never used closes")
	}
}

func TestPoolParameters(t *testing.T) {
	const database = "postgres://ann:pass-word@db.example/keys?"
	for _, good := range []string{
		"pool_max_conns=2", "pool_max_conns=1000&pool_max_conn_lifetime=1h&pool_max_conn_idle_time=30m", "pool_max_conn_idle_time=0s",
		"default_query_exec_mode=simple_protocol", "default_query_exec_mode=cache_statement",
	} {
		s, err := postgres.New(database + good)
		require.NoError(t, err, good)
		require.Equal(t, "postgres://ann@db.example:5432/keys", s.String())
	}
	for bad, want := range map[string]string{
		"pool_max_conns=1":               "pool_max_conns of the PostgreSQL address is not a whole number from 2 to 1000",
		"pool_max_conns=many":            "pool_max_conns of the PostgreSQL address is not a whole number",
		"pool_max_conns=1001":            "pool_max_conns of the PostgreSQL address is not a whole number",
		"pool_max_conn_lifetime=90d":     "pool_max_conn_lifetime of the PostgreSQL address is not a duration: write one such as 30m",
		"pool_max_conn_idle_time=-1s":    "pool_max_conn_idle_time of the PostgreSQL address is not a duration",
		"pool_min_conns=4":               "pool_min_conns of the PostgreSQL address is not supported: take it out; pool_max_conns, pool_max_conn_lifetime and pool_max_conn_idle_time are",
		"pool_health_check_period=1m":    "pool_health_check_period of the PostgreSQL address is not supported",
		"default_query_exec_mode=cached": "cannot be read",
	} {
		_, err := postgres.New(database + bad)
		require.ErrorContains(t, err, want)
		require.NotContains(t, err.Error(), "pass-word")
	}
}
