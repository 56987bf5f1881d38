package postgres

import (
	"database/sql/driver"
	"errors"
	"io"
	"net"
	"strings"

	"github.com/jackc/pgx/v5/pgconn"
)

// broken reports whether an error is about the connection, not about what was asked.
func broken(err error) bool {
	if code := codeOf(err); code != "" {
		return strings.HasPrefix(code, "57P") || strings.HasPrefix(code, "08") // shutdown, connection
	}
	var network net.Error
	return errors.Is(err, io.ErrUnexpectedEOF) || errors.Is(err, io.EOF) || errors.Is(err, driver.ErrBadConn) || errors.As(err, &network) && !network.Timeout()
}

// damaged reports whether tables or columns of ours are gone, are there without the rest, or cannot be read.
func damaged(err error) bool {
	switch codeOf(err) {
	case "42P01", "42703", "42P07", "XX001", "XX002": // undefined_table, undefined_column, duplicate_table, data_corrupted, index_corrupted
		return true
	}
	return false
}

// advice is what to do about an error.
func advice(err error) string {
	switch codeOf(err) {
	case "42501": // insufficient_privilege
		if strings.Contains(err.Error(), "bringing it to schema version") {
			return "only the owner of its tables may do that: give this command, or key list, once with the owner's account"
		}
		return "grant this user its tables, or name another user"
	case "25006": // read_only_sql_transaction
		return "name the server that may be written"
	case "40P01", "55P03": // deadlock_detected, lock_not_available
		return "another program holds its tables (a backup, a migration, a shell of the database): let it end, then try again"
	case "42P05", "26000": // duplicate_prepared_statement, invalid_sql_statement_name
		return "a pooler in front of it keeps no prepared statements: take default_query_exec_mode out of the address, or write default_query_exec_mode=exec"
	case "53100": // disk_full
		return "free space on the server's disk"
	case "53300": // too_many_connections
		return "raise max_connections of the server, or run fewer gateways: each has up to 17, or as many as pool_max_conns in its address says"
	}
	return ""
}

// codeOf is the server's code for an error, if the server gave it.
func codeOf(err error) string {
	var answer *pgconn.PgError
	if errors.As(err, &answer) {
		return answer.Code
	}
	return ""
}
