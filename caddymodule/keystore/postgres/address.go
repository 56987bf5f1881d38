package postgres

import (
	"errors"
	"fmt"
	"net"
	"net/url"
	"regexp"
	"slices"
	"strconv"
	"strings"
	"time"

	"github.com/jackc/pgx/v5"
	"github.com/jackc/pgx/v5/pgconn"
)

const (
	// defaultConnections bounds those of one gateway where the address does not; one more is the feed's own.
	defaultConnections = 16
	// defaultIdle is how long a connection that nobody needs stays open where the address does not say.
	defaultIdle = 5 * time.Minute
	// connectTimeout bounds a connection attempt where the address says nothing else.
	connectTimeout = 5 * time.Second
)

// address is a database's, read: how to connect, and how many connections to keep.
type address struct {
	config *pgx.ConnConfig
	// connections are at most open at the same time, the feed's among them.
	connections int
	// lifetime and idle are how long a connection is kept at all and without use; 0: for ever.
	lifetime, idle time.Duration
}

// parseAddress reads a URL, or key=value words. An address that cannot be read is not repeated in the error: it may hold a
// password.
func parseAddress(text string) (*address, error) {
	config, err := pgx.ParseConfig(text)
	if err != nil || text == "" {
		return nil, errors.New("the PostgreSQL address cannot be read (it is not shown here, as it may hold a password): " +
			"write postgres://user:password@host:5432/database")
	}
	a := &address{config: config, connections: defaultConnections + 1, idle: defaultIdle}
	if err := a.readPool(); err != nil {
		return nil, err
	}
	if config.ConnectTimeout == 0 {
		config.ConnectTimeout = connectTimeout
	}
	if config.RuntimeParams["application_name"] == "" {
		config.RuntimeParams["application_name"] = "tollgate"
	}
	if !strings.Contains(text, "default_query_exec_mode") {
		// A pooler in transaction mode (PgBouncer) gives every transaction another connection: statements that were
		// prepared on one are missing on the next, or are there already.
		config.DefaultQueryExecMode = pgx.QueryExecModeExec
	}
	return a, nil
}

var poolParameter = regexp.MustCompile(`^pool_[a-z_]{1,40}$`)

// readPool takes the parameters of pgx's own pool out of those that go to the server, which knows none of them. The names
// are shown in errors, values are not.
func (a *address) readPool() (err error) {
	for name, value := range a.config.RuntimeParams {
		if !poolParameter.MatchString(name) {
			continue
		}
		delete(a.config.RuntimeParams, name)
		switch name {
		case "pool_max_conns":
			if a.connections, err = strconv.Atoi(value); err != nil || a.connections < 2 || a.connections > 1000 {
				return errors.New("pool_max_conns of the PostgreSQL address is not a whole number from 2 to 1000: one connection follows the changes, the others look up keys")
			}
		case "pool_max_conn_lifetime":
			a.lifetime, err = poolDuration(name, value)
		case "pool_max_conn_idle_time":
			a.idle, err = poolDuration(name, value)
		default:
			err = fmt.Errorf("%s of the PostgreSQL address is not supported: take it out; pool_max_conns, pool_max_conn_lifetime and pool_max_conn_idle_time are", name)
		}
		if err != nil {
			return err
		}
	}
	return nil
}

func poolDuration(name, value string) (time.Duration, error) {
	duration, err := time.ParseDuration(value)
	if err != nil || duration < 0 {
		return 0, fmt.Errorf("%s of the PostgreSQL address is not a duration: write one such as 30m, or 0s for ever", name)
	}
	return duration, nil
}

// String is the address without the password, with all of its hosts.
func (a *address) String() string {
	u := url.URL{Scheme: "postgres", User: url.User(a.config.User), Path: "/" + a.config.Database}
	var hosts, folders []string
	for _, at := range append([]*pgconn.FallbackConfig{{Host: a.config.Host, Port: a.config.Port}}, a.config.Fallbacks...) {
		into, host := &hosts, net.JoinHostPort(at.Host, strconv.Itoa(int(at.Port)))
		if strings.HasPrefix(at.Host, "/") { // a folder of sockets
			into, host = &folders, at.Host
		}
		if !slices.Contains(*into, host) { // there is one without TLS beside each with it, where sslmode lets the server choose
			*into = append(*into, host)
		}
	}
	u.Host = strings.Join(hosts, ",")
	if len(folders) > 0 {
		u.RawQuery = "host=" + strings.Join(folders, ",")
	}
	return u.String()
}
