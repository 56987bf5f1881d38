package redis

import (
	"sync"
	"time"

	goredis "github.com/redis/go-redis/v9"
	"github.com/redis/go-redis/v9/logging"
	"github.com/redis/go-redis/v9/maintnotifications"
)

// quiet ends go-redis' own log, which has a line for each failed connection.
var quiet = sync.OnceFunc(logging.Disable)

// Buffers of a connection: a pipeline of 40 calls is one write, and its replies one read.
const bufferSize = 16 << 10

// unbounded is go-redis' word for no deadline on a read or write: the watch ends those that take too long.
const unbounded = -2

// connect makes the client of a link. It connects when it is first used.
//
// What go-redis would do on its own is off: retries, which would count a cost twice; deadlines, which run on while this
// process does not; RESP3's pushes. Of the two connections that its pool may have one is used: with a pool of one go-redis
// goes on dialing in the background after an error.
func (b *Backend) connect() *goredis.Client {
	if b.sentinel != nil {
		o := *b.sentinel
		o.MaxRetries, o.DialerRetries, o.PoolSize, o.PipelinePoolSize = -1, 1, 2, -1
		// To dial is to ask the Sentinels first, in the context of the dial.
		o.DialTimeout, o.ReadTimeout, o.WriteTimeout, o.PoolTimeout = sentinelTimeout, -1, -1, MaxTimeout
		o.ContextTimeoutEnabled = true
		o.ReadBufferSize, o.WriteBufferSize = bufferSize, bufferSize
		o.Protocol, o.DisableIdentity = 2, true
		o.Dialer, o.TLSConfig = dialer(o.TLSConfig), nil
		return goredis.NewFailoverClient(&o)
	}
	return connectTo(*b.single)
}

// sentinelTimeout is how long the Sentinels may take to name the master, and the master to take the connection.
const sentinelTimeout = time.Second

func connectTo(o goredis.Options) *goredis.Client {
	o.MaxRetries, o.DialerRetries, o.PoolSize, o.PipelinePoolSize = -1, 1, 2, -1
	o.DialTimeout, o.ReadTimeout, o.WriteTimeout, o.PoolTimeout = MaxTimeout, unbounded, unbounded, MaxTimeout
	o.ReadBufferSize, o.WriteBufferSize = bufferSize, bufferSize
	o.Protocol, o.DisableIdentity = 2, true
	o.MaintNotificationsConfig = &maintnotifications.Config{Mode: maintnotifications.ModeDisabled}
	o.Dialer, o.TLSConfig = dialer(o.TLSConfig), nil
	return goredis.NewClient(&o)
}

// client makes a client of the whole, which counts nothing.
func (b *Backend) client() goredis.UniversalClient {
	if b.cluster != nil {
		return b.topology()
	}
	return b.connect()
}

// topologyTimeout is how long a node of a Cluster may take to say which node serves which slots, before another one is
// asked.
const topologyTimeout = 500 * time.Millisecond

// topology makes the client that knows which node serves which slot. It counts nothing.
func (b *Backend) topology() *goredis.ClusterClient {
	o := *b.cluster
	o.MaxRedirects, o.DialerRetries, o.PoolSize, o.PipelinePoolSize = -1, 1, 2, -1
	o.DialTimeout, o.ReadTimeout, o.WriteTimeout, o.PoolTimeout = topologyTimeout, topologyTimeout, topologyTimeout, topologyTimeout
	o.Protocol, o.DisableIdentity, o.DisableRoutingPolicies = 2, true, true
	o.MaintNotificationsConfig = &maintnotifications.Config{Mode: maintnotifications.ModeDisabled}
	return goredis.NewClusterClient(&o)
}

// node makes the client of a link to a node of the Cluster.
func (b *Backend) node(address string) func() *goredis.Client {
	return func() *goredis.Client {
		return connectTo(goredis.Options{
			Addr: address, Username: b.cluster.Username, Password: b.cluster.Password, TLSConfig: b.cluster.TLSConfig,
		})
	}
}
