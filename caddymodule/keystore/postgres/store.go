// Package postgres keeps workspaces and keys in PostgreSQL, for more than one gateway. A change wakes every gateway by
// NOTIFY; behind that each reads the log of changes five times a second: a pooler in transaction mode, such as PgBouncer,
// may stand in between, through which LISTEN hears nothing.
package postgres

import (
	"context"
	"database/sql"
	"database/sql/driver"
	"sync/atomic"
	"time"

	"github.com/jackc/pgx/v5/pgconn"
	"github.com/jackc/pgx/v5/stdlib"

	"github.com/tollgate-gateway/tollgate/caddymodule/internal/loopback"
	"github.com/tollgate-gateway/tollgate/caddymodule/keystore"
	"github.com/tollgate-gateway/tollgate/caddymodule/keystore/sqlstore"
)

// pollEvery is how often the log of changes is read when nobody notifies.
const pollEvery = 200 * time.Millisecond

var dialect = &sqlstore.Dialect{
	Bytes:       "BYTEA",
	Bytewise:    ` COLLATE "C"`,
	HasSchema:   "SELECT EXISTS (SELECT 1 FROM pg_tables WHERE tablename = 'tollgate_meta' AND schemaname = ANY (current_schemas(false)))",
	LockSchema:  "SELECT pg_advisory_xact_lock(7813401772105)", // any number that is ours alone
	LockSecrets: " FOR UPDATE OF s",
	Notify:      "NOTIFY tollgate",
	Clock:       "CAST(floor(extract(epoch FROM clock_timestamp())) AS bigint)",
	Pooled:      true,
	Broken:      broken,
	Damaged:     damaged,
	Advice:      advice,
}

// Store is a PostgreSQL database.
type Store struct {
	sqlstore.Store
	address *address
	feed    *sql.Conn // listens

	opening chan struct{} // holds one token: whoever has it may use what follows
	db      *sql.DB
	ready   bool // the schema is known to be in the present form
	closed  bool
	looking bool // nothing is made or migrated

	made atomic.Bool // there was no key store before
}

// New names the database by its address (a URL, or key=value words). It opens nothing: the first use does, and
// creates or migrates the schema. An address that cannot be read is not repeated in the error: it may hold a password.
func New(text string) (*Store, error) {
	address, err := parseAddress(text)
	if err != nil {
		return nil, err
	}
	s := &Store{address: address, opening: make(chan struct{}, 1)}
	s.Store = sqlstore.Store{Dialect: dialect, Place: s.String(), Secret: address.config.Password, Open: s.database}
	s.opening <- struct{}{}
	return s, nil
}

// Look names the database to be read alone: its first use connects, and creates and migrates nothing.
func Look(text string) (*Store, error) {
	s, err := New(text)
	if err == nil {
		s.looking = true
	}
	return s, err
}

// PlainHost is a host other than this machine to which the address may connect without TLS; empty: there is none.
func (s *Store) PlainHost() string {
	config := s.address.config
	for _, at := range append([]*pgconn.FallbackConfig{{Host: config.Host, TLSConfig: config.TLSConfig}}, config.Fallbacks...) {
		if at.TLSConfig == nil && !loopback.Host(at.Host) {
			return at.Host
		}
	}
	return ""
}

// String is the database's address without the password.
func (s *Store) String() string { return s.address.String() }

// database is the database with its schema in the present form.
func (s *Store) database(ctx context.Context) (*sql.DB, error) {
	select {
	case <-s.opening:
	case <-ctx.Done():
		return nil, ctx.Err()
	}
	defer func() { s.opening <- struct{}{} }()
	switch {
	case s.closed:
		return nil, sql.ErrConnDone
	case s.ready:
		return s.db, nil
	case s.db == nil:
		s.db = stdlib.OpenDB(*s.address.config)
		s.db.SetMaxOpenConns(s.address.connections)
		s.db.SetMaxIdleConns(s.address.connections)
		s.db.SetConnMaxLifetime(s.address.lifetime)
		s.db.SetConnMaxIdleTime(s.address.idle)
	}
	if s.looking {
		err := dialect.Readable(ctx, s.db, s.String())
		s.ready = err == nil
		return s.db, err
	}
	held, err := dialect.Holds(ctx, s.db)
	if err == nil {
		err = dialect.Migrate(ctx, s.db, s.String(), true)
	}
	if err != nil {
		return nil, err
	}
	s.made.Store(!held)
	s.ready = true
	return s.db, nil
}

// Summary counts the keys and names the plans in use.
func (s *Store) Summary(ctx context.Context) (keystore.Summary, error) {
	summary, err := s.Store.Summary(ctx)
	summary.Made = s.made.Load()
	return summary, err
}

// Changes waits for a notification, 200 ms at most, and reads the log of changes. A connection that turns out to be
// broken is replaced at once.
func (s *Store) Changes(ctx context.Context, since keystore.Position) (keystore.Changes, error) {
	changes, err := s.follow(ctx, since)
	if err != nil && ctx.Err() == nil {
		changes, err = s.follow(ctx, since)
	}
	return changes, s.Explain(err)
}

func (s *Store) follow(ctx context.Context, since keystore.Position) (changes keystore.Changes, err error) {
	defer func() {
		if err != nil {
			s.hangUp()
		}
	}()
	if s.feed == nil {
		if err := s.listen(ctx); err != nil {
			return changes, err
		}
	} else if since != (keystore.Position{}) {
		if err := s.wait(ctx); err != nil {
			return changes, err
		}
	}
	return s.Poll(ctx, s.feed, since)
}

func (s *Store) listen(ctx context.Context) error {
	db, err := s.database(ctx)
	if err != nil {
		return err
	}
	if s.feed, err = db.Conn(ctx); err != nil {
		return err
	}
	_, err = s.feed.ExecContext(ctx, "LISTEN tollgate")
	return err
}

// wait ends with a notification, after pollEvery, or with the error of a broken connection.
func (s *Store) wait(ctx context.Context) error {
	return s.feed.Raw(func(connection any) error {
		short, cancel := context.WithTimeout(ctx, pollEvery)
		defer cancel()
		_, err := connection.(*stdlib.Conn).Conn().WaitForNotification(short)
		if err != nil && short.Err() != nil {
			return ctx.Err() // nothing happened
		}
		return err
	})
}

// hangUp gives up the feed's connection; nobody else shall get one that listens.
func (s *Store) hangUp() {
	if s.feed == nil {
		return
	}
	_ = s.feed.Raw(func(any) error { return driver.ErrBadConn })
	_ = s.feed.Close()
	s.feed = nil
}

// Close closes all connections. Nobody may follow the store any more.
func (s *Store) Close() error {
	s.hangUp()
	<-s.opening
	defer func() { s.opening <- struct{}{} }()
	s.closed = true
	if s.db == nil {
		return nil
	}
	return s.db.Close()
}

var (
	_ keystore.Store      = (*Store)(nil)
	_ keystore.Admin      = (*Store)(nil)
	_ keystore.UseWriter  = (*Store)(nil)
	_ keystore.Summarizer = (*Store)(nil)
	_ keystore.Exporter   = (*Store)(nil)
	_ keystore.Importer   = (*Store)(nil)
)
