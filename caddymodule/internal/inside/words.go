package inside

import "strings"

// codes are words that only drivers and operating systems say.
var codes = set(
	// Node.js and libc
	"ECONNREFUSED", "ECONNRESET", "ECONNABORTED", "ETIMEDOUT", "ESOCKETTIMEDOUT", "ESOCKET", "ENOTFOUND", "EAI_AGAIN", "EAI_FAIL",
	"EAI_NODATA", "EAI_NONAME", "EHOSTUNREACH", "EHOSTDOWN", "ENETUNREACH", "ENETDOWN", "ENETRESET", "ENOTCONN", "EPIPE", "EPROTO",
	"EADDRINUSE", "EADDRNOTAVAIL", "EMFILE", "ENFILE", "ENOBUFS", "ENOMEM", "ENOSPC", "ENOENT", "EACCES", "EISDIR", "ENOTDIR", "EROFS",
	"ECONNCLOSED", "ECONNECTION", "ETIMEOUT", "ESERVFAIL", "ENODATA", "ECANCELED", "ELOGIN", "EALREADY",
	"ERR_SOCKET_CLOSED", "ERR_STREAM_DESTROYED", "ERR_TLS_CERT_ALTNAME_INVALID", "SELF_SIGNED_CERT_IN_CHAIN", "DEPTH_ZERO_SELF_SIGNED_CERT",
	"UND_ERR_SOCKET", "UND_ERR_CONNECT_TIMEOUT",
	// databases
	"SQLSTATE", "PROTOCOL_CONNECTION_LOST", "NOAUTH", "MISCONF", "CLUSTERDOWN", "WRONGTYPE", "NOSCRIPT", "MASTERDOWN", "NOREPLICAS",
	"NotPrimaryNoSecondaryOk", "NotWritablePrimary", "PrimarySteppedDown", "InterruptedAtShutdown", "ReplicaSetNoPrimary", "TopologyDescription",
)

// errorClasses begin or hold the names of errors that drivers throw; the name ends with Error or Exception.
var errorClasses = []string{
	"mongo", "redis", "mysql", "mariadb", "postgres", "psql", "sqlite", "sqlexception", "sqlerror", "sqlsyntax", "jdbc", "hikari", "hibernate",
	"sequelizeconnection", "sequelizehost", "sequelizedatabase", "sequelizeaccess", "sequelizetimeout", "prismaclient", "pdo",
	"connection", "connecttimeout", "connectexception", "socket", "network", "unknownhost", "noroutetohost", "operational", "database",
	"dataaccess", "queryfailed", "amqp", "kafka", "cassandra", "elasticsearchclient", "nohostavailable", "replyerror", "clusterall", "dns",
}

// phrases are parts of what drivers, resolvers and stack traces say, in lower case.
var phrases = []string{
	// a server that is away
	"server selection", "no suitable servers", "no reachable servers", "topology is closed", "topology was destroyed", "pool destroyed", "pool was destroyed",
	"pool is draining", "pool is closed", "connection pool", "replica set", "not primary and", "not master and", "node is recovering",
	"interrupted at shutdown", "read only replica", "loading redis", "loading the dataset", "cluster is down",
	"socket hang up", "broken pipe", "i/o timeout", "dial tcp", "dial udp", "dial unix", "network is unreachable", "no route to host", "host is unreachable",
	"actively refused", "no such host", "unknown host", "getaddrinfo", "gethostbyname", "querysrv", "name or service not known", "nodename nor servname",
	"name resolution", "could not translate host name", "could not connect to", "failed to connect to", "unable to connect to", "can't connect to",
	"cannot connect to", "couldn't connect to", "error connecting to", "too many connections", "remaining connection slots", "too many clients already",
	"terminating connection", "connection <monitor>", "timeout acquiring a connection", "checking out a connection", "timeout expired waiting",
	// who may not log in there
	"pg_hba.conf", "access denied for user", "password authentication failed", "authentication failed for user", "login failed for user",
	// TLS between backend and database
	"tls handshake", "ssl handshake", "handshake failed", "unable to verify the first certificate", "unable to get local issuer certificate",
	"self-signed certificate in", "self signed certificate in", "x509:", "ssl routines",
	// drivers by name
	"psycopg", "pymysql", "pymongo", "sqlalchemy", "org.postgresql", "com.mysql", "com.mongodb", "java.sql.", "java.net.", "org.hibernate", "com.zaxxer",
	"hikaripool", "org.springframework.dao", "org.springframework.jdbc", "data.sqlclient", "npgsql", "stackexchange.redis", "pg::", "mysql2::",
	"sqlite3::", "activerecord::", "mongo::", "redis::", "knex:", "ioredis", "redis.exceptions", "lib/pq", "jackc/pgx", "sqlite3.",
	"db2 sql error",
	// stack traces
	"traceback (most recent call last)", "stack trace:", "stacktrace:", "nil pointer dereference", "runtime error:",
	// connection strings
	"jdbc:", "@tcp(", "@unix(", "(address=(", ".s.pgsql.", "mongodb+srv:",
}

// prefixes begin the texts of Go's drivers, in lower case: at the beginning of a text, behind a colon or in quotes.
var prefixes = []string{"pq: ", "sql: ", "redis: ", "mongo: ", "pgconn: ", "sqlite: ", "mysql: "}

// marks are looked for as they are: what begins the lines of stack traces, and codes that are a part of words in other letters.
var marks = []string{"\n    at ", "\n\tat ", "goroutine ", "Exception at ", "ORA-0", "ORA-1"}

// connections are words that have to do with connections: an address beside one is not the caller's.
var connections = []string{
	"connect", "connects", "connected", "connecting", "connection", "connections", "connectivity", "disconnect", "disconnected", "reconnect", "socket",
	"sockets", "server", "servers", "timeout", "timed", "closed", "closing", "refused", "reset", "unreachable", "reach", "reached", "reachable", "pool", "topology",
	"network", "database", "db", "dial", "lookup", "resolve", "resolved", "resolving", "primary", "secondary", "replica", "cluster", "node", "nodes", "shard",
	"tls", "ssl", "handshake", "broker", "brokers", "peer", "upstream", "backend", "proxy", "response", "reply", "packet", "protocol", "wire", "greeting",
	"certificate", "cert", "driver", "master", "slave", "cache", "queue", "down", "offline", "unavailable", "eof", "port", "listen", "listening", "heartbeat",
	"hello", "ismaster", "session", "sessions", "tcp", "udp", "dns", "hostname", "hosts", "endpoint", "endpoints", "retry", "retries", "retrying", "attempt",
	"attempts", "failover", "election", "stale", "mongo", "mongodb", "mongod", "mongos", "postgres", "postgresql", "mysql", "mariadb", "redis", "kafka",
	"rabbitmq", "elasticsearch", "opensearch", "memcached", "cassandra",
}

// links are the words for a connection, breaks those for its end: a text with both speaks of a connection that failed.
var (
	links  = []string{"connect", "connecting", "connection", "connections", "socket", "sockets", "tcp", "handshake"}
	breaks = []string{"closed", "refused", "reset", "timeout", "timed", "timedout", "lost", "terminated", "destroyed", "unreachable", "aborted", "disconnected",
		"interrupted", "dropped", "exhausted", "unexpectedly"}
)

// values are words about what a caller sent: an address beside one may be shown.
var values = []string{
	"valid", "invalid", "must", "should", "allowed", "permitted", "cidr", "cidrs", "format", "formatted", "malformed", "expected", "required", "supported",
	"unsupported", "range", "subnet", "netmask", "allowlist", "allowlisted", "whitelist", "whitelisted", "blocklist", "blacklist", "blacklisted", "blocked",
	"allowed_ips", "duplicate", "duplicated", "unique", "version", "redirect_uri",
}

func set(words ...string) map[string]bool {
	s := make(map[string]bool, len(words))
	for _, w := range words {
		s[w] = true
	}
	return s
}

// spoken is what the words of a text say, one bit each.
type spoken uint8

const (
	driver spoken = 1 << iota
	connection
	link
	broken
	value
)

// meanings are what words in lower case say.
var meanings = func() map[string]spoken {
	all := make(map[string]spoken)
	for said, words := range map[spoken][]string{connection: connections, link: links, broken: breaks, value: values} {
		for _, word := range words {
			all[word] |= said
		}
	}
	return all
}()

// listen reads the words of a text: runs of letters, digits and underscores. lower is the text in lower case.
func listen(s, lower string) (heard spoken) {
	for i := 0; i < len(s); {
		if !isWordByte(s[i]) {
			i++
			continue
		}
		from := i
		for i < len(s) && isWordByte(s[i]) {
			i++
		}
		heard |= meanings[lower[from:i]]
		if word := s[from:i]; codes[word] || strings.HasPrefix(word, "ER_") || isErrorClass(lower[from:i]) {
			heard |= driver
		}
	}
	return heard
}

func (s spoken) has(what spoken) bool { return s&what != 0 }

func isErrorClass(word string) bool {
	name, ok := strings.CutSuffix(word, "error")
	if !ok {
		name, ok = strings.CutSuffix(word, "exception")
	}
	if !ok || name == "" {
		return false
	}
	for _, class := range errorClasses {
		if strings.Contains(word, class) {
			return true
		}
	}
	return false
}

func isWordByte(c byte) bool {
	return c >= 'a' && c <= 'z' || c >= 'A' && c <= 'Z' || c >= '0' && c <= '9' || c == '_'
}
