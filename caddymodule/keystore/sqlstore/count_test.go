package sqlstore

import (
	"context"
	"database/sql"
	"database/sql/driver"
	"path/filepath"
	"sync/atomic"
	"testing"

	"github.com/stretchr/testify/require"
	"modernc.org/sqlite"

	"github.com/tollgate-gateway/tollgate/caddymodule/keystore"
	"github.com/tollgate-gateway/tollgate/caddymodule/record"
)

// sent counts the statements that reached the database.
var sent atomic.Int64

func init() { sql.Register("counting sqlite", countingDriver{new(sqlite.Driver)}) }

type countingDriver struct{ driver.Driver }

func (d countingDriver) Open(name string) (driver.Conn, error) {
	conn, err := d.Driver.Open(name)
	return countingConn{conn}, err
}

// countingConn is a connection of SQLite's, which prepares nothing that nobody asks it to prepare.
type countingConn struct{ driver.Conn }

func (c countingConn) QueryContext(ctx context.Context, query string, args []driver.NamedValue) (driver.Rows, error) {
	sent.Add(1)
	return c.Conn.(driver.QueryerContext).QueryContext(ctx, query, args)
}

func (c countingConn) ExecContext(ctx context.Context, query string, args []driver.NamedValue) (driver.Result, error) {
	sent.Add(1)
	return c.Conn.(driver.ExecerContext).ExecContext(ctx, query, args)
}

func (c countingConn) Prepare(query string) (driver.Stmt, error) {
	sent.Add(1)
	return c.Conn.Prepare(query)
}

func (c countingConn) BeginTx(ctx context.Context, options driver.TxOptions) (driver.Tx, error) {
	sent.Add(1)
	return c.Conn.(driver.ConnBeginTx).BeginTx(ctx, options)
}

// TestALookUpIsOneQuery: neither a transaction nor a second one for the workspace.
func TestALookUpIsOneQuery(t *testing.T) {
	db, err := sql.Open("counting sqlite", filepath.Join(t.TempDir(), "tollgate.db")+"?_txlock=immediate")
	require.NoError(t, err)
	t.Cleanup(func() { require.NoError(t, db.Close()) })
	s := &Store{Dialect: dialect, Place: "here", Open: func(context.Context) (*sql.DB, error) { return db, nil }}
	require.NoError(t, dialect.Migrate(t.Context(), db, "here", true))
	require.NoError(t, s.CreateWorkspace(t.Context(), keystore.Act{}, &record.Workspace{ID: "ws_1", Plan: "pro"}))
	known := record.SumOf("a-secret-of-this-test")
	require.NoError(t, s.CreateKeys(t.Context(), keystore.Act{}, "ws_1", []keystore.NewKey{{Key: record.Key{ID: "key_1"}, Sum: known}}))
	require.Greater(t, sent.Load(), int64(10), "the counter counts")

	sent.Store(0)
	identity, err := s.Lookup(t.Context(), known)
	require.NoError(t, err)
	require.Equal(t, "ws_1", identity.Workspace.ID)
	require.EqualValues(t, 1, sent.Swap(0), "of a known secret")
	_, err = s.Lookup(t.Context(), record.SumOf("nobody's secret"))
	require.ErrorIs(t, err, keystore.ErrUnknown)
	require.EqualValues(t, 1, sent.Load(), "of an unknown one")
}
