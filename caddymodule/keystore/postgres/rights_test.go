package postgres_test

import (
	"database/sql"
	"net/url"
	"os"
	"regexp"
	"slices"
	"strings"
	"testing"
	"time"

	_ "github.com/jackc/pgx/v5/stdlib"
	"github.com/stretchr/testify/require"

	"github.com/tollgate-gateway/tollgate/caddymodule/keystore"
	"github.com/tollgate-gateway/tollgate/caddymodule/keystore/storetest"
	"github.com/tollgate-gateway/tollgate/caddymodule/services"
	"github.com/tollgate-gateway/tollgate/caddymodule/usage"
)

// accounts gives the addresses of a database of which "owner" makes the tables, and "gateway" has the rights of the README.
func accounts(t *testing.T, server *services.PostgresServer, more string) (owner, gateway string) {
	t.Helper()
	readme, err := os.ReadFile("../../../README.md")
	require.NoError(t, err)
	rights := regexp.MustCompile("(?s)```sql\n(.*?)```").FindStringSubmatch(string(readme))
	require.NotEmpty(t, rights)
	address, err := url.Parse(server.Database())
	require.NoError(t, err)
	database := strings.TrimPrefix(address.Path, "/")
	as := func(user string) string {
		u := *address
		u.User = url.UserPassword(user, "CHANGE-ME")
		return u.String()
	}
	owner, gateway = as("owner_"+database), as("gateway_"+database)
	administrator, err := sql.Open("pgx", address.String())
	require.NoError(t, err)
	t.Cleanup(func() { _ = administrator.Close() })
	do := func(statements string) {
		_, err := administrator.ExecContext(t.Context(), strings.NewReplacer("DATABASE tollgate ", "DATABASE "+database+" ",
			"tollgate_gateway", "gateway_"+database).Replace(statements))
		require.NoError(t, err, statements)
	}
	do("CREATE ROLE owner_" + database + " LOGIN NOSUPERUSER NOCREATEDB NOCREATEROLE PASSWORD 'CHANGE-ME'; ALTER DATABASE tollgate OWNER TO owner_" + database +
		"; REVOKE ALL ON DATABASE tollgate FROM PUBLIC; REVOKE ALL ON SCHEMA public FROM PUBLIC")
	_, err = opened(t, owner).Workspaces(t.Context(), "", 1) // makes the tables
	require.NoError(t, err)
	do(rights[1] + more)
	return owner, gateway
}

// anAccountThatOwnsNoTables has the rights that the README gives a gateway: it looks keys up, hears of changes and writes when secrets
// were used, and can change nothing else. With those on the tables it can do all but bring
// them up.
func anAccountThatOwnsNoTables(t *testing.T, server *services.PostgresServer) {
	owner, address := accounts(t, server, "")
	storetest.Fill(t, opened(t, owner), storetest.Example())
	gateway, changes := opened(t, address), 0
	for name, operation := range storetest.Operations(gateway) {
		verb, _, _ := strings.Cut(name, " ")
		if !slices.Contains([]string{"create", "update", "delete", "rotate"}, verb) {
			require.NoError(t, operation(t.Context()), name)
			continue
		}
		changes++
		require.ErrorContains(t, operation(t.Context()), "grant this user its tables", name)
	}
	require.Equal(t, 6, changes)
	_, err := gateway.Check(t.Context(), func(f keystore.Finding) { t.Error(f) })
	require.NoError(t, err)
	book := usage.Batch{Instance: "a", Number: 1, Entries: []usage.Entry{{Cell: usage.Cell{Hour: usage.HourOf(time.Now()) - 9999, Workspace: "ws_acme", Outcome: "2xx"}, Sum: usage.Sum{Requests: 1, Cost: 1}}}}
	require.NoError(t, gateway.Book(t.Context(), book))
	require.NoError(t, gateway.Fold(t.Context(), usage.Keep{Hours: 24, Days: 775}))
	require.EqualValues(t, 1, storetest.SumsOf(t, gateway, usage.Query{})[usage.Cell{}].Requests)

	empty, err := url.Parse(server.Database())
	require.NoError(t, err)
	user, err := url.Parse(address)
	require.NoError(t, err)
	empty.User = user.User
	_, err = opened(t, empty.String()).Keys(t.Context(), "", "", 1)
	require.ErrorContains(t, err, "only the owner of its tables may do that: give this command, or key list, once with the owner's account")

	owner, address = accounts(t, server, "GRANT SELECT, INSERT, UPDATE, DELETE ON ALL TABLES IN SCHEMA public TO tollgate_gateway;")
	storetest.Fill(t, opened(t, owner), storetest.Example())
	for name, operation := range storetest.Operations(opened(t, address)) {
		require.NoError(t, operation(t.Context()), name)
	}
}
