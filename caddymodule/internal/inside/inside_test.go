package inside

import (
	"bufio"
	"encoding/json"
	"os"
	"strings"
	"testing"

	"github.com/stretchr/testify/assert"
	"github.com/stretchr/testify/require"
)

// inner are texts of drivers, resolvers, proxies and stack traces.
var inner = []string{
	"could not save; pq: relation x is not there", " pq: relation x is not there", "a\tpq: relation x is not there", "10.0.0.5.:27017 is not valid", "10.0.0.5-a:27017 is not valid",
	"connect ECONNREFUSED 10.0.0.5:27017", "[Contact] read ECONNRESET", "connect ETIMEDOUT 10.0.0.5", "getaddrinfo ENOTFOUND db", "queryTxt EAI_AGAIN cluster0",
	"connection 3 to 10.0.0.5:27017 closed", "connection <monitor> to mongo:27017 closed", "connection 7 to mongo closed",
	"MongoNetworkError: the answer did not come", "MongoServerSelectionError", "Server selection timed out after 30000 ms", "PoolClearedError: ConnectionError",
	"Client network socket disconnected before secure TLS connection was established", "connection timed out", "pool destroyed", "Topology is closed",
	"Timed out while checking out a connection from connection pool", "not primary and secondaryOk=false", "node is recovering",
	"dial tcp 10.2.0.9:5432: i/o timeout", "dial tcp: lookup db on 10.0.0.10:53: no such host", "read tcp 10.0.0.1:443->10.0.0.2:5555: use of closed network connection",
	"pq: duplicate key value", "failed: pq: password is wrong", "sql: no rows in result set", "mongo: no documents in result", "redis: nil",
	"SQLSTATE[23000]: Integrity constraint violation", "ERROR: relation is not there (SQLSTATE 42P01)", "ER_DUP_ENTRY: Duplicate entry", "ORA-12541: no listener",
	"(psycopg2.errors.UniqueViolation) duplicate key", "java.sql.SQLException: closed", "org.postgresql.util.PSQLException", "HikariPool-1 is full",
	"SequelizeConnectionRefusedError", "PrismaClientInitializationError", "OperationalError: server closed", "PG::ConnectionBad", "NOAUTH Authentication required.",
	`FATAL: no pg_hba.conf entry for host "10.0.0.5"`, "Access denied for user 'app'@'10.0.0.5'", `FATAL: password authentication failed for user "app"`,
	"Traceback (most recent call last): File x", "Error: boom\n    at /srv/app.js:3:9", "Exception at /leads", "goroutine 17 [running]:",

	"at mongodb://app:pass@db/leads", "mongodb+srv://cluster0.example.net", "redis://cache:6379/0", "postgres://db/leads", "jdbc:postgresql://db/leads", "amqp://mq",
	"http://app:pass@es.example.com/", "host=db user=app", "Server=tcp:db;Database=leads;User Id=app", "app:pass@tcp(db:3306)/leads", "open /var/run/pg.sock",
	"sqlserver://x", "no answer from tcp://10.0.0.5",

	"10.0.0.5:27017", "at 10.0.0.5:27017.", "(10.0.0.5:27017)", "[10.0.0.5:27017]", "\"10.0.0.5:27017\"", "a/10.0.0.5:27017", "x=10.0.0.5:27017", "10.0.0.5:27017,10.0.0.6:27017",
	"Error:10.0.0.5:27017:refused", "203.0.113.7:8080 is not valid", "1.10.0.0.5:27017 is not valid", "x10.0.0.5:270171 is not valid", "910.0.0.5:27017 is not valid", "[fe80::1]:5432", "[2001:db8::7]:27017 is not valid", "2001:db8:0:0:0:0:0:1:27017",
	"::ffff:10.0.0.5", "fe80::1%eth0", "mongo:27017", "mongo-0.mongo.svc.cluster.local:27017", "db.internal:5432", "localhost:3000 is not valid", "db.example.com:5432 is not valid",
	"app@db.example.com:8080", "api.example.com:8443", "server 10.0.0.5 is not valid", "no answer of 10.0.0.5", "host 10.0.0.5, port 27017", "10.0.0.5",
	"db.internal", "es-1.prod.internal", "ip-10-0-0-5.eu-west-1.compute.internal", "shard-00.abcde.mongodb.net", "http://10.0.0.5:9200/leads", "http://es:9200/leads",
	"http://es.internal/leads", "http://localhost:9200", "invalid response from http://10.0.0.5:9200", "backend:8080 is unreachable",
	"IP 10.0.0.5 is not valid: connection closed",
}

// outer are texts about what a caller sent.
var outer = []string{
	"", "name: is required", "a:b", "Expected 'a:b'", "Meeting starts at 10:00 (at office)\n  at the earliest", "10:00:30", "2026-01-01T10:00:00.000Z is in the past",
	"2026-01-01T10:30 is in the past", "ratio 16:9 is not supported", "line 3:15", "3:14 found a comma", "position 1:25", "urn:isbn:0451450523", "sha256:9f86d081",
	"lead:4711 not found", "ws_acme:4000", "status:404", "std::vector", "App::Models::Lead", "version 2.11.9", "1.2.3", "OID 1.3.6.1.4.1", "00:1B:44:11:3A:B7",
	"invalid email: foo@bar", "a@b.c is taken", "mail of a@example.com", "ip is not valid: 203.0.113.7", "allowed_ips: 10.0.0.0/33 is not a CIDR",
	"Your IP 203.0.113.7 is not allowed", "must be an IPv6 address, not 2001:db8::1", "redirect_uri http://localhost:3000/cb is not allowed",
	"See https://docs.example.com/errors#connection", "https://example.com:8443/hook is taken", "https://example.com/a?b=c", "myapp://callback is not registered",
	`duplicate key value violates unique constraint "leads_email_key"`, `relation "leads" does not exist`, "Key (email)=(a@b.c) already exists.",
	"E11000 duplicate key error collection: leads index: email_1", "Unable to communicate with database", "Cannot query field \"x\" on type \"Query\".",
	"Value for field phone.phoneNumber with countryCode '55' must contains from 10 to 12 digits", "The e-mail is not primary", "There is no primary contact",
	`replicasets.apps "x" not found`, "Connection name already exists", "connection timeout must be above 0", "The server could not fulfill this request",
	"Internal error", "ENTERPRISE plan needed", "Queue not found!", "Key: 'Lead.Email' Error:Field validation for 'Email' failed on the 'required' tag",
	"Failed to deserialize the JSON body: missing field `name` at line 1 column 2", "api.example.com:8443 is not an allowed origin", "user.age:17 must be above 18",
	"port must be from 1 to 65535", "host and port are required", "Pandora-1 is unknown", "Invalid SQL: no FROM", "Integration redis: name is required", "0.0.0.0/0 is not allowed", "a/b/c", "$.args.input", "12:30",
	"messages[0].content: string too long", "The connection was not found.",
}

func TestTells(t *testing.T) {
	for _, s := range inner {
		assert.True(t, Tells(s), s)
		assert.True(t, Tells("[Contact] "+s+", try again"), s)
	}
	for _, s := range outer {
		assert.False(t, Tells(s), s)
	}
}

func TestTellsInName(t *testing.T) {
	for _, name := range []string{"10.0.0.5:27017", "servers.10.0.0.5:27017", "mongo:27017", "10.0.0.5", "fe80::1", "ECONNREFUSED", "db.internal:5432"} {
		assert.True(t, TellsInName(name), name)
	}
	for _, name := range []string{"connection.timeout", "address.private", "items.0.sku", "messages[0].content", "$search", "a:b", "server.host", "age:17", "pool.closed"} {
		assert.False(t, TellsInName(name), name)
	}
}

// Every failure of Konecty that holds an address, a driver's code or a driver's name is of the inside; none about a value is.
func TestTellsKonectysFailures(t *testing.T) {
	file, err := os.Open("testdata/konecty-failures.jsonl")
	require.NoError(t, err)
	defer file.Close()
	hidden := 0
	for lines := bufio.NewScanner(file); lines.Scan(); {
		var f struct {
			Text string
			Want any `json:"want_status"`
		}
		require.NoError(t, json.Unmarshal(lines.Bytes(), &f))
		if Tells(f.Text) {
			hidden++
			require.Equal(t, "5xx", f.Want, f.Text)
		}
		if strings.Contains(f.Text, "10.0.0.5") {
			require.True(t, Tells(f.Text), f.Text)
		}
	}
	require.Equal(t, 9, hidden)
}
