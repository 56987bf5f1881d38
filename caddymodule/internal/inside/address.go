package inside

import (
	"net/netip"
	"slices"
	"strconv"
	"strings"
)

// sureness says how sure it is that an address in a text is one of the inside.
type sureness uint8

const (
	none     sureness = iota
	possible          // a single name with a number: host:8080, or an id
	named             // an internal name, a public name with a port, an http URL of either
	numbered          // an IP address without a port
	certain           // an address or an internal name with a port, a name with a database's port, a connection string
)

// Names below these are never public (RFC 6761, RFC 6762, RFC 8375, RFC 9476 and usage), or are databases in a cloud.
var internalSuffixes = []string{
	".internal", ".local", ".localdomain", ".lan", ".corp", ".intranet", ".private", ".home.arpa", ".svc", ".consul", ".docker", ".localhost", ".alt",
	".mongodb.net", ".rds.amazonaws.com", ".cache.amazonaws.com", ".database.windows.net", ".database.azure.com", ".redis.cache.windows.net",
	".documents.azure.com", ".redis-cloud.com", ".redislabs.com", ".neon.tech", ".cockroachlabs.cloud",
}

// databasePorts are the ports of databases, caches and brokers: a name with one of them is a host.
var databasePorts = []string{
	"1433", "1521", "2181", "2379", "2380", "3306", "33060", "4222", "5432", "5433", "5434", "5671", "5672", "5984", "6378", "6379", "6380", "6381", "6382",
	"6432", "7687", "8086", "8123", "8529", "9042", "9092", "9093", "9160", "9200", "9300", "11211", "15672", "16379", "26257", "26379", "27016", "27017",
	"27018", "27019", "27020", "28015", "61616",
}

// webSchemes are those of URLs that callers send, dataSchemes those of connection strings.
var (
	webSchemes  = set("http", "https", "ws", "wss", "ftp")
	dataSchemes = set("mongodb", "srv", "postgres", "postgresql", "mysql", "mysqlx", "mariadb", "redis", "rediss", "valkey", "amqp", "amqps", "kafka", "nats", "ldap",
		"ldaps", "sqlserver", "mssql", "oracle", "cassandra", "clickhouse", "couchbase", "couchdb", "neo4j", "bolt", "memcached", "memcache", "tcp", "tcp4",
		"tcp6", "udp", "unix", "tls", "ssl", "etcd", "zookeeper", "zk", "consul", "influxdb", "cockroachdb", "db2", "odbc", "smtp", "smtps", "grpc", "dns", "thrift", "hdfs",
		"rethinkdb", "arangodb", "sqlite", "sqlite3", "file")
)

// lookForAddresses is how sure it is that a text, in lower case, holds an address of the inside: the surest of all.
func lookForAddresses(lower string) (found sureness) {
	for i := 0; i < len(lower) && found < certain; {
		if !isTokenByte[lower[i]] {
			i++
			continue
		}
		from := i
		for i < len(lower) && isTokenByte[lower[i]] {
			i++
		}
		if token := lower[from:i]; strings.ContainsAny(token, ".:") { // nothing else is an address
			found = max(found, inToken(token))
		}
	}
	return found
}

// isTokenByte tells the bytes that may be within an address or a URL.
var isTokenByte = func() (table [256]bool) {
	for _, c := range []byte("abcdefghijklmnopqrstuvwxyz0123456789._:-[]%@/+\\&?#~!$*=") {
		table[c] = true
	}
	return table
}()

// inToken looks for addresses in what has no white space in it.
func inToken(token string) (found sureness) {
	if strings.HasSuffix(token, ".sock") || strings.Contains(token, ".sock:") {
		return certain
	}
	for {
		at := strings.Index(token, "://")
		if at < 0 {
			return max(found, inParts(token, true))
		}
		before, authority := token[:at], token[at+3:]
		scheme := before[1+strings.LastIndexFunc(before, func(r rune) bool { return (r < 'a' || r > 'z') && (r < '0' || r > '9') }):]
		if dataSchemes[scheme] {
			return certain
		}
		found = max(found, inParts(strings.TrimSuffix(before, scheme), true))
		rest := ""
		if end := strings.IndexAny(authority, "/?#\\"); end >= 0 {
			authority, rest = authority[:end], authority[end:]
		}
		if user, host, ok := strings.Cut(authority, "@"); ok {
			if strings.Contains(user, ":") {
				return certain
			}
			authority = host
		}
		if surely := inAuthority(authority); webSchemes[scheme] {
			found = max(found, min(surely, numbered))
		} else if surely != named || strings.Contains(authority, ".") {
			found = max(found, surely) // an app's own scheme has names of its own: app://callback
		}
		token = rest
	}
}

// inAuthority looks at the host of a URL, with or without a port.
func inAuthority(authority string) sureness {
	host, port, _ := strings.Cut(authority, ":")
	if found := inParts(authority, false); found != none {
		return max(named, found)
	}
	switch {
	case host == "" || strings.Contains(host, "."): // a public name, with or without a port
		return none
	case port != "":
		return certain
	}
	return named
}

// inParts looks at the parts of a token that is no URL. In a URL a public name with a port is nobody's inside.
func inParts(token string, publicNames bool) (found sureness) {
	mail := false
	for len(token) > 0 {
		end := strings.IndexAny(token, "/@\\+&?#~!$*[]=")
		part, by := token, byte(0)
		if end >= 0 {
			part, by, token = token[:end], token[end], token[end+1:]
		} else {
			token = ""
		}
		if ported := by == ']' && strings.HasPrefix(token, ":") && portOf(token[1:]) != ""; isIPv6(part) {
			if ported {
				return certain
			}
			found = max(found, numbered)
		} else {
			found = max(found, inPart(part, publicNames, mail))
		}
		mail = by == '@' && part != ""
	}
	return found
}

// inPart looks at pieces with colons between them: name, 10.0.0.5 and 27017. What stands behind the @ of an e-mail address
// is a host only if it has a port.
func inPart(part string, publicNames, mail bool) (found sureness) {
	if found = inIPv6(part); found != none {
		return found
	}
	for rest := part; rest != ""; {
		var piece string
		piece, rest, _ = strings.Cut(rest, ":")
		number := portOf(rest)
		port := number != ""
		name := strings.Trim(piece, ".-_%")
		switch {
		case startsWithDigit(rest) && endsWithIPv4(piece), port && holdsIPv4(piece):
			return certain
		case holdsIPv4(piece):
			found = max(found, numbered)
		case name == "" || !isHostName(name):
		case isInternalName(name):
			if port {
				return certain
			}
			if !mail {
				found = max(found, named)
			}
		case !port:
		case mail, slices.Contains(databasePorts, number) && holdsLetter(name):
			return certain
		case strings.Contains(name, "."):
			if publicNames && len(number) > 1 && endsWithLetters(name) {
				found = max(found, named)
			}
		case len(number) > 2 && holdsLetter(name):
			found = max(found, possible)
		}
	}
	return found
}

// portOf is the number from 1 to 65535 that s begins with; "": it begins with none. What follows does not matter: texts are
// put together without a space between them.
func portOf(s string) string {
	digits := 0
	for digits < len(s) && s[digits] >= '0' && s[digits] <= '9' {
		digits++
	}
	if port, err := strconv.Atoi(s[:digits]); err != nil || port < 1 || port >= 1<<16 {
		return ""
	}
	return s[:digits]
}

// holdsIPv4 reports whether a piece holds four numbers from 0 to 255 with dots between them, and not more than four.
func holdsIPv4(piece string) bool {
	for i := 0; i < len(piece); {
		if !isDigitOrDot(piece[i]) {
			i++
			continue
		}
		from := i
		for i < len(piece) && isDigitOrDot(piece[i]) {
			i++
		}
		if isIPv4(strings.Trim(piece[from:i], ".")) {
			return true
		}
	}
	return false
}

// endsWithIPv4 reports whether a piece ends with four numbers, whatever stands before them: with a port behind them nobody
// looks at how large they are.
func endsWithIPv4(piece string) bool {
	numbers := 0
	for piece != "" && numbers < 4 {
		rest := strings.TrimRight(piece, "0123456789")
		if len(rest) == len(piece) {
			return false
		}
		numbers++
		piece = strings.TrimSuffix(rest, ".")
		if len(piece) == len(rest) {
			break
		}
	}
	return numbers == 4
}

func startsWithDigit(s string) bool { return s != "" && s[0] >= '0' && s[0] <= '9' }

func isDigitOrDot(c byte) bool { return c >= '0' && c <= '9' || c == '.' }

func isIPv4(s string) bool {
	numbers := 0
	for rest, more := s, true; more; numbers++ {
		var number string
		number, rest, more = strings.Cut(rest, ".")
		if n, err := strconv.Atoi(number); err != nil || n > 255 || len(number) > 3 || numbers == 4 {
			return false
		}
	}
	return numbers == 4
}

// longestIPv6 is how long the text of an address may be, its zone and a port included.
const longestIPv6 = 64

// inIPv6 looks for an IPv6 address at the end of a part: behind names and their colons.
func inIPv6(part string) sureness {
	if strings.Count(part, ":") < 2 {
		return none
	}
	part = untilOther(strings.TrimRight(part, ".:-"))
	if len(part) > longestIPv6 {
		part = part[len(part)-longestIPv6:]
	}
	last := strings.LastIndexByte(part, ':')
	for from := range len(part) {
		switch {
		case from > 0 && part[from] != ':' && part[from-1] != ':':
		case isIPv6(part[from:]):
			return numbered
		case last > from && portOf(part[last+1:]) != "" && isIPv6(part[from:last]):
			return certain // written in full, with a port behind it
		}
	}
	return none
}

// untilOther cuts off what cannot belong to the last number of an address, and has come to stand right behind it.
func untilOther(part string) string {
	if strings.IndexByte(part, '%') >= 0 {
		return part
	}
	last := 1 + strings.LastIndexByte(part, ':')
	for i := last; i < len(part); i++ {
		if c := part[i]; (c < 'a' || c > 'f') && !isDigitOrDot(c) {
			return part[:min(i, last+4)]
		}
	}
	return part
}

func isIPv6(s string) bool {
	if len(s) < 3 || strings.IndexByte(s, ':') < 0 {
		return false
	}
	address, err := netip.ParseAddr(s)
	return err == nil && address.Is6()
}

// isInternalName tells localhost, names below an internal suffix, and the names that clouds make of private addresses.
func isInternalName(name string) bool {
	if name == "localhost" || strings.HasPrefix(name, "ip-10-") || strings.HasPrefix(name, "ip-172-") || strings.HasPrefix(name, "ip-192-") || strings.Contains(name, ".svc.") {
		return true
	}
	for _, suffix := range internalSuffixes {
		if strings.HasSuffix(name, suffix) {
			return true
		}
	}
	return false
}

func isHostName(s string) bool {
	for i := range len(s) {
		if !isWordByte(s[i]) && s[i] != '.' && s[i] != '-' {
			return false
		}
	}
	return !strings.Contains(s, "..")
}

func holdsLetter(s string) bool {
	return strings.IndexFunc(s, func(r rune) bool { return r >= 'a' && r <= 'z' }) >= 0
}

// endsWithLetters reports whether the last label of a name begins with a letter, as those of hosts do.
func endsWithLetters(name string) bool {
	last := name[strings.LastIndexByte(name, '.')+1:]
	return last != "" && last[0] >= 'a' && last[0] <= 'z'
}
