package caddymodule

import (
	"net/netip"
	"sync/atomic"

	"github.com/caddyserver/caddy/v2"
	"go.uber.org/zap"

	"github.com/tollgate-gateway/tollgate/caddymodule/limits"
)

// pool holds what outlives a configuration reload: counters, throttles, caches, connections. Its keys say which
// backend a thing belongs to, never which limits hold: those come with every call. Caddy's pools free a value when the last
// configuration that uses it has been cleaned up.
var pool = caddy.NewUsagePool()

// lease is one configuration's hold on a pooled value. The zero lease holds nothing.
type lease[T caddy.Destructor] struct {
	key   string
	Value T
}

// acquire takes hold of the pooled value of that key, which is made where nobody holds it yet. Making it must not wait
// for anybody: the pool is locked meanwhile.
func acquire[T caddy.Destructor](key string, make func() (T, error)) (lease[T], error) {
	value, _, err := pool.LoadOrNew(key, func() (caddy.Destructor, error) { return make() })
	if err != nil {
		return lease[T]{}, err
	}
	return lease[T]{key: key, Value: value.(T)}, nil
}

// release gives the hold back, once however often it is called.
func (l *lease[T]) release() error {
	if l.key == "" {
		return nil
	}
	_, err := pool.Delete(l.key)
	l.key = ""
	return err
}

// throttles are this gateway's counts of refusals.
type throttles struct {
	auth     *limits.Throttle[netip.Addr]
	refusals *limits.Throttle[string]
}

func newThrottles() (*throttles, error) {
	return &throttles{
		auth:     limits.NewThrottle[netip.Addr](limits.AuthPolicy, nil),
		refusals: limits.NewThrottle[string](limits.RefusalPolicy, nil),
	}, nil
}

// Destruct has nothing to end.
func (*throttles) Destruct() error { return nil }

// pooledLogger lets a value that outlives configurations write into the log of the present one.
type pooledLogger struct{ atomic.Pointer[zap.Logger] }
