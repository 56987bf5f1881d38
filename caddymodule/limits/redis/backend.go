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
	"sync"

	goredis "github.com/redis/go-redis/v9"
	"github.com/redis/go-redis/v9/logging"
	"github.com/redis/go-redis/v9/maintnotifications"
)

// DefaultPrefix begins the name of every key.
const DefaultPrefix = "tollgate"

// Backend is where the counters are: a Redis, a Redis Cluster or the master that Sentinels name, and the prefix of the
// keys in it. It holds a password: it has no String and must not be logged.
type Backend struct {
	options  goredis.UniversalOptions
	prefix   string
	identity string
}

// prefixPattern leaves out braces: the keys' only hash tag is the workspace.
var prefixPattern = regexp.MustCompile(`^[A-Za-z0-9._:-]{1,64}$`)

// ParseBackend reads a Redis URL, in go-redis' own grammar plus the parameter cluster, and the prefix of the keys
// (""; DefaultPrefix). Neither the URL nor any part of it that could be a password is ever in the error.
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
// Parameters of all forms: pool_size=<connections>, and with rediss skip_verify=true. Certificate authorities are the
// system's, or those of the environment variable SSL_CERT_FILE.
func ParseBackend(rawURL, prefix string) (*Backend, error) {
	if prefix == "" {
		prefix = DefaultPrefix
	}
	if !prefixPattern.MatchString(prefix) {
		return nil, fmt.Errorf("prefix %q is not valid: write 1 to 64 of A-Z a-z 0-9 . _ : -", prefix)
	}
	u, err := url.Parse(rawURL)
	if err != nil || u.Opaque != "" || u.Fragment != "" {
		return nil, errors.New("the Redis URL is not valid: write redis://[user:password@]host[:port][/db], and percent-encode special characters of the password")
	}
	if u.Scheme != "redis" && u.Scheme != "rediss" {
		return nil, errors.New("the Redis URL must begin with redis:// or rediss://")
	}
	if u.Hostname() == "" {
		return nil, errors.New("the Redis URL names no host: write redis://[user:password@]host[:port][/db]")
	}
	b := &Backend{prefix: prefix}
	if err := b.read(u); err != nil {
		return nil, err
	}
	sum := sha256.Sum256([]byte(prefix + "\n" + u.String()))
	b.identity = "redis " + hex.EncodeToString(sum[:])
	return b, nil
}

// Identity tells one backend from another, for a pool that keeps engines over configuration reloads. It shows nothing of
// the URL.
func (b *Backend) Identity() string { return b.identity }

// Place says where it is, for people: without users and passwords.
func (b *Backend) Place() string {
	place := strings.Join(b.options.Addrs, ",")
	if b.options.MasterName != "" {
		place = b.options.MasterName + " of " + place
	}
	return place + "/" + strconv.Itoa(b.options.DB)
}

// Prefix begins the name of every key.
func (b *Backend) Prefix() string { return b.prefix }

func (b *Backend) read(u *url.URL) error {
	query, err := url.ParseQuery(u.RawQuery)
	if err != nil {
		return errors.New("the parameters of the Redis URL are not valid: percent-encode special characters")
	}
	o := &b.options
	port := u.Port()
	if port == "" {
		port = "6379"
	}
	if n, err := strconv.Atoi(port); err != nil || n < 1 || n > 65535 || strings.Contains(u.Hostname(), ":") && !strings.HasPrefix(u.Host, "[") {
		return errors.New("the Redis URL names no port from 1 to 65535: write host:port, an IPv6 address in brackets")
	}
	o.Addrs = []string{net.JoinHostPort(u.Hostname(), port)}
	if db := strings.Trim(u.Path, "/"); db != "" {
		if o.DB, err = strconv.Atoi(db); err != nil || o.DB < 0 {
			return errors.New("the path of the Redis URL is no database number: write redis://host:port/0")
		}
	}
	if u.Scheme == "rediss" {
		o.TLSConfig = &tls.Config{ServerName: u.Hostname(), MinVersion: tls.VersionTLS12}
	}
	if err := b.readQuery(query); err != nil {
		return err
	}
	password, _ := u.User.Password()
	if o.MasterName != "" {
		o.SentinelUsername, o.SentinelPassword = u.User.Username(), password
		o.Username, o.Password = query.Get("username"), query.Get("password")
		return nil
	}
	o.Username, o.Password = u.User.Username(), password
	switch {
	case query.Has("username") || query.Has("password"):
		return errors.New("username and password are parameters of a Sentinel URL: write redis://user:password@host")
	case len(o.Addrs) > 1 && !o.IsClusterMode:
		return errors.New("several addresses need cluster=true or master_name in the Redis URL")
	case o.IsClusterMode && o.DB != 0:
		return errors.New("a Redis Cluster has the database 0 only")
	}
	return nil
}

func (b *Backend) readQuery(query url.Values) (err error) {
	o := &b.options
	for name, values := range query {
		value := values[len(values)-1]
		if len(values) > 1 && name != "addr" {
			return errors.New("a parameter of the Redis URL is given twice")
		}
		switch name {
		case "addr":
			for _, addr := range values {
				host, port, err := net.SplitHostPort(addr)
				if err != nil || host == "" || port == "" {
					return errors.New("an addr of the Redis URL is not host:port")
				}
			}
			o.Addrs = append(o.Addrs, values...)
		case "master_name":
			if o.MasterName = value; value == "" {
				return errors.New("master_name of the Redis URL is empty")
			}
		case "cluster":
			if o.IsClusterMode, err = strconv.ParseBool(value); err != nil {
				return errors.New("cluster of the Redis URL is neither true nor false")
			}
		case "pool_size":
			if o.PoolSize, err = strconv.Atoi(value); err != nil || o.PoolSize < 1 || o.PoolSize > 1<<16 {
				return errors.New("pool_size of the Redis URL is no number from 1 to 65536")
			}
		case "skip_verify":
			if o.TLSConfig == nil {
				return errors.New("skip_verify has a meaning with rediss:// only")
			}
			if o.TLSConfig.InsecureSkipVerify, err = strconv.ParseBool(value); err != nil {
				return errors.New("skip_verify of the Redis URL is neither true nor false")
			}
		case "username", "password":
		default:
			return errors.New("a parameter of the Redis URL is not known: addr, cluster, master_name, username, password, pool_size and skip_verify are")
		}
	}
	if o.MasterName != "" && o.IsClusterMode {
		return errors.New("cluster and master_name of the Redis URL exclude each other")
	}
	return nil
}

// defaultPoolSize is how many connections are allowed where the URL does not say: each workspace with requests under way
// uses one, or two where Redis is slow.
const defaultPoolSize = 256

// client makes the client. It connects when it is first used.
//
// The deadline of each call is the context's, so that a changed timeout needs no new client. What go-redis would do on
// its own is off: retries count a cost twice, and its log is a line for each failed connection.
func (b *Backend) client() goredis.UniversalClient {
	quiet()
	o := b.options
	o.ContextTimeoutEnabled = true
	o.MaxRetries, o.DialerRetries = -1, 1
	o.DialTimeout, o.PoolTimeout = MaxTimeout, MaxTimeout
	o.ReadTimeout, o.WriteTimeout = MaxTimeout, MaxTimeout
	o.PoolSize = max(o.PoolSize, 1)
	if b.options.PoolSize == 0 {
		o.PoolSize = defaultPoolSize
	}
	o.ReadBufferSize, o.WriteBufferSize, o.PipelinePoolSize = 4096, 4096, -1
	o.DisableIdentity = true
	o.MaintNotificationsConfig = &maintnotifications.Config{Mode: maintnotifications.ModeDisabled}
	switch {
	case o.MasterName != "":
		return goredis.NewFailoverClient(o.Failover())
	case o.IsClusterMode:
		cluster := o.Cluster()
		// Else it reads the table of all commands first, which an ACL user need not be allowed to.
		cluster.DisableRoutingPolicies = true
		return goredis.NewClusterClient(cluster)
	}
	return goredis.NewClient(o.Simple())
}

var quiet = sync.OnceFunc(logging.Disable)
