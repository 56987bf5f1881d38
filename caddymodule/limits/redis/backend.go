package redis

import (
	"crypto/sha256"
	"crypto/tls"
	"encoding/hex"
	"errors"
	"fmt"
	"net"
	"net/url"
	"regexp"
	"strconv"
	"strings"

	goredis "github.com/redis/go-redis/v9"

	"github.com/tollgate-gateway/tollgate/caddymodule/internal/loopback"
)

// DefaultPrefix begins the name of every key.
const DefaultPrefix = "tollgate"

// Backend is where the counters are: a Redis, a Redis Cluster or the master that Sentinels name, and the prefix of the
// keys in it. It holds a password: it has no String and must not be logged.
type Backend struct {
	// One of them is there.
	single   *goredis.Options
	cluster  *goredis.ClusterOptions
	sentinel *goredis.FailoverOptions

	links    int // connections to one node, at most
	prefix   string
	identity string
}

// prefixPattern leaves out braces: the keys' only hash tag is the workspace.
var prefixPattern = regexp.MustCompile(`^[A-Za-z0-9._:-]{1,64}$`)

// Pipelines to one node that may be under way at a time: each has a connection.
const (
	defaultLinks = 3
	maxLinks     = 64
)

// errURL is what is wrong with a Redis URL where nothing better can be said. It shows nothing of the URL: any part may be a
// password that was not percent-encoded.
var errURL = errors.New("the Redis URL is not valid: write redis://[user:password@]host[:port][/db], and percent-encode special characters of the password")

// ParseBackend reads a Redis URL, in go-redis' own grammar plus the parameter cluster, and the prefix of the keys; "" is
// DefaultPrefix. Neither the URL nor any part of it that could be a password is ever in the error.
//
// Syntax:
//
//	redis://[<user>:<password>@]<host>[:<port>][/<db>]           one Redis (rediss:// for TLS)
//	redis://[<user>:<password>@]<host>[:<port>]?cluster=true     a Redis Cluster; more seeds by &addr=<host>:<port>
//	redis://[<user>:<password>@]<host>[:<port>][/<db>]?master_name=<name>
//	                                                             Sentinel; more by &addr=<host>:<port>. The user and
//	                                                             password in front of the host are the Sentinels',
//	                                                             those of Redis are &username=<user>&password=<password>
//
// Parameters of all forms: pool_size=<connections to one node, at most>, and with rediss skip_verify=true. Certificate
// authorities are the system's, or those of the environment variable SSL_CERT_FILE.
func ParseBackend(rawURL, prefix string) (*Backend, error) {
	if prefix == "" {
		prefix = DefaultPrefix
	}
	if !prefixPattern.MatchString(prefix) {
		return nil, fmt.Errorf("prefix %q is not valid: write 1 to 64 of A-Z a-z 0-9 . _ : -", prefix)
	}
	u, err := url.Parse(rawURL)
	switch {
	case err != nil || u.Opaque != "" || u.Fragment != "":
		return nil, errURL
	case u.Scheme != "redis" && u.Scheme != "rediss":
		return nil, errors.New("the Redis URL must begin with redis:// or rediss://")
	case u.Hostname() == "":
		return nil, errors.New("the Redis URL names no host: write redis://[user:password@]host[:port][/db]")
	case u.Port() != "" && !isAddress(u.Host):
		return nil, errors.New("the Redis URL names no port from 1 to 65535: write host:port, an IPv6 address in brackets")
	}
	query, err := url.ParseQuery(u.RawQuery)
	if err != nil {
		return nil, errors.New("the parameters of the Redis URL are not valid: percent-encode special characters")
	}
	u.RawQuery = query.Encode() // in one order, for the identity
	sum := sha256.Sum256([]byte(prefix + "\n" + u.String()))
	b := &Backend{prefix: prefix, identity: "redis " + hex.EncodeToString(sum[:])}
	return b, b.read(u, query)
}

// Identity tells one backend from another, for a pool that keeps engines over configuration reloads. It shows nothing of
// the URL.
func (b *Backend) Identity() string { return b.identity }

// Place says where it is, for people: without users and passwords.
func (b *Backend) Place() string {
	switch {
	case b.cluster != nil:
		return "cluster " + strings.Join(b.cluster.Addrs, ",")
	case b.sentinel != nil:
		return b.sentinel.MasterName + " of sentinels " + strings.Join(b.sentinel.SentinelAddrs, ",") + ", database " + strconv.Itoa(b.sentinel.DB)
	}
	return b.single.Addr + "/" + strconv.Itoa(b.single.DB)
}

// Cluster reports whether it is a Redis Cluster.
func (b *Backend) Cluster() bool { return b.cluster != nil }

// PlainHost is a host other than this machine that is spoken to without TLS; empty: there is none.
func (b *Backend) PlainHost() string {
	var addresses []string
	switch {
	case b.cluster != nil && b.cluster.TLSConfig == nil:
		addresses = b.cluster.Addrs
	case b.sentinel != nil && b.sentinel.TLSConfig == nil:
		addresses = b.sentinel.SentinelAddrs
	case b.single != nil && b.single.TLSConfig == nil:
		addresses = []string{b.single.Addr}
	}
	for _, address := range addresses {
		if host, _, err := net.SplitHostPort(address); err != nil || !loopback.Host(host) {
			return address
		}
	}
	return ""
}

// Prefix begins the name of every key.
func (b *Backend) Prefix() string { return b.prefix }

// read lets go-redis read the URL, after the parameters that are ours alone or that it does not check.
func (b *Backend) read(u *url.URL, query url.Values) (err error) {
	for name, values := range query {
		if _, known := parameters[name]; !known {
			return errors.New("a parameter of the Redis URL is not known: addr, cluster, master_name, username, password, pool_size and skip_verify are")
		}
		if len(values) > 1 && name != "addr" {
			return errors.New("a parameter of the Redis URL is given twice")
		}
	}
	isCluster, err := truth(query, "cluster")
	if err != nil {
		return err
	}
	unverified, err := truth(query, "skip_verify")
	if err != nil {
		return err
	}
	if b.links, err = links(query); err != nil {
		return err
	}
	for _, address := range query["addr"] {
		if !isAddress(address) {
			return errors.New("an addr of the Redis URL is not host:port")
		}
	}
	isSentinel := query.Has("master_name")
	switch {
	case query.Has("skip_verify") && u.Scheme != "rediss":
		return errors.New("skip_verify has a meaning with rediss:// only")
	case isCluster && isSentinel:
		return errors.New("cluster and master_name of the Redis URL exclude each other")
	case isSentinel && query.Get("master_name") == "":
		return errors.New("master_name of the Redis URL is empty")
	case !isSentinel && (query.Has("username") || query.Has("password")):
		return errors.New("username and password are parameters of a Sentinel URL: write redis://user:password@host")
	case !isSentinel && !isCluster && query.Has("addr"):
		return errors.New("several addresses need cluster=true or master_name in the Redis URL")
	case isCluster && u.Path != "" && u.Path != "/" && u.Path != "/0":
		return errors.New("a Redis Cluster has the database 0 only")
	}
	for _, ours := range []string{"cluster", "skip_verify", "pool_size"} {
		query.Del(ours)
	}
	u.RawQuery = query.Encode()
	return b.parse(u.String(), isCluster, isSentinel, unverified)
}

// parameters are the names that may stand in a URL. All others are refused, whether go-redis knows them or not.
var parameters = map[string]struct{}{"addr": {}, "cluster": {}, "master_name": {}, "username": {}, "password": {}, "pool_size": {}, "skip_verify": {}}

// isAddress reports whether a text is host:port.
func isAddress(text string) bool {
	host, port, err := net.SplitHostPort(text)
	n, bad := strconv.ParseUint(port, 10, 16)
	return err == nil && host != "" && bad == nil && n > 0
}

func truth(query url.Values, name string) (value bool, err error) {
	if !query.Has(name) {
		return false, nil
	}
	if value, err = strconv.ParseBool(query.Get(name)); err != nil {
		return false, fmt.Errorf("%s of the Redis URL is neither true nor false", name)
	}
	return value, nil
}

func links(query url.Values) (int, error) {
	if !query.Has("pool_size") {
		return defaultLinks, nil
	}
	n, err := strconv.Atoi(query.Get("pool_size"))
	if err != nil || n < 1 || n > maxLinks {
		return 0, fmt.Errorf("pool_size of the Redis URL is not valid: write a whole number from 1 to %d", maxLinks)
	}
	return n, nil
}

// parse lets go-redis read the URL. Its errors may show what it read, and are not passed on.
func (b *Backend) parse(address string, isCluster, isSentinel, unverified bool) (err error) {
	var (
		secure *tls.Config
		db     int
	)
	switch {
	case isCluster:
		if b.cluster, err = goredis.ParseClusterURL(address); err == nil {
			secure = b.cluster.TLSConfig
		}
	case isSentinel:
		if b.sentinel, err = goredis.ParseFailoverURL(address); err == nil {
			secure, db = b.sentinel.TLSConfig, b.sentinel.DB
		}
	default:
		if b.single, err = goredis.ParseURL(address); err == nil {
			secure, db = b.single.TLSConfig, b.single.DB
		}
	}
	if err != nil || db < 0 {
		return errURL
	}
	if secure != nil {
		secure.MinVersion, secure.InsecureSkipVerify = tls.VersionTLS12, unverified
	}
	return nil
}
